#!/usr/bin/env python3
"""SIGKILL under load, round after round: what the origin saw and what the
ledger says are the same requests, each once."""
import collections
import itertools
import os
import random
import re
import signal
import sqlite3
import sys
import threading
import time

from harness import HERE, PYTHON, main, outside, wait_for

HOST = "refused.test"                     # raw_origin.py's, on this stage
POLICY = f"allow: [any https://{HOST}/**]\n"
ROUNDS = 32
ROUNDS_S = 45
CLIENTS = 6
GATEWAY, CERTGEN, AUDIT = "penstock-gatewa", "penstock-certge", \
    "penstock-audit"


# -- inside: the load ------------------------------------------------------

def load(client, numbers):
    from client import Wire               # needs the sandbox's environment
    wire = None
    while True:
        try:
            wire = wire or Wire(HOST, timeout_s=3)
            for _ in range(20):
                n = next(numbers)
                if wire.get(f"/p?n={client}x{n}", HOST).answer() is None:
                    break
        except (OSError, ValueError, IndexError):
            time.sleep(0.02)
        if wire:
            wire.close()
        wire = None


def load_all():
    for client in range(CLIENTS):
        threading.Thread(target=load, args=(client, itertools.count()),
                         daemon=True).start()
    sys.stdin.read()                      # until it is closed
    os._exit(0)


# -- outside ---------------------------------------------------------------

def prepare(stage):
    stage.start("raw", stage.origin_command(
        PYTHON, HERE / "raw_origin.py", "11.0.0.4",
        stage.dir / "certs" / "use" / "good.pem", stage.dir / "raw.log"))
    wait_for("the raw origin", lambda: stage.listens("11.0.0.4", 443))


def seen(stage):
    """How often the origin got each request."""
    text = (stage.dir / "raw.log").read_text()
    return collections.Counter(re.findall(r"GET /p\?n=(\w+) HTTP", text))


def recorded(stage):
    """{query: [outcome]} of the ledger."""
    path = stage.dir / "state" / "ledger.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as db:
        found = {}
        for query, outcome in db.execute(
                "SELECT query, outcome FROM requests WHERE path = '/p'"):
            found.setdefault(query.removeprefix("n="), []).append(outcome)
        return found


def victims(stage, kind):
    pids = stage.children()
    workers = sorted(pids.get(GATEWAY, []))[1:]
    return {"worker": random.sample(workers, min(1, len(workers))),
            "workers": workers, "audit": pids.get(AUDIT, []),
            "certgen": pids.get(CERTGEN, []),
            "audit and worker": pids.get(AUDIT, []) + workers[:1]}[kind]


@outside(f"{ROUNDS} times SIGKILL under load")
def rounds(stage):
    child = stage.popen(PYTHON, "crash_test.py", "--load", stdin=-1)
    wait_for("load", lambda: len(seen(stage)) > 50)
    end = time.monotonic() + ROUNDS_S
    done = 0
    kinds = itertools.cycle(("worker", "audit", "worker", "certgen",
                             "workers", "audit and worker"))
    while done < ROUNDS and time.monotonic() < end:
        before = len(seen(stage))
        for pid in victims(stage, next(kinds)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for("the load to go on",
                 lambda: len(seen(stage)) > before + 20, 10)
        time.sleep(random.random() * 0.3)
        done += 1
    child.stdin.close()
    child.wait(timeout=10)
    assert done >= 20, f"{done} rounds"


@outside("what the origin saw is in the ledger, each once")
def same(stage):
    want = seen(stage)
    wait_for("the ledger to settle",
             lambda: not set(want) - set(recorded(stage)), 15)
    got = recorded(stage)
    doubled = {n: o for n, o in got.items() if len(o) > 1}
    assert not doubled, dict(list(doubled.items())[:5])
    twice = [n for n, count in want.items() if count > 1]
    assert not twice, twice[:5]
    invented = [n for n, (outcome,) in got.items()
                if outcome == "done" and n not in want]
    assert not invented, invented[:5]
    assert len(want) > 500, len(want)


@outside("the ledger is intact")
def intact(stage):
    path = stage.dir / "state" / "ledger.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


if __name__ == "__main__":
    if "--load" in sys.argv:
        load_all()
    else:
        main(POLICY, prepare=prepare)
