#!/usr/bin/env python3
"""An origin answers before it has read the request, and closes: the client
gets the answer, all of it, whatever both of them speak."""
import select
import struct

from client import Wire
from h2_wire import (ACK, DATA, END_HEADERS, END_STREAM, H2, HEADERS, RST,
                     SETTINGS, WINDOW, block, frame)
from harness import HERE, PYTHON, inside, main, outside, wait_for

HOST = "refused.test"                     # early_origin.py's, on this stage
POLICY = f"""
allow:
  - any https://{HOST}/**
  - any https://{HOST}:8443/**
  - any http://{HOST}/**
"""
ROUNDS = 25
SIZES = (5, 60000)                        # octets: one read, and several
UPLOAD = 200_000                          # below a stream's window


def prepare(stage):
    stage.start("early", stage.origin_command(
        PYTHON, HERE / "early_origin.py", "11.0.0.4",
        stage.dir / "certs" / "use" / "good.pem"))
    wait_for("the origin", lambda: stage.listens("11.0.0.4", 443)
             and stage.listens("11.0.0.4", 8443))


def upload(wire, length):
    """Send until something comes, or nothing can be sent."""
    for _ in range(0, length, 50_000):
        if select.select([wire.sock], [], [], 0)[0]:
            return
        try:
            wire.send(b"u" * 50_000)
        except OSError:
            return


def by_h1(port, tls, size, more=""):
    with Wire(HOST, port, tls=tls) as wire:
        wire.send(f"POST /{size}/x HTTP/1.1\r\nHost: {wire_host(port)}\r\n"
                  f"Content-Length: 10000000\r\n{more}\r\n")
        if not more:
            upload(wire, 10_000_000)
        got = wire.answer("POST")
        assert got and got.status == 413, got and got.line
        assert got.whole and len(got.body) == size, len(got.body)


def wire_host(port):
    return HOST if port in (80, 443) else f"{HOST}:{port}"


def settled(port):
    """A connection on which more than 65,535 octets may be sent."""
    h2 = H2(HOST, port=port)
    while h2.read()[0] != SETTINGS:
        pass
    h2.wire.send(frame(SETTINGS, ACK, 0)
                 + frame(WINDOW, 0, 0, struct.pack("!I", 1 << 30)))
    return h2


def by_h2(h2, port, size, end=""):
    fields = [(":method", "POST"), (":scheme", "https"),
              (":authority", wire_host(port)), (":path", f"/{size}/x{end}")]
    h2.stream += 2
    which, status, got = h2.stream, None, 0
    h2.wire.send(frame(HEADERS, END_HEADERS, which, block(*fields)))
    for _ in range(0, UPLOAD, 10_000):
        h2.wire.send(frame(DATA, 0, which, b"u" * 10_000))
    while True:
        seen = h2.read()
        assert seen, "the connection ended"
        kind, flags, stream, body = seen
        if kind == HEADERS:
            status = int(dict(h2.decoder.decode(body))[":status"])
        if stream != which:
            continue
        assert kind != RST, ("reset", status, got)
        got += len(body) if kind == DATA else 0
        if flags & END_STREAM and kind in (DATA, HEADERS):
            break
    assert (status, got) == (413, size), (status, got, size)


def rounds(ask, *args):
    for size in SIZES:
        for n in range(ROUNDS):
            try:
                ask(*args, size)
            except (AssertionError, TimeoutError) as why:
                raise AssertionError(f"{size} octets, round {n}") from why


@inside("a client of HTTP/1, an origin of HTTP/1")
def h1_h1():
    rounds(by_h1, 443, True)
    rounds(by_h1, 80, False)


@inside("a client of HTTP/1, an origin of HTTP/2")
def h1_h2():
    rounds(by_h1, 8443, True)


@inside("a client of HTTP/2, an origin of HTTP/1")
def h2_h1():
    with settled(443) as h2:
        rounds(by_h2, h2, 443)


@inside("a client of HTTP/2, an origin of HTTP/2")
def h2_h2():
    with settled(8443) as h2:
        rounds(by_h2, h2, 8443)
        for _ in range(ROUNDS):
            by_h2(h2, 8443, 60000, "/stay")


@inside("a client that waits to be told to go on")
def expects():
    for _ in range(5):
        by_h1(443, True, 60000, "Expect: 100-continue\r\n")
        by_h1(8443, True, 5, "Expect: 100-continue\r\n")


@outside("each of them is recorded as done")
def recorded(stage):
    rows = stage.rows()
    wanted = len(SIZES) * ROUNDS * 5 + ROUNDS + 10
    assert len(rows) == wanted, (len(rows), wanted)
    for row in rows:
        assert (row["status"], row["outcome"]) == (413, "done"), row


if __name__ == "__main__":
    main(POLICY, prepare=prepare)
