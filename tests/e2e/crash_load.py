#!/usr/bin/env python3
"""The load of the crash test, inside a sandbox: every kind of request, each
with a name of its own in its path (a tunnel's in its host).

usage: crash_load.py LOG

LOG gets a line for each answer that came whole: its name and its status. Ends
when standard input does.
"""
import os
import sys
import threading
import time

from client import Wire
from h2_wire import (DATA, END_STREAM, GOAWAY, HEADERS, H2, RST, get)

HOST = "refused.test"                     # the noting origin's
H2_PORT = 8443                            # there, an nginx that does HTTP/2
TUNNELS = "tun.test"
PAUSE_S = 0.01
STREAMS = 10
FAULTS = (OSError, ValueError, IndexError, AssertionError)

log = None
run = os.urandom(4).hex()                 # so that a second load is another


def note(name, status):
    os.write(log, f"{name} {status}\n".encode())


def plain(name):
    """One connection, request after request."""
    with Wire(HOST, timeout_s=5) as wire:
        while True:
            path = name()
            got = wire.get(path, HOST).answer()
            if got is None:
                return
            note(path, got.status)
            time.sleep(PAUSE_S)


def pipeline(name):
    with Wire(HOST, timeout_s=5) as wire:
        while True:
            paths = [name() for _ in range(5)]
            wire.send("".join(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
                              for path in paths))
            for path in paths:
                got = wire.answer()
                if got is None:
                    return
                note(path, got.status)
            time.sleep(5 * PAUSE_S)


def upload(name):
    """A body that takes its time, so that a kill falls into it."""
    with Wire(HOST, timeout_s=5) as wire:
        while True:
            path = name()
            wire.send(f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\n"
                      f"Content-Length: 60000\r\n\r\n")
            for _ in range(3):
                wire.send(b"x" * 20000)
                time.sleep(0.05)
            got = wire.answer("POST")
            if got is None:
                return
            note(path, got.status)


def streams(name, port):
    """Ten streams of HTTP/2 at a time."""
    host = HOST if port == 443 else f"{HOST}:{port}"
    with H2(HOST, port=port) as h2:
        h2.wire.sock.settimeout(5)
        while True:
            paths = {h2.request(get(path, host)): path
                     for path in (name() for _ in range(STREAMS))}
            statuses = {}
            while paths:
                got = h2.read()
                if got is None or got[0] == GOAWAY:
                    return
                kind, flags, stream, octets = got
                if kind == HEADERS:
                    fields = dict(h2.decoder.decode(octets))
                    statuses[stream] = fields[":status"]
                if kind == RST:
                    paths.pop(stream, None)
                if kind in (HEADERS, DATA) and flags & END_STREAM:
                    note(paths.pop(stream), statuses[stream])
            time.sleep(5 * PAUSE_S)


def tunnel(name):
    path = name().strip("/").replace("/", "-")
    with Wire(f"{path}.{TUNNELS}", 9000, tls=False, timeout_s=5) as wire:
        wire.send(path + "\n")
        if wire.line() == "ok":
            note("/" + path, "ok")
        time.sleep(0.25)                  # open, for a while


def refused(name):
    """Denied by its path, and by its host."""
    with Wire(HOST, timeout_s=5) as wire:
        while True:
            path = "/denied" + name()
            got = wire.get(path, HOST).answer()
            if got is None:
                return
            note(path, got.status)
            path = "/denied" + name()
            with Wire(HOST, timeout_s=5, name="other.test") as other:
                got = other.get(path, "other.test").answer()
                if got:
                    note(path, got.status)
            time.sleep(5 * PAUSE_S)


KINDS = {"h1": (plain, ()), "h1b": (plain, ()), "pipe": (pipeline, ()),
         "up": (upload, ()), "h2": (streams, (443,)),
         "h2h2": (streams, (H2_PORT,)), "tun": (tunnel, ()),
         "no": (refused, ())}


def forever(kind):
    serial = iter(range(10**9))

    def name():
        return f"/{kind}/{run}x{next(serial)}"

    function, more = KINDS[kind]
    while True:
        try:
            function(name, *more)
        except FAULTS:
            pass
        time.sleep(0.02)


def main():
    global log
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for kind in KINDS:
        threading.Thread(target=forever, args=(kind,), daemon=True).start()
    sys.stdin.read()                      # until it is closed
    os._exit(0)


if __name__ == "__main__":
    main()
