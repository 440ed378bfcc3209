#!/usr/bin/env python3
"""The load of the soak, inside a sandbox: that of the crash test, and beside it
what wears: new names, connections that are left in the middle, big bodies.

usage: soak_load.py LOG      (as crash_load.py)
"""
import hashlib
import secrets
import socket
import time

import crash_load
from client import Wire
from h2_wire import H2, get

HOST = "h1.test"                          # origin.py's
BIG = 3_000_000
PATTERN = bytes(range(256)) * 256


def pattern_sha256(size):
    return hashlib.sha256((PATTERN * (size // len(PATTERN) + 1))[:size]
                          ).hexdigest()


BIG_SHA256 = pattern_sha256(BIG)


def names(_):
    """A certificate, a name and a pool that nobody asks for again."""
    host = f"n{secrets.token_hex(6)}.test"
    with Wire(HOST, timeout_s=5, name=host) as wire:
        wire.get("/plain", host).answer()
    try:
        socket.gethostbyname(f"n{secrets.token_hex(6)}.nowhere")
    except OSError:
        pass
    time.sleep(0.05)


def download(_):
    with Wire(HOST, timeout_s=20) as wire:
        got = wire.get(f"/big?{BIG}", HOST).answer()
        assert got.sha256 == BIG_SHA256, got.line
    with open("whole", "a", encoding="ascii") as f:
        f.write("whole\n")
    time.sleep(0.2)


def left(_):
    """An answer that nobody reads to its end, and a body that ends early."""
    with Wire(HOST, timeout_s=5) as wire:
        wire.get("/big?50000000", HOST)
        wire.stream.read(100_000)
    with Wire(HOST, timeout_s=5) as wire:
        wire.send(f"POST /echo HTTP/1.1\r\nHost: {HOST}\r\n"
                  "Content-Length: 10000000\r\n\r\n")
        wire.send(b"x" * 200_000)
    with Wire(HOST, timeout_s=5, tls=False) as wire:
        wire.send(b"\x16\x03\x01\x02\x00\x01")
        time.sleep(0.1)


def streams_left(_):
    """HTTP/2 streams in work when the connection goes."""
    with H2("h2.test") as h2:
        h2.wire.sock.settimeout(5)
        for _ in range(20):
            h2.request(get("/big?1000000", "h2.test"))
        h2.read()
    time.sleep(0.1)


crash_load.KINDS |= {"names": (names, ()), "big": (download, ()),
                     "left": (left, ()), "h2left": (streams_left, ())}

if __name__ == "__main__":
    crash_load.main()
