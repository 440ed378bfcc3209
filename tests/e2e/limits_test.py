#!/usr/bin/env python3
"""Memory and processors of a sandbox, on a machine with systemd: held by the
kernel, or the sandbox does not start. Never unlimited without a word."""
import functools
import re

import machine
from harness import Skip, outside, wait_for

HOG = "b = bytearray(300 << 20); print(len(b))"
SHOW = ("g=/sys/fs/cgroup$(sed -n s/^0:://p /proc/$1/cgroup); echo $g; "
        "cat $g/memory.max $g/memory.swap.max $g/cpu.max")


# In a group that is delegated: a place for itself, and without busctl.
GROUP = """\
g=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
mkdir $g/own && echo $$ >$g/own/cgroup.procs && cd /srv/project || exit 99
PATH=/srv/bin /usr/bin/penstock run --network blocked --memory 64M \
	--cpus 0.5 -- /usr/bin/python3 -c "$1"
status=$?
cd $g && echo left: */
exit $status
"""


def run(stage, *argv, options=("--memory", "64M", "--cpus", "0.5"), path=None,
        **more):
    """penstock run in a directory of the machine, as its administrator."""
    words = ["env", "-C", "/srv/project"]
    if path:
        words.append(f"PATH={path}")
    return stage.inside(*words, "/usr/bin/penstock", "run", "--network",
                        "blocked", *options, "--", *argv, check=False,
                        timeout=120, **more)


def left(stage):
    """Scopes, groups and keepers of ours."""
    units = stage.inside("systemctl", "list-units", "--all", "--plain",
                         "--no-legend", "penstock-*.scope").stdout
    groups = stage.inside("find", "/sys/fs/cgroup", "-name", "penstock-*",
                          "-type", "d").stdout
    keepers = stage.inside("pgrep", "-ax", "penstock", check=False).stdout
    # The test's own first process does not reap those of its commands.
    return units + groups + "".join(
        line for line in keepers.splitlines() if "<defunct>" not in line)


def gone(stage):
    try:
        wait_for("nothing to be left", lambda: left(stage) == "")
    except TimeoutError:
        raise RuntimeError(left(stage)) from None


def start(stage):
    stage.boot()
    stage.inside("mkdir", "-p", "/srv/project", "/srv/bin")
    stage.inside("ln", "-s", "/usr/bin/bwrap", "/srv/bin/bwrap")
    has = stage.inside("cat", "/sys/fs/cgroup/cgroup.controllers",
                       check=False).stdout.split()
    stage.held = {"memory", "cpu"} <= set(has)
    (stage.root / "srv/group.sh").write_text(GROUP)


def held(test):
    """A test that needs the controllers."""
    @functools.wraps(test)
    def only(stage):
        if not stage.held:
            raise Skip("the cgroups of version 2 have no memory and cpu here")
        test(stage)
    return only


@outside("the options are told from rubbish")
def rubbish(stage):
    for options in (("--memory", "64X"), ("--memory", "1M"), ("--cpus", "0"),
                    ("--cpus", "many")):
        got = run(stage, "true", options=options)
        assert got.returncode == 2 and options[0] in got.stderr, got
        assert len(got.stderr.splitlines()) == 1, got.stderr


@outside("no way to hold it: one message, nothing has run, nothing is left")
def refused(stage):
    if stage.held:                        # systemd would: out of its sight
        got = stage.inside(
            "unshare", "-m", "sh", "-c", "mount -t tmpfs none /run/systemd; "
            "umount -l /sys/fs/cgroup; cd /srv/project; "
            "penstock run --network blocked --memory 64M -- touch ran",
            check=False)
    else:
        got = run(stage, "touch", "ran")
    assert got.returncode == 3, got
    assert "nothing here can hold" in got.stderr, got.stderr
    assert "systemd: " in got.stderr and "group: " in got.stderr, got.stderr
    assert stage.inside("test", "-e", "/srv/project/ran",
                        check=False).returncode == 1
    gone(stage)


@outside("doctor says whether it can be done")
def doctor(stage):
    out = stage.penstock("doctor", check=False).stdout
    line = next(x for x in out.splitlines() if "cgroups" in x)
    assert ("OK" in line) == stage.held, out


@outside("systemd: the limits are in the kernel, for all that it starts")
@held
def scope(stage):
    command = [*stage.entry(), "env", "-C", "/srv/project", "penstock",
               "run", "--network", "blocked", "--memory", "64M", "--cpus",
               "0.5", "--", "sh", "-c", "sleep 98765 & wait"]
    runner = stage.start("scope", command)
    pid = wait_for("the command", lambda: stage.inside(
        "pgrep", "-f", "^sleep 98765", check=False).stdout.strip(), 30)
    got = stage.inside("sh", "-c", SHOW, "sh", pid).stdout.split("\n")
    assert re.search(r"/penstock-project-\w+-\d+\.scope$", got[0]), got
    assert got[1:4] == ["67108864", "0", "50000 100000"], got
    name = got[0].rpartition("/penstock-")[2].rpartition("-")[0]
    entered(stage, name, "98765")
    stage.inside("pkill", "-f", "^sleep 98765")
    runner.wait(timeout=30)
    gone(stage)


