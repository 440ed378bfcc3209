#!/usr/bin/env python3
"""An origin that keeps every octet it receives, and answers as told.

usage: raw_origin.py ADDRESS CERT LOG

TLS on port 443, HTTP/1.1. LOG gets one JSON object a line: connection, octets
(as latin-1). What a path begins with says how it is answered:

    /late       well; a second answer follows when nobody has asked for it
    /early      before the request's body
    /interim    after 100 interim answers
    /endless    with chunks of endless extensions
    /trickle    a head of one octet a second, without an end
    /close      well, and a close
    /short      fewer octets than its length, and a close
    other       well
"""
import json
import socket
import ssl
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
lock = threading.Lock()


def keep(log, number, octets):
    with lock:
        log.write(json.dumps([number, octets.decode("latin-1")]) + "\n")
        log.flush()


def body_length(head):
    """As a strict server reads it; None for a chunked one."""
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if name.lower() == b"transfer-encoding":
            return None
    return length


def endless(send):
    send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"1;" + b"x" * 4000 + b"\r\na\r\n")


def trickle(send):
    send(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        send(b"a")
        time.sleep(1)


def answer(path, send):
    """Answer; False when the connection ends."""
    if path.startswith(b"/late"):
        send(OK)
        time.sleep(0.2)
        send(POISON)
    elif path.startswith(b"/interim"):
        send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100 + OK)
    elif path.startswith(b"/endless"):
        endless(send)
    elif path.startswith(b"/trickle"):
        trickle(send)
    elif path.startswith(b"/close"):
        send(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        return False
    elif path.startswith(b"/short"):
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        return False
    else:
        send(OK)
    return True


class Connection:
    def __init__(self, sock, log, number):
        self.sock, self.log, self.number = sock, log, number
        self.held = b""

    def more(self):
        octets = self.sock.recv(65536)
        if not octets:
            raise EOFError
        keep(self.log, self.number, octets)
        self.held += octets

    def until(self, mark):
        while mark not in self.held:
            self.more()
        got, _, self.held = self.held.partition(mark)
        return got

    def take(self, length):
        while len(self.held) < length:
            self.more()
        self.held = self.held[length:]

    def body(self, length):
        if length is not None:
            self.take(length)
            return
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            self.take(size + 2)
        while self.until(b"\r\n"):
            pass

    def serve(self):
        while True:
            head = self.until(b"\r\n\r\n")
            path = head.split(b" ")[1]
            if path.startswith(b"/early"):
                self.sock.sendall(OK)
                self.body(body_length(head))
                continue
            self.body(body_length(head))
            if not answer(path, self.sock.sendall):
                return


def handle(sock, context, log, number):
    try:
        sock.settimeout(30)
        sock = context.wrap_socket(sock, server_side=True)
        Connection(sock, log, number).serve()
    except (OSError, EOFError, ValueError, IndexError):
        pass
    finally:
        sock.close()


def main():
    address, cert, path = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    context.set_alpn_protocols(["http/1.1"])
    server = socket.create_server((address, 443), backlog=512)
    with open(path, "a", encoding="ascii") as log:
        number = 0
        while True:
            sock, _ = server.accept()
            number += 1
            threading.Thread(target=handle, args=(sock, context, log, number),
                             daemon=True).start()


if __name__ == "__main__":
    main()
