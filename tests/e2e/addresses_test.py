#!/usr/bin/env python3
"""Addresses that the gateway's host gets while it runs are its own, too."""
import time

from harness import HERE, PYTHON, command, main, outside, wait_for

POLICY = "allow: [any https://late.test/** private]\n"
ADDRESS = "11.0.0.77"                     # late.test, in harness.py
FOLLOWS_S = 2                             # it looks once a second


def ask(stage):
    """(what curl got, the reason in the row)"""
    out = stage.run("curl", "-sS", "-m", "10", "-o", "/dev/null", "-w",
                    "%{http_code}", "https://late.test/plain",
                    check=False).stdout
    time.sleep(0.5)
    return out, stage.row(host="late.test", kind="request")["reason"]


@outside("an address elsewhere is dialled")
def elsewhere(stage):
    stage.in_origins("ip", "addr", "add", f"{ADDRESS}/24", "dev", "org0")
    stage.start("late", stage.origin_command(
        PYTHON, HERE / "origin.py", ADDRESS, stage.dir / "certs" / "use"))
    wait_for("the origin", lambda: stage.listens(ADDRESS, 443))
    assert ask(stage) == ("200", "rule")


@outside("when the host itself gets it, it is not")
def own(stage):
    stage.in_origins("ip", "addr", "del", f"{ADDRESS}/24", "dev", "org0")
    command("ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo")
    time.sleep(FOLLOWS_S)
    assert ask(stage) == ("502", "upstream-address")
    assert "addresses have changed" in stage.log("up")


@outside("when it moves away, it is again")
def again(stage):
    command("ip", "addr", "del", f"{ADDRESS}/32", "dev", "lo")
    stage.in_origins("ip", "addr", "add", f"{ADDRESS}/24", "dev", "org0")
    time.sleep(FOLLOWS_S)
    wait_for("an answer", lambda: ask(stage) == ("200", "rule"))


if __name__ == "__main__":
    main(POLICY)
