#!/usr/bin/env python3
"""A gateway host: machines whose route leads through it, and what of theirs
arrives in the world. Forwarding is on, and the world knows the way back, so
that only the capture holds anything."""
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import CONFIG, HERE, PYTHON, command, main, outside, wait_for

CAPTURE = """\
capture:
  interfaces: [sb0]
  sources: [10.7.0.0/24, "fd00:7::/64"]
policies:
  lab: {allow: ["any https://h1.test/**", "any http://h1.test/**"]}
sandboxes:
  lab: {from: [10.7.0.0/24, "fd00:7::/64"], policy: [lab]}
"""
OPTIONS = ("--interface", "sb0", "--source", "10.7.0.0/24", "--source",
           "fd00:7::/64")
CATCHER = """
table inet catcher {
  chain every { type filter hook prerouting priority raw;
    iifname org0 icmpv6 type { 130-136, 143 } accept
    iifname org0 counter
  }
}
"""


def in_client(stage, *argv, **options):
    return command("nsenter", "-t", stage.client.pid, "-n", *argv, **options)


def probe(stage, *argv):
    return in_client(stage, PYTHON, HERE / "appliance_probe.py",
                     *argv).strip()


def caught(stage):
    """Packets that have arrived in the world, from anybody."""
    text = stage.in_origins("nft", "list", "table", "inet", "catcher")
    return int(re.search(r"counter packets (\d+)", text).group(1))


