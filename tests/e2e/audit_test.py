#!/usr/bin/env python3
"""The proof of the ledger, with an instance that runs: verify, tamper with a
copy, export, import, prune; SIGKILL while rows are sealed."""
import gzip
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from harness import main, outside, wait_for

POLICY = """
allow:
  - any https://h1.test/**
deny:
  - GET https://h1.test/private/**
"""
REQUESTS = 60
KILLS = 3
AUDIT = "penstock-audit"                  # as /proc has it


def state(stage):
    return stage.dir / "state"


def audit(stage, *argv, status=0):
    """Output of penstock audit, which ends with this status."""
    got = subprocess.run(
        [stage.bin / "penstock", "audit", *map(str, argv)], env=stage.env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
        check=False)
    text = got.stdout.decode()
    assert got.returncode == status, (argv, got.returncode, text)
    return text


def verified(stage, *argv, status=0):
    return json.loads(audit(stage, "verify", "--json", *argv, status=status))


def traffic(stage, mark, count=REQUESTS):
    urls = [f"https://h1.test/{'private/' if n % 5 == 0 else ''}{mark}?n={n}"
            for n in range(count)]
    out = [word for url in urls for word in ("-o", "/dev/null", url)]
    stage.run("curl", "-sS", *out)


def sealed(stage, count):
    """Wait until so many rows are sealed, and none waits."""
    def probe():
        report = verified(stage)
        return report if (report["rows"] >= count and
                          not report["unsealed"]) else None
    return wait_for("the seal", probe, 20)


def settled(stage):
    """How many rows there are, once none comes any more and all are sealed."""
    def probe():
        before = sealed(stage, 1)["rows"]
        time.sleep(1)
        return before if sealed(stage, 1)["rows"] == before else None
    return wait_for("the last row", probe, 20)


def copy(stage, name="copy"):
    """The ledger as it is, in a directory of its own."""
    to = stage.dir / name
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    ours = sqlite3.connect(f"file:{state(stage)}/ledger.db?mode=ro", uri=True)
    with sqlite3.connect(to / "ledger.db") as theirs:
        ours.backup(theirs)
    theirs.close()
    ours.close()
    return to / "ledger.db"


@outside("a ledger that runs is intact; what is young is told as such")
def live(stage):
    traffic(stage, "a")
    report = verified(stage)
    assert report["verdict"] == "intact", report
    report = sealed(stage, REQUESTS)
    assert report["checkpoints"] >= 1 and len(report["key"]) == 64, report
    mode = os.stat(state(stage) / "audit.key").st_mode
    assert mode & 0o777 == 0o600, oct(mode)
    text = audit(stage, "verify")
    assert text.startswith("intact: "), text


@outside("each kind of tampering is found and named")
def tampered(stage):
    some = "(SELECT entry FROM record ORDER BY entry LIMIT 1 OFFSET 10)"
    # The first one whose next key is free, so that it can be put in.
    gap = ("(SELECT min(entry) FROM record WHERE entry + 1 NOT IN"
           " (SELECT entry FROM record))")
    for sql, says in (
            (f"UPDATE record SET path = '/x' WHERE entry = {some}",
             "was changed"),
            (f"DELETE FROM record WHERE entry = {some}", "removed"),
            ("INSERT INTO record SELECT entry + 1, facts, 0, 0, 0, 0, 0, 0,"
             f" '/', '', '', 0 FROM record WHERE entry = {gap}", "inserted"),
            ("UPDATE text SET text = 'x.test' WHERE text = 'h1.test'",
             "was changed"),
            ("UPDATE batch SET rows = rows + 1, total = total + 1",
             "batch 1"),
            ("DELETE FROM statement", "no checkpoint"),
            ("DELETE FROM batch", "cut off"),
            ("DROP VIEW denied", "table or view")):
        path = copy(stage)
        with sqlite3.connect(path) as db:
            db.executescript(sql)
        db.close()
        text = audit(stage, "verify", path, status=1)
        assert text.startswith("BROKEN: ") and says in text, (sql, text)


@outside("a checkpoint kept elsewhere shows a ledger that was rolled back")
def rolled_back(stage):
    old = copy(stage, "old")
    traffic(stage, "b")
    sealed(stage, 2 * REQUESTS)
    # A checkpoint is made each minute; and when penstock-audit ends.
    restart(stage, signal.SIGTERM)
    kept = stage.dir / "kept"
    kept.write_text(audit(stage, "stats", "--checkpoint"))
    assert verified(stage, "--checkpoint", kept)["verdict"] == "intact"
    assert verified(stage, old)["verdict"] == "intact"
    text = audit(stage, "verify", old, "--checkpoint", kept, status=1)
    assert "cut off" in text, text
    key = verified(stage)["key"]
    assert verified(stage, "--key", key)["verdict"] == "intact"
    audit(stage, "verify", "--key", "0" * 64, status=1)
    audit(stage, "verify", "--key", "nonsense", status=2)


