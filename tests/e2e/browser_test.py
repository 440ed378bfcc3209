#!/usr/bin/env python3
"""Chromium in a sandbox: it trusts the gateway by the NSS database that
`penstock run` puts in the home directory, and shows refusals as pages."""
import os
import shutil
import struct
import subprocess
import zlib

from harness import Skip, inside, main, outside

POLICY = "allow: [GET https://h2.test/]"
HELLO = "hello from nginx"
# bubblewrap is the sandbox here: a browser of root makes none of its own.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
           "--disable-dev-shm-usage", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--hide-scrollbars")


def browse(*argv, timeout=40):
    """One page; standard output and standard error."""
    done = subprocess.run(["chromium", *OPTIONS, *argv], check=False, text=True,
                          timeout=timeout, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done
    return done.stdout, done.stderr


def pixels(path):
    """A PNG's width and height, and its rows as they are packed."""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at, packed, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            size = struct.unpack(">II", data[at + 8:at + 16])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    return size, zlib.decompress(packed)


def here(stage):
    if not shutil.which("chromium"):
        raise Skip("chromium is not installed")
    del stage


@inside("a page by HTTPS, with no certificate error ignored")
def trusts():
    out, err = browse("--dump-dom", "https://h2.test/")
    assert HELLO in out, (out, err)
    assert "ERR_CERT" not in err, err


@inside("without the database it does not trust")
def distrusts():
    home = os.environ["HOME"]
    empty = os.path.join(home, "other")
    os.mkdir(empty)
    os.environ["HOME"] = empty
    try:
        out, err = browse("--dump-dom", f"--user-data-dir={empty}/profile",
                          "https://h2.test/")
    finally:
        os.environ["HOME"] = home
    assert HELLO not in out, (out, err)


@inside("a refusal is a page that says who refused, and how to allow it")
def refused():
    out, err = browse("--dump-dom", "https://h2.test/secret?a=<b>")
    assert "Denied by the egress policy" in out, (out, err)
    assert "GET https://h2.test/secret" in out, out
    assert "<b>" not in out.split("<body", 1)[-1].lower(), out


@inside("and can be looked at")
def shown():
    browse("--window-size=900,600", "--screenshot=refusal.png",
           "https://h2.test/secret")
    size, rows = pixels("refusal.png")
    assert size == (900, 600), size
    assert len(set(rows)) > 16, "an empty page"


@inside("the portal, by HTTP")
def portal():
    out, _ = browse("--dump-dom", "http://penstock.internal/")
    assert "/policy" in out, out


@outside("what the browser asked is in the ledger")
def recorded(stage):
    row = stage.row(host="h2.test", path="/", status=200)
    assert row["verdict"] == "allow", row
    row = stage.row(host="h2.test", path="/secret", status=403)
    assert row["verdict"] == "deny", row
    stage.row(reason="ca-not-trusted", host="h2.test")
    keep = os.environ.get("PENSTOCK_KEEP")
    if keep:                              # a directory, to look at it
        shutil.copy(stage.project / "refusal.png", keep)


if __name__ == "__main__":
    main(POLICY, prepare=here)
