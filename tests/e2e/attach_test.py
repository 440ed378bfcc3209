#!/usr/bin/env python3
"""A namespace that somebody else made, as of a container: attached, closed,
and let go again. Forwarding is on and the world knows the way back."""
import os
import pathlib
import signal
import subprocess
import sys
import time

from harness import (HERE, PYTHON, Skip, command, main, outside,
                     wait_for)

POLICY = "allow: [any https://h1.test/**, any http://h1.test/**]\n"
CATCHER = """
table netdev catcher {
  chain every { type filter hook ingress device box0 priority 0;
    ether type ip6 icmpv6 type { 130-136, 143 } accept
    ether type arp accept
    counter
  }
}
"""


def inside(box, *argv):
    return command("nsenter", "-t", box.pid, "-n", *argv)


def probe(box, *argv):
    return inside(box, PYTHON, HERE / "appliance_probe.py", *argv).strip()


def caught():
    """What has left the box by its device, but for neighbour discovery."""
    text = command("nft", "list", "table", "netdev", "catcher")
    return int(text.partition("counter packets ")[2].split()[0])


def new_box(stage, name):
    box = stage.start(name, ["unshare", "-n", "sleep", "infinity"])
    wait_for("a namespace", lambda: os.readlink(f"/proc/{box.pid}/ns/net")
             != os.readlink("/proc/self/ns/net"))
    inside(box, "ip", "link", "set", "lo", "up")
    return box


