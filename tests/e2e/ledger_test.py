#!/usr/bin/env python3
"""What the ledger says, and how it is asked."""
import json
import os
import re
import signal
import sqlite3
import subprocess

from harness import main, outside, wait_for

POLICY = """
allow:
  - any https://h1.test/**
  - GET https://h2.test/only
deny:
  - GET https://h1.test/private/**
"""


def curl(stage, *argv, check=True):
    return stage.run("curl", "-sS", "-o", "/dev/null", *argv, check=check)


@outside("one row for a request, its fields as they were")
def fields(stage):
    curl(stage, "-A", "agent/1", "-d", "12345", "https://h1.test/echo?a=b")
    row = stage.row(path="/echo")
    for name, want in (("method", "POST"), ("host", "h1.test"),
                       ("port", 443), ("scheme", "https"), ("query", "a=b"),
                       ("status", 200), ("verdict", "allow"),
                       ("outcome", "done"), ("bytes_up", 5),
                       ("user_agent", "agent/1"), ("kind", "request"),
                       ("upstream", "11.0.0.3:443"),
                       ("content_type", "application/json")):
        assert row[name] == want, (name, row)
    assert row["bytes_down"] > 50 and row["duration_us"] > 0, row
    assert row["rule"] == "any https://h1.test/**", row
    assert ":" in row["rule_where"], row
    assert len([r for r in stage.rows() if r["path"] == "/echo"]) == 1


@outside("a denied request names its rule and where that stands")
def denied(stage):
    curl(stage, "https://h1.test/private/x")
    row = stage.row(path="/private/x")
    assert row["verdict"] == "deny" and row["status"] == 403, row
    assert row["rule"] == "GET https://h1.test/private/**", row
    assert not row.get("upstream"), row


@outside("a name that is not answered has a row")
def dns(stage):
    curl(stage, "https://nowhere.example/", check=False)
    row = stage.row(host="nowhere.example")
    assert row["kind"] == "dns" and row["verdict"] == "deny", row


@outside("secrets in a query are masked")
def secrets(stage):
    curl(stage, "https://h1.test/plain?token=hunter2&q=1")
    row = stage.row(path="/plain")
    assert "hunter2" not in json.dumps(row) and "q=1" in row["query"], row


# What no record may hold, each within a request that does.
SECRET = "Xk29fQz7Lm40bTr8Wp13"
HIDDEN = (
    f"/bot7001:AA{SECRET}{SECRET}/sendMessage",
    f"/services/T012ABC/B034DEF/{SECRET}x0",
    f"/api/webhooks/81726354/{SECRET}{SECRET}{SECRET}",
    f"/n/ghp_{SECRET}{SECRET}/x",
    f"/n/%67hp%5f{SECRET}{SECRET}/x",
    f"/n/a?url=https%3A%2F%2Fh1.test%2Fbot7001%3AAA{SECRET}{SECRET}%2Fx",
    f"/n/b?q=sk-ant-api03-{SECRET}",
    f"/private/c;password={SECRET}",
    f"/private/glpat-{SECRET}",
    f"/private/https://me:{SECRET}@h1.test/d",
    "/private/" + "long/" * 190 + f"e;password={SECRET}",
    "/private/" + "long/" * 300 + f"https://me:{SECRET}@h1.test/d",
    f"/n/PHPSESSID={SECRET}",
)
SHOWN = ("/acme/site/commit/3f786850e387550fdab836ed7e6dc881de23001b",
         "/@scope%2feslint-plugin-react-hooks/-/4.6.0",
         "/v2/app/blobs/sha256:" + "9f86d081884c7d65" * 4)


def everywhere(stage):
    """All that is written down, and shown, as octets."""
    yield "log", stage.penstock("log", "--all", "--limit", "0").stdout.encode()
    for how in ("json", "csv", "har"):
        yield how, stage.penstock("log", "--all", "--limit", "0", "--format",
                                  how).stdout.encode()
    yield "stats", stage.penstock("log", "--all", "--stats").stdout.encode()
    for top in ("state", "run", "logs"):
        for path in sorted((stage.dir / top).rglob("*")):
            if path.is_file():
                yield str(path), path.read_bytes()


@outside("a secret in a rule that was given is in no record and no log")
def given(stage):
    url = f"https://h2.test/bot7002:AA{SECRET}{SECRET}/send"
    child = stage.popen(
        "sh", "-c", f"while [ ! -e go ]; do sleep 0.1; done; curl -sS {url}",
        options=("--name", "given"), stdout=subprocess.DEVNULL)
    try:
        wait_for("the grant", lambda: stage.penstock(
            "allow", "given", f"GET {url}", check=False).returncode == 0)
        (stage.project / "go").touch()
        assert child.wait(timeout=20) == 0
    finally:
        child.kill()
        child.wait()
    row = stage.row(sandbox="given")
    assert row["rule"] == "GET https://h2.test/bot7002:***/send", row
    assert row["status"] == 404 and SECRET not in json.dumps(row), row
    assert "given: allow GET https://h2.test/bot7002:***/send" in \
        stage.log("up"), stage.log("up")


