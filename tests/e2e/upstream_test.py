#!/usr/bin/env python3
"""When the origin fails, or is not one that may be dialled."""
import time

from client import Wire, fetch
from harness import CONFIG, inside, main, outside

POLICY = """
allow:
  - any https://*.test/**
  - any https://private.test/ok/** private
  - any https://own.test/** private
  - any https://loop.test/** private
  - any https://meta.test/** private
  - any https://mapped.test/** private
"""


def says(host, status, *words, path="/plain", **options):
    began = time.monotonic()
    got = fetch(host, path, **options)
    text = got.body.decode(errors="replace").lower()
    assert got.status == status, (host, got.line, text[:300])
    for word in words:
        assert word in text, (host, word, text[:500])
    return time.monotonic() - began


@inside("a certificate that does not hold is a 502 that says why")
def certificates():
    says("expired.test", 502, "expired")
    says("wrong.test", 502, "name")
    says("untrusted.test", 502, "certificate")


@inside("no such name, and nobody listens there")
def unreachable():
    says("gone.test", 502, "gone.test")
    says("refused.test", 502, "refused")


@inside("the second address of a name is tried when the first refuses")
def second():
    says("second.test", 200)


@inside("an origin over IPv6")
def v6():
    says("v6.test", 200)
    says("dual.test", 200)


@inside("private addresses need a rule that says so")
def private():
    says("private.test", 502, "private")
    says("private.test", 404, path="/ok/x")


@inside("an answer with one private address is not half trusted")
def mixed():
    for _ in range(5):
        got = fetch("mixed.test", "/plain")
        assert got.status in (200, 502), got.line


@inside("a name that moves inside is not followed")
def rebinding():
    statuses = []
    for _ in range(4):
        statuses.append(fetch("moves.test", "/plain").status)
        time.sleep(1.1)
    assert statuses[0] == 200, statuses
    assert set(statuses) <= {200, 502}, statuses


@inside("loopback, metadata, mapped and our own addresses: never")
def never():
    for host in ("loop.test", "meta.test", "own.test", "mapped.test"):
        says(host, 502)


@inside("an origin that does not answer the dial: 504, in bounded time")
def lost():
    took = says("lost.test", 504, timeout_s=40)
    assert took < 35, took


@inside("a resolver that does not answer: 504 or 502, in bounded time")
def no_resolver():
    began = time.monotonic()
    got = fetch("slowdns.test", "/plain", timeout_s=40)
    assert got.status in (502, 504), got.line
    assert time.monotonic() - began < 35


@inside("the client that goes away takes its upstream along")
def gone():
    for _ in range(20):
        with Wire("h1.test") as wire:
            wire.get("/hang", "h1.test")
    assert fetch("h1.test", "/plain").status == 200


@outside("a failure has its row: allowed, failed, and why")
def row(stage):
    got = stage.row(host="expired.test")
    assert got["verdict"] == "allow" and got["status"] == 502, got
    assert got["outcome"] == "failed", got


if __name__ == "__main__":
    main(POLICY, CONFIG)