def group_of(stage, pid):
    return stage.inside("cat", f"/proc/{pid}/cgroup").stdout


def sleeper(stage, seconds):
    return wait_for("a command", lambda: stage.inside(
        "pgrep", "-f", f"^sleep {seconds}", check=False).stdout.strip(), 30)


def entered(stage, name, seconds):
    """What exec adds is where the command is; without a way there, nothing
    is added."""
    held = group_of(stage, sleeper(stage, seconds))
    child = stage.start(f"exec-{name}", [
        *stage.entry(), "penstock", "exec", name, "sleep", seconds + "1"])
    assert group_of(stage, sleeper(stage, seconds + "1")) == held
    stage.inside("pkill", "-f", f"^sleep {seconds}1")
    assert child.wait(timeout=10) == 128 + 15
    got = stage.inside(
        "unshare", "-m", "sh", "-c", "umount -l /sys/fs/cgroup; "
        f"PATH=/srv/bin /usr/bin/penstock exec {name} touch ran", check=False)
    assert got.returncode == 3 and "under the limits of" in got.stderr, got
    assert stage.inside("test", "-e", "/srv/project/ran",
                        check=False).returncode == 1


@outside("exec: into the scope that holds the sandbox, or not at all")
def enter_scope(stage):
    bare = stage.inside("bwrap", "--unshare-user", "--unshare-pid",
                        "--dev-bind", "/", "/",
                        "--proc", "/proc", "true", check=False)
    if "mount proc" in bare.stderr:
        raise Skip("no sandbox begins in a machine within this container: "
                   + bare.stderr.strip())
    runner = stage.start("entered", [
        *stage.entry(), "env", "-C", "/srv/project", "penstock", "run",
        "--network", "blocked", "--name", "entered", "--", "sleep", "9876"])
    pids = [sleeper(stage, "9876")]
    for _ in range(2):                    # process 1 inside, and bubblewrap
        pids.append(stage.inside("ps", "-o", "ppid=", "-p",
                                 pids[-1]).stdout.strip())
    # As --memory does it, here without a limit to hold.
    stage.inside(
        "busctl", "call", "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
        "StartTransientUnit", "ssa(sv)a(sa(sv))", "penstock-entered-1.scope",
        "fail", "2", "PIDs", "au", "3", *pids, "Delegate", "b", "true", "0")
    wait_for("the scope", lambda: "entered-1.scope" in group_of(
        stage, pids[0]))
    entered(stage, "entered", "9876")
    stage.inside("penstock", "stop", "entered")
    runner.wait(timeout=20)
    gone(stage)


@outside("a hog is killed, and its end is told; what fits runs")
@held
def hog(stage):
    got = run(stage, "python3", "-c", HOG)
    assert got.returncode == 137 and got.stdout == "", got
    assert "had used up its memory (--memory, 64 MiB)" in got.stderr, got
    got = run(stage, "python3", "-c", HOG, options=("--memory", "1G"))
    assert (got.returncode, got.stderr) == (0, ""), got
    gone(stage)


@outside("without systemd's help: a group beside ours, where it is delegated")
@held
def group(stage):
    for code, status in (("print(1)", 0), (HOG, 137)):
        got = stage.inside(
            "systemd-run", "-q", "--pipe", "--wait", "-p", "Delegate=yes",
            "sh", "/srv/group.sh", code, check=False, timeout=120)
        assert (got.returncode, "used up its memory" in got.stderr) == (
            status, status == 137), got
        # Another than the one of the program, and nothing left in there.
        assert got.stdout.endswith("left: own/\n"), got
    gone(stage)


@outside("penstock run killed: nothing of it is left")
@held
def killed(stage):
    command = [*stage.entry(), "env", "-C", "/srv/project", "penstock",
               "run", "--network", "blocked", "--memory", "64M", "--",
               "sleep", "98764"]
    runner = stage.start("killed", command)
    wait_for("the command", lambda: stage.inside(
        "pgrep", "-f", "^sleep 98764", check=False).stdout.strip(), 30)
    runner.kill()
    runner.wait()
    stage.inside("pkill", "-KILL", "-f", "^penstock run --network blocked")
    gone(stage)


if __name__ == "__main__":
    machine.Machine.start_instance = start
    machine.main("", "workers: 1\n", machine.Machine.start_client)