def capture(stage, *argv, check=True):
    return subprocess.run(
        [stage.bin / "penstock-capture", *argv], check=check, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def seen(stage, what):
    """Packets that the rules of this comment have counted."""
    rows = capture(stage, "show").stdout.splitlines()
    return sum(int(row.split()[0]) for row in rows if row.endswith(what))


def start_client(stage):
    stage.client = stage.start("client", ["unshare", "-n", "sleep",
                                          "infinity"])
    wait_for("a third namespace", lambda: os.readlink(
        f"/proc/{stage.client.pid}/ns/net") != os.readlink(
            "/proc/self/ns/net"))
    command("ip", "link", "add", "sb0", "type", "veth", "peer", "name",
            "cl0", "netns", stage.client.pid)
    for address in ("10.7.0.1/24", "fd00:7::1/64"):
        command("ip", "addr", "add", address, "dev", "sb0",
                *(["nodad"] if ":" in address else []))
    command("ip", "link", "set", "sb0", "up")
    in_client(stage, "ip", "link", "set", "lo", "up")
    for address in ("10.7.0.2/24", "fd00:7::2/64", "10.7.1.9/32"):
        in_client(stage, "ip", "addr", "add", address, "dev", "cl0",
                  *(["nodad"] if ":" in address else []))
    in_client(stage, "ip", "link", "set", "cl0", "up")
    in_client(stage, "ip", "route", "add", "default", "via", "10.7.0.1",
              "src", "10.7.0.2")
    in_client(stage, "ip", "-6", "route", "add", "default", "via",
              "fd00:7::1")


def prepare(stage):
    start_client(stage)
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        pathlib.Path("/proc/sys/net", name).write_text("1")
    stage.in_origins("ip", "route", "add", "10.7.0.0/16", "via", "11.0.0.1")
    stage.in_origins("ip", "-6", "route", "add", "fd00:7::/64", "via",
                     "2600:11::1")
    catcher = stage.dir / "catcher.nft"
    catcher.write_text(CATCHER)
    stage.in_origins("nft", "-f", catcher)
    # The stage leaks as it should: without the capture, all of it arrives.
    assert probe(stage, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"
    assert probe(stage, "raw", "11.0.0.3", "1") == "answered"
    wait_for("an answer over IPv6", lambda: probe(
        stage, "raw", "2600:11::3", "58") == "answered")
    assert caught(stage) > 4


@outside("the instance installed the capture and found it in the kernel")
def installed(stage):
    capture(stage, "verify", *OPTIONS)
    assert "penstock-captur" in stage.children(), stage.children()


@outside("TLS to any address and port: judged by its name")
def tls(stage):
    for port in ("443", "8443"):
        for address in ("11.0.0.3", "[2600:11::3]"):
            out = in_client(
                stage, "curl", "-ksS", "-m", "5", "-o", "/dev/null", "-w",
                "%{http_code}", "--connect-to", f"::{address}:{port}",
                f"https://h1.test:{port}/plain" if port == "443"
                else "https://other.test/plain")
            assert out == ("200" if port == "443" else "403"), (port, out)
    row = stage.row(host="h1.test", status=200)
    assert row["sandbox"] == "lab", row


@outside("the destination that was dialled is known")
def destination(stage):
    probe(stage, "babble", "11.0.0.77", "2222")
    row = stage.row(port=2222)
    assert row["host"] == "11.0.0.77" and row["verdict"] != "allow", row


@outside("DNS at any address, over UDP and TCP, IPv4 and IPv6")
def dns(stage):
    for address in ("8.8.8.8", "10.7.0.1", "11.0.0.53", "2600:11::99",
                    "fd00:7::1"):
        peer, port, answer = probe(stage, "dns", address).split()
        assert (peer, port) == (address, "53"), (peer, port)
        assert answer.startswith("198.1"), answer
        assert probe(stage, "dns_tcp", address) == answer
    in_client(stage, "curl", "-ksSf", "-m", "5", "-o", "/dev/null",
              "--resolve", f"h1.test:443:{answer}", "https://h1.test/plain")


@outside("QUIC and other UDP: refused by ICMP at once")
def udp(stage):
    for address in ("11.0.0.3", "2600:11::3", "10.7.0.1"):
        for port in ("443", "123"):
            assert probe(stage, "udp", address, port) == "ECONNREFUSED"
    assert seen(stage, "UDP, and QUIC: refused") >= 6


@outside("ICMP and other protocols: dropped, nothing arrives")
def others(stage):
    before = caught(stage)
    for address, protocol in (("11.0.0.3", "1"), ("2600:11::3", "58"),
                              ("11.0.0.3", "132"), ("11.0.0.3", "47"),
                              ("10.7.0.1", "1")):
        assert probe(stage, "raw", address, protocol) == "timed out"
    assert caught(stage) == before
    assert seen(stage, "all else: dropped") >= 5


@outside("a source that is another's: dropped")
def spoofed(stage):
    before = caught(stage)
    for source in ("10.7.1.9", "11.0.0.9"):
        in_client(stage, "ip", "addr", "replace", f"{source}/32", "dev",
                  "cl0")
        run = subprocess.run(
            ["nsenter", "-t", str(stage.client.pid), "-n", PYTHON, "-c",
             "import socket;s=socket.socket(2,2);"
             f"s.bind(('{source}',0));s.sendto(b'x',('11.0.0.3',53));"
             "s.sendto(b'x',('11.0.0.3',7))"], check=False)
        assert run.returncode == 0
    in_client(stage, "ip", "addr", "del", "11.0.0.9/32", "dev", "cl0")
    time.sleep(0.2)
    assert caught(stage) == before
    assert seen(stage, "spoofed source: dropped") >= 4


@outside("straight to the gateway's own port and services: refused")
def own(stage):
    before = len(stage.rows())
    for address in ("10.7.0.1", "11.0.0.1", "fd00:7::1", "192.0.2.1"):
        assert "200" not in probe(stage, "connect", address, "61080")
    assert any(r["reason"] == "direct" for r in stage.rows()[before:])


@outside("status has the counters, for people and for programs")
def counted(stage):
    def some():
        said = json.loads(stage.penstock("status", "--json").stdout)["capture"]
        assert 0 <= said["age_s"] < 60, said
        return any(r["packets"] and r["octets"] and r["chain"] and r["rule"]
                   for r in said["rules"])
    wait_for("counters", some, 14)
    out = stage.penstock("status").stdout
    assert "The capture's packets" in out, out


@outside("a second apply changes nothing; show has the counters")
def again(stage):
    before = command("nft", "-s", "list", "ruleset")
    capture(stage, "apply", *OPTIONS)
    assert command("nft", "-s", "list", "ruleset") == before
    for family in ("-4", "-6"):
        assert command("ip", family, "rule").count("0x7053") == 1
    assert probe(stage, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"


@outside("verify sees a rule that was removed; the instance restores it")
def removed(stage):
    text = command("nft", "-a", "list", "chain", "inet", "penstock",
                   "forward")
    handle = re.search(r"sb0.*handle (\d+)", text).group(1)
    command("nft", "delete", "rule", "inet", "penstock", "forward", "handle",
            handle)
    assert capture(stage, "verify", *OPTIONS, check=False).returncode == 1
    wait_for("the rule", lambda: capture(
        stage, "verify", *OPTIONS, check=False).returncode == 0, 14)
    assert "has been restored" in stage.log("up")


@outside("the worker and the gateway killed: clients go on, replaced")
def killed(stage):
    for pid in stage.children()["penstock-gatewa"]:
        os.kill(pid, signal.SIGKILL)
    wait_for("service", lambda: probe(stage, "connect", "11.0.0.3", "80")
             == "HTTP/1.1 200 OK", 15)


@outside("bad input: one message, and nothing has changed")
def bad(stage):
    before = command("nft", "-s", "list", "ruleset")
    for argv, what in ((("apply", "--interface", "nope9"), "no interface"),
                       (("apply", "--source", "10.7.0.0/33"), "not fit"),
                       (("apply",), "usage")):
        run = capture(stage, *argv, check=False)
        assert run.returncode in (2, 3) and what in run.stderr, run
    command("nft", "add table ip other; add chain ip other c { type filter "
            "hook prerouting priority 0; }; add rule ip other c tcp dport 1 "
            "tproxy to :9 ")
    run = capture(stage, "apply", *OPTIONS, check=False)
    assert run.returncode == 3 and "'other' captures" in run.stderr, run
    command("nft", "delete", "table", "ip", "other")
    assert command("nft", "-s", "list", "ruleset") == before


@outside("everything killed while clients loop: no packet arrives")
def dead(stage):
    looping = subprocess.Popen(
        ["nsenter", "-t", str(stage.client.pid), "-n", PYTHON,
         str(HERE / "appliance_probe.py"), "loop", "4"],
        stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    pids = [p for group in stage.children().values() for p in group]
    stage.daemon.kill()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    stage.daemon.wait()
    time.sleep(0.3)
    before = caught(stage)
    assert int(looping.communicate(timeout=20)[0]) > 100
    assert caught(stage) == before, (before, caught(stage))
    assert probe(stage, "connect", "11.0.0.3", "80") == "ECONNREFUSED"


@outside("remove takes all away; a foreign table is left alone")
def remove(stage):
    capture(stage, "remove")
    assert "penstock" not in command("nft", "list", "ruleset")
    assert "0x7053" not in command("ip", "rule") + command("ip", "-6", "rule")
    command("nft", "add", "table", "inet", "penstock")
    run = capture(stage, "apply", *OPTIONS, check=False)
    assert run.returncode == 3 and "not ours" in run.stderr, run
    assert "0x7053" not in command("ip", "rule")
    daemon = stage.start("refused", [stage.bin / "penstock", "up"],
                         env=stage.env)
    assert daemon.wait(timeout=20) == 3
    assert "not ours" in stage.log("refused")


@outside("listeners handed over, as by systemd, to a user without powers")
def handed(stage):
    if pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1":
        print("# skipped: there is one user in this namespace")
        return
    command("nft", "delete", "table", "inet", "penstock")
    capture(stage, "apply", *OPTIONS)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    subprocess.run([stage.bin / "penstock-capture", "listen", "--socket",
                    str(theirs.fileno())], check=True,
                   pass_fds=[theirs.fileno()])
    _, fds, _, _ = socket.recv_fds(ours, 100, 16)
    assert len(fds) == 6, fds
    for name in ("run", "state"):
        shutil.rmtree(stage.dir / name)
        (stage.dir / name).mkdir(mode=0o700)
        os.chown(stage.dir / name, 65534, 65534)

    programs = stage.public_bin()

    def become():
        for i, fd in enumerate([fcntl.fcntl(fd, fcntl.F_DUPFD, 100)
                                for fd in fds]):
            os.dup2(fd, 3 + i)
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os.environ.update(stage.env, LISTEN_PID=str(os.getpid()),
                          LISTEN_FDS=str(len(fds)))
        os.execv(programs / "penstock", ["penstock", "up"])

    with open(stage.dir / "logs" / "handed", "ab") as log:
        daemon = subprocess.Popen(["true"], preexec_fn=become, close_fds=False,
                                  stdout=log, stderr=log)
    try:
        wait_for("service", lambda: probe(
            stage, "connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK", 20)
        assert probe(stage, "dns", "8.8.8.8").startswith("8.8.8.8 53 198.1")
        assert probe(stage, "dns", "2600:11::9").startswith("2600:11::9 53")
    finally:
        daemon.terminate()
        daemon.wait(timeout=15)


if __name__ == "__main__":
    if not pathlib.Path("/usr/sbin/nft").exists():
        print("skipped: there is no nft")
        sys.exit(77)
    main("", CONFIG + CAPTURE, prepare)
