#!/usr/bin/env python3
"""An origin that shows what it received and answers as badly as asked.

usage: origin.py ADDRESS CERTS-DIR [PLAIN-PORT TLS-PORT]

HTTP/1.1 only, written on sockets so that every octet is ours. Over TLS the
server name chooses the certificate: CERTS-DIR/NAME.pem, else good.pem. What
each path does stands in ROUTES; /raw/WORD sends the answer RAW[WORD] as it is.
"""
import base64
import hashlib
import json
import pathlib
import socket
import ssl
import sys
import threading
import time


class Request:
    """One request, its head as received."""

    def __init__(self, stream, first):
        self.stream = stream
        self.line = first.decode("latin-1").rstrip("\r\n")
        words = self.line.split(" ")
        self.method, self.target = words[0], words[1]
        self.path, _, self.query = self.target.partition("?")
        self.fields = list(iter(self.field, None))
        self.trailers = []

    def field(self):
        line = self.stream.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return None
        name, _, value = line.partition(":")
        return [name, value.strip()]

    def get(self, name, default=""):
        for field, value in self.fields:
            if field.lower() == name:
                return value
        return default

    def pieces(self):
        """The body, as it comes."""
        if self.get("transfer-encoding").lower() == "chunked":
            while size := int(self.stream.readline().split(b";")[0], 16):
                yield self.stream.read(size)
                self.stream.readline()
            self.trailers = list(iter(self.field, None))
        else:
            left = int(self.get("content-length", "0"))
            while left and (piece := self.stream.read(min(left, 65536))):
                left -= len(piece)
                yield piece


def plain(body, status="200 OK", more=""):
    body = body if isinstance(body, bytes) else body.encode()
    return (f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
            .encode() + body)


def echo(request, send):
    digest, size = hashlib.sha256(), 0
    for piece in request.pieces():
        digest.update(piece)
        size += len(piece)
    send(plain(json.dumps({
        "line": request.line, "fields": request.fields, "size": size,
        "sha256": digest.hexdigest(), "trailers": request.trailers}),
        more="Content-Type: application/json\r\n"))


def big(request, send):
    """?N octets of a pattern, in pieces."""
    size = int(request.query)
    block = bytes(range(256)) * 256
    send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    while size:
        send(block[:min(size, len(block))])
        size -= min(size, len(block))


def chunks(send, pieces, pause_s=0.0, trailers="", more=""):
    send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{more}\r\n"
         .encode())
    for piece in pieces:
        send(f"{len(piece):x}\r\n{piece}\r\n".encode())
        time.sleep(pause_s)
    send(f"0\r\n{trailers}\r\n".encode())


def early(_, send):
    send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    send(plain("late"))


def wait_body(request, send):
    """The body is asked for before it is read."""
    if request.get("expect").lower() == "100-continue":
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
    echo(request, send)


def hang(_, send):
    time.sleep(3600)


def slow(request, send):
    time.sleep(float(request.query))
    send(plain("slow"))


def switch(request, send):
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    key = hashlib.sha1(request.get("sec-websocket-key").encode() + guid)
    send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
         b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
         + base64.b64encode(key.digest()) + b"\r\n\r\n")


def websocket(request, send):
    """Accept the upgrade, then echo octets until they end."""
    switch(request, send)
    while piece := request.stream.read1(4096):
        send(piece)


def websocket_sum(request, send):
    """Accept, read to the end, and only then answer: the octets' SHA-256."""
    switch(request, send)
    last["sum"] = None
    last["sum"] = hashlib.sha256(request.stream.read()).hexdigest()
    send(last["sum"].encode())


def websocket_rude(request, send):
    """Accept, say a million octets and go, inside TLS without close_notify."""
    switch(request, send)
    send(bytes(1000000))
    raise ConnectionError


last = {"sum": None}                      # what websocket_sum() read

