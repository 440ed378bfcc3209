#!/usr/bin/env python3
"""What can happen to the ledger and the spools while requests come: nothing
that was forwarded is missing afterwards, and it recovers by itself."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from crash_rounds import AUDIT, GATEWAY
from harness import HERE, PYTHON, command, main, outside, wait_for

HOST = "refused.test"                     # crash_origin.py's, on this stage
POLICY = f"allow: [any https://{HOST}/**]\n"
PAGE = 4096
LOCKED_S = 30 if "--long" in sys.argv else 6


# -- inside ----------------------------------------------------------------

def load(log):
    """Requests until standard input ends; each answer's status to log."""
    import threading
    from client import Wire
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def client(which):
        n = 0
        while True:
            try:
                with Wire(HOST, timeout_s=5) as wire:
                    while True:
                        path = f"/{os.path.basename(log)}/{which}x{n}"
                        n += 1
                        got = wire.get(path, HOST).answer()
                        if got is None:
                            break
                        os.write(file, f"{path} {got.status}\n".encode())
                        time.sleep(0.01)
            except (OSError, ValueError, IndexError):
                time.sleep(0.05)

    for which in range(3):
        threading.Thread(target=client, args=(which,), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


# -- outside ---------------------------------------------------------------

def prepare(stage):
    stage.start("noting", stage.origin_command(
        PYTHON, HERE / "crash_origin.py", "11.0.0.4", stage.dir / "seen",
        stage.dir / "certs" / "use" / "good.pem"))
    wait_for("the origin", lambda: stage.listens("11.0.0.4", 443))


class Load:
    """Requests under a name of their own, for as long as the block runs."""

    def __init__(self, stage, name):
        self.stage, self.name = stage, name
        self.log = stage.project / name

    def __enter__(self):
        self.child = self.stage.popen(
            PYTHON, "faults_test.py", "--load", self.name,
            stdin=subprocess.PIPE)
        wait_for("the load", lambda: len(self.seen()) > 20)
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait(timeout=20)

    def seen(self):
        path = self.stage.dir / "seen"
        if not path.exists():
            return set()
        return {line for line in path.read_text().split()
                if line.startswith(f"/{self.name}/")}

    def statuses(self):
        found = {}
        for line in self.log.read_text().splitlines():
            status = line.split()[1]
            found[status] = found.get(status, 0) + 1
        return found

    def more(self, count=30, timeout_s=20):
        """Until so many more have reached the origin."""
        before = len(self.seen())
        wait_for("requests that work",
                 lambda: len(self.seen()) > before + count, timeout_s)


def ledgers(stage):
    return sorted(p for p in (stage.dir / "state").glob("ledger.db*")
                  if not p.name.endswith(("-wal", "-shm")))


def rows(path, name):
    """How often each path stands in a ledger; one that is damaged may say
    little."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True,
                                     timeout=10)) as db:
            return [r[0] for r in db.execute(
                "SELECT path FROM record WHERE path LIKE ?", (f"/{name}/%",))]
    except sqlite3.Error:
        return []


def compare(stage, load):
    """Every request that the origin saw is in the ledger, each once."""
    def missing():
        return load.seen() - set(rows(ledgers(stage)[0], load.name))
    try:
        wait_for("every row", lambda: not missing(), 20)
    except TimeoutError:
        assert not missing(), sorted(missing())[:5]
    found = rows(ledgers(stage)[0], load.name)
    assert len(found) == len(set(found)), "doubled"


def audit_status(stage):
    path = stage.dir / "run" / "spool" / "audit.status"
    return dict(line.split(" ", 1) for line in path.read_text().splitlines())


def stuck(stage, word):
    def look():
        said = audit_status(stage)
        return said["state"] == "stuck" and word in said.get("error", "")
    wait_for(f"stuck: {word}", look)


def going(stage):
    wait_for("going again", lambda: audit_status(stage)["state"] == "ok", 20)


@outside("another process locks the ledger: it waits, and all is entered")
def locked(stage):
    with Load(stage, "locked") as load:
        other = sqlite3.connect(stage.dir / "state" / "ledger.db",
                                isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        stuck(stage, "locked")
        said = stage.penstock("status").stdout
        assert "NOT RECORDING" in said and "locked" in said, said
        assert "penstock_ledger_ok 0\n" in stage.penstock("metrics").stdout
        time.sleep(LOCKED_S)
        other.execute("ROLLBACK")
        other.close()
        going(stage)
        load.more()
    assert set(load.statuses()) <= {"200", "503"}, load.statuses()
    compare(stage, load)


@outside("the file system becomes read-only, and writable again")
def read_only(stage):
    state = stage.dir / "state"
    with Load(stage, "readonly") as load:
        command("mount", "--bind", state, state)
        command("mount", "-o", "remount,bind,ro", state)
        # Who has it open to write keeps it so.
        for pid in stage.children()[AUDIT]:
            os.kill(pid, signal.SIGKILL)
        wait_for("it is said", lambda: "read-only" in stage.log("up")
                 or "Read-only" in stage.log("up"))
        load.more(100)
        command("mount", "-o", "remount,bind,rw", state)
        command("umount", "-l", state)
        load.more(timeout_s=40)
    compare(stage, load)


@outside("the ledger is overwritten while it is used: it steps aside")
def corrupt(stage):
    stage.stop_instance()                 # the log is in the file now
    stage.start_instance()
    ledger = stage.dir / "state" / "ledger.db"
    with open(ledger, "r+b") as f:
        for page in range(1, os.stat(ledger).st_size // PAGE):
            f.seek(page * PAGE)
            f.write(os.urandom(PAGE))
    for pid in stage.children()[AUDIT]:
        os.kill(pid, signal.SIGKILL)       # what it has in memory is sound
    with Load(stage, "corrupt") as load:
        wait_for("the ledger to step aside", lambda: len(ledgers(stage)) == 2,
                 20)
        going(stage)
        load.more()
    assert audit_status(stage)["damaged"] == "1", audit_status(stage)
    assert "A ledger was damaged" in stage.penstock("status").stdout
    assert set(load.statuses()) <= {"200", "503"}, load.statuses()
    compare(stage, load)


@outside("garbage before the start: it steps aside, and all works")
def garbage(stage):
    stage.stop_instance()
    ledger = stage.dir / "state" / "ledger.db"
    with open(ledger, "r+b") as f:
        f.write(os.urandom(2 * PAGE))
    time.sleep(1)                          # another second, another name
    stage.start_instance()
    assert len(ledgers(stage)) == 3, ledgers(stage)
    with Load(stage, "garbage") as load:
        load.more()
    compare(stage, load)
    assert "a new one begins" in stage.log("up")


@outside("a database of somebody else is left alone, and said")
def foreign(stage):
    stage.stop_instance()
    ledger = stage.dir / "state" / "ledger.db"
    kept = ledger.rename(ledger.with_name("kept"))
    with sqlite3.connect(ledger) as db:
        db.execute("CREATE TABLE theirs(x)")
    db.close()
    before = ledger.read_bytes()
    start = stage.penstock("up", check=False, timeout=20)
    assert start.returncode != 0, start
    assert "not a penstock ledger" in start.stderr, start.stderr
    assert ledger.read_bytes() == before
    ledger.unlink()
    kept.rename(ledger)
    stage.start_instance()


def spools(stage):
    return sorted((stage.dir / "run" / "spool").glob("*.spool"))


def bad(stage):
    return sorted((stage.dir / "run" / "spool").glob("*.bad"))


def workers(stage):
    return sorted(stage.children().get(GATEWAY, []))[1:]


def produced(path):
    """How many records its writer has finished."""
    with open(path, "rb") as f:
        return int.from_bytes(f.read(72)[64:], "little")


def harm(stage, name, hurt, gone=False):
    """One spool is hurt while it is used; what becomes of the rest."""
    for path in bad(stage):
        path.unlink()
    before = workers(stage)
    with Load(stage, name) as load:
        victim = max(spools(stage), key=produced)
        pid = int(re.fullmatch(r"\d+-(\d+)\.spool", victim.name)[1])
        for audit in stage.children()[AUDIT]:
            os.kill(audit, signal.SIGSTOP)
        load.more()                       # so that something waits in it
        hurt(victim)
        for audit in stage.children()[AUDIT]:
            os.kill(audit, signal.SIGCONT)
        wait_for("another worker", lambda: len(workers(stage)) == 2
                 and pid not in workers(stage))
        load.more()
        if not gone:
            wait_for("the spool kept", lambda: bad(stage))
    assert set(before) - {pid} <= set(workers(stage)), "another one died"
    return load


def write_at(offset, octets):
    def hurt(path):
        with open(path, "r+b") as f:
            f.seek(offset)
            f.write(octets)
    return hurt


@outside("a spool's ring is overwritten while it is used: nothing is lost")
def ring(stage):
    compare(stage, harm(stage, "ring", write_at(PAGE, b"\xff" * 4 * PAGE)))


@outside("a spool is deleted while it is used: nothing is lost")
def deleted(stage):
    compare(stage, harm(stage, "deleted", os.unlink, gone=True))


@outside("a spool is cut to nothing: one worker ends, and audit goes on")
def cut(stage):
    audits = stage.children()[AUDIT]
    load = harm(stage, "cut", lambda path: os.truncate(path, 0))
    assert stage.children()[AUDIT] == audits, "audit ended"
    # What was in it and not yet entered is gone; that is at most what one
    # worker took in a moment.
    wait_for("nearly every row", lambda: len(
        load.seen() - set(rows(ledgers(stage)[0], load.name))) < 150)


@outside("files that are no spools are kept apart, and do no harm")
def strangers(stage):
    where = stage.dir / "run" / "spool"
    for path in bad(stage):
        path.unlink()
    (where / "1-1.spool").write_bytes(b"")
    (where / "2-2.spool").write_bytes(os.urandom(70000))
    (where / "3-3.spool").symlink_to("/etc/passwd")
    (where / "4-4.spool").mkdir()
    os.mkfifo(where / "5-5.spool")
    (where / "6-6.spool").write_bytes(b"PENSPOOL" + os.urandom(100000))
    wait_for("all kept", lambda: len(bad(stage)) == 4
             and not (where / "3-3.spool").is_symlink()
             and not (where / "5-5.spool").exists())
    with Load(stage, "strangers") as load:
        load.more()
    compare(stage, load)
    wait_for("a count", lambda: int(audit_status(stage)["bad_spools"]) >= 6)


def still(load):
    """Does nothing arrive at the origin any more?"""
    before = len(load.seen())
    time.sleep(0.5)
    return len(load.seen()) == before


@outside("the run directory's file system is full: refused, then it goes on")
def run_full(stage):
    stage.stop_instance()
    where = stage.dir / "run"
    command("mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", where)
    stage.start_instance()
    with Load(stage, "runfull") as load:
        load.more()
        ballast = where / "ballast"
        for pid in stage.children()[AUDIT]:
            os.kill(pid, signal.SIGSTOP)  # so that fresh slots are needed
        with open(ballast, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(PAGE))
            except OSError:
                pass
        wait_for("a refusal", lambda: load.statuses().get("503"), 20)
        # Each worker has some slots that were populated before.
        wait_for("an end of forwarding", lambda: still(load), 20)
        ballast.unlink()
        for pid in stage.children()[AUDIT]:
            os.kill(pid, signal.SIGCONT)
        load.more()
    assert set(load.statuses()) == {"200", "503"}, load.statuses()
    compare(stage, load)


@outside("nobody crashed but where it was said")
def calm(stage):
    log = stage.log("up")
    assert "Assertion" not in log and "signal 6" not in log \
        and "signal 11" not in log, log[-2000:]


if __name__ == "__main__":
    if "--load" in sys.argv:
        load(sys.argv[-1])
    else:
        main(POLICY, prepare=prepare)
