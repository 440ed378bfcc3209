#!/usr/bin/env python3
"""HTTP/2 frame by frame: what a client library would never send."""
import struct
import time

import hpack

from client import Wire, fetch
from harness import inside, main

POLICY = """
allow:
  - any https://h1.test/**
  - any https://h2.test/**
"""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = \
    0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HOST = "h2.test"


def frame(kind, flags, stream, body=b""):
    return (struct.pack("!I", len(body))[1:] + bytes([kind, flags])
            + struct.pack("!I", stream) + body)


def block(*fields):
    """A header block, literal and never indexed, whatever the fields are."""
    def text(value):
        raw = value.encode("latin-1")
        assert len(raw) < 127
        return bytes([len(raw)]) + raw

    return b"".join(b"\x10" + text(n) + text(v) for n, v in fields)


def get(path="/plain", host=HOST, method="GET"):
    return [(":method", method), (":scheme", "https"), (":authority", host),
            (":path", path)]


class H2:
    def __init__(self, host=HOST, settings=b""):
        self.wire = Wire(host, alpn="h2")
        self.decoder = hpack.Decoder()
        self.stream = -1
        self.wire.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def request(self, fields, body=None, more=b""):
        """Send one; its stream's number."""
        self.stream += 2
        flags = END_HEADERS | (END_STREAM if body is None else 0)
        octets = frame(HEADERS, flags, self.stream, block(*fields)) + more
        if body is not None:
            octets += frame(DATA, END_STREAM, self.stream, body)
        self.wire.send(octets)
        return self.stream

    def read(self):
        """(kind, flags, stream, body), or None at the end."""
        try:
            head = self.wire.stream.read(9)
            if len(head) < 9:
                return None
            size = int.from_bytes(head[:3], "big")
            return (head[3], head[4], int.from_bytes(head[5:9], "big"),
                    self.wire.stream.read(size))
        except OSError:
            return None

    def outcome(self, stream):
        """A status, "reset" or "gone": what became of a stream."""
        while got := self.read():
            kind, _, which, body = got
            if kind == HEADERS and which == stream:
                fields = dict(self.decoder.decode(body))
                return int(fields[":status"])
            if kind == HEADERS:
                self.decoder.decode(body)
            elif kind == RST and which == stream:
                return "reset"
            elif kind == GOAWAY and struct.unpack("!I", body[:4])[0] < stream:
                return "gone"
        return "gone"

    def ended(self, within_s):
        """Does the other side end the connection by itself?"""
        self.wire.sock.settimeout(within_s)
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if self.read() is None:
                return True
        return False


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


def flood(octets, times, settings=b"", within_s=20):
    """Send again and again; the connection must be ended by the gateway."""
    with H2(settings=settings) as h2:
        try:
            for n in range(times):
                h2.wire.send(octets(n) if callable(octets) else octets)
        except OSError:
            return                        # ended while we were sending
        assert h2.ended(within_s), "the flood is tolerated"


@inside("rapid reset")
def rapid_reset():
    fields = block(*get())
    flood(lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, fields)
          + frame(RST, 0, 2 * n + 1, struct.pack("!I", 8)), 20000)
    others_are_served()


@inside("made-you-reset: window updates that overflow")
def made_you_reset():
    fields = block(*get("/hang"))
    flood(lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, fields)
          + frame(WINDOW, 0, 2 * n + 1, struct.pack("!I", 0x7fffffff)), 20000)
    others_are_served()


@inside("floods of PING, SETTINGS, empty DATA and CONTINUATION")
def floods():
    flood(frame(PING, 0, 0, b"12345678"), 100000)
    flood(frame(SETTINGS, 0, 0), 100000)
    fields = block(*get("/echo", method="POST"))
    start = frame(HEADERS, END_HEADERS, 1, fields)
    flood(lambda n: start if n == 0 else frame(DATA, 0, 1), 100000)
    flood(lambda n: frame(HEADERS, 0, 1, fields) if n == 0 else
          frame(CONTINUATION, 0, 1, b""), 100000)
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
