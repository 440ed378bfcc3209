#!/usr/bin/env python3
"""HTTP as programs use it: what must pass through unharmed, h1 and h2."""
import hashlib
import json
import os
import socket
import ssl
import subprocess
import time

from client import Wire, fetch, trust
from harness import inside, main, outside, wait_for

POLICY = """
allow:
  - any https://h1.test/**
  - any https://h2.test/**
  - any http://h1.test/**
  - wss://h1.test/ws/**
  - ws://h1.test/ws/**
"""
HOSTS = ("h1.test", "h2.test")            # an origin of either version
MIB = 1 << 20
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def curl(*argv, timeout=90):
    return subprocess.run(["curl", "-sS", *argv], check=True, timeout=timeout,
                          stdout=subprocess.PIPE).stdout


def pattern_sha256(size):
    block = bytes(range(256)) * 256
    whole, rest = divmod(size, len(block))
    digest = hashlib.sha256()
    for _ in range(whole):
        digest.update(block)
    digest.update(block[:rest])
    return digest.hexdigest()


@inside("a plain request over HTTP/1.1, HTTP/2 and without TLS")
def plain():
    for host in HOSTS:
        assert fetch(host, "/plain").body == b"hello\n"
        out = curl("--http2", "-w", "%{http_version}", f"https://{host}/plain")
        assert out == b"hello\n2", out
    assert fetch("h1.test", "/plain", port=80, tls=False).body == b"hello\n"


@inside("keep-alive: many requests on one connection")
def keep_alive():
    with Wire("h1.test") as wire:
        for n in range(50):
            got = wire.get(f"/echo?{n}", "h1.test").answer()
            assert json.loads(got.body)["line"] == f"GET /echo?{n} HTTP/1.1"


@inside("keep-alive to an origin that ends its streams a moment late")
def late_ends():
    # The answer is whole by its length before END_STREAM comes; the client's
    # next request is then read before the exchange is over.
    for _ in range(60):
        with Wire("h2.test", timeout_s=5) as wire:
            assert wire.get("/nope", "h2.test").answer().status == 404
            assert wire.get("/echo", "h2.test").answer().status == 200


@inside("pipelined requests are answered in order")
def pipelined():
    with Wire("h1.test") as wire:
        wire.send("".join(f"GET /echo?{n} HTTP/1.1\r\nHost: h1.test\r\n\r\n"
                          for n in range(20)))
        for n in range(20):
            line = json.loads(wire.answer().body)["line"]
            assert line.split()[1] == f"/echo?{n}", (n, line)


@inside("Connection: close is obeyed")
def close():
    with Wire("h1.test") as wire:
        got = wire.get("/plain", "h1.test", "Connection: close\r\n").answer()
        assert got.whole and wire.ended()


@inside("HTTP/1.0 gets its answer, then the end")
def old():
    with Wire("h1.test") as wire:
        wire.send("GET /chunked HTTP/1.0\r\nHost: h1.test\r\n\r\n")
        got = wire.answer()
        assert got.get("transfer-encoding") is None
        assert got.body == b"one,two,three" and got.whole, got.body


@inside("a chunked answer, and a chunked request")
def chunked():
    assert fetch("h1.test", "/chunked").body == b"one,two,three"
    for host in HOSTS:
        with Wire(host) as wire:
            wire.send(f"POST /echo HTTP/1.1\r\nHost: {host}\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n"
                      "4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\n\r\n")
            got = json.loads(wire.answer().body)
            assert got["size"] == 7, got
            assert got["sha256"] == hashlib.sha256(b"abcdefg").hexdigest()


@inside("trailers pass in both directions")
def trailers():
    with Wire("h1.test") as wire:
        got = wire.get("/trailers", "h1.test", "TE: trailers\r\n").answer()
        names = [(n.lower(), v) for n, v in got.trailers]
        assert names == [("x-sum", "42")], names
        wire.send("POST /echo HTTP/1.1\r\nHost: h1.test\r\n"
                  "Transfer-Encoding: chunked\r\nTrailer: X-Digest\r\n\r\n"
                  "2\r\nhi\r\n0\r\nX-Digest: 7\r\n\r\n")
        seen = json.loads(wire.answer().body)["trailers"]
        assert [[n.lower(), v] for n, v in seen] == [["x-digest", "7"]], seen


