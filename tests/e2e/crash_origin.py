#!/usr/bin/env python3
"""An origin that notes each request, once it is whole, before it answers.

usage: crash_origin.py ADDRESS LOG [CERT]

With CERT, HTTP/1.1 over TLS on port 443; without, whatever speaks lines on
port 9000. LOG gets one line a request: its path, or the line that a tunnel
began with.
"""
import os
import socket
import ssl
import sys
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def head(stream):
    """(path, octets of the body) of the next request; None at the end."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        return None
    length = 0
    while (field := stream.readline()) not in (b"\r\n", b""):
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            length = None
    return (line.split(b" ")[1], length) if field else None


def body(stream, length):
    """Read it; False when it ends in the middle."""
    if length is not None:
        return len(stream.read(length)) == length
    while True:
        line = stream.readline()
        if not line:
            return False
        size = int(line.split(b";")[0], 16)
        stream.read(size + 2)
        if not size:
            return True


def requests(sock, note):
    stream = sock.makefile("rb")
    while got := head(stream):
        note(got[0])
        if not body(stream, got[1]):
            return
        sock.sendall(OK)


def lines(sock, note):
    stream = sock.makefile("rb")
    name = stream.readline().strip()
    if not name:                          # it was killed before it said one
        return
    note(b"/" + name)
    sock.sendall(b"ok\n")
    while piece := stream.read1(65536):
        sock.sendall(piece)


def handle(sock, context, note):
    try:
        sock.settimeout(60)
        if context:
            with context.wrap_socket(sock, server_side=True) as tls:
                requests(tls, note)
        else:
            lines(sock, note)
    except (OSError, ValueError, IndexError):
        pass
    finally:
        sock.close()


def listen(address, context, note):
    server = socket.create_server(address, backlog=512)
    while True:
        sock, _ = server.accept()
        threading.Thread(target=handle, args=(sock, context, note),
                         daemon=True).start()


def main():
    address, path, *cert = sys.argv[1:]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(what):
        os.write(log, what + b"\n")

    if not cert:
        listen((address, 9000), None, note)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert[0])
    context.set_alpn_protocols(["http/1.1"])
    listen((address, 443), context, note)


if __name__ == "__main__":
    main()
