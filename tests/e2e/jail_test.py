#!/usr/bin/env python3
"""Ways out of the command's jail, each tried from inside: none leads anywhere."""
import ctypes
import errno
import glob
import json
import os
import socket
import subprocess
import sys

from harness import PYTHON, main, outside

POLICY = "allow: [any https://h1.test/**]\n"
NEWUSER, NEWNS, NEWCGROUP, NEWNET = \
    0x10000000, 0x20000, 0x2000000, 0x40000000
DETACH = 2
PTRACE_SEIZE = 0x4206
PIDFD_OPEN, PIDFD_GETFD = 434, 438
IO_URING, KEYCTL = 425, {"x86_64": 250, "aarch64": 219}


# -- inside: facts only ----------------------------------------------------

def attempt(fn, *args):
    try:
        return fn(*args)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def call(number, *args):
    """A system call by its number: its result or the errno's name."""
    libc = ctypes.CDLL(None, use_errno=True)
    got = libc.syscall(number, *args)
    return got if got >= 0 else errno.errorcode[ctypes.get_errno()]


def open_for_writing(path):
    """Only opened: what is written there would be felt outside."""
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    return "ok"


def proc_files():
    for where, dirs, files in os.walk("/proc"):
        if where.count("/") > 1 and where.split("/")[2].isdigit():
            dirs.clear()
            continue
        yield from (os.path.join(where, name) for name in files)


def mine():
    """A user namespace with all its powers, and what they are good for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEWUSER | NEWNS | NEWCGROUP):
        return {"unshare": errno.errorcode[ctypes.get_errno()]}
    os.mkdir("/tmp/at")
    found = {"unshare": "ok", "lifted": [], "cgroup": []}
    for path in ("/proc/sys", "/proc/irq", "/etc/shadow", "/tmp", "/etc",
                 os.environ["HOME"]):
        if libc.umount2(path.encode(), DETACH) == 0:
            found["lifted"].append(path)
    for kind in (b"cgroup2", b"cgroup"):
        if libc.mount(b"x", b"/tmp/at", kind, 0, b"none,name=x"
                      if kind == b"cgroup" else None) == 0:
            found["cgroup"] += [p for p in glob.glob("/tmp/at/*") if
                                attempt(open_for_writing, p) == "ok"]
    return found


def nft():
    done = subprocess.run(["nft", "flush", "ruleset"], check=False,
                          stderr=subprocess.PIPE)
    return done.returncode


def route():
    return subprocess.run(["ip", "route", "del", "local", "default", "dev",
                           "lo"], check=False,
                          stderr=subprocess.PIPE).returncode


def made(family, kind, protocol):
    socket.socket(family, kind, protocol).close()
    return "ok"


def taken_from_init():
    """Descriptors of process 1 that are none of the command's own three."""
    pidfd = call(PIDFD_OPEN, 1, 0)
    names = set()
    for fd in range(64):
        got = call(PIDFD_GETFD, pidfd, fd, 0)
        if isinstance(got, int):
            names.add(os.readlink(f"/proc/self/fd/{got}"))
    return sorted(n for n in names if "socket" in n or n.startswith("/memfd"))


def in_child(fn):
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(w, json.dumps(attempt(fn)).encode())
        os._exit(0)
    os.close(w)
    os.waitpid(pid, 0)
    with os.fdopen(r) as f:
        return json.load(f)


def probe():
    uname = os.uname().machine
    json.dump({
        "uid": os.getuid(),
        "settings": [p for p in proc_files()
                     if attempt(open_for_writing, p) == "ok"],
        "namespace": in_child(mine),
        "nft": nft(), "route": route(),
        "setns": {n: attempt(os.open, f"/proc/1/ns/{n}", os.O_RDONLY)
                  for n in ("net", "user")},
        "init": taken_from_init(),
        "init env": open("/proc/1/environ", encoding="utf-8").read(),
        "unix": open("/proc/net/unix", encoding="ascii").read().count("\n"),
        "calls": {"io_uring": call(IO_URING, 4, 0),
                  "keyctl": call(KEYCTL[uname], 0, -3, 0)},
        "sockets": {str((f, k, p)): attempt(made, f, k, p) for f, k, p in (
            (2, 3, 1), (2, 3, 255), (10, 3, 58), (2, 2, 1), (10, 2, 58),
            (17, 3, 3), (17, 2, 3), (40, 1, 0), (38, 5, 0), (29, 3, 1),
            (31, 3, 1), (44, 3, 0), (42, 2, 0), (2, 1, 132), (2, 5, 33))},
        "options": {n: attempt(lambda o, v: socket.socket().setsockopt(
            socket.SOL_SOCKET if n == "mark" else socket.SOL_IP, o, v) or
            "ok", o, 1) for n, o in (("mark", 36), ("transparent", 19))},
        "disks": [p for p in glob.glob("/dev/*") if attempt(
            lambda p: os.stat(p).st_mode & 0o170000, p) == 0o060000],
    }, sys.stdout)


