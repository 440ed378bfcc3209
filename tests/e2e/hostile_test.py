#!/usr/bin/env python3
"""Raw hostile input: each ends its own exchange, and nothing else."""
import socket
import ssl
import time

from client import TIMEOUT_S, Wire, fetch, trust
from harness import inside, main

POLICY = """
allow:
  - any https://h1.test/**
  - any https://h2.test/**
  - any http://h1.test/**
"""
POST = "POST /echo HTTP/1.1\r\nHost: h1.test\r\n"
GET = "GET /plain HTTP/1.1\r\nHost: h1.test\r\n"


def outcome(octets, **options):
    """(statuses of all answers, did the connection end) of these octets."""
    with Wire("h1.test", **options) as wire:
        statuses = []
        try:
            wire.send(octets)
            wire.sock.settimeout(3)
            while got := wire.answer():
                statuses.append(got.status)
        except TimeoutError:
            return statuses, False
        except OSError:
            pass
        return statuses, True


def refused(octets, **options):
    """Nothing of it is answered by the origin, and the connection ends."""
    statuses, ended = outcome(octets, **options)
    assert all(s >= 400 for s in statuses), (octets[:80], statuses)
    assert len(statuses) <= 1 and ended, (octets[:80], statuses, ended)
    assert fetch("h1.test", "/plain").body == b"hello\n"


@inside("request framing: no two readings of where a body ends")
def framing():
    for fields in (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            "Content-Length: 5, 6\r\n\r\nhello!",
            "Content-Length: +4\r\n\r\nabcd", "Content-Length: 4 2\r\n\r\nabcd",
            "Content-Length: -1\r\n\r\n", "Content-Length: 0x4\r\n\r\nabcd",
            "Content-Length: 18446744073709551616\r\n\r\n",
            "Content-Length: \r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"):
        refused(POST + fields)


@inside("chunks: sizes, extensions and ends as the grammar says")
def chunks():
    head = POST + "Transfer-Encoding: chunked\r\n\r\n"
    for body in ("zz\r\nhello\r\n", "-1\r\n", "+5\r\nhello\r\n0\r\n\r\n",
                 "0x5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX0\r\n\r\n",
                 "fffffffffffffffff\r\n", "5\nhello\n0\n\n",
                 "5\r\nhello\r\n0\r\nHost: evil.example\r\n\r\n" + "\n",
                 "5 \x00\r\nhello\r\n0\r\n\r\n"):
        refused(head + body)


@inside("line ends, folds, blanks and names of fields")
def lines():
    for head in ("X-A: one\r\n two\r\n\r\n", "X-A: one\rX-B: two\r\n\r\n",
                 "X-A : v\r\n\r\n", ": v\r\n\r\n", "no colon\r\n\r\n",
                 "X-A: \x00\r\n\r\n", "X\x80: v\r\n\r\n", "X-A: one\n\n"):
        refused(GET + head)
    refused(" GET /plain HTTP/1.1\r\nHost: h1.test\r\n\r\n")
    refused("GET  /plain HTTP/1.1\r\nHost: h1.test\r\n\r\n")
    refused("GET /plain\r\nHost: h1.test\r\n\r\n")
    refused("GET /plain HTTP/2.0\r\nHost: h1.test\r\n\r\n")
    refused("GET /plain HTTP/1.2 x\r\nHost: h1.test\r\n\r\n")
    refused("GET /pl\x80in HTTP/1.1\r\nHost: h1.test\r\n\r\n")
    refused("GE(T /plain HTTP/1.1\r\nHost: h1.test\r\n\r\n")


@inside("bounds: the target, one field, all fields, their number")
def bounds():
    refused(f"GET /{'a' * 200000} HTTP/1.1\r\nHost: h1.test\r\n\r\n")
    refused(GET + f"X-A: {'a' * 200000}\r\n\r\n")
    refused(GET + "".join(f"X-{n}: v\r\n" for n in range(2000)) + "\r\n")


