#!/usr/bin/env python3
"""The units on a real systemd: started, reloaded, killed, stopped, and a
machine behind the host that loses its gateway but never its fence."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import machine
from harness import HERE, PYTHON, command, outside, wait_for

CONFIG = """\
workers: 2
upstream:
  dns: ["11.0.0.53"]
  ca: [/etc/penstock/root.crt]
capture:
  interfaces: [sb0]
  sources: [10.7.0.0/24, "fd00:7::/64"]
policies:
  lab: {allow: ["any https://h1.test/**", "any http://h1.test/**"]}
sandboxes:
  lab: {from: [10.7.0.0/24, "fd00:7::/64"], policy: [lab]}
"""
CATCHER = """
table inet catcher {
  chain every { type filter hook prerouting priority raw;
    iifname org0 icmpv6 type { 130-136, 143 } accept
    iifname org0 counter
  }
}
"""
UNITS = ("penstock.target", "penstock.socket", "penstock.service",
         "penstock-capture.service")
NET_ADMIN = 1 << 12


def show(stage, unit, name):
    return stage.inside("systemctl", "show", "-P", name, unit).stdout.strip()


def states(stage):
    return {unit: show(stage, unit, "ActiveState") for unit in UNITS}


def caught(stage):
    """Packets that have arrived in the world, from anybody."""
    text = stage.in_origins("nft", "list", "table", "inet", "catcher")
    return int(re.search(r"counter packets (\d+)", text).group(1))


def served(stage):
    return stage.probe("connect", "11.0.0.3", "80") == "HTTP/1.1 200 OK"


def main_pid(stage, unit="penstock.service"):
    return int(show(stage, unit, "MainPID"))


def processes(stage):
    """{pid: name} of the service's processes, by the machine's numbers."""
    group = show(stage, "penstock.service", "ControlGroup")
    text = stage.inside("sh", "-c", "cat /sys/fs/cgroup/systemd/$1/cgroup."
                        "procs || cat /sys/fs/cgroup/$1/cgroup.procs",
                        "sh", group).stdout
    return {int(pid): stage.inside("cat", f"/proc/{pid}/comm").stdout.strip()
            for pid in text.split()}


def status_of(stage, pid):
    lines = stage.inside("cat", f"/proc/{pid}/status").stdout.splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def said(stage, unit, what):
    """The journal has it, or soon will."""
    wait_for(f"{unit}: {what}", lambda: what in stage.journal(unit), 5)


def prepare(stage):
    stage.start_client()
    catcher = stage.dir / "catcher.nft"
    catcher.write_text(CATCHER)
    stage.in_origins("nft", "-f", catcher)
    stage.in_origins("ip", "route", "add", "10.7.0.0/16", "via", "11.0.0.1")
    stage.in_origins("ip", "-6", "route", "add", "fd00:7::/64", "via",
                     "2600:11::1")


def start(stage):
    stage.boot()
    stage.write_config(CONFIG)
    for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        stage.inside("sysctl", "-qw", f"{name}=1")
    # The stage leaks as it should: without the capture, all of it arrives.
    assert served(stage)


@outside("capture that cannot be in force: the service does not start")
def clash(stage):
    stage.inside("nft", "add", "table", "inet", "penstock")
    run = stage.inside("systemctl", "start", "penstock.service", check=False)
    assert run.returncode != 0, run
    assert states(stage)["penstock.service"] == "inactive", states(stage)
    said(stage, "penstock-capture.service", "not ours")
    stage.inside("nft", "delete", "table", "inet", "penstock")
    stage.inside("systemctl", "stop", *UNITS)
    stage.inside("systemctl", "reset-failed")


@outside("systemctl enable --now penstock.target: all of it is up")
def enable(stage):
    stage.inside("systemctl", "enable", "--now", "penstock.target")
    assert stage.penstock("status", check=False).returncode == 0
    assert set(states(stage).values()) == {"active"}, states(stage)
    assert show(stage, "penstock.socket", "Transparent") == "yes"


@outside("the gateway has no capability, capture just one")
def powers(stage):
    names = processes(stage)
    assert set(names.values()) == {
        "penstock", "penstock-gatewa", "penstock-certge",
        "penstock-audit"}, names
    for pid in names:
        st = status_of(stage, pid)
        assert {int(st[k], 16) for k in ("CapEff", "CapPrm", "CapBnd",
                                         "CapAmb")} == {0}, (pid, st)
        assert st["NoNewPrivs"] == "1" and st["Seccomp"] == "2", st
        assert st["Uid"].split()[0] != "0", st
    st = status_of(stage, main_pid(stage, "penstock-capture.service"))
    assert int(st["CapEff"], 16) == NET_ADMIN, st
    stage.inside("penstock", "capture", "verify")


@outside("a machine behind it is judged: allowed, refused, resolved")
def judged(stage):
    answer = stage.probe("dns", "8.8.8.8").split()
    assert answer[:2] == ["8.8.8.8", "53"], answer
    assert answer[2].startswith("198.1"), answer
    code = ("-ksS", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}")
    for address in (answer[2], "11.0.0.3", "[2600:11::3]"):
        assert stage.in_client(
            "curl", *code, "--connect-to", f"::{address}:443",
            "https://h1.test/plain") == "200", address
    assert stage.in_client(
        "curl", *code, "--connect-to", "::11.0.0.3:443",
        "https://other.test/plain") == "403"


@outside("the operator sees it: status, log, sandboxes")
def seen(stage):
    row = stage.row(host="h1.test", scheme="https", status=200)
    assert row["sandbox"] == "lab" and row["verdict"] == "allow", row
    row = stage.row(host="other.test", verdict="deny")
    assert row["sandbox"] == "lab", row
    out = stage.penstock("status").stdout
    assert " /run/penstock\n" in out and " /etc/penstock\n" in out, out
    assert "lab" in stage.penstock("sandboxes").stdout
    # What the rules have counted is written every ten seconds.
    wait_for("the counters", lambda: re.search(
        r"[1-9]\d* +sandbox +TCP, to the gateway",
        stage.penstock("status").stdout), 12)
    assert "other.test" in stage.penstock("log", "--denied").stdout


@outside("systemctl reload: the new policy is in force, an error is not")
def reload(stage):
    def status():
        return stage.in_client(
            "curl", "-ksS", "-m", "5", "-o", "/dev/null", "-w",
            "%{http_code}", "--connect-to", "::11.0.0.3:443",
            "https://other.test/plain")

    stage.write_config(CONFIG.replace(
        '"any http://h1', '"any https://other.test/**", "any http://h1'))
    stage.inside("systemctl", "reload", "penstock.service")
    assert status() == "200"
    stage.write_config("policies: [\n")
    run = stage.inside("systemctl", "reload", "penstock.service", check=False)
    assert run.returncode != 0, run
    said(stage, "penstock.service", "penstock.yaml:2:1:")
    assert status() == "200"
    stage.write_config(CONFIG)
    stage.inside("systemctl", "reload", "penstock.service")
    assert status() == "403"


@outside("the gateway killed, and all of it: nothing leaks, systemd restarts")
def killed(stage):
    looping = subprocess.Popen(
        ["nsenter", "-t", str(stage.client.pid), "-n", PYTHON,
         str(HERE / "appliance_probe.py"), "loop", "4"],
        stdout=subprocess.PIPE, text=True)
    before = caught(stage)
    gateways = [p for p, n in processes(stage).items()
                if n == "penstock-gatewa"]
    # The workers end with their parent, before their turn comes perhaps.
    stage.inside("sh", "-c", f"kill -KILL {' '.join(map(str, gateways))} || true")
    first = main_pid(stage)
    time.sleep(1)
    stage.inside("systemctl", "kill", "-s", "KILL", "penstock.service")
    wait_for("a new one", lambda: main_pid(stage) not in (0, first), 10)
    assert int(looping.communicate(timeout=20)[0]) > 100
    wait_for("service", lambda: served(stage), 15)
    assert int(show(stage, "penstock.service", "NRestarts")) >= 1
    # One request is what has left: its question, and its connection.
    assert caught(stage) - before < 60, (before, caught(stage))


@outside("stop: nothing leaves, and the rules are there still")
def stop(stage):
    stage.inside("systemctl", "stop", "penstock.target")
    wait_for("the end of all", lambda: set(states(stage).values())
             == {"inactive"})
    before = caught(stage)
    assert int(stage.probe("loop", "1")) > 30
    assert stage.probe("connect", "11.0.0.3", "80") == "ECONNREFUSED"
    assert caught(stage) == before, (before, caught(stage))
    stage.inside("penstock", "capture", "verify")


@outside("a configuration with an error: start says so")
def broken(stage):
    stage.write_config(CONFIG.replace("policies:", "polices:"))
    run = stage.inside("systemctl", "start", "penstock.service", check=False)
    assert run.returncode != 0, run
    said(stage, "penstock-capture.service", "penstock.yaml:8:1:")
    assert states(stage)["penstock.service"] != "active"


@outside("an interface that comes later: all is up when it is there")
def later(stage):
    stage.write_config(CONFIG.replace("[sb0]", "[sb0, sb1]"))
    stage.inside("systemctl", "start", "penstock.target")
    said(stage, "penstock-capture.service", "there is no interface 'sb1'")
    assert not served(stage)
    stage.inside("ip", "link", "add", "sb1", "type", "veth", "peer",
                 "name", "sb2")
    wait_for("service", lambda: served(stage), 15)
    assert set(states(stage).values()) == {"active"}, states(stage)


@outside("started again: served again, and the ledger goes on")
def again(stage):
    stage.inside("systemctl", "stop", "penstock.target")
    stage.write_config(CONFIG)
    stage.inside("systemctl", "start", "penstock.target")
    wait_for("service", lambda: served(stage), 15)
    assert stage.row(host="other.test", verdict="deny")
    assert len(stage.rows()) > 3


if __name__ == "__main__":
    machine.Machine.start_instance = start
    machine.main("", CONFIG, prepare)
