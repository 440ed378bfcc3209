#!/usr/bin/env python3
"""What arrives outside, kept as it comes.

usage: escape_catcher.py record DEVICE LOG
       escape_catcher.py serve LOG CERT [PORT | udp:PORT]…

`record` keeps packets that come in by a device: all but the segments inside
of TCP connections of the gateway that bear no mark; and where any went out to. `serve` answers TLS and
clear HTTP/1 on each port, at any address, and takes datagrams. A log has one
JSON object a line; times are of the monotonic clock, which all share.
"""
import json
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import time

import raw_origin

MARK = re.compile(rb"(?:leak|fine)-[a-z]+-\d\d\d")
GATEWAY = {"11.0.0.1", "2600:11::1"}
SYN_ONLY, SYN, ACK = 0x12, 0x02, 0x10
OUTGOING = 4
TCP = 6
STATISTICS = (263, 6)                     # SOL_PACKET, PACKET_STATISTICS
ROOM = 64 << 20


# -- packets -------------------------------------------------------------------

def parse(octets):
    """{src, dst, proto, sport, dport, syn, icmp, about} of a frame."""
    kind = struct.unpack("!H", octets[12:14])[0]
    if kind == 0x0800:
        size = (octets[14] & 15) * 4
        found = {"src": socket.inet_ntop(socket.AF_INET, octets[26:30]),
                 "dst": socket.inet_ntop(socket.AF_INET, octets[30:34]),
                 "proto": octets[23]}
        body = octets[14 + size:]
    elif kind == 0x86dd:
        found = {"src": socket.inet_ntop(socket.AF_INET6, octets[22:38]),
                 "dst": socket.inet_ntop(socket.AF_INET6, octets[38:54]),
                 "proto": octets[20]}
        body = octets[54:]
        if found["proto"] == 0 and len(body) > 8:     # hop-by-hop options
            found["proto"], body = body[0], body[8 + body[1] * 8:]
    else:
        return {"type": kind}
    if found["proto"] in (6, 17) and len(body) >= 4:
        found["sport"], found["dport"] = struct.unpack("!HH", body[:4])
    if found["proto"] == TCP and len(body) > 13:
        found["syn"] = body[13] & SYN_ONLY == SYN
    if found["proto"] in (1, 58) and body:
        found["icmp"] = body[0]
        if body[0] == 3 and found["proto"] == 1 or \
                body[0] == 1 and found["proto"] == 58:
            found["about"] = ends(parse(octets[:14] + body[8:]))
    return found


def ends(found):
    return [found.get(k) for k in ("src", "sport", "dst", "dport")]


def worth(found, marks):
    return bool(marks) or found.get("proto") != TCP or found["syn"] \
        or found["src"] not in GATEWAY


def record(device, path):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                         socket.htons(0x0003))
    sock.setsockopt(socket.SOL_SOCKET, 33, ROOM)      # SO_RCVBUFFORCE
    sock.bind((device, 0x0003))
    sock.settimeout(0.1)
    ended, sent = [], set()
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    with open(path, "w", encoding="ascii") as log:
        while not ended:
            try:
                octets, source = sock.recvfrom(65536)
            except TimeoutError:
                log.flush()
                continue
            try:
                found = parse(octets)
            except (IndexError, ValueError, struct.error):
                found = {"type": "cut"}
            if source[2] == OUTGOING:     # an error may come back for it
                way = ends(found)
                if way[3] and tuple(way) not in sent:
                    sent.add(tuple(way))
                    log.write(json.dumps({"out": way}) + "\n")
                continue
            marks = sorted({m.decode() for m in MARK.findall(octets)})
            if worth(found, marks):
                found.update(at=time.monotonic(), marks=marks)
                log.write(json.dumps(found) + "\n")
        dropped = struct.unpack("II", sock.getsockopt(*STATISTICS, 8))[1]
        log.write(json.dumps({"dropped": dropped}) + "\n")


# -- octets --------------------------------------------------------------------

class Log:
    def __init__(self, path):
        self.file = open(path, "w", encoding="ascii")
        self.lock = threading.Lock()
        self.number = 0

    def write(self, line):                # as raw_origin.keep() does
        with self.lock:
            self.file.write(line)
            self.file.flush()

    def flush(self):
        pass

    def opened(self, facts):
        with self.lock:
            self.number += 1
            number = self.number
        self.write(json.dumps([number, dict(facts, at=time.monotonic())])
                   + "\n")
        return number


def handle(sock, peer, context, log):
    facts = {"peer": peer[0].removeprefix("::ffff:"),
             "port": sock.getsockname()[1]}
    number = log.opened(facts)
    try:
        sock.settimeout(30)
        first = sock.recv(1, socket.MSG_PEEK)
        if first == b"\x16":
            sock = context.wrap_socket(sock, server_side=True)
        connection = raw_origin.Connection(sock, log, number)
        try:
            connection.serve()
        except (ValueError, IndexError):  # no HTTP/1: kept all the same
            while True:
                connection.more()
    except (OSError, EOFError):
        pass
    finally:
        sock.close()


def take_datagrams(port, log):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", port))
    while True:
        octets, peer = sock.recvfrom(4096)
        number = log.opened({"peer": peer[0].removeprefix("::ffff:"),
                             "port": port, "udp": True})
        raw_origin.keep(log, number, octets)


def listen(port, context, log):
    server = socket.create_server(("::", port), family=socket.AF_INET6,
                                  dualstack_ipv6=True, backlog=512)
    while True:
        sock, peer = server.accept()
        threading.Thread(target=handle, args=(sock, peer, context, log),
                         daemon=True).start()


def serve(path, cert, *ports):
    log = Log(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    context.set_alpn_protocols(["http/1.1"])
    for word in ports:
        udp = word.startswith("udp:")
        port = int(word.removeprefix("udp:"))
        threading.Thread(target=take_datagrams if udp else listen,
                         args=(port, log) if udp else (port, context, log),
                         daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    {"record": record, "serve": serve}[sys.argv[1]](*sys.argv[2:])
