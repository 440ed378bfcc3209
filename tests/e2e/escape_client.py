#!/usr/bin/env python3
"""A client in a sandbox whose gateway is about to fail.

usage: escape_client.py early KIND     connect, wait for a line, go on
       escape_client.py loop KIND      until standard input ends; each line of
                                       it asks what was seen since the last,
                                       `now` to forget what is under way
       escape_client.py flood KIND     fill the ledger, then ask on
"""
import json
import os
import socket
import sys
import threading
import time

from client import Wire
from escape_gate import GOOD, TO4, TO6, TRAP, Gate, Refused, echo, family, \
    ipv4, syn, word

SECRET = "secret.test"
FLOOD_MAX = 30000                         # requests, more than all spools
AT_ONCE, FULL_IN_A_ROW = 8, 3


def early(kind):
    """A connection and a flow that are there before the rules are."""
    mark = b"leak-early-001"
    socks = []
    for to, way in ((TO4, socket.SOCK_STREAM), (TO6, socket.SOCK_STREAM),
                    (TO4, socket.SOCK_DGRAM), (TO6, socket.SOCK_DGRAM)):
        sock = socket.socket(family(to), way)
        sock.settimeout(2)
        sock.connect((to, 7000))
        sock.send(b"open")
        socks.append(sock)
    print("open", flush=True)
    sys.stdin.readline()
    seen = []
    for sock in socks * 3:
        try:
            sock.send(mark + kind.encode())
            time.sleep(0.1)
        except OSError as error:
            seen.append(word(error))
    print(" ".join(sorted(set(seen))) or "dropped", flush=True)


class Counts:
    """How requests ended, but those begun before `since`."""

    def __init__(self):
        self.since, self.found = 0.0, {}

    def add(self, end, began):
        if began > self.since:
            self.found[end] = self.found.get(end, 0) + 1

    def take(self):
        found, self.found = self.found, {}
        return found


def good_loop(kind, counts):
    """Allowed requests, each on a connection of its own."""
    g = Gate(kind, 998)
    while True:
        began = time.monotonic()
        try:
            with g.tls(g.door()(), GOOD) as sock:
                got = g.say(sock, g.request(f"/{g.fine}"))
        except (Refused, OSError) as end:
            got = str(end) if isinstance(end, Refused) else word(end)
        counts.add(got, began)
        time.sleep(0.02)


def bad_loop(kind):
    """What may not leave, from everything at hand."""
    g = Gate(kind, 999)
    while True:
        for _ in g.knock([(TO4, 444), (TO6, 444), (TRAP, 443)]):
            pass
        for _ in g.datagrams([(TO4, 443), (TO6, 443), (TO4, 53), (TO4, 9)]):
            pass
        g.raw(TO4, 1, echo(4, g.mark.encode()))
        g.frame(ipv4(g.near, TO4, 6, syn(g.near, TO4, 446)))
        if g.proxy:
            for target in (f"{TRAP}:443", f"{SECRET}:443"):
                try:
                    g.connect(target).close()
                except (Refused, OSError):
                    pass


def loop(kind):
    counts = Counts()
    for target, args in ((good_loop, (kind, counts)), (bad_loop, (kind,)),
                         (bad_loop, (kind,))):
        threading.Thread(target=target, args=args, daemon=True).start()
    for line in sys.stdin:
        if line == "now\n":
            counts.since = time.monotonic()
        print(json.dumps(counts.take()), flush=True)
    os._exit(0)


def pipeline(g, octets, many):
    """The statuses of so many requests on each of some connections, which are
    open at once so that all workers have some."""
    wires, statuses = [], set()
    for _ in range(AT_ONCE):
        wires.append(Wire(None, tls=False, sock=g.tls(g.door()(), GOOD)))
    for wire in wires:
        try:
            wire.send(octets * many)
        except OSError:
            pass
    for wire in wires:
        try:
            for _ in range(many):
                statuses.add(wire.answer().status)
        except (OSError, AttributeError, IndexError, ValueError):
            pass
        wire.close()
    return statuses


def flood(kind):
    """Refused requests until nothing can be recorded; then allowed ones."""
    g = Gate(kind, 997)
    octets = g.request("/denied/x").encode()
    sent = full = 0
    while sent < FLOOD_MAX and full < FULL_IN_A_ROW:
        many = 5 if full else 100
        full = full + 1 if pipeline(g, octets, many) == {503} else 0
        sent += AT_ONCE * many
    seen = []
    for _ in range(20):
        try:
            seen.append(g.say(g.tls(g.door()(), GOOD),
                              g.request(f"/{g.fine}")))
        except Refused as end:
            seen.append(str(end))
    print(json.dumps({"sent": sent, "full": full, "seen": seen}), flush=True)


if __name__ == "__main__":
    {"early": early, "loop": loop, "flood": flood}[sys.argv[1]](sys.argv[2])
