#!/usr/bin/env python3
"""Hours of everything at once: nothing grows, nothing is left open, nothing is
lost. In ./test.sh for some seconds only; tests/soak.py is the long one."""
import collections
import itertools
import pathlib
import random
import re
import statistics
import subprocess
import sys
import threading
import time

from crash_rounds import POLICY, Crash, prepare
from harness import CONFIG, PYTHON, main, outside, wait_for

SECONDS = 20
SANDBOXES = 3                             # at a time
LONG_S = 900                              # from here on growth is judged
CACHES_MIB = 48                           # a process with full caches has less
GROWS_MIB, GROWS_SHARE = 6, 1.15          # of private memory, beyond that
NAMED = re.compile(r"(/denied)?/[a-z0-9]+/[0-9a-f]+x\d+")
TEAM = CONFIG + """
policies:
  team:
    allow:
      - GET https://h1.test/n%d/**
"""


def seconds():
    return int(sys.argv[sys.argv.index("--seconds") + 1]) \
        if "--seconds" in sys.argv else SECONDS


def private_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(n) for n in re.findall(
        r"^Private_(?:Clean|Dirty):\s+(\d+)", text, re.M)) / 1024


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


class Soak(Crash):
    """The crash test's accounts, without its kills."""

    def __init__(self, stage):
        super().__init__(stage)
        self.over = threading.Event()
        self.memory = collections.defaultdict(list)
        self.faults = []
        self.sandboxes = itertools.count()
        self.started = self.stage.children()
        self.before = self.open_files()
        self.base = {}

    def rows(self):
        """Of the requests that have a name of their own."""
        return {name: found for name, found in super().rows().items()
                if NAMED.fullmatch(name) or name.startswith("/tun-")}

    def processes(self):
        return [(f"{name} {pid}", pid) for name, pids in
                self.stage.children().items() for pid in pids
                if name.startswith("penstock-")]

    def open_files(self):
        return {what: descriptors(pid) for what, pid in self.processes()}

    def sample(self):
        for what, pid in self.processes():
            self.memory[what].append(private_mib(pid))

    # -- what goes on -----------------------------------------------------

    def sandbox(self):
        """One after another, each for a while."""
        while not self.over.is_set():
            number = next(self.sandboxes)
            with open(self.stage.dir / "logs" / "load", "ab") as f:
                child = self.stage.popen(
                    PYTHON, "soak_load.py", "answers", stdin=subprocess.PIPE,
                    stdout=f, stderr=f, options=("--name", f"soak{number}"))
            self.over.wait(random.uniform(4, 12))
            child.stdin.close()
            if child.wait(timeout=60):
                self.faults.append(f"sandbox {number}: {child.returncode} "
                                   + self.stage.log("load")[-500:])

    def operator(self):
        """Reloads, grants and questions to the ledger."""
        for turn in itertools.count():
            if self.over.wait(1.5):
                return
            self.stage.write_config(TEAM % turn)
            for argv in (("reload",), ("status",), ("metrics",),
                         ("log", "--limit", "20"),
                         ("log", "--all", "--group-by", "host"),
                         ("allow", "--for", "3s", "steady",
                          f"GET https://h1.test/grant{turn}/**")):
                run = self.stage.penstock(*argv, check=False)
                if run.returncode > (argv[0] == "log"):   # 1: no such rows
                    self.faults.append(f"{argv}: {run.returncode} "
                                       f"{run.stdout[-300:]}{run.stderr}")

    def soak(self, length_s):
        steady = self.stage.popen("cat", stdin=subprocess.PIPE,
                                  options=("--name", "steady"))
        wait_for("a sandbox", lambda: "steady" in self.stage.penstock(
            "sandboxes").stdout)
        threads = [threading.Thread(target=self.sandbox)
                   for _ in range(SANDBOXES)]
        threads.append(threading.Thread(target=self.operator))
        for thread in threads:
            thread.start()
        end = time.monotonic() + length_s
        while time.monotonic() < end:
            time.sleep(max(1, length_s / 200))
            self.sample()
        self.over.set()
        for thread in threads:
            thread.join()
        steady.stdin.close()
        steady.wait(timeout=30)

    # -- what came of it --------------------------------------------------

    def left_open(self):
        """Descriptors beyond those of the beginning, by process."""
        return {what: (self.before.get(what), n)
                for what, n in self.open_files().items()
                if n > self.before.get(what, 0) + 4}

    def growth(self):
        """{process: (MiB in the second quarter, in the last)}."""
        def median(samples, quarter):
            size = len(samples) // 4
            return statistics.median(samples[quarter * size:][:size])

        return {what: (median(s, 1), median(s, 3))
                for what, s in self.memory.items() if len(s) >= 8}


@outside("everything at once, and operators beside it")
def soak(stage):
    stage.soak = Soak(stage)
    stage.soak.soak(seconds())
    assert not stage.soak.faults, stage.soak.faults[:5]


@outside("no process ended")
def same_processes(stage):
    assert stage.children() == stage.soak.started, (
        stage.soak.started, stage.children())


@outside("what the origins saw is in the ledger, each once")
def same(stage):
    stage.soak.settle()
    faults = stage.soak.compare()
    stage.soak.report(faults)
    assert not any(faults.values()), {
        what: (len(names), names[:5]) for what, names in faults.items()
        if names}
    assert stage.soak.found["seen"] > 500, stage.soak.found
    whole = (stage.project / "whole").read_text().count("whole")
    print(f"#   sandboxes {next(stage.soak.sandboxes)}, "
          f"big answers with the right sum {whole}")
    assert whole, "none"


@outside("descriptors are as few as before")
def closed(stage):
    # Idle connections to origins stay for a minute.
    wait_for("what was open to be closed", lambda: not stage.soak.left_open(),
             75)


@outside("memory does not grow")
def steady(stage):
    grown = stage.soak.growth()
    for what, (early, late) in sorted(grown.items()):
        print(f"#   {what}: {early:.1f} MiB, later {late:.1f}")
    assert grown
    if seconds() >= LONG_S:
        bad = {what: (early, late) for what, (early, late) in grown.items()
               if late > max(early * GROWS_SHARE + GROWS_MIB, CACHES_MIB)}
        assert not bad, bad


@outside("the chain holds")
def chain(stage):
    stage.stop_instance()
    found = stage.penstock("audit", "verify", check=False, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr


if __name__ == "__main__":
    main(POLICY.replace("allow:\n", "allow:\n  - any https://*.test/**\n"),
         prepare=prepare)
