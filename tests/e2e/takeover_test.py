#!/usr/bin/env python3
"""`penstock up` killed, and the next one begun at once: it waits for what is
left of the first, says so, and loses nothing; processes killed meanwhile."""
import itertools
import os
import signal
import subprocess
import time

from harness import CONFIG, main, outside, wait_for
from ship_servers import Ndjson

SETTINGS = CONFIG + """\
listen: ["127.0.0.1:18080"]
proxy: ["127.0.0.1:13128"]
audit:
  ship: [{ to: ndjson, url: 'http://127.0.0.1:19001/in' }]
"""
POLICY = "allow: [any https://h1.test/**]\n"
GATEWAY, CERTGEN, AUDIT, SHIP = "penstock-gatewa", "penstock-certge", \
    "penstock-audit", "penstock-ship"
WAITS = "waiting for the processes of an instance that was killed"
SILENT = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
          "stderr": subprocess.DEVNULL}


def prepare(stage):
    stage.receiver = Ndjson(stage, "ndjson", 19001)
    stage.receiver.start()


def kill(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def first(stage, name):
    """The first started of this name: of the gateway's, the parent."""
    return min(stage.children()[name])


def works(stage):
    return stage.run("curl", "-sS", "-m", "10", "https://h1.test/plain",
                     check=False).stdout == "hello\n"


def all_there(stage):
    there = stage.children()
    return all(there.get(name) for name in (GATEWAY, CERTGEN, AUDIT, SHIP))


def kill_up(stage):
    kill(stage.daemon.pid)
    stage.daemon.wait(timeout=5)


def begin(stage):
    return stage.start("up", [stage.bin / "penstock", "up"], env=stage.env)


def serves(stage, since):
    """Waits for the gateway that said so since then; the one before may answer
    to the last."""
    wait_for("service", lambda: "control door" in stage.log("up")[since:], 20)
    wait_for("status", lambda: stage.penstock(
        "status", check=False).returncode == 0, 5)


def said(stage, since):
    """What the instances said since then, and that it is nothing bad."""
    text = stage.log("up")[since:]
    for bad in ("in use", "did not start", "can't start", "cannot"):
        assert bad not in text, text
    return text


@outside("up killed with a request in work: the next one waits, and takes over")
def busy(stage):
    wait_for("all processes", lambda: all_there(stage))
    stage.run("curl", "-sS", "-o", "/dev/null", "https://h1.test/plain")
    child = stage.popen("curl", "-sS", "-m", "30", "https://h1.test/hang",
                        policy=POLICY, **SILENT)
    time.sleep(1.5)
    since = len(stage.log("up"))
    slow = first(stage, CERTGEN)          # takes a second to end
    kill(slow, signal.SIGSTOP)
    kill_up(stage)
    stage.daemon = begin(stage)
    wait_for("a word", lambda: WAITS in stage.log("up"), 5)
    time.sleep(0.5)
    assert "control door" not in said(stage, since), "it did not wait"
    kill(slow, signal.SIGCONT)
    serves(stage, since)
    said(stage, since)
    assert works(stage)
    child.wait(timeout=40)
    hung = [row for row in stage.rows() if row["path"] == "/hang"]
    assert len(hung) == 1, hung
    assert hung[0]["outcome"] != "open", hung


@outside("up killed when idle: the next one is there soon, and quiet")
def idle(stage):
    wait_for("nothing in work", lambda: stage.penstock(
        "sandboxes", "--json", check=False).stdout.strip() in ("", "[]"), 10)
    since = len(stage.log("up"))
    kill_up(stage)
    stage.daemon = begin(stage)
    serves(stage, since)
    said(stage, since)
    assert works(stage)


@outside("with its processes killed in any order around that")
def orders(stage):
    names = (GATEWAY, CERTGEN, AUDIT, SHIP)
    for order in list(itertools.permutations(names))[::5]:
        wait_for("all processes", lambda: all_there(stage))
        pids = {name: first(stage, name) for name in names}
        since = len(stage.log("up"))
        kill(pids[order[0]])
        kill_up(stage)
        kill(pids[order[1]])
        stage.daemon = begin(stage)
        kill(pids[order[2]])
        time.sleep(0.05)
        kill(pids[order[3]])
        serves(stage, since)
        said(stage, since)
    assert works(stage)


@outside("new ones killed while up begins: replaced, or it says so and ends")
def beginning(stage):
    for name in (CERTGEN, AUDIT, GATEWAY):
        stage.stop_instance()
        stage.daemon = begin(stage)
        wait_for(name, lambda n=name: stage.children().get(n), 10)
        kill(first(stage, name))

        def there():
            if stage.daemon.poll() is not None:
                assert stage.daemon.returncode == 3
                stage.start_instance()
            return stage.penstock("status", check=False).returncode == 0
        wait_for(f"service without {name}", there, 20)
    wait_for("all processes", lambda: all_there(stage))
    assert works(stage)


@outside("a second one while the first runs is told so at once")
def second(stage):
    began = time.monotonic()
    run = stage.penstock("up", check=False)
    assert run.returncode == 3
    assert "an instance is running here already" in run.stderr, run
    assert time.monotonic() - began < 5
    assert works(stage)


@outside("one that never ends is not waited for for ever")
def stuck(stage):
    certgen = first(stage, CERTGEN)
    kill(certgen, signal.SIGSTOP)
    kill_up(stage)
    run = stage.penstock("up", check=False)
    assert run.returncode == 3, run
    assert "do not end; see which: fuser" in run.stderr, run
    kill(certgen)
    stage.start_instance()
    assert works(stage)
    assert stage.stop_instance() == 0


if __name__ == "__main__":
    main(POLICY, SETTINGS, prepare)
