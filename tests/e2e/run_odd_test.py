#!/usr/bin/env python3
"""penstock run where something is odd: it works, or it ends with a status that
is no command's and one line that says what to do."""
import os
import pty
import resource
import shutil
import signal
import subprocess
import termios
import time

from harness import CONFIG, command, main, outside, wait_for

POLICY = "allow: [GET https://h1.test/**]\n"
BROKEN = 3


def last(run):
    """The last line of what it said."""
    return run.stderr.strip().rpartition("\n")[2]


def lives(words):
    return subprocess.run(["pgrep", "-fx", words], check=False,
                          stdout=subprocess.DEVNULL).returncode == 0


@outside("a command that cannot be run, and nobody to hear it: still 127")
def unheard(stage):
    for name, status in (("/none/at/all", 127), ("/etc/passwd", 126)):
        child = stage.popen(name, preexec_fn=lambda: os.close(2))
        assert child.wait(timeout=20) == status, (name, child.returncode)


@outside("a layer that fails is no end of the command's")
def layers(stage):
    tools = stage.dir / "tools"
    tools.mkdir()
    for body, what in (("echo bwrap: broken >&2; exit 1", "broken"),
                       (None, "cannot run bwrap")):
        if body:
            (tools / "bwrap").write_text(f"#!/bin/sh\n{body}\n")
            (tools / "bwrap").chmod(0o755)
        else:
            (tools / "bwrap").unlink()
        path, stage.env["PATH"] = stage.env["PATH"], str(tools)
        try:
            run = stage.run("/bin/true", check=False)
        finally:
            stage.env["PATH"] = path
        assert run.returncode == BROKEN and what in run.stderr, run
        assert "has not run" in last(run) and "doctor" in last(run), run


@outside("a sandbox in a sandbox: one line, and it is not tried")
def nested(stage):
    # With all files to be seen, so that there is a program to try it with.
    run = stage.run(stage.bin / "penstock", "run", "--", "true", check=False,
                    options=("--no-fs", "--name", "outer", "--env",
                             # A look for leaks at the end needs ptrace.
                             "ASAN_OPTIONS=detect_leaks=0"))
    assert run.returncode == BROKEN, run
    assert "is the sandbox outer already" in last(run), run
    assert "bwrap" not in run.stderr, run


@outside("more words than a sandbox takes: said so; thousands are no matter")
def words(stage):
    many = [str(i) for i in range(6000)]
    run = stage.run("sh", "-c", "echo $#", "sh", *many)
    assert run.stdout == "6000\n", run
    run = stage.run("true", *many, *many, check=False)
    assert run.returncode == BROKEN and "xargs" in last(run), run.stderr


@outside("too few descriptors, whatever needs the next: said so")
def descriptors(stage):
    policy = stage.policy_file()
    for limit in range(8, 40, 2):
        run = subprocess.run(
            ["prlimit", f"--nofile={limit}", stage.bin / "penstock", "run",
             "--policy", policy, "--", "true"], check=False, env=stage.env,
            cwd=stage.project, stderr=subprocess.PIPE, text=True, timeout=20)
        assert run.returncode == 0 or "Too many open files" in run.stderr, (
            limit, run)


@outside("64 descriptors are enough, for an instance too")
def few(stage):
    own = Own(stage, "few")
    run = own("run", "--", "true", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (64, 64)))
    assert run.returncode == 0, run
    own("down")


@outside("a command that is killed leaves no terminal in a mode of its own")
def modes(stage):
    policy, script = str(stage.policy_file()), "stty raw -echo; kill -9 $$"
    holder = stage.popen("sleep", "60", options=("--name", "modes"))
    wait_for("a sandbox to enter", lambda: stage.penstock(
        "exec", "modes", "true", check=False).returncode == 0)
    for argv in (["run", "--policy", policy], ["exec", "modes"]):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(stage.project)
            os.execve(stage.bin / "penstock", [
                "penstock", *argv, "--", "sh", "-c", script], stage.env)
        before = termios.tcgetattr(fd)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 137, argv
        assert termios.tcgetattr(fd) == before, argv
        os.close(fd)
    holder.kill()
    holder.wait()


