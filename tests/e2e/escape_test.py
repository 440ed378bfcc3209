#!/usr/bin/env python3
"""Every way round the gate, from inside every kind of sandbox, against a
catcher outside.

usage: escape_test.py BUILD-DIR [--only KIND] [--results FILE]

First a client that nobody captures makes each attempt, and the catcher must
see it arrive; then all kinds make them, and nothing may. At last the gateway
is stopped, starved and killed while clients loop. One line for each attempt;
--results writes {attempt: {kind: how it ended}} for the table in docs/.
"""
import json
import os
import pathlib
import re
import resource
import select
import signal
import subprocess
import sys
import time
import traceback

import wire_reader
from escape_attempts import ATTEMPTS
from escape_stage import KINDS, EscapeStage, without_nftables
from harness import SANITIZED_START_S, STAGED, command, in_namespaces, wait_for

ENTER_S, SETTLE_S = 150, 0.4
FAULT_S = 1.5
FAULTS = "The gateway"
MARK = re.compile(rb"(leak|fine)-([a-z]+)-(\d\d\d)")
HELD_BY_NETWORK = "the network has no other way"


class Suite:
    def __init__(self, stage, kinds):
        self.stage, self.kinds = stage, kinds
        self.results = []                 # [group, what, {kind: end}, [bad]]

    def tell(self, group, what, ends, bad=()):
        self.results.append((group, what, ends, list(bad)))
        said = "; ".join(f"{kind}: {end}" for kind, end in ends.items())
        print(f"{'not ok' if bad else 'ok'} - {group}: {what}: "
              f"{said.replace('#', '')}", flush=True)
        for line in list(bad)[:6]:
            print(f"#   {line}"[:400], flush=True)

    # -- the list ---------------------------------------------------------

    def run_list(self, kinds):
        """{kind: {attempt: found}}, all kinds at once."""
        running = {kind: self.stage.client(kind, "attempts")
                   for kind in kinds}
        found = {}
        for kind, child in running.items():
            out, _ = child.communicate(timeout=ENTER_S)
            lines = [json.loads(line) for line in out.splitlines()]
            assert len(lines) == len(ATTEMPTS), (
                kind, len(lines), self.stage.log(f"in-{kind}")[-2000:])
            found[kind] = {line["n"]: line for line in lines}
        time.sleep(SETTLE_S)
        return found

    def control(self):
        """Each attempt arrives, where nobody captures."""
        began = time.monotonic()
        found = self.run_list(["free"])["free"]
        arrived = {int(m.rpartition("-")[2])
                   for p in self.stage.packets(began) for m in p["marks"]}
        for name in ("caught", "canary"):
            for _, octets in self.stage.connections(name):
                arrived |= {int(n) for _, k, n in MARK.findall(octets)
                            if k == b"free"}
        missed = [f"{ATTEMPTS[n].what}: {line}" for n, line in found.items()
                  if "no" not in line and n not in arrived]
        self.tell("Control", "every attempt arrives where nobody captures",
                  {"free": f"{len(arrived)} of {len(found)} seen, "
                   f"{sum('no' in f for f in found.values())} cannot"},
                  missed)

    def leaked(self, since):
        """{(kind, attempt): [how]}, and what no attempt can be told of."""
        by, other = {}, []
        for how, marks in self.stage.leaks(since):
            named = [MARK.match(m.encode()) for m in marks]
            for mark in named:
                by.setdefault((mark[2].decode(), int(mark[3])), []).append(how)
            if not named:
                other.append(how)
        for facts, octets in self.stage.connections("canary"):
            if facts["at"] > since:
                other.append(f"reached the host: {facts} {octets[:300]}")
        for facts, octets in self.stage.connections("caught"):
            if facts["at"] > since and b"leak-" in octets:
                for how, mark in self.heads_of(octets):
                    by.setdefault((mark[2].decode(), int(mark[3])),
                                  []).append(how)
        return by, other

    @staticmethod
    def heads_of(octets):
        """(how, mark) of each mark that is in no body."""
        try:
            heads = [h.octets for h in wire_reader.heads(octets)]
        except (AssertionError, ValueError) as error:
            yield from ((f"ambiguous: {error!r}", m)
                        for m in MARK.finditer(octets) if m[1] == b"leak")
            return
        for head in heads:
            yield from ((f"arrived: {head!r}", m)
                        for m in MARK.finditer(head) if m[1] == b"leak")

    def attempts(self):
        began = time.monotonic()
        found = self.run_list(self.kinds)
        by, other = self.leaked(began)
        fine = {m[0].decode() for _, octets in self.stage.connections("caught")
                for m in MARK.finditer(octets) if m[1] == b"fine"}
        for n, a in enumerate(ATTEMPTS):
            ends, bad = {}, []
            for kind in self.kinds:
                line = found[kind][n]
                ends[kind], wrong = self.end_of(line, by.get((kind, n), []))
                bad += [f"{kind}: {w}" for w in wrong]
            self.tell(a.group, a.what, ends, bad)
        self.tell("Control", "nothing else arrived, and the host was not "
                  "reached", {"all": f"{len(fine)} allowed marks seen"},
                  other + ([] if fine else ["the catcher saw nothing"]))

    @staticmethod
    def end_of(line, leaks):
        if leaks:
            return "**got through**", leaks
        if "no" in line:
            return f"does not apply: {line['no']}", []
        if "error" in line:
            return "**error**", [line["error"]]
        if not line["seen"]:
            return "**nothing tried**", ["it yielded nothing"]
        return ", ".join(sorted(line["seen"])), []

    # -- before the rules ---------------------------------------------------

    def kernel_missing(self):
        """No half capture where the kernel lacks nf_tables."""
        stage, ends, bad = self.stage, {}, []
        tries = {
            "run": ["run", "--policy", stage.policy_file(), "--", "echo",
                    "the command ran"],
            "appliance": ["up"],
            "attach": ["attach", stage.boxes["attach"].pid, "--policy",
                       "pen"]}
        before = command("nft", "list", "ruleset")
        for kind in self.kinds:
            if kind not in tries:
                ends[kind] = "does not apply: no rules of ours"
                continue
            try:
                done = stage.penstock(*tries[kind], check=False,
                                      preexec_fn=without_nftables)
                ends[kind] = f"refused to start, exit {done.returncode}"
                if done.returncode == 0 or "the command ran" in done.stdout:
                    bad.append(f"{kind}: {done}")
            except subprocess.TimeoutExpired:
                ends[kind], _ = "**it started**", bad.append(kind)
        if command("nft", "list", "ruleset") != before \
                or "table" in stage.in_box("attach", "nft", "list", "ruleset"):
            bad.append("half installed")
        self.tell(FAULTS, "kernel module missing (nf_tables)", ends, bad)

    def early_begin(self):
        self.early = {}
        for kind in self.kinds:
            if kind in ("appliance", "attach"):
                child = self.stage.client(kind, "client", "early")
                assert child.stdout.readline() == "open\n", kind
                self.early[kind] = child
        seen = {f["peer"] for f, octets in self.stage.connections("caught")
                if octets == b"open"}
        assert all(any(p.startswith(("10.", "fd00:")) for p in seen)
                   for _ in self.early), seen

    def early_end(self):
        ends, bad = {}, []
        began = time.monotonic()
        for kind in self.kinds:
            if kind in self.early:
                out, _ = self.early[kind].communicate("go\n", timeout=20)
                ends[kind] = out.strip()
                bad += [] if out.strip() else [f"{kind}: no word"]
            else:
                ends[kind] = "does not apply: " + (
                    "the rules are there before the command"
                    if kind == "run" else HELD_BY_NETWORK)
        time.sleep(SETTLE_S)
        for _, octets in self.stage.connections("caught"):
            bad += [repr(octets)] if b"leak-early" in octets else []
        bad += [why for why, _ in self.stage.leaks(began)]
        self.tell("Capture", "a connection opened before the rules stood",
                  ends, bad)

    # -- the gateway stopped, starved and killed -----------------------------

    def start_loops(self):
        self.loops = {kind: self.stage.client(kind, "client", "loop")
                      for kind in self.kinds}
        self.served(30)

    def counts(self, kind, word="?"):
        """What the loop's allowed requests got since it was last asked."""
        child = self.loops[kind]
        child.stdin.write(f"{word}\n")
        child.stdin.flush()
        assert select.select([child.stdout], [], [], 20)[0], kind
        return json.loads(child.stdout.readline())

    def served(self, timeout_s=20):
        for kind in self.kinds:
            wait_for(f"service for {kind}", lambda k=kind: self.counts(k).get(
                "200"), timeout_s)

    def during(self, what, function, quiet=True):
        """function() while clients loop; the world sees no leak, and with
        quiet no new connection at all."""
        began = time.monotonic()
        since = function() or began
        for kind in self.kinds:
            self.counts(kind, "now")
        time.sleep(FAULT_S)
        until = time.monotonic()
        ends = {kind: ", ".join(sorted(self.counts(kind))) or "no answer"
                for kind in self.kinds}
        time.sleep(SETTLE_S / 2)
        bad = [why for why, _ in self.stage.leaks(began)]
        if quiet:
            bad += [f"connected: {p}" for p in self.stage.packets(
                since + 0.2, until) if p.get("syn")]
        self.tell(FAULTS, what, ends, bad)

    def faults(self):
        stage = self.stage
        self.start_loops()
        self.during("stopped (SIGSTOP)", lambda: stage.signal_all(
            stage.gateways(), signal.SIGSTOP))
        stage.signal_all(stage.gateways(), signal.SIGCONT)
        self.served()
        self.starve()
        self.served()
        self.full()
        self.served()
        self.during("its workers SIGKILLed, and replaced",
                    lambda: stage.signal_all(sorted(stage.gateways())[1:],
                                             signal.SIGKILL), quiet=False)
        self.served()
        self.during("SIGKILLed, and restarting", lambda: stage.signal_all(
            stage.gateways(), signal.SIGKILL), quiet=False)
        self.served(SANITIZED_START_S)
        self.flush()
        self.killed()

    def starve(self):
        """No descriptor is left for an accept."""
        limits = {}

        def starve():
            for pid in self.stage.gateways():
                held = len(os.listdir(f"/proc/{pid}/fd"))
                limits[pid] = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                resource.prlimit(pid, resource.RLIMIT_NOFILE,
                                 (held - 3, limits[pid][1]))

        self.during("out of descriptors: connections are turned away",
                    starve, quiet=False)  # what is accepted is served
        assert "out of file descriptors" in self.stage.log("up")
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)

    def full(self):
        """Nothing drains the spools: nothing can be recorded."""
        audit = self.stage.children()["penstock-audit"]
        began = time.monotonic()
        self.stage.signal_all(audit, signal.SIGSTOP)
        ends, bad = {}, []
        try:
            running = {k: self.stage.client(k, "client", "flood")
                       for k in self.kinds}
            found = {kind: json.loads(child.communicate(timeout=60)[0])
                     for kind, child in running.items()}
        finally:
            self.stage.signal_all(audit, signal.SIGCONT)
        for kind, got in found.items():
            # Where a slot was free, what went out is in the ledger.
            arrived = sum(o.count(f"/fine-{kind}-997 ".encode())
                          for _, o in self.stage.connections("caught"))
            answered = got["seen"].count("200")
            ends[kind] = ", ".join(sorted(set(got["seen"])))
            if "503" not in got["seen"] or arrived != answered or \
                    not self.recorded_as(f"/fine-{kind}-997", answered):
                bad.append(f"{kind}: {arrived} arrived, {got}")
        bad += [why for why, _ in self.stage.leaks(began)]
        self.tell(FAULTS, "the ledger full, disk or spool", ends, bad)

    def recorded_as(self, path, many):
        """So many requests for this path went upstream, the ledger says."""
        def look():
            return sum(bool(row["upstream"]) for row in
                       self.stage.rows("--path", path)) >= many
        try:
            return wait_for("the rows", look)
        except TimeoutError:
            return False

    def flush(self):
        """Rules and routes of a sandbox gone, by somebody with the power."""
        ends, bad = {}, []
        why = {"appliance": "the rules are on the gateway's host",
               "attach": "it takes CAP_NET_ADMIN, which attach warns of",
               "explicit": HELD_BY_NETWORK}
        began = time.monotonic()
        for kind in self.kinds:
            ends[kind] = f"does not apply: {why.get(kind)}"
        if "run" in self.kinds:
            inside = ["nsenter", "-t", str(self.sandbox()), "-n"]
            command(*inside, "nft", "flush", "ruleset")
            for family in ("-4", "-6"):
                for table in ("local", "main"):
                    command(*inside, "ip", family, "route", "flush", "table",
                            table)
            self.counts("run", "now")
            time.sleep(FAULT_S)
            counts = self.counts("run")
            ends["run"] = ", ".join(sorted(counts)) or "no answer"
            bad += ["it is served"] if "200" in counts else []
            self.loops["run"].kill()      # with its sandbox
            self.loops["run"].wait()
            self.loops["run"] = self.stage.client("run", "client", "loop")
            self.served()
        time.sleep(SETTLE_S)
        bad += [why for why, _ in self.stage.leaks(began)]
        self.tell(FAULTS, "the sandbox's rules and routes flushed", ends, bad)

    def sandbox(self):
        """The outermost process in the network namespace of `penstock run`:
        the one that has power over it."""
        ours = os.readlink("/proc/self/ns/net")
        below, found = {self.loops["run"].pid}, []
        for _ in range(6):
            for entry in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    stat = (entry / "stat").read_text()
                    net = os.readlink(entry / "ns" / "net")
                except OSError:
                    continue
                if int(stat.rpartition(")")[2].split()[1]) in below:
                    below.add(int(entry.name))
                    found += [int(entry.name)] if net != ours else []
        return min(found)

    def killed(self):
        """Everything killed at once: then no packet at all."""
        stage = self.stage
        since = stage.kill_all() + 0.3
        for kind in self.kinds:
            self.counts(kind, "now")
        time.sleep(FAULT_S * 2)
        ends, bad = {}, []
        for kind in self.kinds:
            counts = self.counts(kind)
            ends[kind] = ", ".join(sorted(counts)) or "no answer"
            if "200" in counts:
                bad.append(f"{kind}: served by nobody")
        sent = stage.sent()
        bad += [f"arrived: {p}" for p in stage.packets(since) if not (
            p.get("type") == 0x0806 or p.get("icmp", 0) in range(130, 144)
            or tuple(p.get("about", ())) in sent)]
        bad += [why for why, _ in stage.leaks(since)]
        self.tell(FAULTS, "SIGKILLed with all its processes while clients "
                  "loop: zero packets", ends, bad)
        for child in self.loops.values():
            child.kill()
            child.wait()

    def nothing_lost(self):
        """The recorders lost nothing."""
        bad = []
        for name, child in (("packets", self.stage.world),
                            ("device", getattr(self.stage, "device", None))):
            if child:
                child.send_signal(signal.SIGTERM)
                child.wait(timeout=5)
                last = self.stage.lines(name)[-1]
                bad += [f"{name}: {last}"] if last.get("dropped") != 0 else []
        self.tell("Control", "the recorders lost no packet", {"all": "none"},
                  bad)

    def all(self):
        stage = self.stage
        stage.start_network()
        stage.start_world()
        stage.start_boxes()
        self.control()
        self.early_begin()
        self.kernel_missing()
        stage.start_instance()
        if "attach" in self.kinds:
            stage.attach()
        self.early_end()
        self.attempts()
        self.faults()
        self.nothing_lost()


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def main():
    if not os.environ.get(STAGED):
        sys.exit(in_namespaces(sys.argv))
    only = option("--only")
    stage = EscapeStage(sys.argv[1])
    suite = Suite(stage, [k for k in KINDS if only in (None, k)])
    good = False
    try:
        suite.all()
        good = True
    except Exception as error:            # the stage itself
        print("not ok - the stage stands", getattr(error, "output", ""))
        for line in traceback.format_exc().splitlines():
            print(f"#   {line}")
    finally:
        good = good and not any(bad for *_, bad in suite.results)
        if not good and stage.daemon:
            for line in stage.log("up").splitlines()[-30:]:
                print(f"# up: {line}")
        if option("--results"):
            pathlib.Path(option("--results")).write_text(
                json.dumps(suite.results))
        stage.stop()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
