#!/usr/bin/env python3
"""The sandbox: what the command may do, and how its end is passed on."""
import json
import os
import pty
import select
import signal
import subprocess
import time

from harness import PYTHON, main, outside

POLICY = "allow: [any https://h1.test/**]\n"


@outside("the exit status is the command's")
def status(stage):
    for code in (0, 1, 42):
        assert stage.run("sh", "-c", f"exit {code}",
                         check=False).returncode == code
    assert stage.run("sh", "-c", "kill -TERM $$",
                     check=False).returncode == 128 + signal.SIGTERM
    assert stage.run("/no/such/program", check=False).returncode in (126, 127)


@outside("standard input, output and errors are the command's")
def streams(stage):
    child = stage.popen("sh", "-c", "cat; echo err >&2",
                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                  stderr=subprocess.PIPE)
    out, err = child.communicate(b"through", timeout=30)
    assert out == b"through" and b"err\n" in err, (out, err)


@outside("signals reach the command, and its end is ours")
def signals(stage):
    for sig in (signal.SIGTERM, signal.SIGINT):
        child = stage.popen("sh", "-c", "trap 'exit 7' TERM INT; echo ready; "
                      "while :; do sleep 0.1; done", stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(sig)
        assert child.wait(timeout=10) == 7, (sig, child.returncode)


@outside("penstock run that is killed takes its command along")
def killed(stage):
    child = stage.popen("sh", "-c", "echo ready; exec sleep 4242",
                  stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    child.kill()
    child.wait(timeout=5)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if subprocess.run(["pgrep", "-f", "sleep 4242"], check=False,
                          stdout=subprocess.DEVNULL).returncode != 0:
            return
        time.sleep(0.1)
    raise AssertionError("the command lives on")


@outside("a terminal is a terminal inside")
def terminal(stage):
    policy = str(stage.policy_file())
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(stage.project)
        os.execve(stage.bin / "penstock", [
            "penstock", "run", "--policy", policy, "--", "sh", "-c", "test -t 0 && test -t 1 && echo is-a-tty"],
            stage.env)
    text = b""
    while select.select([fd], [], [], 20)[0]:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
    _, end = os.waitpid(pid, 0)
    assert b"is-a-tty" in text and os.waitstatus_to_exitcode(end) == 0, text


@outside("the project is writable, and what is written stays")
def project(stage):
    stage.run("sh", "-c", "echo kept > written")
    assert (stage.project / "written").read_text() == "kept\n"
    assert stage.run("sh", "-c", "echo x > /etc/penstock-was-here",
                     check=False).returncode != 0


@outside("what the machine holds does not shine through")
def hidden(stage):
    (stage.dir / "home" / ".netrc").write_text("machine h1.test\n")
    stage.env["AWS_SECRET_ACCESS_KEY"] = "hunter2"
    stage.env["SSH_AUTH_SOCK"] = "/tmp/agent"
    try:
        out = stage.run("sh", "-c", "env; cat ~/.netrc; ls -a ~; ls "
                        f"{stage.dir}/state {stage.dir}/run",
                        check=False).stdout
    finally:
        del stage.env["AWS_SECRET_ACCESS_KEY"], stage.env["SSH_AUTH_SOCK"]
    for word in ("hunter2", "SSH_AUTH_SOCK", "machine h1.test", "ledger.db",
                 "control.sock"):
        assert word not in out, out


def probe(stage):
    """What sandbox_probe.py found, asked once."""
    if not hasattr(stage, "probed"):
        done = stage.run(PYTHON, "sandbox_probe.py")
        stage.probed = json.loads(done.stdout)
    return stage.probed


@outside("no capability, no new privileges, a seccomp filter")
def privileges(stage):
    status = probe(stage)["status"]
    for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, status
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    assert set(probe(stage)["ioctl"].values()) == {"EPERM"}, probe(stage)


@outside("only lo, and sockets of three families")
def network(stage):
    found = probe(stage)
    assert found["interfaces"] == ["lo"], found["interfaces"]
    refused = {k for k, v in found["socket"].items() if v != "ok"}
    assert refused >= {"packet", "raw", "vsock"}, found["socket"]
    assert found["own_netns"] != "ok", found["own_netns"]


@outside("UDP goes nowhere but to the resolver, and says so at once")
def udp(stage):
    found = probe(stage)
    assert set(found["udp"].values()) == {"ECONNREFUSED"}, found["udp"]
    assert set(found["dns"].values()) == {"ok"}, found["dns"]


@outside("the gateway's own listeners are not reached by their number")
def listeners(stage):
    found = probe(stage)["tcp"]
    own = {k: v for k, v in found.items() if k.split()[1] == "61080"}
    assert own and "ok" not in own.values(), found


@outside("the system is read-only, foreign processes are not seen")
def system(stage):
    found = probe(stage)
    for path in ("/", "/etc", "/usr"):
        assert found["writable"][path] == "EROFS", found["writable"]
    assert found["readable"]["/etc/shadow"] != "ok", found["readable"]
    assert max(found["processes"]) < 10, found["processes"]
    assert found["open_fds"] == [] and found["sockets"] == [], found
    assert found["visible"] == {}, found["visible"]


@outside("two sandboxes at once, each with its own policy")
def two(stage):
    one = stage.popen("sh", "-c", "sleep 1; curl -sS -o /dev/null -w "
                "'%{http_code}' https://h1.test/plain",
                stdout=subprocess.PIPE)
    time.sleep(0.3)
    out = stage.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                    "https://h1.test/plain",
                    policy="allow: [GET https://h1.test/other]\n").stdout
    assert out == "403", out
    assert one.communicate(timeout=30)[0] == b"200"


if __name__ == "__main__":
    main(POLICY)