ROUTES = {
    "/plain": lambda r, send: send(plain("hello\n")),
    "/echo": echo,
    "/big": big,
    "/early": early,
    "/wait": wait_body,
    "/hang": hang,
    "/slow": slow,
    "/ws": websocket,
    "/ws/sum": websocket_sum,
    "/ws/rude": websocket_rude,
    "/last": lambda r, send: send(plain(str(last["sum"]))),
    "/chunked": lambda r, send: chunks(send, ["one,", "two,", "three"]),
    "/trailers": lambda r, send: chunks(
        send, ["body"], trailers="X-Sum: 42\r\n", more="Trailer: X-Sum\r\n"),
    "/drip": lambda r, send: chunks(
        send, [f"data: {n}\n\n" for n in range(10)], 1.0),
    "/sse": lambda r, send: chunks(
        send, [f"data: {n}\n\n" for n in range(3)], 1.0,
        more="Content-Type: text/event-stream\r\n"),
}

OK = b"HTTP/1.1 200 OK\r\n"
RAW = {
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "204-length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nEXTRA",
    "304": b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
    "304-length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "304-chunked":
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "close": OK + b"Connection: close\r\n\r\nuntil the end",
    "rude": OK + b"Connection: close\r\n\r\nno goodbye in TLS",
    "cut": OK + b"Content-Length: 100\r\n\r\nonly this",
    "cut-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nonly",
    "two-lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "both": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n",
    "extra": OK + b"Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n"
             b"Content-Length: 6\r\n\r\npoison",
    "bad-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "folded": OK + b"X-A: one\r\n two\r\nContent-Length: 2\r\n\r\nok",
    "bare-cr": OK + b"X-A: one\rX-B: two\r\nContent-Length: 2\r\n\r\nok",
    "no-name": OK + b": v\r\nContent-Length: 2\r\n\r\nok",
    "garbage": b"\x00\x01\x02 this is not HTTP\r\n\r\n",
    "long": OK + b"X-A: " + b"a" * 200000 + b"\r\nContent-Length: 0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\n\r\nsmuggled",
    "nothing": b"",
}
KEPT = {"204", "304", "304-length", "304-chunked"}    # in good order


def serve(sock):
    """Until the client or an answer ends it; True for a polite end."""
    stream = sock.makefile("rb")
    while first := stream.readline():
        request = Request(stream, first)
        word = request.path.removeprefix("/raw/")
        if word in RAW:
            sock.sendall(RAW[word])
            if word not in KEPT:
                return word != "rude"
            continue
        ROUTES.get(request.path, lambda r, send: send(
            plain("no such path", "404 Not Found")))(request, sock.sendall)
        if request.get("connection").lower() == "close":
            break
    return True


def handle(sock, contexts):
    try:
        sock.settimeout(60)
        if contexts:
            sock = contexts["good"].wrap_socket(sock, server_side=True)
        if serve(sock) and contexts:
            sock = sock.unwrap()
    except (OSError, ValueError, IndexError):
        pass
    finally:
        sock.close()


def tls_contexts(certs):
    contexts = {}
    for path in pathlib.Path(certs).glob("*.pem"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.set_alpn_protocols(["http/1.1"])
        contexts[path.stem] = context

    def choose(sock, name, _):
        label = (name or "").split(".")[0]
        sock.context = contexts.get(label, contexts["good"])

    contexts["good"].sni_callback = choose
    return contexts


def listen(address, port, contexts):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.create_server((address, port), family=family, backlog=128)
    while True:
        sock, _ = server.accept()
        threading.Thread(target=handle, args=(sock, contexts),
                         daemon=True).start()


def main():
    address, certs, clear, secure = (sys.argv[1:] + ["80", "443"])[:4]
    threading.Thread(target=listen, args=(address, int(clear), None),
                     daemon=True).start()
    listen(address, int(secure), tls_contexts(certs))


if __name__ == "__main__":
    main()
