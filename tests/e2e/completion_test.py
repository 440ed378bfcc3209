#!/usr/bin/env python3
"""What bash, zsh and fish offer, and that it is what the help texts say."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import made_ledger
from harness import tell

FILES = pathlib.Path(__file__).resolve().parents[2] / "cli" / "completion"
TESTS = []


def test(what):
    def add(function):
        TESTS.append((what, function))
        return function
    return add


def offered(l, *words):
    """What penstock itself offers for the last of the words."""
    out = l.run("complete", "--", *words)
    return [line.split("\t")[0] for line in out.splitlines()]


def commands(l):
    return re.findall(r"^  (?!penstock)([a-z-]+) +\w", l.run("--help"), re.M)


@test("the commands are those of penstock --help, all of them")
def main_table(l):
    assert offered(l, "") == commands(l) + ["--help", "--version"]
    assert len(commands(l)) > 20
    assert offered(l, "lo") == ["log"]


@test("the options are those of each command's --help, all of them")
def options(l):
    for name in commands(l):
        text = l.run(name, "--help")
        usage = text.split("\n\n")[0]
        want = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", usage))
        want |= set(re.findall(r"^  (--[a-z][a-z0-9-]*)", text, re.M))
        got = offered(l, name, "--")
        assert sorted(got) == sorted(want | {"--help"}), (name, got, want)


@test("sub-commands and fixed words are those of the usage lines")
def words(l):
    assert "show" in offered(l, "log", "")
    assert {"check", "explain", "list"} <= set(offered(l, "policy", ""))
    assert {"show", "export"} <= set(offered(l, "ca", ""))
    assert offered(l, "capture", "pf", "--system", "") == [
        "macos", "freebsd", "openbsd"]
    assert offered(l, "log", "--color", "a") == ["auto", "always"]
    assert offered(l, "log", "--format", "") == [
        "table", "json", "ndjson", "csv", "har"]


@test("values are what the ledger, the profiles and the log know")
def values(l):
    assert offered(l, "log", "--sandbox", "") == ["alice", "ci"]
    assert offered(l, "log", "--host", "g") == ["gists.test"]
    assert offered(l, "log", "--host=g") == ["--host=gists.test"]
    assert offered(l, "log", "--host", "=", "g") == ["gists.test"]
    assert set(offered(l, "log", "--reason", "")) == {
        "no-rule", "certificate", "misdirected"}
    assert "any https://api.test/**" in offered(l, "log", "--rule", "")
    assert offered(l, "log", "--group-by", "host,ru") == ["host,rule"]
    assert offered(l, "log", "--verdict", "allow,de") == [
        "allow,deny", "allow,denied"]
    assert offered(l, "log", "--columns", "rule_") == ["rule_where"]
    assert offered(l, "log", "--kind", "dns,h") == ["dns,handshake"]
    assert offered(l, "log", "--client", "1") == ["10.7.0.9"]
    assert len(offered(l, "log", "show", "")) == 5
    assert "npm" in offered(l, "run", "--policy", "")
    assert offered(l, "allow", "al") == ["alice"]
    assert offered(l, "run", "--", "") == [":commands"]
    assert offered(l, "policy", "check", "") == [":files"]


@test("it is silent whatever it is asked")
def silent(l):
    for argv in ((), ("--",), ("--", "nonsense", ""), ("--", "log", "x", "y"),
                 ("x",), ("--", "log", "--host", "\x1b[2J"),
                 ("--", *["log"] * 500)):
        l.run("complete", *argv)
        assert l.last.stderr == "" and "\x1b" not in l.last.stdout, l.last
    nowhere = {"PENSTOCK_STATE_DIR": "/nowhere", "PENSTOCK_RUN_DIR": "x",
               "PENSTOCK_CONFIG_DIR": "/nowhere"}
    assert l.run("complete", "--", "log", "--host", "", env=nowhere) == ""
    assert l.last.stderr == ""


@test("bash offers the same")
def bash(l):
    def ask(*words):
        script = (f"source {FILES}/penstock.bash; "
                  'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _penstock; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        run = subprocess.run(["bash", "-c", script, "bash", "penstock",
                              *words], env=l.env, check=True, text=True,
                             cwd=l.dir, timeout=20,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert run.stderr == "", run
        return run.stdout.split("\n")[:-1]

    assert ask("lo") == ["log"]
    assert ask("log", "--ho") == ["--host"]
    assert ask("log", "--host", "gi") == ["gists.test"]
    assert ask("log", "--host", "=", "gi") == ["gists.test"]
    assert ask("log", "--rule", "any") == [
        r"any\ https://api.test/\*\*",
        r"any\ https://api.test/private/\*\*"], ask("log", "--rule", "any")
    assert "ledger.db" in ask("policy", "check", "led")
    assert "ls" in ask("run", "--", "ls")
    assert ask("nonsense", "") == [""]


@test("fish offers the same, with what it means")
def fish(l):
    def ask(line):
        run = subprocess.run(
            ["fish", "--no-config", "-c", f"source {FILES}/penstock.fish; "
             'complete -C "$argv[1]"', line], env=l.env, check=True,
            text=True, cwd=l.dir, timeout=30, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        assert run.stderr == "", run
        return run.stdout.splitlines()

    assert ask("penstock lo") == ["log\tshow what was refused, or all requests"]
    assert ask("penstock log --ho")[0].startswith("--host\tthis host")
    assert ask("penstock log --host gi") == ["gists.test"]
    assert any(line.startswith("ledger.db") for line in
               ask("penstock policy check led"))


def type_in_zsh(l, line, until):
    """Type a line and a tab into a zsh; what it shows."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(l.dir)
        os.execve(shutil.which("zsh"), ["zsh", "-f", "-i"],
                  dict(l.env, TERM="dumb", PS1="> ", ZDOTDIR=str(l.dir)))
    got, end = "", time.monotonic() + 15
    todo = ["stty cols 120; autoload -U compinit; compinit -D -u; "
            f"source {FILES}/_penstock; print rea''dy\n", line + "\t"]
    marks = ["> ", "ready", until]
    while marks and time.monotonic() < end:
        if marks[0] in got:
            marks.pop(0)
            if todo:
                os.write(fd, todo.pop(0).encode())
                got = ""
            continue
        if select.select([fd], [], [], 0.1)[0]:
            got += os.read(fd, 65536).decode(errors="replace")
    os.kill(pid, signal.SIGKILL)
    os.close(fd)
    os.waitpid(pid, 0)
    assert not marks, (line, until, got)
    return got


@test("zsh offers the same, with what it means")
def zsh(l):
    type_in_zsh(l, "penstock lo", "log")
    type_in_zsh(l, "penstock log --ho", "--host")
    type_in_zsh(l, "penstock log --host gi", "gists.test")
    type_in_zsh(l, "penstock log --group-by host,ru", "host,rule")
    got = type_in_zsh(l, "penstock log --", "allowed requests too")
    assert "--all" in got, got
    type_in_zsh(l, "penstock policy check led", "ger.")


def main():
    for shell in ("bash", "fish", "zsh"):
        if not shutil.which(shell):
            print(f"not ok - {shell} is there to be tested")
            sys.exit(1)
    ledger = made_ledger.some(sys.argv[1])
    try:
        good = [tell(what, f, ledger) for what, f in TESTS]
    finally:
        ledger.close()
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
