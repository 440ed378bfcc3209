/* capture/capture.h - the front of penstock-capture: what its callers know.
 *
 *   penstock-capture enter --socket FD -- COMMAND...
 *   penstock-capture seal --socket FD -- COMMAND...
 *   penstock-capture launch --socket FD -- COMMAND...
 *
 * `enter` makes a user and network namespace whose every packet ends at its
 * own listeners, hands those to the caller, waits for GO and becomes COMMAND.
 * `seal` does the same with a namespace that has nothing but lo: no listener,
 * so it hands over none, and no packet gets farther than 127.0.0.1 and ::1.
 * `launch` is the last step inside the sandbox: it gives back the signals that
 * the layers around it ignore, says who it is, and becomes COMMAND. Both talk
 * over FD, a SEQPACKET socket with the frames of base/frame.h:
 *
 *   LISTENERS u8 tcp, u8 udp, u8 dns   enter → caller. So many descriptors of
 *                                      each stand beside it, in this order
 *   GO                                 caller → enter: the gateway has them
 *   STARTED                            launch → caller; beside it a pidfd of
 *                                      what is now COMMAND
 *
 * A socket that closes without a frame means that the step failed; the child
 * has said why on standard error and exits with CAPTURE_EXIT.
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#define CAPTURE_PROGRAM "penstock-capture"

enum capture_frame {
	CAPTURE_LISTENERS = 1,
	CAPTURE_GO = 2,
	CAPTURE_STARTED = 3,
};

/* What the rules of a gateway host have counted, as `keep` writes it for those
 * who may not read it from the kernel: a line for each rule,
 * "PACKETS OCTETS CHAIN RULE". In the instance's run directory, or where the
 * service manager says.
 */
#define CAPTURE_COUNTERS     "counters"
#define CAPTURE_COUNTERS_DIR "/run/penstock-capture"

#define CAPTURE_EXIT 3 /* exit status of a step of ours that failed */

/* Where the redirected packets end, on 127.0.0.1 and ::1. Above the ephemeral
 * ports, so that no client gets one of them by chance.
 */
#define CAPTURE_TCP_PORT 61080
#define CAPTURE_DNS_PORT 61053

/* The sandbox's own addresses, from the nets for documentation, which nobody
 * routes: resolvers that look at the configured addresses (AI_ADDRCONFIG)
 * ask for no names where there is only loopback. Port 53 is captured at every
 * address; CAPTURE_NAMESERVER is the one that resolv.conf names.
 */
#define CAPTURE_ADDR_V4	   "192.0.2.2"
#define CAPTURE_ADDR_V6	   "2001:db8::2"
#define CAPTURE_NAMESERVER "192.0.2.1"

/* On a gateway host: the addresses of the transparent listeners, which no
 * device has, so that only TPROXY leads to them; the mark of the packets that
 * it leads there, and the routing table, rule and protocol that make these
 * local. DNS is on port 53, as an answer bears its listener's port.
 */
#define CAPTURE_LISTEN_V4 CAPTURE_NAMESERVER
#define CAPTURE_LISTEN_V6 "2001:db8::1"
#define CAPTURE_MARK	  0x7053
#define CAPTURE_ROUTES	  28755 /* table */
#define CAPTURE_PRIORITY  7053	/* of the rule: after local, before main */
#define CAPTURE_PROTOCOL  80	/* who made rule and route */

#endif