@outside("Ctrl-C while the sandbox is made: it is not lost")
def early(stage):
    slow = stage.dir / "slow-bwrap"
    slow.mkdir()
    real, mark = shutil.which("bwrap"), slow / "mark"
    (slow / "bwrap").write_text(f"#!/bin/sh\ntouch {mark}\nsleep 1\n"
                                f"exec {real} \"$@\"\n")
    (slow / "bwrap").chmod(0o755)
    policy = str(stage.policy_file())
    for key, sig in ((b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(stage.project)
            os.execve(stage.bin / "penstock", [
                "penstock", "run", "--policy", policy, "--", "sleep", "4823"],
                stage.env | {"PATH": f"{slow}:{stage.env['PATH']}"})
        wait_for("bubblewrap", mark.exists)
        mark.unlink()
        os.write(fd, key)
        end = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert end == 128 + sig and not lives("sleep 4823"), end
        os.close(fd)


@outside("the terminal hangs up: the command ends with its session's leader")
def hung_up(stage):
    policy = str(stage.policy_file())
    for words in ("4821", "4822"):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(stage.project)
            argv = (["run", "--policy", policy, "--"] if words == "4821"
                    else ["exec", "held"]) + ["sleep", words]
            os.execve(stage.bin / "penstock", ["penstock", *argv], stage.env)
        if words == "4821":
            wait_for("the command", lambda: lives("sleep 4821"))
            holder = stage.popen("sleep", "60", options=("--name", "held"))
            wait_for("a sandbox to enter", lambda: stage.penstock(
                "exec", "held", "true", check=False).returncode == 0)
        else:
            wait_for("the command", lambda: lives("sleep 4822"))
        os.close(fd)
        wait_for("its end", lambda w=words: not lives(f"sleep {w}"))
        end = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert end == 128 + signal.SIGHUP, end
    holder.kill()
    holder.wait()


@outside("a directory whose name can begin no sandbox's: named by the rest")
def directories(stage):
    project, show = stage.project, "echo $PENSTOCK_SANDBOX"
    try:
        for name, begin in ((".dot-files", "dot-files-"), ("-x", "x-"),
                            ("\N{LATIN SMALL LETTER U WITH DIAERESIS}ber",
                             "ber-"), ("_site", "_site-"), ("...", "")):
            stage.project = stage.dir / "odd" / name
            stage.project.mkdir(parents=True)
            run = stage.run("sh", "-c", show, check=False)
            assert run.returncode == 0, (name, run)
            sandbox = run.stdout.strip()
            assert (sandbox.startswith(begin)
                    and len(sandbox) == len(begin) + 4), (name, sandbox)
    finally:
        stage.project = project
    run = stage.run("true", options=("--name", ".x"), check=False)
    assert run.returncode == 2 and "begins with a letter" in last(run), run


@outside("a name that is no command: the nearest")
def near(stage):
    run = stage.penstock("rnu", "--", "true", check=False)
    assert run.returncode == 2 and "did you mean: penstock run" in run.stderr
    run = stage.penstock("xyzzyxyzzy", check=False)
    assert run.returncode == 2 and "see: penstock --help" in run.stderr
    run = stage.run("true", options=("--allow", "GTE https://h1.test/"))
    assert "warning: GTE is no known method; did you mean GET?" in run.stderr


@outside("a variable to pass that is not set: said, and the command runs")
def unset(stage):
    run = stage.run("sh", "-c", "env", options=(
        "--env", "OF_NOBODY", "--env", "EMPTY=", "--env", "HOME"))
    assert "OF_NOBODY" not in run.stdout and "EMPTY=\n" in run.stdout, run
    assert last(run) == ("penstock run: --env OF_NOBODY: it is not set here, "
                         "and so not inside"), run


@outside("an instance with its state elsewhere: not another's CA, but a word")
def elsewhere(stage):
    stage.env["PENSTOCK_STATE_DIR"] = str(stage.dir / "state2")
    try:
        run = stage.run("true", check=False)
    finally:
        stage.env["PENSTOCK_STATE_DIR"] = str(stage.dir / "state")
    assert run.returncode == BROKEN, run
    assert f"keeps its state in {stage.dir}/state, not" in last(run), run


class Own:
    """Directories of another instance than the stage's."""

    def __init__(self, stage, name):
        self.env = dict(stage.env)
        for which in ("run", "state", "config"):
            path = stage.dir / name / which
            path.mkdir(parents=True, mode=0o700)
            self.env[f"PENSTOCK_{which.upper()}_DIR"] = str(path)
        self.penstock, self.project = stage.bin / "penstock", stage.project

    def __call__(self, *argv, **more):
        return subprocess.run(
            [self.penstock, *argv], env=self.env, cwd=self.project,
            check=False, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, timeout=40, **more)


@outside("a broken file while audit is replaced: rows are kept as they were")
def kept(stage):
    own = Own(stage, "kept")
    config = stage.dir / "kept" / "config" / "penstock.yaml"
    config.write_text("audit: {keep: 400d, max_size: 50GiB}\n")
    assert own("run", "--", "true").returncode == 0

    def audit():
        found = subprocess.run(
            ["pgrep", "-fa", f"^penstock-audit .*{stage.dir}/kept/"],
            check=False, text=True, stdout=subprocess.PIPE).stdout.split()
        return found and (int(found[0]), found[1:])

    first, words = audit()
    assert f"--keep={400 * 86400}" in words, words
    config.write_text("audit: {keep: [\n")
    os.kill(first, signal.SIGKILL)
    wait_for("another", lambda: (audit() or [first])[0] != first)
    assert audit()[1] == words, (words, audit())
    own("down")


@outside("an instance that is ending: the next is waited for and started")
def ending(stage):
    own = Own(stage, "ending")
    assert own("run", "--", "true").returncode == 0
    audit = int(subprocess.run(
        ["pgrep", "-f", f"penstock-audit.*{stage.dir}/ending/"], check=True,
        stdout=subprocess.PIPE).stdout)
    os.kill(audit, signal.SIGSTOP)        # the last to end
    down = subprocess.Popen([own.penstock, "down"], env=own.env)
    wait_for("the door to close",
             lambda: own("status", stdout=subprocess.DEVNULL).returncode != 0)
    run = subprocess.Popen([own.penstock, "run", "--", "true"], env=own.env,
                           cwd=stage.project, stderr=subprocess.PIPE)
    time.sleep(1)
    assert run.poll() is None, run.communicate()
    os.kill(audit, signal.SIGCONT)
    assert run.wait(timeout=20) == 0, run.communicate()
    down.wait(timeout=20)
    assert own("down").returncode == 0
    assert [path.name for path in (stage.dir / "ending/run").rglob("*")
            if path.is_socket()] == []


@outside("a policy that is written and not read yet: how to have it read")
def unread(stage):
    stage.write_config(CONFIG + "policies:\n  fresh: {allow: [GET https://"
                       "h1.test/plain]}\n")
    run = stage.run("true", policy="fresh", check=False)
    assert run.returncode == BROKEN and "named fresh" in run.stderr, run
    assert "penstock reload" in last(run), run
    stage.penstock("reload")
    assert stage.run("true", policy="fresh").returncode == 0


@outside("a gateway that comes back without the policy: said, and when it has it")
def unwanted(stage):
    stage.write_config(CONFIG + "policies:\n  mine: {allow: [GET https://"
                       "h1.test/plain]}\n")
    stage.penstock("reload")
    with open(stage.dir / "unwanted", "w+", encoding="utf-8") as log:
        child = stage.popen("sleep", "60", policy="mine", stderr=log,
                            options=("--name", "unwanted"))

        def says(what):
            return what in (stage.dir / "unwanted").read_text()

        wait_for("the sandbox", lambda: "unwanted" in stage.penstock(
            "sandboxes", check=False).stdout)
        stage.write_config(CONFIG)
        os.kill(min(stage.children()["penstock-gatewa"]), signal.SIGKILL)
        wait_for("a word", lambda: says("named mine; until it does"), 20)
        stage.write_config(CONFIG + "policies:\n  mine: {allow: []}\n")
        stage.penstock("reload")
        wait_for("another", lambda: says("has taken the sandbox again"))
        child.terminate()
        child.wait(timeout=20)
        assert len((stage.dir / "unwanted").read_text().splitlines()) == 2


@outside("npm that does not end: five seconds, and then without its answer")
def lingering(stage):
    own = Own(stage, "lingering")
    tools = stage.dir / "lingering" / "tools"
    tools.mkdir()
    own.env["PATH"] = f"{tools}:{own.env['PATH']}"
    for body in ("echo https://npm.test/; exec sleep 4824",
                 "echo https://npm.test/; exec >&- sleep 4824"):
        (tools / "npm").write_text(f"#!/bin/sh\n{body}\n")
        (tools / "npm").chmod(0o755)
        begun = time.monotonic()
        run = own("run", "--", "sh", "-c", "! grep -s npm.test ~/.npmrc")
        assert run.returncode == 0 and not lives("sleep 4824"), run
        assert time.monotonic() - begun > 4, "it was waited for"
    own("down")


@outside("a run directory below one whose files age: nothing of it is taken")
def aging(stage):
    own = Own(stage, "aging")
    tmp, rules = stage.dir / "aging" / "tmp", stage.dir / "aging.conf"
    (tmp / "run").mkdir(parents=True, mode=0o700)
    (tmp / "other").write_text("")
    rules.write_text(f"d {tmp} 0755 root root 1s\n")
    own.env["PENSTOCK_RUN_DIR"] = str(tmp / "run")
    assert own("run", "--", "true").returncode == 0

    def files():
        return sorted(str(path) for path in (tmp / "run").rglob("*"))

    before = files()
    assert any(path.endswith(".spool") for path in before), before
    time.sleep(2)
    command("systemd-tmpfiles", "--clean", rules)
    assert not (tmp / "other").exists(), "nothing ages here"
    assert files() == before, (before, files())
    own("down")


@outside("files of the run directory that somebody tidied up: made again")
def tidied(stage):
    run_dir = stage.dir / "run"
    assert stage.run("true").returncode == 0
    for name in [*run_dir.glob("nss-*/key4.db"), run_dir / "java.p12",
                 run_dir / "bundle.pem"]:
        name.unlink(missing_ok=True)
    run = stage.run("sh", "-c", "test -s /.penstock/bundle.pem", check=False)
    assert run.returncode == 0, run
    # What is there and cannot be read is named.
    made = next(run_dir.glob("nss-*/key4.db"), None)
    if made is None:
        return                            # there is no certutil
    made.write_bytes(b"")
    run = stage.run("true", check=False)
    assert run.returncode == BROKEN and "nss-" in run.stderr, run
    made.unlink()


@outside("up with values that are none: one line, and it does not start")
def values(stage):
    own = Own(stage, "values")
    there = stage.dir / "values" / "there.yaml"
    there.write_text("policies: {}\n")
    for words, status, what in (
            (("--config", f"{there}.no"), BROKEN, "No such file"),
            (("--config", "x" * 300), 2, "at most 255 octets"),
            (("--idle-exit", "soon"), 2, "expected seconds"),
            (("--idle-exit", "100000"), 2, "at most 86400")):
        run = own("up", *words)
        assert run.returncode == status, (words, run)
        assert what in last(run) and len(run.stderr.splitlines()) == 1, run
    assert own("up", "--config", there, "--idle-exit", "1").returncode == 0


@outside("a process that is not ready: how it ended, and where it says why")
def stillborn(stage):
    later = Own(stage, "later")           # when it is replaced
    later.penstock = shutil.copytree(stage.bin, stage.dir / "later" / "bin"
                                     ) / "penstock"
    certgen = later.penstock.with_name("penstock-certgen")
    certgen.unlink()
    certgen.write_text(f"#!/bin/sh\n[ -e {stage.dir}/later/flag ] && exec sleep "
                       f"60\n:> {stage.dir}/later/flag\n"
                       f"exec {stage.bin}/penstock-certgen \"$@\"\n")
    certgen.chmod(0o755)
    with open(stage.dir / "later" / "log", "w", encoding="utf-8") as log:
        up = subprocess.Popen([later.penstock, "up"], env=later.env,
                              stderr=log)
    wait_for("an instance", lambda: later(
        "status", stdout=subprocess.DEVNULL).returncode == 0)
    command("pkill", "-KILL", "-P", up.pid, "penstock-certge")
    begin_and_fail(stage)
    wait_for("a word", lambda: "penstock-certgen is not replaced yet (not "
             "ready in time)" in (stage.dir / "later" / "log").read_text())
    up.terminate()
    assert up.wait(timeout=20) == 0, (stage.dir / "later" / "log").read_text()


def begin_and_fail(stage):
    started = []
    for name, body, ends in (
            ("killed", "kill -9 $$", "(signal 9)"),
            ("failed", "echo no >&2; exit 7",
             "(status 7); what it says stands above"),
            ("stuck", "exec sleep 60", "(not ready in time)")):
        own = Own(stage, name)
        own.penstock = stage.dir / name / "penstock"
        shutil.copy(stage.bin / "penstock", own.penstock)
        certgen = stage.dir / name / "penstock-certgen"
        certgen.write_text(f"#!/bin/sh\n{body}\n")
        certgen.chmod(0o755)
        started.append((ends, subprocess.Popen(
            [own.penstock, "up"], env=own.env, stderr=subprocess.PIPE,
            text=True)))
    for ends, up in started:
        _, text = up.communicate(timeout=30)
        assert up.returncode == BROKEN, (ends, text)
        assert text.endswith(
            f"penstock up: penstock-certgen did not start {ends}\n"), text


@outside("no room in the run directory: a word, though no log can be written")
def full(stage):
    own = Own(stage, "full")
    room = stage.dir / "full" / "run"
    command("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "full", room)
    try:
        (room / "fill").write_bytes(bytes(40960))
        with open(room / "more", "wb", buffering=0) as more:
            try:
                while more.write(bytes(1024)):
                    pass
            except OSError:
                pass
        run = own("run", "--", "true")
        assert run.returncode == BROKEN and "is there room" in run.stderr, run
    finally:
        command("umount", room)


@outside("an instance that ends while the sandbox is made: another is started")
def gone(stage):
    own = Own(stage, "gone")
    tools = stage.dir / "slow"
    tools.mkdir()
    # Asked for its registry, which is after the instance was found.
    (tools / "npm").write_text(f"#!/bin/sh\n{own.penstock} down\n"
                               "echo https://npm.test/\n")
    (tools / "npm").chmod(0o755)
    own.env["PATH"] = f"{tools}:{own.env['PATH']}"
    run = own("run", "--", "sh", "-c", "test -e /.penstock/ca.pem")
    assert run.returncode == 0, run
    assert (stage.dir / "gone/state/npm-registry").exists(), "npm was asked"
    own("down")
    shutil.rmtree(tools)


if __name__ == "__main__":
    main(POLICY)
