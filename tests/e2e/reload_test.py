#!/usr/bin/env python3
"""Live change: allow, reload, SIGHUP; a broken file keeps the old policy."""
import signal
import subprocess
import time

from harness import CONFIG, main, outside, wait_for

TEAM = CONFIG + """
policies:
  team:
    allow:
      - GET https://h1.test/plain
"""
MORE = TEAM + "      - GET https://h1.test/echo\n"
LESS = CONFIG + """
policies:
  team:
    allow:
      - GET https://h1.test/echo
"""
BROKEN = TEAM + "      - GET https:///nowhere\n"

# One sandbox for all: prints the status of each path that it reads.
ASKER = """
while read -r path; do
    curl -sS -m 10 -o /dev/null -w '%{http_code}\\n' "https://h1.test$path"
done
"""


class Asker:
    def __init__(self, stage):
        self.child = stage.popen(
            "sh", "-c", ASKER, policy="team", options=("--name", "asker"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, path):
        self.child.stdin.write(path + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def close(self):
        self.child.stdin.close()
        self.child.wait(timeout=15)


@outside("a policy of the file, used by name")
def begin(stage):
    stage.asker = Asker(stage)
    assert stage.asker.ask("/plain") == "200"
    assert stage.asker.ask("/echo") == "403"


@outside("penstock allow: in force at once, for this sandbox")
def allow(stage):
    stage.penstock("allow", "asker", "GET https://h1.test/early")
    assert stage.asker.ask("/early") == "200"
    bad = stage.penstock("allow", "asker", "GET https:///", check=False)
    assert bad.returncode != 0 and "^" in bad.stderr + bad.stdout, bad
    bad = stage.penstock("allow", "nobody", "GET https://h1.test/",
                         check=False)
    assert bad.returncode != 0, bad


@outside("penstock reload: a sandbox that runs gets the new rules")
def reload(stage):
    stage.write_config(MORE)
    stage.penstock("reload")
    wait_for("the new rule", lambda: stage.asker.ask("/echo") == "200")


@outside("SIGHUP: and loses what is no longer allowed")
def hangup(stage):
    stage.write_config(LESS)
    stage.daemon.send_signal(signal.SIGHUP)
    wait_for("the old rule to go", lambda: stage.asker.ask("/plain") == "403")
    assert stage.asker.ask("/echo") == "200"


@outside("a broken file is refused with its line, and the old rules stay")
def broken(stage):
    stage.write_config(BROKEN)
    said = stage.penstock("reload", check=False)
    text = said.stdout + said.stderr
    assert said.returncode != 0 and "penstock.yaml:" in text, said
    assert stage.log("up").endswith("gateway: not reloaded: the configuration "
                                    "before stays in force\n"), stage.log("up")
    assert stage.asker.ask("/echo") == "200"
    stage.daemon.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert stage.asker.ask("/echo") == "200"
    assert stage.asker.ask("/plain") == "403"


@outside("sandboxes and status say what is there")
def status(stage):
    assert "asker" in stage.penstock("sandboxes").stdout
    assert stage.penstock("status").stdout.strip()


@outside("a sandbox ends with its command")
def end(stage):
    stage.asker.close()
    wait_for("the sandbox to go", lambda: "asker" not in
             stage.penstock("sandboxes", check=False).stdout)


if __name__ == "__main__":
    main("team", TEAM)
