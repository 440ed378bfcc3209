#!/usr/bin/env python3
"""penstock-capture on a host that others configure as well: their rules, their
devices, IPv6 that comes and goes."""
import pathlib
import subprocess
import sys
import threading

from harness import command, main, outside, wait_for

OPTIONS = ("--interface", "sb0", "--source", "10.7.0.0/24")
RULES = 1500


def capture(stage, *argv):
    return subprocess.run(
        [stage.bin / "penstock-capture", *argv], check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)


def devices(stage):
    command("ip", "link", "add", "sb0", "type", "veth", "peer", "name", "sb1")
    command("ip", "link", "set", "sb0", "up")


def traces():
    """All that an appliance leaves in the kernel, if it leaves anything."""
    return [line for argv in (("nft", "list", "ruleset"), ("ip", "rule"),
                              ("ip", "-6", "rule"),
                              ("ip", "route", "show", "table", "28755"),
                              ("ip", "-6", "route", "show", "table", "28755"))
            for line in subprocess.run(
                argv, check=False, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True).stdout.splitlines()
            if "penstock" in line or "28755" in line or "proto 80" in line]


def set_ipv6(on):
    pathlib.Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text(
        "0" if on else "1")


class Churn:
    """Many rules of another's, and tables of his that come and go."""

    def __enter__(self):
        self.ending = threading.Event()
        command("nft", "-f", "-", input="\n".join(
            ["table ip others {", "chain c {"]
            + [f"ip saddr 10.1.{i // 250}.{i % 250} tcp dport {i + 1} counter "
               f"accept comment \"the rule of another, number {i}\""
               for i in range(RULES)] + ["}", "}", ""]).encode())
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        while not self.ending.is_set():
            command("nft", "add", "table", "ip", "passing")
            command("nft", "delete", "table", "ip", "passing")

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        command("nft", "delete", "table", "ip", "others")


@outside("rules of others that change all the time are in nobody's way")
def torn(stage):
    with Churn():
        for word in ("apply", "verify") * 8:
            run = capture(stage, word, *OPTIONS)
            assert (run.returncode, run.stderr) == (0, ""), run
    assert capture(stage, "verify", *OPTIONS).returncode == 0
    capture(stage, "remove")


@outside("a chain of iptables that redirects is another's capture too")
def iptables(stage):
    for table, target in (("nat", ("REDIRECT", "--to-ports", "3128")),
                          ("mangle", ("TPROXY", "--on-port", "3128"))):
        rule = ("PREROUTING", "-i", "sb0", "-p", "tcp", "-j", *target)
        command("iptables", "-t", table, "-A", *rule)
        run = capture(stage, "apply", *OPTIONS)
        assert run.returncode == 3, run
        assert f"'{table}' captures connections already" in run.stderr, run
        command("iptables", "-t", table, "-D", *rule)
        assert traces() == []
    # What a container engine has is no capture.
    for argv in (("-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport",
                  "8080", "-j", "DNAT", "--to-destination", "172.17.0.2:80"),
                 ("-t", "nat", "-A", "POSTROUTING", "-s", "172.17.0.0/16",
                  "-j", "MASQUERADE"), ("-P", "FORWARD", "DROP")):
        command("iptables", *argv)
    before = command("iptables-save")
    for word in ("apply", "apply", "verify"):
        assert capture(stage, word, *OPTIONS).returncode == 0, word
    capture(stage, "remove")
    assert traces() == []
    assert [x for x in command("iptables-save").splitlines() if x[0] != "#"
            ] == [x for x in before.splitlines() if x[0] != "#"]


@outside("a source that is everybody: captured, and said what that means")
def everybody(stage):
    for source, wide in (("10.0.0.0/8", False), ("0.0.0.0/0", True),
                         ("0.0.0.0/7", True), ("::/0", True),
                         ("fc00::/7", False)):
        run = capture(stage, "apply", "--source", "10.7.0.0/24",
                      "--source", source)
        assert run.returncode == 0, run
        assert (f"warning: source {source} captures" in run.stderr) == wide, run
        assert len(run.stderr.splitlines()) == wide, run
    assert capture(stage, "remove").returncode == 0


@outside("remove leaves nothing, whatever became of IPv6 meanwhile")
def ipv6(stage):
    for first, then in ((True, False), (False, True), (False, False)):
        set_ipv6(first)
        assert capture(stage, "apply", *OPTIONS).returncode == 0
        assert capture(stage, "verify", *OPTIONS).returncode == 0
        assert len(traces()) > 3
        set_ipv6(then)
        assert capture(stage, "remove").returncode == 0
        set_ipv6(True)
        assert traces() == [], (first, then, traces())


@outside("a device that is renamed or gone: verify and keep say so")
def renamed(stage):
    keep = stage.start("keep", [stage.bin / "penstock-capture", "keep",
                                *OPTIONS])

    def says(what):
        return what in stage.log("keep")

    try:
        wait_for("the capture", lambda: capture(
            stage, "verify", *OPTIONS).returncode == 0)
        command("ip", "link", "set", "sb0", "down")
        command("ip", "link", "set", "sb0", "name", "sb7")
        run = capture(stage, "verify", *OPTIONS)
        assert run.returncode == 1 and "no interface 'sb0'" in run.stderr, run
        wait_for("a word", lambda: says("there is no interface 'sb0'"), 15)
        command("ip", "link", "set", "sb7", "name", "sb0")
        wait_for("another", lambda: says("all interfaces are there"), 15)
        assert capture(stage, "verify", *OPTIONS).returncode == 0
        assert not says("restored"), stage.log("keep")
    finally:
        keep.terminate()
        keep.wait(timeout=5)
        capture(stage, "remove")


if __name__ == "__main__":
    if not pathlib.Path("/usr/sbin/nft").exists():
        print("skipped: there is no nft")
        sys.exit(77)
    main("", prepare=devices)