@inside("Expect: 100-continue is answered by the origin")
def expect():
    with Wire("h1.test") as wire:
        wire.send("POST /wait HTTP/1.1\r\nHost: h1.test\r\n"
                  "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert wire.head().status == 100
        wire.send("body")
        assert json.loads(wire.answer().body)["size"] == 4


@inside("103 Early Hints come before the answer")
def early():
    with Wire("h1.test") as wire:
        hint = wire.get("/early", "h1.test").head()
        assert hint.status == 103 and "preload" in hint.get("link")
        assert wire.answer().body == b"late"


@inside("HEAD, 204 and 304 have no body, and the connection goes on")
def bodiless():
    with Wire("h1.test") as wire:
        wire.send("HEAD /plain HTTP/1.1\r\nHost: h1.test\r\n\r\n")
        got = wire.answer("HEAD")
        assert got.status == 200 and got.get("content-length") == "6"
        for word, status in (("204", 204), ("304", 304), ("304-length", 304),
                             ("304-chunked", 304)):
            got = wire.get(f"/raw/{word}", "h1.test").answer()
            assert got.status == status, (word, got.line)
        assert wire.get("/plain", "h1.test").answer().body == b"hello\n"


@inside("64 MiB down, the same octets, by either version")
def down():
    want = pattern_sha256(64 * MIB)
    for host in HOSTS:
        for version in ("--http1.1", "--http2"):
            body = curl(version, f"https://{host}/big?{64 * MIB}")
            assert hashlib.sha256(body).hexdigest() == want, (host, version)


@inside("64 MiB up, the same octets, by either version")
def up():
    with open("/tmp/up", "wb") as f:
        for _ in range(64 * 16):
            f.write(bytes(range(256)) * 256)
    want = pattern_sha256(64 * MIB)
    for host in HOSTS:
        for version in ("--http1.1", "--http2"):
            got = json.loads(curl(version, "-H", "Expect:", "-X", "POST", "-T",
                                  "/tmp/up", f"https://{host}/echo"))
            assert got["sha256"] == want, (host, version, got["size"])


@inside("server-sent events: the first octet comes at once")
def events():
    for host in HOSTS:
        with Wire(host) as wire:
            began = time.monotonic()
            got = wire.get("/sse", host).head()
            assert got.status == 200
            first = wire.stream.read(1)
            assert first and time.monotonic() - began < 0.9


@inside("a slow reader loses nothing and starves nobody")
def slow_reader():
    with Wire("h1.test") as slow:
        slow.get(f"/big?{16 * MIB}", "h1.test")
        time.sleep(0.5)
        assert fetch("h1.test", "/plain").body == b"hello\n"
        got = slow.answer()
        assert got.whole and got.sha256 == pattern_sha256(16 * MIB)


@inside("percent-encoding, query and order of fields arrive as they were sent")
def untouched():
    for host in HOSTS:
        with Wire(host) as wire:
            path = "/echo%2fx"
            wire.get("/echo?a=%2F&b=%c3%a9&&=", host,
                     "X-One: 1\r\nx-two: 2\r\nX-One: 3\r\n")
            got = json.loads(wire.answer().body)
            assert got["line"].split()[1] == "/echo?a=%2F&b=%c3%a9&&=", got
            mine = [v for n, v in got["fields"] if n.lower().startswith("x-")]
            assert mine == ["1", "2", "3"], got["fields"]
            assert wire.get(path, host).answer().status == 404


@inside("hop-by-hop fields stay on their hop; Host has no default port")
def hops():
    with Wire("h1.test") as wire:
        wire.get("/echo", "h1.test:443", "Connection: X-Mine, keep-alive\r\n"
                 "X-Mine: secret\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
                 "TE: gzip\r\nProxy-Authorization: Basic eDp5\r\n")
        fields = json.loads(wire.answer().body)["fields"]
        names = [n.lower() for n, _ in fields]
        for name in ("x-mine", "keep-alive", "proxy-connection",
                     "proxy-authorization"):
            assert name not in names, (name, fields)
        assert [v for n, v in fields if n.lower() == "host"] == ["h1.test"]


@inside("WebSocket: an upgrade that a rule allows, and octets both ways")
def websocket():
    with Wire("h1.test") as wire:
        wire.get("/ws", "h1.test", UPGRADE)
        got = wire.head()
        assert got.status == 101, got.line
        assert got.get("sec-websocket-accept") == \
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        for octets in (b"ping", b"\x00\xff" * 3000):
            wire.send(octets)
            assert wire.stream.read(len(octets)) == octets


CLOSING = b"\x17\x03\x03\x00\x13" + bytes(19)    # an alert, in TLS 1.3


class Ends:
    """A WebSocket inside TLS whose end goes out in one piece with octets."""

    def __init__(self, path):
        self.sock = socket.create_connection(("h1.test", 443), timeout=15)
        self.come, self.go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trust().wrap_bio(self.come, self.go,
                                    server_hostname="h1.test")
        self.got = self.tail = b""
        self.until(self.tls.do_handshake)
        self.tls.write(f"GET {path} HTTP/1.1\r\nHost: h1.test\r\n{UPGRADE}"
                       "\r\n".encode())
        while b"\r\n\r\n" not in self.got:
            self.got += self.until(self.tls.read)
        self.got = self.got.partition(b"\r\n\r\n")[2]

    def until(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                if self.go.pending:
                    self.sock.sendall(self.go.read())
                if octets := self.sock.recv(65536):
                    self.tail = (self.tail + octets)[-len(CLOSING):]
                    self.come.write(octets)
                else:
                    self.come.write_eof()

    def end(self, octets, polite):
        for at in range(0, len(octets), 16384):
            self.tls.write(octets[at:at + 16384])
        if polite:
            try:
                self.tls.unwrap()
            except ssl.SSLWantReadError:
                pass
        self.sock.sendall(self.go.read())
        self.sock.shutdown(socket.SHUT_WR)

    def rest(self):
        """What still comes, and whether a close_notify ends it."""
        try:
            while octets := self.until(self.tls.read):
                self.got += octets
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        return self.got, self.tail[:5] == CLOSING[:5]


@inside("WebSocket: octets right before the client's end arrive, and an answer")
def websocket_end():
    octets = os.urandom(150_000)
    want = hashlib.sha256(octets).hexdigest()
    wire = Ends("/ws/sum")
    wire.end(octets, polite=True)
    assert wire.rest() == (want.encode(), True)
    with Wire("h1.test", port=80, tls=False) as wire:
        wire.get("/ws/sum", "h1.test", UPGRADE).head()
        wire.send(octets).sock.shutdown(socket.SHUT_WR)
        assert wire.stream.read() == want.encode()


@inside("WebSocket: so they do when there is no close_notify behind them")
def websocket_rude_end():
    octets = os.urandom(150_000)
    want = hashlib.sha256(octets).hexdigest().encode()
    Ends("/ws/sum").end(octets, polite=False)
    wait_for("all of them", lambda: fetch("h1.test", "/last").body == want, 5)


@inside("WebSocket: an origin's last octets arrive, and its bad end as one")
def websocket_rude_origin():
    wire = Ends("/ws/rude")
    time.sleep(1)                         # all of it waits for us
    got, well = wire.rest()
    assert (len(got), well) == (1000000, False), (len(got), well)


@outside("how WebSockets ended is recorded")
def websocket_rows(stage):
    rows = [(r["scheme"], r["path"], r["outcome"], r["reason"], r["bytes_up"])
            for r in stage.rows("--path", "/ws/*")]
    assert rows == [("https", "/ws/sum", "done", "rule", 150_000),
                    ("http", "/ws/sum", "done", "rule", 150_000),
                    ("https", "/ws/sum", "cut", "client-gone", 150_000),
                    ("https", "/ws/rude", "cut", "origin-cut", 0)], rows


@inside("an upgrade that no wss:// rule allows is no upgrade")
def no_upgrade():
    with Wire("h2.test") as wire:
        got = wire.get("/plain", "h2.test", UPGRADE).answer()
        assert got.status == 403, got.line


@inside("h2c is not offered by way of Upgrade")
def h2c():
    got = fetch("h1.test", "/plain", "Connection: Upgrade, HTTP2-Settings\r\n"
                "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
                port=80, tls=False)
    assert got.status in (200, 403), got.line


@inside("100 HTTP/2 streams at once")
def many_streams():
    urls = "https://h2.test/echo?[1-100]"
    out = curl("--http2", "--parallel", "--parallel-max", "100",
               "-w", "%{http_code}\n", "-o", "/dev/null", urls)
    assert out.decode().split() == ["200"] * 100


if __name__ == "__main__":
    main(POLICY)
