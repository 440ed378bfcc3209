#!/usr/bin/env python3
"""Whatever ends a sandbox, nothing of it stays: no process, namespace, mount,
control group, file or descriptor."""
import os
import pathlib
import signal
import subprocess

from harness import CONFIG, main, outside, wait_for

POLICY = "allow: [any https://h1.test/**]\n"
SCRIPT = ("sleep 4711 & curl -sSo /dev/null https://h1.test/plain; "
          "echo stands; exec setsid sleep 4711")
SETTLE_S = 12


def processes():
    """Those that live, by name, and the namespaces that they are in."""
    names, spaces = [], set()
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            _, _, rest = (entry / "stat").read_text().partition("(")
            name, _, rest = rest.rpartition(")")
            if rest.split()[0] in "ZX":
                continue
            for kind in ("net", "mnt", "pid", "user", "cgroup"):
                spaces.add(os.readlink(entry / "ns" / kind))
            names.append(name)
        except OSError:                   # it has ended meanwhile
            continue
    return sorted(names), sorted(spaces)


def descriptors(stage):
    """Of each process of the instance, by kind; pools and caches settle."""
    found = []
    for name, pids in sorted(stage.children().items()):
        for pid in sorted(pids):
            try:
                fds = [os.readlink(f"/proc/{pid}/fd/{fd}").partition(":")[0]
                       for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                fds = ["gone"]
            found.append((name, sum(fd == "socket" for fd in fds)))
    return sorted(found)


def files(stage):
    return sorted(str(path.relative_to(stage.dir))
                  for where in ("run", "state", "project", "home")
                  for path in (stage.dir / where).rglob("*"))


def groups():
    return sorted(str(path) for path in
                  pathlib.Path("/sys/fs/cgroup").glob("**/penstock-*"))


def snapshot(stage):
    names, spaces = processes()
    return {"processes": names, "namespaces": spaces,
            "mounts": pathlib.Path(
                "/proc/self/mountinfo").read_text().splitlines(),
            "groups": groups(), "files": files(stage),
            "sandboxes": stage.penstock(
                "sandboxes").stdout.splitlines(),
            "descriptors": descriptors(stage)}


def difference(before, now):
    return {key: sorted(set(before[key]) ^ set(now[key])) or "more or fewer"
            for key in before if before[key] != now[key]}


def below(pid):
    """The processes from pid on, each with the one child it has first."""
    chain = []
    while pid:
        chain.append(pid)
        kids = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        text = kids.read_text().split()
        pid = int(text[0]) if text else 0
    return chain


def one(stage, how):
    """Start a sandbox, end it in that way, and see what has changed."""
    before = snapshot(stage)
    child = stage.popen("sh", "-c", SCRIPT, stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL)
    assert child.stdout.readline() == b"stands\n"
    assert difference(before, snapshot(stage)).keys() >= {
        "processes", "namespaces", "files", "sandboxes", "descriptors"}
    how(child)
    child.stdout.close()
    child.wait(timeout=SETTLE_S)
    # A file in the roster says that its run was killed; the next tidies up.
    stage.run("true")
    try:
        wait_for("it to be as before", lambda: not difference(
            before, snapshot(stage)), SETTLE_S)
    except TimeoutError:
        raise RuntimeError(difference(before, snapshot(stage))) from None


def kill(layer, sig):
    def how(child):
        os.kill(below(child.pid)[layer], sig)
    return how


def prepare(stage):
    stage.run("curl", "-sSo", "/dev/null", "https://h1.test/plain")


def add(what, how):
    @outside(f"nothing is left of a sandbox: {what}")
    def test(stage):
        if not hasattr(stage, "warm"):
            stage.warm = True
            prepare(stage)
        one(stage, how)


for number, layer in enumerate(("penstock run", "bubblewrap", "its init",
                                "the command")):
    add(f"KILL to {layer}", kill(number, signal.SIGKILL))
for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    add(f"{sig.name} to penstock run", kill(0, sig))

if __name__ == "__main__":
    # One worker, so that it has asked certgen before.
    main(POLICY, CONFIG.replace("workers: 2", "workers: 1"))
