#!/usr/bin/env python3
"""audit.when_full: count. Nothing is refused for want of a record; what goes
without one is counted, and it is said."""
import json
import os
import signal
import sys

from crash_rounds import AUDIT
from harness import CONFIG, HERE, PYTHON, main, outside, wait_for

HOST = "refused.test"                     # crash_origin.py's, on this stage
POLICY = f"allow: [any https://{HOST}/**]\n"
SPOOL_SLOTS, WORKERS = 8192, 2            # audit/spool_read.h, harness.py
REQUESTS = SPOOL_SLOTS // 2 * WORKERS + 600


# -- inside ----------------------------------------------------------------

def flood(count):
    """The statuses of so many requests, pipelined."""
    from client import Wire
    statuses, n = {}, 0
    while n < count:
        with Wire(HOST) as wire:
            batch = min(50, count - n)
            wire.send("".join(f"GET /c/{k} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
                              for k in range(n, n + batch)))
            for _ in range(batch):
                status = str(wire.answer().status)
                statuses[status] = statuses.get(status, 0) + 1
        n += batch
    return statuses


# -- outside ---------------------------------------------------------------

def prepare(stage):
    stage.start("noting", stage.origin_command(
        PYTHON, HERE / "crash_origin.py", "11.0.0.4", stage.dir / "seen",
        stage.dir / "certs" / "use" / "good.pem"))
    wait_for("the origin", lambda: stage.listens("11.0.0.4", 443))


def vitals(stage):
    return json.loads(stage.penstock("status", "--json").stdout)


@outside("audit does not drain: everything goes on, and the rest is counted")
def counted(stage):
    pids = stage.children()[AUDIT]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        out = stage.run(PYTHON, "count_test.py", "--flood", str(REQUESTS),
                        timeout=100).stdout
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert json.loads(out) == {"200": REQUESTS}, out
    seen = (stage.dir / "seen").read_text().split()
    assert len(seen) == len(set(seen)) == REQUESTS, len(seen)
    lost = vitals(stage)["lost"]
    assert lost >= REQUESTS - SPOOL_SLOTS // 2 * WORKERS, lost
    assert vitals(stage)["unrecorded"] == 0
    wait_for("all rows but these", lambda: len(
        [r for r in stage.rows() if r["path"].startswith("/c/")])
        == REQUESTS - lost, 30)


@outside("it is said to people and to Prometheus")
def said(stage):
    lost = vitals(stage)["lost"]
    assert "went unrecorded" in stage.penstock("status").stdout
    assert f'penstock_unrecorded_total{{result="lost"}} {lost}\n' in \
        stage.penstock("metrics").stdout


@outside("and later ones have their rows again")
def again(stage):
    before = vitals(stage)["lost"]
    stage.run("curl", "-sS", f"https://{HOST}/later")
    stage.row(path="/later")
    assert vitals(stage)["lost"] == before


if __name__ == "__main__":
    if "--flood" in sys.argv:
        print(json.dumps(flood(int(sys.argv[-1]))))
    else:
        main(POLICY, config=CONFIG + "audit: { when_full: count }\n",
             prepare=prepare)