@inside("methods that mean another protocol, or nothing")
def methods():
    for method in ("CONNECT", "PRI", "NOSUCHMETHOD"):
        refused(f"{method} / HTTP/1.1\r\nHost: h1.test\r\n\r\n")


@inside("the HTTP/2 preface where HTTP/1 was agreed on")
def preface():
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


@inside("HTTP/2 agreed on, HTTP/1 or garbage sent")
def not_h2():
    for octets in (GET + "\r\n", "\x00" * 100,
                   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\xff" * 200):
        with Wire("h1.test", alpn="h2") as wire:
            wire.send(octets)
            wire.sock.settimeout(5)
            try:
                while wire.stream.read(1):
                    pass
            except TimeoutError as error:
                raise AssertionError(f"{octets[:20]!r}: left open") from error
            except OSError:
                pass
    assert fetch("h1.test", "/plain").status == 200


@inside("neither TLS nor HTTP on the wire: the end, without an answer")
def garbage():
    for octets in (b"\x00\x01\x02\x03" * 10, b"SSH-2.0-x\r\n",
                   b"\x16\x03\x01\xff\xff" + b"\x00" * 100,
                   b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",
                   b"\x80\x2e\x01\x03\x01" + b"\x00" * 60):
        sock = socket.create_connection(("h1.test", 443), timeout=TIMEOUT_S)
        with sock:
            sock.sendall(octets)
            sock.shutdown(socket.SHUT_WR)
            try:
                while sock.recv(4096):
                    pass
            except ConnectionError:
                pass
    assert fetch("h1.test", "/plain").status == 200


@inside("a ClientHello of one octet per segment")
def slow_hello():
    near, far = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust().wrap_bio(near, far, server_hostname="h1.test")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    sock = socket.create_connection(("h1.test", 443), timeout=TIMEOUT_S)
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in far.read():
            sock.sendall(bytes([octet]))
            time.sleep(0.0005)
        assert sock.recv(1) == b"\x16"


@inside("answers: what the origin says in two ways is not passed on")
def answers():
    for word in ("two-lengths", "both", "bad-chunk", "folded", "bare-cr",
                 "no-name", "garbage", "long", "101", "nothing"):
        try:
            got = fetch("h1.test", f"/raw/{word}")
        except OSError:
            continue                      # ended in the middle: not whole
        bad = got is None or not got.whole or got.status == 502
        # One Content-Length beside chunked may be dropped (RFC 9112, 6.3).
        assert bad or (word == "both" and got.body == b"hello"), \
            (word, got.line, got.body[:80])
        if got is not None:
            assert b"smuggled" not in got.body, word


@inside("answers: octets after the end belong to nobody")
def surplus():
    for word in ("extra", "204-length"):
        for _ in range(3):
            with Wire("h1.test") as wire:
                first = wire.get(f"/raw/{word}", "h1.test").answer()
                assert first.status in (200, 204, 502), first.line
                then = wire.get("/plain", "h1.test").answer()
                assert then is None or then.body == b"hello\n", then.body


@inside("answers: one that was cut never looks whole")
def cut():
    for word in ("cut", "cut-chunk", "rude"):
        try:
            got = fetch("h1.test", f"/raw/{word}")
        except OSError:
            continue
        assert got is None or got.status == 502 or not got.whole, \
            (word, got.line, got.body)
    got = fetch("h1.test", "/raw/close")
    assert got.whole and got.body == b"until the end"


@inside("a refused request with a body does not poison the next one")
def refused_body():
    with Wire("h2.test") as wire:
        body = "GET /plain HTTP/1.1\r\nHost: h2.test\r\n\r\n"
        wire.send("POST /x HTTP/1.1\r\nHost: other.test\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}")
        assert wire.answer().status == 421
        wire.sock.settimeout(3)
        try:
            then = wire.get("/plain", "h2.test").answer()
        except OSError:
            then = None                   # closed is an answer too
        assert then is None or then.body == b"hello\n"


if __name__ == "__main__":
    main(POLICY)
