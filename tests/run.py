#!/usr/bin/env python3
"""Run the tests: lints, unit tests, fuzz corpora, end to end.

usage: tests/run.py BUILD-DIR [--plain BUILD-DIR] [--fuzz BUILD-DIR]
                    [--only WORD]... [--list] [--all]

Unit tests are cmocka programs that speak TAP, end-to-end tests are scripts
that print the same `ok - …` and `not ok - …` lines, and each of those lines
is one test. A lint is one test by its exit status, 77 for skipped. Every
program has a time limit and ends with its process group. A program that
should test and tested nothing has failed.

The first build has sanitizers: what reads hostile octets is tested end to end
with it. The plain one is what people run: everything else is tested with it,
and the jails, which kill what sanitizers do. --all: end to end with both.

The last line is `N passed, N failed`, with `, N skipped` only if some were.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
PYTHON = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
SKIPPED = 77
UNIT_JOBS = 2
E2E_JOBS = 2                              # most of their time they wait
ALONE = {"browser", "flood", "limits", "podman", "systemd"}
PLAIN_ONLY = {"base_jail_test"}
SANITIZED = {"authority", "clients", "features", "h2", "hostile", "proxy",
             "reload", "smuggling", "tunnel", "upstream"}
BOTH = {"clients", "features"}
FUZZ_S = 5                                # new inputs, after the corpus

LINE = re.compile(r"^(not ok|ok)\b(?: +\d+)?(?: +-)? *(.*)$", re.M)
PLAN = re.compile(r"^1\.\.(\d+)\s*$", re.M)
SKIP = re.compile(r"#\s*skip\b:?\s*(.*)", re.I)

# As cmocka and our own scripts expect them; a sanitizer's report is a
# failure, and memory that may be null is tested as such.
ENV = dict(os.environ,
           CMOCKA_MESSAGE_OUTPUT="TAP",
           ASAN_OPTIONS="allocator_may_return_null=1:detect_leaks=1:"
                        "detect_stack_use_after_return=1",
           UBSAN_OPTIONS="print_stacktrace=1",
           PYTHONDONTWRITEBYTECODE="1",
           LC_ALL="C.UTF-8")


RUNNING = set()                           # process groups


class Program:
    """Something to run, and what its output means."""

    def __init__(self, name, argv, limit_s, tap=False, script=None):
        self.name = name
        self.script = script              # of an end-to-end test
        self.argv = [str(a) for a in argv]
        self.limit_s = limit_s
        self.tap = tap


class Result:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []                 # reasons
        self.notes = []                   # why it failed, besides its lines
        self.output = ""
        self.seconds = 0.0

    def fail(self, why):
        self.failed += 1
        self.notes.append(why)


def run(program):
    """(exit status or None when the time was up, output)"""
    child = subprocess.Popen(program.argv, cwd=ROOT, env=ENV,
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT,
                             start_new_session=True)
    RUNNING.add(child.pid)
    status = None
    try:
        output, _ = child.communicate(timeout=program.limit_s)
        status = child.returncode
    except subprocess.TimeoutExpired:
        end_group(child.pid, signal.SIGTERM)
        try:
            output, _ = child.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            end_group(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
    end_group(child.pid, signal.SIGKILL)  # what it left behind
    RUNNING.discard(child.pid)
    return status, output.decode(errors="replace")


def on_end(number, _):
    """We are told to end: so is what we started."""
    for pid in list(RUNNING):
        end_group(pid, signal.SIGKILL)
    os._exit(128 + number)


def end_group(pid, sig):
    try:
        os.killpg(pid, sig)
    except (ProcessLookupError, PermissionError):
        pass


def judge(program):
    result = Result()
    began = time.monotonic()
    try:
        status, result.output = run(program)
    except OSError as error:
        result.fail(f"cannot run: {error}")
        return result
    result.seconds = time.monotonic() - began
    if program.tap:
        count_lines(result)
    if status is None:
        result.fail(f"not done after {program.limit_s} s")
    elif status == SKIPPED and not result.failed:
        result.skipped.append(last_line(result.output))
    elif status != 0 and not result.failed:
        result.fail(f"exit status {status}" if status > 0
                    else f"killed by signal {-status}")
    elif not program.tap:
        result.passed += status == 0
        result.failed += status != 0
    elif not (result.passed or result.failed or result.skipped):
        result.fail("it ran no test")
    return result


def count_lines(result):
    for verdict, text in LINE.findall(result.output):
        skip = SKIP.search(text)
        if skip:                          # cmocka says "not ok … # SKIP"
            result.skipped.append(skip[1] or text)
        elif verdict == "not ok":
            result.failed += 1
        else:
            result.passed += 1
    planned = sum(int(n) for n in PLAN.findall(result.output))
    seen = result.passed + result.failed + len(result.skipped)
    if seen < planned:
        result.fail(f"{seen} of {planned} tests ran")


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


def show(program, result):
    word = ("FAIL" if result.failed else
            "skip" if result.skipped and not result.passed else "ok")
    count = f"{result.passed}" if program.tap else ""
    print(f"{word:4} {program.name:34} {count:>4} {result.seconds:6.1f} s",
          flush=True)
    for reason in result.skipped:
        print(f"     skipped: {reason.removeprefix('skipped: ')}")
    if result.failed:
        for line in result.output.rstrip().splitlines():
            print(f"     | {line}")
        for note in result.notes:
            print(f"     {note}")
        sys.stdout.flush()


def lint(name, limit_s, *args):
    return Program(f"lint/{name}", [PYTHON, TESTS / "lint" / f"{name}.py",
                                    *args], limit_s)


def quick_lints(build):
    return [lint("rooms", 60), lint("size", 60), lint("words", 60),
            lint("format", 120), lint("lints", 60), lint("profiles", 60),
            Program("lint/headers alone",
                    ["cmake", "--build", build, "--target",
                     "all_verify_interface_header_sets"], 300)]


def slow_lints(build):
    return [lint("tidy", 900, build), lint("analyzer", 900, build)]


def unit_tests(build, plain):
    """One for each source: a binary that is missing shows as a failure."""
    for source in sorted(TESTS.glob("unit/*/*_test.c")):
        name = f"{source.parent.name}_{source.stem}"
        where = plain if plain and name in PLAIN_ONLY else build
        yield Program(f"unit/{source.parent.name}/{source.stem}",
                      [where / "tests" / name], 120, tap=True)


def fuzzers(build):
    """The corpus as plain tests, then a few seconds of new inputs."""
    for source in sorted(TESTS.glob("fuzz/*_fuzz.c")):
        binary = build / "fuzz" / source.stem
        corpus = TESTS / "fuzz" / "corpus" / source.stem.removesuffix("_fuzz")
        yield Program(f"fuzz/{source.stem} corpus",
                      [binary, "-runs=0", corpus], 60)
        new = build / "fuzz" / f"{source.stem}.new"
        new.mkdir(parents=True, exist_ok=True)
        yield Program(f"fuzz/{source.stem} {FUZZ_S} s",
                      [binary, f"-max_total_time={FUZZ_S}", "-timeout=5",
                       f"-artifact_prefix={new}/", new, corpus],
                      FUZZ_S + 60)


def end_to_end(build, plain, everything):
    for script in sorted(TESTS.glob("e2e/*_test.py")):
        name = script.stem.removesuffix("_test")
        if name in SANITIZED or everything or not plain:
            yield Program(f"e2e/{name}", [PYTHON, script, build], 300,
                          tap=True, script=name)
        if plain and (name not in SANITIZED or name in BOTH or everything):
            yield Program(f"e2e/{name} plain", [PYTHON, script, plain], 300,
                          tap=True, script=name)


def stages(build, plain, fuzz, everything):
    """(programs, how many at a time), the quick ones first."""
    yield quick_lints(build), 1
    yield list(unit_tests(build, plain)), UNIT_JOBS
    if fuzz:
        yield list(fuzzers(fuzz)), UNIT_JOBS
    far = list(end_to_end(build, plain, everything))
    yield [p for p in far if p.script not in ALONE], E2E_JOBS
    yield [p for p in far if p.script in ALONE], 1
    yield slow_lints(build), 1


def directory(word):
    return pathlib.Path(word).resolve()


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("build", type=directory)
    parser.add_argument("--plain", type=directory)
    parser.add_argument("--fuzz", type=directory)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_end)
    passed = failed = 0
    skipped, broken = [], []
    for programs, jobs in stages(args.build, args.plain, args.fuzz,
                                 args.all):
        programs = [p for p in programs if not args.only
                    or any(word in p.name for word in args.only)]
        if args.list:
            print("\n".join(p.name for p in programs))
            continue
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for program, result in zip(programs, pool.map(judge, programs)):
                show(program, result)
                passed += result.passed
                failed += result.failed
                skipped += result.skipped
                if result.failed:
                    broken.append(program.name)
    if args.list:
        return 0
    if not passed and not failed:
        failed = 1
        print("no test matches")
    if broken:
        print("failed: " + ", ".join(broken))
    print(f"{passed} passed, {failed} failed"
          + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