@outside("an export proves itself, and fills another ledger")
def exported(stage):
    file = stage.dir / "all.ndjson.gz"
    rows = verified(stage)["rows"]
    audit(stage, "export", "--output", file)
    assert verified(stage, file)["rows"] == rows
    with gzip.open(file, "rt") as f:
        lines = f.read().splitlines()
    plain = stage.dir / "bad.ndjson"
    plain.write_text("\n".join(lines).replace("/private/a", "/private/c")
                     + "\n")
    audit(stage, "verify", plain, status=1)
    into = stage.dir / "into"
    into.mkdir()
    audit(stage, "import", plain, "--into", into / "x.db", status=3)
    assert not (into / "x.db").exists()
    audit(stage, "import", file, "--into", into / "x.db")
    again = audit(stage, "import", file, "--into", into / "x.db")
    assert again.startswith(f"0 rows entered, {rows} "), again
    assert verified(stage, into / "x.db")["rows"] == rows
    theirs = sqlite3.connect(into / "x.db")
    ours = sqlite3.connect(f"file:{state(stage)}/ledger.db?mode=ro", uri=True)
    query = "SELECT * FROM requests ORDER BY id LIMIT ?"
    def all_but_entry(db):
        return [row[:-1] for row in db.execute(query, (rows,))]
    assert all_but_entry(theirs) == all_but_entry(ours)
    theirs.close()
    ours.close()
    text = audit(stage, "import", file, "--into", state(stage) / "ledger.db",
                 status=3)
    assert "penstock-audit writes to it" in text, text
    audit(stage, "export", "--verdict", "deny", "--output", plain)
    text = audit(stage, "verify", plain, status=2)
    assert "nothing proves" in text, text


@outside("stats: how much there is, and who signs")
def stats(stage):
    got = json.loads(audit(stage, "stats", "--json"))
    report = verified(stage)
    assert got["key"] == report["key"] and got["sealed"] == report["rows"]
    assert sum(g["rows"] for g in got["by"]) == got["rows"], got
    assert {"allow", "deny"} <= {g["verdict"] for g in got["by"]}, got
    text = audit(stage, "stats")
    assert report["key"] in text and "octets a row" in text, text


def auditor(stage):
    return set(stage.children().get(AUDIT, ()))


def restart(stage, how):
    """End penstock-audit so; it is started again."""
    before = auditor(stage)
    for pid in before:
        os.kill(pid, how)
    wait_for("another audit", lambda: auditor(stage) - before)


@outside("SIGKILL again and again while rows are sealed: intact")
def killed(stage):
    for n in range(KILLS):
        traffic(stage, f"k{n}", 20)
        time.sleep(1 + n)
        restart(stage, signal.SIGKILL)
    report = sealed(stage, 2 * REQUESTS + 20 * KILLS)
    assert report["verdict"] == "intact", report
    # At its end it seals what is finished.
    traffic(stage, "end", 20)
    stage.stop_instance()
    report = verified(stage)
    assert not report["unsealed"] and not report["open"], report
    assert not report["unsigned"], report


@outside("prune: by request while it runs, under the lock when it does not")
def pruned(stage):
    time.sleep(1)
    text = audit(stage, "prune", "--keep", "0s", "--dry-run")
    rows = json.loads(audit(stage, "stats", "--json"))["rows"]
    assert text == f"would go: {rows} of {rows} rows\n", text
    text = audit(stage, "prune", "--max-size", "200KiB")
    stage.start_instance()
    traffic(stage, "p")
    left = settled(stage)
    text = audit(stage, "prune", "--keep", "0s")
    assert text == f"{left} rows went\n", (text, left)
    report = verified(stage)
    assert report["verdict"] == "intact" and report["rows"] == 0, report
    assert report["pruned"] > 0, report
    assert "by retention, signed" in audit(stage, "verify")
    audit(stage, "prune", "--keep", "soon", status=2)
    audit(stage, "prune", status=2)
    traffic(stage, "q", 10)
    assert sealed(stage, 10)["verdict"] == "intact"


@outside("what is no ledger, a newer one, one without a proof: a clear line")
def foreign(stage):
    there = stage.dir / "foreign.db"
    for sql, says in (("CREATE TABLE t(x)", "not a penstock ledger"),):
        with sqlite3.connect(there) as db:
            db.executescript(sql)
        db.close()
        assert says in audit(stage, "verify", there, status=2)
    path = copy(stage)
    with sqlite3.connect(path) as db:
        db.executescript("PRAGMA user_version = 99")
    db.close()
    assert "newer version" in audit(stage, "verify", path, status=2)
    there.write_text("words\n")
    assert "not an export" in audit(stage, "verify", there, status=2)
    assert "No such file" in audit(stage, "verify", stage.dir / "none",
                                   status=2)


if __name__ == "__main__":
    main(POLICY)
