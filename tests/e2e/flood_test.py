#!/usr/bin/env python3
"""Floods: one sandbox does its worst, another one must not feel it."""
import json
import resource
import socket
import subprocess
import sys
import threading
import time

from harness import PYTHON, main, outside

POLICY = "allow: [any https://*.test/**]\n"
VICTIM_S, ATTACK_S = 5, 3
IDLE = 5000
NAMES_SANDBOX, WORKERS = 4096, 2          # gateway/limits.h, harness.py


# -- inside ----------------------------------------------------------------

def victim():
    from client import fetch
    statuses, worst = {}, 0.0
    end = time.monotonic() + VICTIM_S
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            got = fetch("h1.test", "/plain", timeout_s=5)
            word = str(got.status if got else None)
        except OSError as error:
            word = type(error).__name__
        statuses[word] = statuses.get(word, 0) + 1
        worst = max(worst, time.monotonic() - began)
    return {"statuses": statuses, "worst_s": worst}


def question(name):
    return (b"ab\1\0\0\1\0\0\0\0\0\0"
            + b"".join(bytes([len(w)]) + w for w in name.encode().split(b"."))
            + b"\0\0\1\0\1")


def ask(suffix, most):
    """Questions as fast as they go; {rcode: how many answers}."""
    answers = {}
    end = time.monotonic() + ATTACK_S
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("192.0.2.53", 53))
    sock.settimeout(0.05)
    n = 0
    while time.monotonic() < end and n < most:
        for n in range(n, n + 40):
            sock.send(question(f"f{n}.{suffix}"))
        n += 1
        try:
            for _ in range(40):
                code = str(sock.recv(2000)[3] & 15)
                answers[code] = answers.get(code, 0) + 1
        except OSError:
            pass
    return answers


def idle():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = [socket.create_connection(("h1.test", 443), timeout=5)]
    to = held[0].getpeername()
    for _ in range(min(IDLE, hard - 100) - 1):
        held.append(socket.create_connection(to, timeout=5))
    time.sleep(ATTACK_S)
    return len(held)


def readers():
    """Large answers that nobody reads, bodies that never come."""
    from client import Wire
    held = []
    for n in range(200):
        wire = Wire("h1.test")
        if n % 2:
            wire.get("/big?100000000", "h1.test")
        else:
            wire.send("POST /echo HTTP/1.1\r\nHost: h1.test\r\n"
                      "Content-Length: 1000\r\n\r\n")
        held.append(wire)
    time.sleep(ATTACK_S)
    return len(held)


def pipeline():
    """Refused requests, without an end."""
    from client import Wire
    octets = b"GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n" * 500
    end = time.monotonic() + ATTACK_S
    sent = 0
    while time.monotonic() < end:
        with Wire("h1.test") as wire:
            def drain(sock=wire.sock):
                try:
                    while sock.recv(1 << 16):
                        pass
                except OSError:
                    pass
            threading.Thread(target=drain, daemon=True).start()
            try:
                while time.monotonic() < end:
                    wire.send(octets)
                    sent += 500
            except OSError:
                pass
    return sent


INSIDE = {
    "victim": victim, "idle": idle, "readers": readers, "pipeline": pipeline,
    "refused names": lambda: ask("invalid", 10**9),
    "allowed names": lambda: ask("test", 20000),
}


# -- outside ---------------------------------------------------------------

def resident_mib(stage):
    """Of the largest process; a sanitizer keeps what is freed, so 0 there."""
    found = [0]
    with open(stage.bin / "penstock-gateway", "rb") as f:
        if b"libasan" in f.read():
            return 0
    for pids in stage.children().values():
        for pid in pids:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                found += [int(line.split()[1]) / 1024 for line in f
                          if line.startswith("Private_Dirty")]
    return max(found)


def attack(stage, name):
    """What the attacker found; the other sandbox must be served."""
    def start(word):
        return stage.popen(PYTHON, "flood_test.py", "--be", word,
                           stdout=subprocess.PIPE)
    one = start("victim")
    time.sleep(0.7)
    other = start(name)
    seen = json.loads(one.communicate(timeout=60)[0])
    found = json.loads(other.communicate(timeout=60)[0])
    assert set(seen["statuses"]) == {"200"}, seen
    assert seen["worst_s"] < 3, seen
    return found


@outside("questions for names that are refused")
def refused_names(stage):
    found = attack(stage, "refused names")
    assert set(found) == {"3"}, found


@outside("questions for names that a wildcard allows")
def allowed_names(stage):
    found = attack(stage, "allowed names")
    assert found["0"] <= NAMES_SANDBOX * WORKERS, found
    # And there is room for others.
    out = stage.run("curl", "-sS", "https://another.a.test/plain",
                    policy="allow: [any https://*.a.test/**]\n").stdout
    assert out == "hello\n", out


@outside(f"{IDLE} connections that say nothing")
def idle_connections(stage):
    assert attack(stage, "idle") > 500


@outside("answers that are not read, bodies that do not come")
def slow(stage):
    attack(stage, "readers")
    assert resident_mib(stage) < 150, resident_mib(stage)


@outside("a pipeline of refused requests")
def refused_requests(stage):
    assert attack(stage, "pipeline") > 500


@outside("nobody died of it")
def alive(stage):
    assert "it is replaced" not in stage.log("up"), stage.log("up")


if __name__ == "__main__":
    if "--be" in sys.argv:
        print(json.dumps(INSIDE[sys.argv[-1]]()))
    else:
        main(POLICY)
