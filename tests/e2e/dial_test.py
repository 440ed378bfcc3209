#!/usr/bin/env python3
"""Names with several addresses, some of which are dead: which one is dialled,
which one beside it, and what is said when none answers."""
import json
import time

import harness
from harness import PYTHON, command, main, outside, wait_for

POLICY = "allow: [any https://*.a.test/**]\n"
DEAD6, DEAD4 = "2600:11::98", "11.0.0.97"   # packets to them are dropped
MUTE6 = "2600:11::97"                       # connects and says nothing
LATE6 = "2600:11::96"                       # dropped, and later not
REFUSES4, PRIVATE4 = "11.0.0.4", "10.99.0.3"
GOOD6, GOOD4 = "2600:11::3", "11.0.0.3"
HUNG_S = 5                                  # less than any time-out of ours

harness.ZONE.update({
    "six.a.test": [DEAD6, GOOD4],
    "four.a.test": [DEAD4, GOOD4],
    "turns.a.test": [DEAD6, "2600:11::95", "2600:11::94", GOOD4],
    "mute.a.test": [MUTE6, GOOD4],
    "late.a.test": [LATE6, GOOD4],
    "refuses.a.test": [DEAD6, REFUSES4, GOOD4],
    "good.a.test": [GOOD6, DEAD4],
    "inner.a.test": [DEAD6, PRIVATE4, GOOD4],
    "none.a.test": [DEAD6, PRIVATE4, DEAD4, REFUSES4],
})

FILTER = f"""
table inet dial {{
  counter inner {{ }}
  counter late {{ }}
  chain shut {{ drop; }}
  chain input {{
    type filter hook input priority 0;
    ip6 daddr {{ {DEAD6}, 2600:11::95, 2600:11::94 }} tcp dport 443 drop
    ip daddr {DEAD4} tcp dport 443 drop
    ip daddr {PRIVATE4} tcp dport 443 counter name inner
    ip6 daddr {LATE6} tcp dport 443 counter name late jump shut
  }}
}}
"""
LISTEN = f"""
import socket, time
kept = [socket.create_server((address, 443), family=socket.AF_INET6)
        for address in ("{MUTE6}", "{LATE6}")]
time.sleep(3600)
"""


def prepare(stage):
    for address in (DEAD6, "2600:11::95", "2600:11::94", MUTE6, LATE6):
        stage.in_origins("ip", "addr", "add", f"{address}/64", "dev", "org0",
                         "nodad")
    stage.in_origins("ip", "addr", "add", f"{DEAD4}/24", "dev", "org0")
    table = stage.dir / "filter.nft"
    table.write_text(FILTER)
    stage.in_origins("nft", "-f", table)
    stage.start("mute", stage.origin_command(PYTHON, "-c", LISTEN))
    for address in (MUTE6, LATE6):
        wait_for("a listener", lambda a=address: stage.listens(a, 443))


def packets(stage, counter):
    text = stage.in_origins("nft", "-j", "list", "counter", "inet", "dial",
                            counter)
    return json.loads(text)["nftables"][-1]["counter"]["packets"]


def ask(stage, name):
    """(status, seconds, the row)"""
    host = f"{name}.a.test"
    status, took = stage.run(
        "curl", "-sS", "-m", "40", "-o", "/dev/null", "-w",
        "%{http_code} %{time_total}", f"https://{host}/plain",
        check=False).stdout.split()
    row = stage.row(host=host, kind="request")
    print(f"#   {host}: {status} from {row['upstream']} in {took} s",
          flush=True)
    return int(status), float(took), row


def dialled():
    """Connections that are open, or being opened, to where nobody answers."""
    out = command("ss", "-Htn", "state", "syn-sent", "state", "established")
    dead = (f"[{DEAD6}]", f"[{MUTE6}]", f"[{LATE6}]", DEAD4)
    return [line for line in out.splitlines()
            if any(f" {address}:443" in line for address in dead)]


def reaches(stage, name, address):
    status, took, row = ask(stage, name)
    assert status == 200 and row["upstream"] == address, row
    assert took < HUNG_S, took
    assert not dialled(), dialled()


@outside("IPv6 that swallows packets: IPv4 is dialled beside it")
def broken_family(stage):
    reaches(stage, "six", f"{GOOD4}:443")


@outside("so is the next address of the same family")
def dead_address(stage):
    reaches(stage, "four", f"{GOOD4}:443")


@outside("the other family is the second, whatever the first one has")
def families_in_turn(stage):
    reaches(stage, "turns", f"{GOOD4}:443")


@outside("an address that connects and says nothing is one that is dead")
def mute(stage):
    reaches(stage, "mute", f"{GOOD4}:443")


@outside("one that refuses, beside a dead one: the third is dialled")
def refuses(stage):
    reaches(stage, "refuses", f"{GOOD4}:443")


@outside("the first address is taken when it answers")
def first(stage):
    reaches(stage, "good", f"[{GOOD6}]:443")


@outside("who comes late finds that nobody waits")
def late(stage):
    reaches(stage, "late", f"{GOOD4}:443")
    before = packets(stage, "late")
    stage.in_origins("nft", "flush", "chain", "inet", "dial", "shut")
    time.sleep(3.5)                       # SYNs are sent again after 1 and 3 s
    assert packets(stage, "late") == before >= 1
    assert not dialled(), dialled()


@outside("an address that may not be dialled is not, beside another either")
def forbidden(stage):
    reaches(stage, "inner", f"{GOOD4}:443")
    assert packets(stage, "inner") == 0


@outside("none answers: one error that names them all, in bounded time")
def none(stage):
    status, took, row = ask(stage, "none")
    assert status == 504 and row["outcome"] == "failed", row
    assert row["reason"] == "upstream-connect-timeout", row
    for text in (f"[{DEAD6}]:443: no answer in time",
                 f"{DEAD4}:443: no answer in time",
                 f"{REFUSES4}:443: Connection refused"):
        assert text in row["detail"], row
    assert took < 20, took
    assert packets(stage, "inner") == 0
    assert not dialled(), dialled()


if __name__ == "__main__":
    main(POLICY, prepare=prepare)
