#!/usr/bin/env python3
"""SIGKILL for each process in turn: it is replaced, no record is lost and
none is doubled, and requests work again."""
import os
import signal
import subprocess
import time

from harness import main, outside, wait_for

POLICY = "allow: [any https://h1.test/**]\n"
SILENT = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
          "stderr": subprocess.DEVNULL}
BURST = """
for n in $(seq {first} {last}); do
    curl -sS -o /dev/null -m 20 https://h1.test/plain?n=$n || true
done
"""
# Processes by the names of their programs, as the kernel cuts them.
GATEWAY, CERTGEN, AUDIT = "penstock-gatewa", "penstock-certge", \
    "penstock-audit"


def works(stage):
    return stage.run("curl", "-sS", "-m", "10", "https://h1.test/plain",
                     check=False).stdout == "hello\n"


def workers(stage):
    """The gateway's processes but its parent, the one started first."""
    return sorted(stage.children().get(GATEWAY, []))[1:]


def kill(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def killed_during(stage, first, last, kill_now):
    """A burst of numbered requests, and kill_now() in the middle of it; the
    rows that it left."""
    child = stage.popen("sh", "-c", BURST.format(first=first, last=last),
                        **SILENT)
    time.sleep(0.7)
    kill_now()
    child.wait(timeout=120)
    return rows_of(stage, first, last)


def rows_of(stage, first, last):
    """{n: the rows of request n}"""
    rows = stage.rows()
    return {n: [r for r in rows if r["query"] == f"n={n}"]
            for n in range(first, last + 1)}


@outside("before anything: it works, and all processes are there")
def begin(stage):
    assert works(stage)
    running = stage.children()
    for name in (GATEWAY, CERTGEN, AUDIT):
        assert name in running, running
    assert len(workers(stage)) == 2, running


@outside("a worker: replaced at once, at most its own requests end")
def worker(stage):
    before = workers(stage)
    rows = killed_during(stage, 100, 130, lambda: kill(before[:1]))
    wait_for("a new worker", lambda: len(workers(stage)) == 2
             and workers(stage) != before)
    assert works(stage)
    assert all(len(r) <= 1 for r in rows.values()), "doubled"
    missing = [n for n, r in rows.items() if not r]
    assert len(missing) <= 3, missing     # what was never accepted


@outside("all workers at once")
def all_workers(stage):
    before = workers(stage)
    kill(before)
    wait_for("new workers", lambda: len(set(workers(stage)) - set(before)) == 2)
    wait_for("service", lambda: works(stage))


@outside("certgen: replaced; known and new names get their leaves")
def certgen(stage):
    before = stage.children()[CERTGEN]
    kill(before)
    wait_for("a new certgen", lambda: stage.children().get(CERTGEN)
             not in (None, [], before))
    assert works(stage)
    assert "hello" in stage.run(
        "curl", "-sS", "https://other.test/plain", policy="allow: "
        "[any https://other.test/**]\n").stdout


@outside("audit: replaced, and every request of the burst has one row")
def audit(stage):
    before = stage.children()[AUDIT]
    killed_during(stage, 200, 230, lambda: kill(before))
    wait_for("a new audit", lambda: stage.children().get(AUDIT)
             not in (None, [], before))
    wait_for("every row, once", lambda: all(
        len(r) == 1 for r in rows_of(stage, 200, 230).values()))


@outside("the parent: everything ends, nothing leaves, the next start works")
def parent(stage):
    running = stage.children()
    kill([stage.daemon.pid])
    stage.daemon.wait(timeout=5)
    wait_for("the rest to end", lambda: not any(
        os.path.exists(f"/proc/{pid}/exe")
        for pids in running.values() for pid in pids), 10)
    count = len(stage.rows())
    stage.start_instance()
    assert works(stage)
    wait_for("its row", lambda: len(stage.rows()) >= count + 1)


@outside("a request that was open when its worker died is in the ledger")
def interrupted(stage):
    child = stage.popen("curl", "-sS", "-m", "20", "https://h1.test/hang",
                        **SILENT)
    time.sleep(1.5)
    kill(workers(stage))
    child.wait(timeout=30)
    row = stage.row(path="/hang", timeout_s=15)
    assert row["outcome"] == "interrupted", row


@outside("SIGTERM ends it in order")
def end(stage):
    assert stage.stop_instance() == 0, stage.log("up")
    assert not stage.children()


if __name__ == "__main__":
    main(POLICY)
