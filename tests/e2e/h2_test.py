#!/usr/bin/env python3
"""HTTP/2 frame by frame: what a client library would never send."""
import struct
import time

from client import fetch
from h2_wire import (CONTINUATION, DATA, END_HEADERS, END_STREAM, H2, HEADERS,
                     HOST, PING, RST, SETTINGS, WINDOW, block, frame, get)
from harness import inside, main

POLICY = """
allow:
  - any https://h1.test/**
  - any https://h2.test/**
"""

FLOOD_PACK = 500                          # frames in one packet


def others_are_served():
    assert fetch("h1.test", "/plain").body == b"hello\n"


def verdict(fields, body=None, more=b""):
    with H2() as h2:
        return h2.outcome(h2.request(fields, body, more))


@inside("a request, to begin with")
def plain():
    assert verdict(get()) == 200
    assert verdict(get("/echo", method="POST"), b"body") == 200


@inside("another :authority than the server name is misdirected: 421")
def authority():
    assert verdict(get(host="h1.test")) == 421
    assert verdict(get(host="evil.example")) == 421
    with H2() as h2:
        assert h2.outcome(h2.request(get())) == 200
        assert h2.outcome(h2.request(get(host="h1.test"))) == 421
        assert h2.outcome(h2.request(get())) == 200


@inside("malformed requests end their stream, and only that")
def malformed():
    for fields in (
            get() + [("host", "h1.test")],
            get() + [("x-a", "one\r\nx-b: two")],
            get() + [("x-a", "nul\0")], get() + [("X-Upper", "v")],
            get() + [("connection", "close")], get() + [("te", "gzip")],
            get() + [("transfer-encoding", "chunked")],
            get() + [("x a", "v")], get() + [("", "v")],
            get() + [(":path", "/other")], get() + [(":unknown", "v")],
            get()[1:], get()[:3], get(path=""), get(path="plain"),
            get(path="/a b"), get(path="/a\r\nb"), get(path="/#x"),
            get(host=""), get(host="good@h2.test"), get(host="h2.test:444"),
            [("x-first", "v")] + get(), get(method="G T"),
            [(":method", "GET"), (":scheme", "http"), (":authority", HOST),
             (":path", "/plain")],
            get(method="CONNECT")):
        got = verdict(fields)
        assert got in ("reset", "gone", 400, 403, 421, 501), (fields, got)
    others_are_served()


@inside("content-length and DATA must agree")
def lengths():
    post = get("/echo", method="POST")
    for length, body in (("3", b"body"), ("5", b"body"), ("x", b"body"),
                         ("4, 5", b"body")):
        got = verdict(post + [("content-length", length)], body)
        assert got in ("reset", "gone", 400, 502), (length, got)
    assert verdict(post + [("content-length", "4")], b"body") == 200


def flood(what, first, octets, times):
    """Send first, then again and again, as much in one packet as there is
    room; the connection must be ended by the gateway."""
    with H2() as h2:
        try:
            h2.wire.send(first)
            for n in range(0, times, FLOOD_PACK):
                h2.wire.send(b"".join(octets(n + i)
                                      for i in range(FLOOD_PACK)))
        except OSError:
            return                        # ended while we were sending
        assert h2.ended(10), f"{what}: the flood is tolerated"


@inside("rapid reset")
def rapid_reset():
    fields = block(*get())
    flood("rapid reset", b"", lambda n: frame(
        HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, fields)
        + frame(RST, 0, 2 * n + 1, struct.pack("!I", 8)), 20000)
    others_are_served()


@inside("made-you-reset: window updates that overflow")
def made_you_reset():
    fields = block(*get("/hang"))
    flood("made-you-reset", b"", lambda n: frame(
        HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, fields)
        + frame(WINDOW, 0, 2 * n + 1, struct.pack("!I", 0x7fffffff)), 20000)
    others_are_served()


@inside("floods of PING, SETTINGS, empty DATA and CONTINUATION")
def floods():
    fields = block(*get("/echo", method="POST"))
    for what, first, again in (
            ("PING", b"", frame(PING, 0, 0, b"12345678")),
            ("SETTINGS", b"", frame(SETTINGS, 0, 0)),
            ("DATA", frame(HEADERS, END_HEADERS, 1, fields),
             frame(DATA, 0, 1)),
            ("CONTINUATION", frame(HEADERS, 0, 1, fields),
             frame(CONTINUATION, 0, 1, b""))):
        flood(what, first, lambda _, again=again: again, 100000)
    others_are_served()


@inside("a header list that grows past its bound")
def bomb():
    # One field of 4000 octets put into the table, then named 20000 times.
    name, value = b"x-bomb", b"v" * 4000
    first = (b"\x40" + bytes([len(name)]) + name + b"\x7f"
             + bytes([0x80 | (len(value) - 127) & 0x7f,
                      (len(value) - 127) >> 7]) + value)
    with H2() as h2:
        h2.wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
                           block(*get()) + first + b"\xbe" * 10000))
        assert h2.outcome(1) in ("reset", "gone", 431), "accepted"
    others_are_served()


@inside("100 streams with closed windows hold nobody up")
def closed_windows():
    no_window = struct.pack("!HI", 4, 0)
    with H2(settings=no_window) as h2:
        for _ in range(100):
            h2.request(get("/big?1000000"))
        time.sleep(0.5)
        others_are_served()
        with H2() as other:
            assert other.outcome(other.request(get())) == 200


@inside("frames on streams that are none")
def nonsense():
    for octets in (frame(DATA, 0, 1, b"x"), frame(HEADERS, 4, 0, b""),
                   frame(HEADERS, 5, 2, block(*get())),
                   frame(SETTINGS, 0, 0, b"12345"), frame(PING, 0, 0, b"x"),
                   frame(WINDOW, 0, 0, struct.pack("!I", 0)),
                   frame(CONTINUATION, 4, 1, b""),
                   b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 100):
        with H2() as h2:
            h2.wire.send(octets)
            assert h2.ended(10), octets[:20]
    others_are_served()


if __name__ == "__main__":
    main(POLICY)
