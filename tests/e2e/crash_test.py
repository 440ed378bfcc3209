#!/usr/bin/env python3
"""SIGKILL under load, round after round: what the origin saw and what the
ledger says are the same requests, each once."""
import sys

from crash_rounds import POLICY, Crash, prepare
from harness import main, outside

ROUNDS, SECONDS = 26, 35
LEAST = 12                                # each kind of kill once


def option(name, default):
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv \
        else default


@outside("SIGKILL under load: the load goes on")
def rounds(stage):
    stage.crash = Crash(stage)
    stage.crash.run(option("--rounds", ROUNDS), option("--seconds", SECONDS))
    assert stage.crash.rounds >= min(LEAST, option("--rounds", ROUNDS)), \
        f"{stage.crash.rounds} rounds"


@outside("what the origins saw is in the ledger, each once")
def same(stage):
    stage.crash.settle()
    faults = stage.crash.compare()
    stage.crash.report(faults)
    assert not any(faults.values()), {
        what: (len(names), names[:5]) for what, names in faults.items()
        if names}
    assert stage.crash.found["seen"] > 500, stage.crash.found


@outside("the ledger is intact, and no spool is left when it has ended")
def intact(stage):
    stage.stop_instance()
    assert not stage.crash.leftovers(), stage.crash.leftovers()
    assert stage.crash.integrity() == "ok"


@outside("and its chain holds")
def chain(stage):
    found = stage.penstock("audit", "verify", check=False, timeout=60)
    assert found.returncode == 0, found.stdout + found.stderr


if __name__ == "__main__":
    main(POLICY, prepare=prepare)