def prepare(stage):
    stage.box = new_box(stage, "box")
    stage.bare = new_box(stage, "bare")
    inside(stage.bare, "ip", "link", "set", "lo", "down")   # as a new one
    command("ip", "link", "add", "box0", "type", "veth", "peer", "name",
            "eth0", "netns", stage.box.pid)
    command("ip", "addr", "add", "10.8.0.1/24", "dev", "box0")
    command("ip", "addr", "add", "fd00:8::1/64", "dev", "box0", "nodad")
    command("ip", "link", "set", "box0", "up")
    inside(stage.box, "ip", "addr", "add", "10.8.0.2/24", "dev", "eth0")
    inside(stage.box, "ip", "addr", "add", "fd00:8::2/64", "dev", "eth0",
           "nodad")
    inside(stage.box, "ip", "link", "set", "eth0", "up")
    inside(stage.box, "ip", "route", "add", "default", "via", "10.8.0.1")
    inside(stage.box, "ip", "-6", "route", "add", "default", "via",
           "fd00:8::1")
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        pathlib.Path("/proc/sys/net", name).write_text("1")
    stage.in_origins("ip", "route", "add", "10.8.0.0/24", "via", "11.0.0.1")
    catcher = stage.dir / "catcher.nft"
    catcher.write_text(CATCHER)
    command("nft", "-f", catcher)
    # Without us all of it leaves.
    assert probe(stage.box, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"
    assert probe(stage.box, "raw", "11.0.0.3", "1") == "answered"
    assert probe(stage.box, "frames", "eth0") == "sent"
    assert caught() > 3


def attach(stage, target, name, check=True):
    return stage.penstock("attach", target, "--name", name, "--policy",
                          stage.policy_file(), check=check)


@outside("attach by process: the sandbox is there, of its kind")
def by_process(stage):
    run = attach(stage, stage.box.pid, "box")
    assert run.stdout == "box\n" and "CAP_NET_ADMIN" in run.stderr, run
    out = stage.penstock("sandboxes").stdout
    assert any(line.split()[:2] == ["box", "attach"]
               for line in out.splitlines()), out


@outside("attach and detach without a policy speak for themselves")
def no_policy(stage):
    run = stage.penstock("attach", stage.box.pid, "--name", "bare",
                         "--policy", "none", check=False)
    assert run.returncode == 2, run
    assert run.stderr.startswith("penstock attach: --policy none: "), run


@outside("TCP is judged, by name and by address; DNS is answered")
def judged(stage):
    box = stage.box
    answer = probe(box, "dns", "8.8.8.8").split()
    assert answer[:2] == ["8.8.8.8", "53"], answer
    assert answer[2] == probe(box, "dns_tcp", "10.8.0.1")
    assert probe(box, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"
    inside(box, "curl", "-ksSf", "-m", "5", "-o", "/dev/null", "--resolve",
           f"h1.test:443:{answer[2]}", "https://h1.test/plain")
    row = stage.row(host="h1.test", scheme="https", status=200)
    assert row["sandbox"] == "box", row


@outside("nothing leaves by the device, whatever way it is sent")
def nothing(stage):
    box, before = stage.box, caught()
    for address in ("11.0.0.3", "10.8.0.1", "2600:11::3"):
        got = probe(box, "udp", address, "443")
        # A neighbour on the device is routed there, and the packet dropped.
        assert got in ("ECONNREFUSED", "EPERM"), (address, got)
        assert probe(box, "raw", address,
                     "58" if ":" in address else "1") != "answered"
        probe(box, "bound", address, "eth0")
    probe(box, "frames", "eth0")
    probe(box, "loop", "1")
    assert caught() == before, (before, caught())


@outside("a second attach, and one under a name that is taken: refused")
def second(stage):
    run = attach(stage, stage.box.pid, "again", check=False)
    assert run.returncode == 3 and "captured already" in run.stderr, run
    run = attach(stage, stage.bare.pid, "box", check=False)
    assert run.returncode == 3 and "attached already" in run.stderr, run
    assert "table" not in inside(stage.bare, "nft", "list", "ruleset")
    assert probe(stage.box, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"


@outside("nobody there, no namespace, foreign rules: one message, no trace")
def bad(stage):
    for target, what in (("4194303", "no such process"),
                         ("/nowhere/net", "No such file"),
                         ("/etc/hostname", "no network namespace")):
        run = attach(stage, target, "bad", check=False)
        assert run.returncode == 3 and what in run.stderr, run
        assert len(run.stderr.splitlines()) == 1, run.stderr
    inside(stage.bare, "nft", "add table ip mine; add chain ip mine c { type "
           "nat hook output priority 0; }; add rule ip mine c tcp dport 80 "
           "redirect to :1")
    run = attach(stage, stage.bare.pid, "bad", check=False)
    assert run.returncode == 3 and "'mine'" in run.stderr, run
    inside(stage.bare, "nft", "delete", "table", "ip", "mine")
    assert "table" not in inside(stage.bare, "nft", "list", "ruleset")
    assert "192.0.2" not in inside(stage.bare, "ip", "addr")
    assert "bad" not in stage.penstock("sandboxes").stdout


@outside("the host's own network, by whatever name: refused")
def own(stage):
    before = inside(stage.daemon, "ip", "route", "show", "table", "all")
    for target in (stage.daemon.pid, "/proc/1/ns/net", "self"):
        if target == "self":              # a path that is not absolute
            (stage.project / "self").symlink_to("/proc/self/ns/net")
        run = attach(stage, target, "own", check=False)
        assert run.returncode == 3 and "host's own network" in run.stderr, run
        assert len(run.stderr.splitlines()) == 1, run.stderr
        assert not (stage.dir / "run" / "attach.own").exists()
    assert inside(stage.daemon, "ip", "route", "show", "table",
                  "all") == before
    assert "table" not in inside(stage.bare, "nft", "list", "ruleset")


@outside("a policy that is none: refused, and all is as it was")
def policy(stage):
    run = stage.penstock("attach", stage.bare.pid, "--name", "p", "--policy",
                         "no-such-policy", check=False)
    assert run.returncode != 0, run
    assert "table" not in inside(stage.bare, "nft", "list", "ruleset")


@outside("a namespace without any device, by path")
def by_path(stage):
    path = stage.project / "by path"
    path.symlink_to(f"/proc/{stage.bare.pid}/ns/net")
    attach(stage, path.name, "bare")
    assert probe(stage.bare, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"
    for address in ("8.8.8.8", "2600:11::9"):
        answer = probe(stage.bare, "dns", address)
        assert answer.startswith(f"{address} 53 198."), answer
    command(stage.bin / "penstock", "detach", "bare", cwd="/", env=stage.env)
    assert "table" not in inside(stage.bare, "nft", "list", "ruleset")
    weak = stage.start("weak", [
        "nsenter", "-t", stage.bare.pid, "-n", "setpriv",
        "--bounding-set=-net_admin", "sleep", "infinity"])
    wait_for("setpriv", lambda: b"sleep" in pathlib.Path(
        f"/proc/{weak.pid}/cmdline").read_bytes()[:6])
    assert attach(stage, weak.pid, "weak").stderr == ""
    stage.penstock("detach", "weak")
    assert "table" not in inside(stage.bare, "nft", "list", "ruleset")
    assert "192.0.2" not in inside(stage.bare, "ip", "addr")


@outside("the gateway is replaced: the namespace is served again")
def replaced(stage):
    before = caught()
    for pid in stage.children()["penstock-gatewa"]:
        os.kill(pid, signal.SIGKILL)
    wait_for("service", lambda: probe(
        stage.box, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK", 20)
    assert caught() == before


@outside("detach: all is as it was")
def detach(stage):
    stage.penstock("detach", "box")
    assert "table" not in inside(stage.box, "nft", "list", "ruleset")
    assert "box" not in stage.penstock("sandboxes").stdout
    assert probe(stage.box, "raw", "11.0.0.3", "1") == "answered"
    run = stage.penstock("detach", "box", check=False)
    assert run.returncode == 1 and "nothing is attached" in run.stderr


@outside("a keeper that cannot be seen from here: nobody else is ended for it")
def unseen(stage):
    attach(stage, stage.box.pid, "box")
    run = subprocess.run(
        ["unshare", "-p", "-f", "--mount-proc", stage.bin / "penstock",
         "detach", "box"], check=False, env=stage.env, text=True,
        stderr=subprocess.PIPE, start_new_session=True, timeout=30)
    assert run.returncode == 3 and "cannot be seen" in run.stderr, run
    assert "box" in stage.penstock("sandboxes").stdout
    stage.penstock("detach", "box")


@outside("the keeper killed: closed until detach")
def orphan(stage):
    attach(stage, stage.box.pid, "box")
    before = caught()
    pids = [int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*")
            if (p / "cmdline").exists()
            and b"\0attach\0" in (p / "cmdline").read_bytes()]
    assert len(pids) == 1, pids
    os.kill(pids[0], signal.SIGKILL)
    time.sleep(0.3)
    probe(stage.box, "loop", "1")
    assert caught() == before
    # Attached again, by its name or another: that is left as it is.
    for name, what in (("box", "first: penstock detach"),
                       ("box2", "captured already")):
        run = attach(stage, stage.box.pid, name, check=False)
        assert run.returncode == 3 and what in run.stderr, run
    stage.penstock("detach", "box")
    assert probe(stage.box, "raw", "11.0.0.3", "1") == "answered"
    left = [path.name for path in (stage.dir / "run").glob("attach.*")]
    assert left == [], left


@outside("without root: a namespace of one's own, and not another's")
def rootless(stage):
    if pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1":
        raise Skip("there is one user in this namespace")
    where = stage.dir / "rootless"
    for name in ("run", "state", "config"):
        (where / name).mkdir(parents=True, mode=0o700)
        os.chown(where / name, 65534, 65534)
    env = {f"PENSTOCK_{name.upper()}_DIR": str(where / name)
           for name in ("run", "state", "config")}

    def user(*argv, check=True):
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             *map(str, argv)], check=check, env=stage.env | env, cwd="/",
            stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=30)

    box = stage.start("rootless", [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        "unshare", "-Urn", "sleep", "infinity"])
    try:
        wait_for("a namespace", lambda: os.readlink(f"/proc/{box.pid}/ns/net")
                 != os.readlink("/proc/self/ns/net"), 3)
    except TimeoutError:
        raise Skip("no user namespaces for users here") from None
    penstock = stage.public_bin() / "penstock"
    run = user(penstock, "attach", box.pid, "--name", "own", "--allow",
               "any http://h1.test/**")
    assert run.stdout == "own\n", run
    enter = ["nsenter", "-t", str(box.pid), "-U", "-n",
             "--preserve-credentials", PYTHON, stage.project / "appliance_probe.py"]
    # What it sends arrives and is judged; its instance knows no such name.
    assert user(*enter, "connect", "11.0.0.3", "80").stdout.startswith(
        "HTTP/1.1 50"), "not judged"
    assert user(*enter, "dns", "8.8.8.8").stdout.startswith("8.8.8.8 53 198.")
    out = user(penstock, "log", "--json").stdout
    assert '"sandbox":"own"' in out, out
    run = user(penstock, "attach", stage.bare.pid, "--name", "other",
               check=False)
    assert run.returncode == 3 and "needs root, or the user" in run.stderr, run
    user(penstock, "detach", "own")
    user(penstock, "down")


@outside("the process ends: the next in its namespace; the last: the sandbox too")
def ends(stage):
    others = [stage.start(f"other{n}", ["nsenter", "-t", str(stage.box.pid),
                                        "-n", "sleep", "infinity"])
              for n in range(2)]
    wait_for("them to be in there", lambda: len({
        os.readlink(f"/proc/{p.pid}/ns/net")
        for p in (stage.box, *others)}) == 1)
    attach(stage, stage.box.pid, "box")
    record = stage.dir / "run" / "attach.box"
    for gone, left in ((stage.box, others), (others[0], others[1:])):
        before = record.read_text()
        gone.kill()
        gone.wait()
        wait_for("another", lambda b=before: record.read_text() not in (b, ""))
        assert record.read_text().split()[1] in [str(p.pid) for p in left]
        assert "box" in stage.penstock("sandboxes").stdout
        assert probe(left[0], "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"
    # A detach goes by it, too.
    stage.penstock("detach", "box")
    assert "table" not in inside(others[1], "nft", "list", "ruleset")
    attach(stage, others[1].pid, "box")
    others[1].kill()
    others[1].wait()
    wait_for("its end", lambda: "box" not in
             stage.penstock("sandboxes").stdout)
    assert not record.exists()


if __name__ == "__main__":
    if subprocess.run(["nft", "--version"], check=False,
                      stdout=subprocess.DEVNULL).returncode != 0:
        print("skipped: there is no nft")
        sys.exit(77)
    main(POLICY, prepare=prepare)
