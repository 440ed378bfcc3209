/* base/id.h - request ids: unique, sortable by time, 63 bits.
 *
 *   bits 62..12  microseconds since 2024-01-01T00:00:00Z (71 years)
 *   bits 11..0   the writer's number
 *
 * A writer has ID_TURNS numbers that no other writer of the instance has had
 * for long, and never gives the same microsecond twice under one of them. When
 * the clock is set back by less than ID_BACK_US it counts on until the clock is
 * there again. Set back by more, it follows the clock under its next number: a
 * clock that was years ahead for a minute must not leave ids for years that say
 * so. When there is no next number it counts on.
 *
 * Printed as 13 characters of Crockford's base 32, which sort as the numbers
 * do.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

#include "base/slice.h"

#define ID_TEXT 14 /* bytes that id_print() writes, NUL included */

#define ID_WRITERS 4096
#define ID_TURNS   8
#define ID_BACK_US 60000000

struct id_source {
	uint64_t last_us; /* since 2024 */
	uint16_t writer; /* the first number: below ID_WRITERS, and its turns */
	uint16_t turn;	 /* below ID_TURNS */
};

uint64_t id_next(struct id_source *src, uint64_t wall_us);
void id_print(uint64_t id, char ret[ID_TEXT]);

/* Returns 0 or ERR_SYNTAX. Accepts lower case. */
int id_parse(struct slice text, uint64_t *ret);

/* Wall-clock microseconds since 1970 at which the id was given. */
uint64_t id_wall_us(uint64_t id);

/* The lowest id of that time; 0 before 2024, the highest time's when it is past
 * what ids can say.
 */
uint64_t id_at(uint64_t wall_us);

#endif
