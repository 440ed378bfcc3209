#!/usr/bin/env python3
"""The wall clock set back and forward under a running instance, processes
killed in between. CLOCK_REALTIME of every process, clients included, is what
clock_shift.c makes of it; other clocks go on as they are."""
import collections
import datetime
import json
import os
import signal
import sqlite3
import struct
import subprocess
import time

from harness import CONFIG, HERE, command, main, outside, wait_for
from ship_servers import Ndjson

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400
# So far ahead is what is called right here: the origins' certificates, made
# by the kernel's clock, are then valid an hour before it too.
RIGHT = 2 * HOUR
PRUNE_S = 12                              # audit looks every 10 s
GATEWAY, CERTGEN, AUDIT = "penstock-gatewa", "penstock-certge", \
    "penstock-audit"
HALF_HOUR = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(
    time.time() + RIGHT + HOUR / 2))
SETTINGS = CONFIG + """\
audit:
  keep: 30d
  ship: [{ to: ndjson, url: 'http://127.0.0.1:19001/in' }]
policies:
  timed:
    allow:
      - any https://h1.test/**
      - GET https://h2.test/
      - GET https://*.a.test/**
      - GET https://other.test/** rate=2/min
      - GET https://dual.test/plain until={until}
      - GET https://dual.test/other
    deny: [any https://h1.test/private/**]
""".replace("{until}", HALF_HOUR)


class Client:
    """A shell in a sandbox, whose commands have the shifted clock."""

    def __init__(self, stage, name):
        self.stage = stage
        self.child = stage.popen("sh", policy="timed",
                                 options=("--name", name),
                                 stdin=subprocess.PIPE, text=True)
        self.sent = collections.Counter()
        self.count = 0

    def get(self, *urls):
        """[status] of each, 0 where there was none; curl checks the leaf's
        time. Each URL gets a number of its own, to be found by."""
        self.count += 1
        out = f"answers.{self.count}"
        numbered = []
        for url in urls:
            query = f"n={len(self.sent)}"
            self.sent[query] += 1
            numbered.append(f"'{url}?{query}'")
        self.child.stdin.write(
            f"for url in {' '.join(numbered)}; do "
            "LD_PRELOAD=$PWD/clock.so CLOCK_SHIFT=$PWD/clock curl -sS -m 20 "
            "-o /dev/null -w '%{http_code}\\n' \"$url\"; "
            f"done >{out}.new 2>{out}.errors; mv {out}.new {out}\n")
        self.child.stdin.flush()
        done = self.stage.project / out
        wait_for("answers", done.exists, 60)
        return [int(code) for code in done.read_text().split()]

    def good(self, *urls):
        codes = self.get(*urls)
        assert codes == [200] * len(urls), (
            codes, (self.stage.project /
                    f"answers.{self.count}.errors").read_text())


def set_clock(stage, shift_s):
    """So far from what is right."""
    stage.shift.seek(0)
    stage.shift.write(struct.pack("=q", (RIGHT + shift_s) * 10 ** 9))
    stage.shift.flush()
    stage.shift_s = RIGHT + shift_s


def now(stage):
    return time.time() + stage.shift_s


def prepare(stage):
    library = stage.project / "clock.so"
    command("gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", library,
            HERE / "clock_shift.c")
    stage.shift = open(stage.project / "clock", "wb")
    set_clock(stage, 0)
    stage.env |= {"LD_PRELOAD": str(library),
                  "CLOCK_SHIFT": str(stage.project / "clock")}
    # A sanitizer wants to be the first library; it need not be.
    stage.env["ASAN_OPTIONS"] = "verify_asan_link_order=0:" + \
        stage.env.get("ASAN_OPTIONS", "")
    stage.receiver = Ndjson(stage, "ndjson", 19001)
    stage.receiver.start()
    stage.client = None


def client(stage):
    if not stage.client:
        stage.client = Client(stage, "timed")
    return stage.client


def replaced(stage, name, first=0):
    """SIGKILL for processes of this name; wait for the next ones."""
    before = sorted(stage.children()[name])[first:]
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    count = len(before)
    wait_for(f"another {name}", lambda: len(
        set(sorted(stage.children().get(name, []))[first:])
        - set(before)) == count)


def ledger(stage, sql):
    db = sqlite3.connect(f"file:{stage.dir}/state/ledger.db?mode=ro",
                         uri=True)
    rows = db.execute(sql).fetchall()
    db.close()
    return rows


def verified(stage):
    said = subprocess.run(
        [stage.bin / "penstock", "audit", "verify", "--json"], env=stage.env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
        check=False)
    assert said.returncode == 0, said.stdout
    return json.loads(said.stdout)


def entered(stage):
    """All requests that were sent are in the ledger, each once; the rows by
    their numbers."""
    sent = client(stage).sent
    found = {}

    def probe():
        found.clear()
        for row in stage.rows():
            if (row["query"] or "").startswith("n="):
                found.setdefault(row["query"], []).append(row)
        return set(found) >= set(sent)
    wait_for("all rows", probe)
    twice = {n: rows for n, rows in found.items() if len(rows) != 1}
    assert set(found) == set(sent) and not twice, (set(sent) ^ set(found),
                                                   twice)
    return {n: rows[0] for n, rows in found.items()}


def said_time(stage, rows, count, within_s=10):
    """The last rows say the time that the clock said."""
    for n in range(len(rows) - count, len(rows)):
        said = datetime.datetime.fromisoformat(
            rows[f"n={n}"]["time"].replace("Z", "+00:00"))
        off = said.timestamp() - now(stage)
        assert abs(off) < within_s, (n, off)