# -- outside ---------------------------------------------------------------

def found(stage):
    if not hasattr(stage, "found"):
        done = stage.run(PYTHON, "jail_test.py", "--probe")
        stage.found = json.loads(done.stdout)
    return stage.found


@outside("no setting of the kernel can be opened for writing")
def settings(stage):
    # A namespace's own: of its message queues, its waiting, its network.
    own = ("/proc/sys/fs/mqueue/", "/proc/sys/kernel/sem", "/proc/pressure/",
           "/proc/sys/kernel/shm", "/proc/sys/kernel/msg",
           "/proc/sys/kernel/auto_msgmni")
    seen = [p for p in found(stage)["settings"] if not p.startswith(own)]
    assert not seen, seen


@outside("a user namespace of its own gives no power over what is outside")
def namespace(stage):
    got = found(stage)["namespace"]
    if got["unshare"] != "ok":
        assert got["unshare"] in ("EPERM", "ENOSPC"), got
        return
    assert got["lifted"] == [] and got["cgroup"] == [], got
    assert found(stage)["uid"] != 0, "root can mount the host's cgroups"


@outside("neither the rules nor the routes can be changed")
def rules(stage):
    assert found(stage)["nft"] != 0 and found(stage)["route"] != 0


@outside("nothing to be had from the layers between the command and us")
def layers(stage):
    got = found(stage)
    assert got["init"] == [], got["init"]
    assert "SECRET" not in got["init env"], got["init env"]
    assert got["unix"] <= 1, "sockets of another namespace are listed"


@outside("kernel interfaces that know no namespace are not there")
def interfaces(stage):
    got = found(stage)
    assert set(got["calls"].values()) == {"ENOSYS"}, got["calls"]
    assert "ok" not in got["sockets"].values(), got["sockets"]
    assert "ok" not in got["options"].values(), got["options"]
    assert got["disks"] == [], got["disks"]


@outside("an abstract socket of this namespace is not reached from inside")
def abstract(stage):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0penstock-jail-test")
        server.listen()
        done = stage.run(
            PYTHON, "-c", "import socket\n"
            "socket.socket(socket.AF_UNIX).connect('\\0penstock-jail-test')",
            check=False)
    assert "ConnectionRefusedError" in done.stderr, done.stderr


@outside("the control plane is hidden, also behind links and --rw")
def control(stage):
    link = stage.dir / "link"
    link.symlink_to(stage.dir)
    for name in ("RUN", "STATE", "CONFIG"):
        stage.env[f"PENSTOCK_{name}_DIR"] = \
            str(link / stage.env[f"PENSTOCK_{name}_DIR"].split("/")[-1])
    try:
        done = stage.run("find", stage.dir / "run", stage.dir / "state",
                         stage.dir / "config", "-type", "f", "-o", "-type",
                         "s", options=("--rw", stage.dir))
    finally:
        for name in ("RUN", "STATE", "CONFIG"):
            stage.env[f"PENSTOCK_{name}_DIR"] = \
                stage.env[f"PENSTOCK_{name}_DIR"].replace("/link/", "/")
    assert done.stdout == "", done.stdout
    done = stage.run("true", options=("--rw", stage.dir / "state"),
                     check=False)
    assert done.returncode != 0 and "penstock" in done.stderr, done.stderr


@outside("names that another sandbox asked for are not told by their address")
def names(stage):
    address = stage.run("getent", "hosts", "private-name.test", policy="allow:"
                        " [any https://*.test/**]\n").stdout.split()[0]
    to = f"[{address}]:443" if ":" in address else f"{address}:443"
    done = stage.run(
        "sh", "-c", f"openssl s_client -noservername -connect {to} "
        "</dev/null 2>&1 | openssl x509 -noout -text", check=False)
    assert "Subject" in done.stdout, done.stdout + done.stderr
    assert "private-name" not in done.stdout, done.stdout


@outside("a home that is shown keeps its files as they are")
def home(stage):
    npmrc = stage.dir / "home" / ".npmrc"
    npmrc.write_text("//registry.test/:_authToken=secret\n")
    stage.run("true", options=("--rw", stage.dir / "home"))
    assert "secret" in npmrc.read_text(), npmrc.read_text()


if __name__ == "__main__":
    if "--probe" in sys.argv:
        probe()
    else:
        main(POLICY)