@outside("a secret that is known by its shape is written nowhere")
def shapes(stage):
    for target in HIDDEN:
        curl(stage, "-g", "--path-as-is", "https://h1.test" + target)
    curl(stage, "-A", f"agent (hf_{SECRET}{SECRET}; github_pat_{SECRET})",
         "https://h1.test/shapes")
    row = stage.row(path="/shapes")
    assert row["user_agent"] == "agent (hf_***; github_pat_***)", row
    wait_for("the rows", lambda: len(stage.rows("--path", "/private/*"))
             >= sum(t.startswith("/private/") for t in HIDDEN))
    for where, octets in everywhere(stage):
        at = octets.find(SECRET.encode())
        assert at < 0, (where, octets[max(at - 200, 0):at + 40])


@outside("what only looks like a secret stays")
def harmless(stage):
    for path in SHOWN:
        curl(stage, "--path-as-is", "https://h1.test" + path)
        stage.row(path=path)


@outside("the rule that is offered for a masked path allows it")
def advice(stage):
    path = f"/bot7001:AA{SECRET}{SECRET}/send"
    status = ("-w", "%{http_code}", "https://h2.test" + path)
    assert curl(stage, *status).stdout == "403"
    row = stage.row(path="/bot7001:***/send", host="h2.test")
    assert SECRET not in json.dumps(row) and row["reason"] == "no-rule", row
    story = stage.penstock("log", "show", row["id"]).stdout
    rule = re.search(r"'(GET https://h2.test/bot7001:\*/send)'", story)
    assert rule, story
    assert stage.run("curl", "-sS", "-o", "/dev/null", *status,
                     policy=f"allow:\n  - {rule[1]}\n").stdout == "404"
    said = stage.penstock("policy", "suggest", "--host", "h2.test", "--json")
    assert {"allow": rule[1], "requests": 1} in map(
        json.loads, said.stdout.splitlines()), said.stdout
    assert "paths masked in the ledger: 1;" in said.stderr, said.stderr
    policy = stage.dir / "none.yaml"
    policy.write_text("allow: []\n")
    said = stage.penstock("policy", "replay", policy, "--host", "h2.test",
                          check=False)
    assert re.search(r"note: \d+ requests are left out", said.stderr), said


@outside("control characters of a client reach no terminal")
def escapes(stage):
    curl(stage, "-A", "x\x1b[31mred", "https://h1.test/plain?esc",
         check=False)
    out = stage.penstock("log", "--all").stdout
    assert "\x1b[31m" not in out, out


@outside("without --all only what was denied or failed")
def default(stage):
    out = stage.penstock("log", "--json").stdout
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows and all(r["verdict"] != "allow" or r["outcome"] == "failed"
                        for r in rows), rows


@outside("filters: host, method, path, since")
def filters(stage):
    assert {r["host"] for r in stage.rows("--host", "h1.test")} == {"h1.test"}
    assert {r["method"] for r in stage.rows("--method", "POST")} == {"POST"}
    assert stage.rows("--since", "1h")
    assert {r["path"] for r in stage.rows("--path", "/echo")} == {"/echo"}


@outside("a table for people, in order of time")
def table(stage):
    lines = stage.penstock("log", "--all").stdout.splitlines()
    text = "\n".join(lines)
    for word in ("h1.test", "/echo", "/private/x", "403"):
        assert word in text, text
    first = next(i for i, line in enumerate(lines) if "/echo" in line)
    last = next(i for i, line in enumerate(lines) if "/private/x" in line)
    assert first < last, text


@outside("--follow shows a row as it comes")
def follow(stage):
    log = open(stage.dir / "logs" / "follow", "wb")
    child = subprocess.Popen(
        [stage.bin / "penstock", "log", "--all", "--json", "--follow"],
        env=stage.env, stdout=log, stderr=log)
    try:
        wait_for("the follower", lambda: child.poll() is None)
        curl(stage, "https://h1.test/plain?followed")
        wait_for("the row", lambda: "followed" in stage.log("follow"))
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(timeout=5)


@outside("the file is plain SQLite, intact, and opens read-only")
def sqlite(stage):
    path = stage.dir / "state" / "ledger.db"
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert os.stat(path).st_mode & 0o077 == 0


@outside("rows outlive the instance")
def after(stage):
    before = len(stage.rows())
    assert stage.stop_instance() == 0, stage.log("up")
    assert len(stage.rows()) >= before
    stage.start_instance()


if __name__ == "__main__":
    main(POLICY)
