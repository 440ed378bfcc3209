#!/usr/bin/env python3
"""Nothing can be recorded: nothing is forwarded, and it says so. When there is
room again all goes on, and no row is missing."""
import json
import os
import re
import signal
import subprocess
import sys

from harness import HERE, PYTHON, main, outside, wait_for

HOST = "refused.test"                     # raw_origin.py's, on this stage
POLICY = f"allow: [any https://{HOST}/**]\n"
AUDIT = "penstock-audit"
SPOOL_SLOTS, WORKERS = 8192, 2            # audit/spool_read.h, harness.py
# The table of names takes 32 MiB of it.
STATE_SIZE = "64m"


# -- inside ----------------------------------------------------------------

def probe(word):
    """Requests until some are refused for want of a record, a few if the word
    is "few…"; the statuses."""
    from client import Wire
    statuses, n, full = {}, 0, 0
    most = 200 if word.startswith("few") else SPOOL_SLOTS * (WORKERS + 1)
    while n < most and full < 200:
        with Wire(HOST) as wire:
            for _ in range(100):
                got = wire.get(f"/p?n={word}{n}", HOST).answer()
                n += 1
                if got is None:
                    break
                key = str(got.status)
                statuses[key] = statuses.get(key, 0) + 1
                full += got.status == 503
    return {"statuses": statuses, "sent": n}


# -- outside ---------------------------------------------------------------

def prepare(stage):
    subprocess.run(["mount", "-t", "tmpfs", "-o",
                    f"size={STATE_SIZE},mode=0700", "tmpfs",
                    stage.dir / "state"], check=True)
    stage.start("raw", stage.origin_command(
        PYTHON, HERE / "raw_origin.py", "11.0.0.4",
        stage.dir / "certs" / "use" / "good.pem", stage.dir / "raw.log"))
    wait_for("the raw origin", lambda: stage.listens("11.0.0.4", 443))


def flood(stage, word):
    """From a sandbox of its own."""
    done = stage.run(PYTHON, "full_test.py", "--probe", word, timeout=100)
    return json.loads(done.stdout)


def seen(stage, word):
    text = (stage.dir / "raw.log").read_text()
    return set(re.findall(rf"GET /p\?n=({word}\d+) HTTP", text))


def recorded(stage, word, least):
    def look():
        found = [r["query"][2:] for r in stage.rows("--path", "/p")
                 if (r["query"] or "").startswith(f"n={word}")
                 and r["upstream"]]
        return found if len(found) >= least else None
    return wait_for("the rows", look, 30)


def compare(stage, word, found):
    got = seen(stage, word)
    assert found["statuses"].get("503"), found
    assert found["statuses"]["200"] == len(got), (found, len(got))
    rows = recorded(stage, word, len(got))
    assert len(rows) == len(set(rows)), "doubled"
    assert set(rows) == got, (len(rows), len(got))


@outside("audit does not drain: 503 and nothing forwarded, until it does")
def stopped(stage):
    pids = stage.children()[AUDIT]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        found = flood(stage, "s")
        # What is free when it begins, and half of it.
        assert found["statuses"]["200"] <= SPOOL_SLOTS * WORKERS // 2, found
        # Another sandbox has room, though nothing is drained.
        few = flood(stage, "few")
        assert few["statuses"] == {"200": 200}, few
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    compare(stage, "s", found)
    assert len(recorded(stage, "few", 200)) == 200


@outside("the disk is full: the same")
def disk(stage):
    ballast = stage.dir / "state" / "ballast"
    with open(ballast, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 4096)
        except OSError:
            pass
    found = flood(stage, "d")
    ballast.unlink()
    compare(stage, "d", found)


@outside("and it works again")
def again(stage):
    def works():
        return stage.run("curl", "-sS", f"https://{HOST}/p?n=again",
                         check=False).stdout == "ok"
    wait_for("service", works)
    assert "it is replaced" not in stage.log("up"), stage.log("up")


if __name__ == "__main__":
    if "--probe" in sys.argv:
        print(json.dumps(probe(sys.argv[-1])))
    else:
        main(POLICY, prepare=prepare)
