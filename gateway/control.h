/* gateway/control.h - the control door: what the operator's tools may ask.
 *
 * A SEQPACKET socket in the instance's run directory, peer credentials
 * checked. One question, one answer (OK, NO or the named one); LIST and RULES
 * answer with as many frames as there are, then OK.
 *
 *   question                              answer
 *   ADD     str name, str policies        OK, or NO. Descriptors beside it: a
 *           (names, a blank between),     memfd with the text of further
 *           u8 tcp, u8 udp, u8 dns        rules, then tcp listeners, udp DNS
 *           (how many of each),           sockets and tcp DNS listeners. The
 *           str kind (or not there: run),
 *           u8 learn (or not there: 0)
 *                                         sandbox lives as long as this
 *                                         connection; its policies are read
 *                                         again at each reload
 *   LIST                                  SANDBOX…, OK
 *   SANDBOX str name, str kind, str policies, u64 since (s since 1970),
 *           u64 requests, u64 denied
 *   RULES   str sandbox                   TEXT…, OK: ruleset text in pieces
 *   TEXT    str piece
 *   GRANT   str sandbox, u8 enum verdict, OK with a phrase, or NO with the
 *           u64 for s (0: no end),        error. The rule is in force at once,
 *           str rule line                 and survives a restart
 *   GRANTS                                GRANTED…, OK
 *   GRANTED u32 id, str sandbox, u8 enum verdict, u8 CONTROL_GRANT_…,
 *           u64 made, u64 until (s since 1970; 0: no end), str line
 *   REVOKE  u32 id                        OK, or NO
 *   ASKS                                  QUESTION…, OK: what waits for an
 *                                         answer, oldest first
 *   QUESTION u32 id, str sandbox, u64 asked, u64 until (s since 1970),
 *           u32 requests that wait, str line, str query, str rule that asks
 *   ANSWER  u32 id, u8 enum verdict       OK, or NO. for: the answer is kept
 *           (allow or deny), u64 for s,   for the same question so long; save:
 *           u8 save                       without an end
 *   RELOAD                                OK with a phrase, or NO
 *   STATS                                 TEXT…, OK: "name value\n" lines
 *   OK      str phrase
 *   NO      str why
 */
#ifndef GATEWAY_CONTROL_H
#define GATEWAY_CONTROL_H

#include "policy/name.h"

enum control_frame {
	CONTROL_ADD = 1,
	CONTROL_LIST = 2,
	CONTROL_RULES = 3,
	CONTROL_GRANT = 4,
	CONTROL_RELOAD = 5,
	CONTROL_STATS = 6,
	CONTROL_GRANTS = 7,
	CONTROL_REVOKE = 8,
	CONTROL_ASKS = 9,
	CONTROL_ANSWER = 10,
	CONTROL_SANDBOX = 16,
	CONTROL_TEXT = 17,
	CONTROL_OK = 18,
	CONTROL_NO = 19,
	CONTROL_GRANTED = 20,
	CONTROL_QUESTION = 21,
};

#define CONTROL_GRANT_ANSWER 1 /* an answer to a question, not a rule */
#define CONTROL_GRANT_KEPT   2 /* it outlives the sandbox */

/* Below an instance's run directory. */
#define CONTROL_SOCKET "control.sock"
#define CERTGEN_SOCKET "certgen.sock"
#define SPOOL_DIR      "spool"
#define CONFIG_GOOD    "config.good" /* the configuration in force */

#define SANDBOX_NAME_MAX NAME_OCTETS_MAX

#endif
