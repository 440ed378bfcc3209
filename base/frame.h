/* base/frame.h - messages between processes, over SOCK_SEQPACKET sockets.
 *
 * One packet is one frame, so a frame is whole or absent and needs no length
 * of its own. Integers are big-endian.
 *
 *   offset  size  what
 *        0     2  magic, FRAME_MAGIC
 *        2     2  type, the door's own enum
 *        4     …  body: integers, and strings as u16 length + octets
 *
 * Descriptors travel beside a frame (SCM_RIGHTS). A receiver closes the door
 * on a bad magic, an unknown type or a body that does not parse.
 */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/slice.h"

#define FRAME_MAGIC   0x5053 /* "PS" */
#define FRAME_MAX     32768  /* bytes, header included; fits any send buffer */
#define FRAME_FDS_MAX 8

/* A frame being written. The error sticks: ask frame_send(). */
struct frame_out {
	uint8_t mem[FRAME_MAX];
	size_t len;
	bool bad; /* it did not fit */
};

void frame_begin(struct frame_out *out, uint16_t type);
void frame_put_u8(struct frame_out *out, uint8_t v);
void frame_put_u16(struct frame_out *out, uint16_t v);
void frame_put_u32(struct frame_out *out, uint32_t v);
void frame_put_u64(struct frame_out *out, uint64_t v);
void frame_put_str(struct frame_out *out, struct slice s);

/* Send with fds (borrowed) beside it; fds_len 0 for none. Returns 1 sent,
 * 0 the socket is full (try again when writable), ERR_LIMIT the frame did not
 * fit, ERR_CLOSED the peer has gone, or -errno. Never raises SIGPIPE.
 */
int frame_send(int sock, const struct frame_out *out, const int *fds,
	       size_t fds_len);

/* A frame received into the caller's memory. The fds belong to the caller. */
struct frame_in {
	uint8_t mem[FRAME_MAX];
	uint16_t type;
	struct bytes body; /* the cursor stands after the header */
	int fds[FRAME_FDS_MAX];
	size_t fds_len;
};

/* Returns 1 a frame, 0 nothing there (non-blocking socket), ERR_CLOSED at the
 * end, ERR_PROTO for what is no frame, or -errno. Received descriptors are
 * close-on-exec; on any answer but 1 there are none.
 */
int frame_recv(int sock, struct frame_in *ret);

/* Close the descriptors that came with in and have not been taken (set to -1).
 */
void frame_close_fds(struct frame_in *in);

/* A listening or connected SEQPACKET socket at path; CLOEXEC, NONBLOCK.
 * listen: a stale socket file is replaced, mode 0600. Returns the descriptor
 * or -errno (-ENAMETOOLONG for a path over 107 bytes).
 */
int door_listen(const char *path);
int door_connect(const char *path);

/* Accept one connection. Peers of another uid than ours (and than root) are
 * closed at once and give -EPERM. *ret_pid is the peer's process. Returns the
 * descriptor, -EAGAIN, -EPERM or -errno.
 */
int door_accept(int listener, pid_t *ret_pid);

#endif
