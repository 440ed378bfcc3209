#!/usr/bin/env python3
"""HTTP as programs use it: what must pass through unharmed, h1 and h2."""
import hashlib
import json
import subprocess
import time

from client import Wire, fetch
from harness import inside, main

POLICY = """
allow:
  - any https://h1.test/**
  - any https://h2.test/**
  - any http://h1.test/**
  - wss://h1.test/ws
"""
HOSTS = ("h1.test", "h2.test")            # an origin of either version
MIB = 1 << 20


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
        wire.get("/ws", "h1.test", "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        got = wire.head()
        assert got.status == 101, got.line
        assert got.get("sec-websocket-accept") == \
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        for octets in (b"ping", b"\x00\xff" * 3000):
            wire.send(octets)
            assert wire.stream.read(len(octets)) == octets


@inside("an upgrade that no wss:// rule allows is no upgrade")
def no_upgrade():
    with Wire("h2.test") as wire:
        got = wire.get("/plain", "h2.test", "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       ).answer()
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
