#!/usr/bin/env python3
"""An origin that answers before it has read a request, and closes.

usage: early_origin.py ADDRESS CERT

HTTP/1.1 on ports 80 and, inside TLS, 443; HTTP/2 on port 8443. The path says
how much is answered: /N/…, N octets. With octets of the request unread the
closing resets the connection. Over HTTP/2 a path that ends in /stay only resets
the stream, with NO_ERROR; the connection goes on.
"""
import fcntl
import random
import socket
import ssl
import struct
import sys
import threading
import time

import hpack

from h2_wire import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST,
                     SETTINGS, block, frame)

PIECE = 16000                             # below the least of frame sizes
SIOCOUTQNSD = 0x894b


def pause():
    """So that the answer meets the request in different places."""
    time.sleep(random.choice((0, 0, 0.002, 0.02)))


def octets_of(path):
    return b"x" * int(path.split("/")[1])


def sent(sock):
    """Wait until the kernel has sent all: what it has not, a reset drops."""
    while struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQNSD, bytes(4)))[0]:
        time.sleep(0.001)


def answer_h1(sock):
    held = b""
    while b"\r\n\r\n" not in held:
        piece = sock.recv(1000)
        if not piece:
            return
        held += piece
    body = octets_of(held.split(b" ")[1].decode())
    pause()
    sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n%b"
                 % (len(body), body))
    sent(sock)


def answer_h2(sock):
    stream = sock.makefile("rb")
    decoder = hpack.Decoder()
    stream.read(24)
    sock.sendall(frame(SETTINGS, 0, 0))
    while head := stream.read(9):
        body = stream.read(int.from_bytes(head[:3], "big"))
        which = int.from_bytes(head[5:9], "big")
        if head[3] == SETTINGS and not head[4]:
            sock.sendall(frame(SETTINGS, 1, 0))
        if head[3] != HEADERS:
            continue
        path = dict(decoder.decode(body))[":path"]
        body = octets_of(path)
        pause()
        out = frame(HEADERS, END_HEADERS, which, block(
            (":status", "413"), ("content-length", str(len(body)))))
        for at in range(0, len(body), PIECE):
            out += frame(DATA, 0, which, body[at:at + PIECE])
        out += frame(DATA, END_STREAM, which)
        if path.endswith("/stay"):
            sock.sendall(out + frame(RST, 0, which, bytes(4)))
            continue
        sock.sendall(out + frame(GOAWAY, 0, 0, struct.pack("!II", which, 0)))
        sent(sock)
        return


def handle(sock, context, answer):
    try:
        sock.settimeout(20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        answer(sock)
    except (OSError, ValueError):
        pass
    finally:
        sock.close()


def listen(address, port, context, answer):
    server = socket.create_server((address, port), backlog=128)
    while True:
        sock, _ = server.accept()
        threading.Thread(target=handle, args=(sock, context, answer),
                         daemon=True).start()


def main():
    address, cert = sys.argv[1:]
    contexts = {}
    for protocol in ("http/1.1", "h2"):
        contexts[protocol] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[protocol].load_cert_chain(cert)
        contexts[protocol].set_alpn_protocols([protocol])
    for port, context, answer in ((80, None, answer_h1),
                                  (8443, contexts["h2"], answer_h2)):
        threading.Thread(target=listen, args=(address, port, context, answer),
                         daemon=True).start()
    listen(address, 443, contexts["http/1.1"], answer_h1)


if __name__ == "__main__":
    main()