def some(stage, *more):
    """A few requests, allowed and denied, old host and new."""
    urls = ["https://h1.test/plain", "https://h2.test/", *more]
    client(stage).good(*urls)
    assert client(stage).get("https://h1.test/private/x") == [403]
    said_time(stage, entered(stage), len(urls) + 1)


def sealed(stage, timeout_s=25):
    def probe():
        report = verified(stage)
        return report if not report["unsealed"] else None
    try:
        return wait_for("the seal", probe, timeout_s)
    except TimeoutError:
        raise AssertionError(verified(stage)) from None


@outside("at the right time all works")
def right(stage):
    some(stage)


@outside("10 s back: every row once, and with the time by the clock")
def seconds_back(stage):
    set_clock(stage, -10)
    some(stage, "https://x1.a.test/plain")


@outside("an hour back, with every process killed in turn")
def hour_back(stage):
    set_clock(stage, -HOUR)
    some(stage, "https://x2.a.test/plain")
    replaced(stage, GATEWAY, first=1)
    some(stage, "https://x3.a.test/plain")
    replaced(stage, AUDIT)
    replaced(stage, CERTGEN)
    replaced(stage, "penstock-ship", first=-1)
    some(stage, "https://x4.a.test/plain")
    recent = [json.loads(line) for line in stage.penstock(
        "log", "--all", "--since", "5m", "--json").stdout.splitlines()]
    wanted = list(entered(stage).values())[-12:]
    missing = {r["query"] for r in wanted} - {r["query"] for r in recent}
    assert not missing, missing
    sealed(stage)


@outside("a day forward, and back again: leaves are good at both times")
def day_forward(stage):
    set_clock(stage, DAY)
    some(stage, "https://x5.a.test/plain")
    replaced(stage, CERTGEN)
    replaced(stage, AUDIT)
    some(stage, "https://x6.a.test/plain")
    set_clock(stage, -30)
    some(stage, "https://x5.a.test/plain", "https://x6.a.test/plain",
         "https://x7.a.test/plain")
    sealed(stage)


@outside("a clock that is years ahead for a minute takes no rows away")
def years_forward(stage):
    count = len(stage.rows())
    set_clock(stage, 10 * YEAR)
    # The origins' certificates have expired by now; a refusal needs none.
    refused = "https://h1.test/private/y"
    assert client(stage).get(refused) == [403]
    said_time(stage, entered(stage), 1)
    time.sleep(PRUNE_S)
    assert len(stage.rows()) == count + 1, "young rows were pruned"
    replaced(stage, AUDIT)
    replaced(stage, GATEWAY, first=1)
    assert client(stage).get(refused, "https://x8.a.test/private") \
        == [403, 502]
    time.sleep(2)                         # one that starts looks at once
    assert len(stage.rows()) == count + 3, "young rows were pruned"


@outside("and when it is right again, all is: leaves, rows, chain, shipping")
def right_again(stage):
    set_clock(stage, 0)
    some(stage, "https://x8.a.test/plain", "https://x9.a.test/plain")
    replaced(stage, GATEWAY, first=1)
    some(stage, "https://x9.a.test/plain")
    replaced(stage, AUDIT)
    some(stage, "https://x9.a.test/plain")
    sealed(stage)


@outside("a limit of a rate, and a grant's end, are no matter of the clock")
def limits(stage):
    limited = "https://other.test/plain"
    assert client(stage).get(limited, limited, limited) == [200, 200, 429]
    set_clock(stage, DAY)
    assert client(stage).get(limited) == [429]
    set_clock(stage, -HOUR)
    assert client(stage).get(limited) == [429]
    set_clock(stage, 0)
    timed = "https://dual.test/plain"
    client(stage).good(timed)
    set_clock(stage, HOUR)
    assert client(stage).get(timed) == [403]
    set_clock(stage, 0)
    client(stage).good(timed)
    granted = "https://h2.test/plain"
    assert client(stage).get(granted) == [403]
    stage.penstock("allow", "timed", "GET https://h2.test/plain",
                   "--for", "6s")
    client(stage).good(granted)
    set_clock(stage, -HOUR)
    wait_for("the grant's end", lambda: client(stage).get(granted) == [403],
             12)
    set_clock(stage, 0)
    assert client(stage).get(granted) == [403]
    stage.penstock("allow", "timed", "GET https://h2.test/plain",
                   "--for", "1h")
    set_clock(stage, DAY)
    wait_for("the grant's end", lambda: client(stage).get(granted) == [403])
    set_clock(stage, 0)


def missing(stage):
    """Rows that the receiver does not have; nothing but rows has it."""
    ours = {row[0] for row in ledger(stage, "SELECT id FROM requests")}
    theirs = {row["id"] for row in stage.receiver.rows()}
    assert theirs <= ours, theirs - ours
    return ours - theirs


@outside("every row has a place in the chain and is shipped, once")
def whole(stage):
    rows = entered(stage)
    report = sealed(stage)
    assert report["rows"] >= len(rows), report
    ids = [row[0] for row in ledger(stage, "SELECT id FROM requests")]
    assert len(ids) == len(set(ids)) == report["rows"], report
    assert not ledger(stage, "SELECT 1 FROM record WHERE facts NOT IN"
                             " (SELECT id FROM facts)")
    wait_for("the receiver's rows", lambda: not missing(stage), 20)
    assert stage.stop_instance() == 0, stage.log("up")
    verified(stage)


if __name__ == "__main__":
    main("timed", SETTINGS, prepare)
