#!/usr/bin/env python3
"""Credentials that the sandbox never sees, and mode learn."""
import base64
import json

from harness import CONFIG, HERE, PYTHON, main, outside, wait_for

TOKEN = "sk-live-0f9e8d7c6b5a"
SECOND = "sk-live-changed-1234"
PLACE = "PENSTOCK-PLACEHOLDER-1"

BASE = CONFIG + """
secrets:
  key:   { file: {dir}/key, header: X-Api-Key, hosts: [h1.test, h2.test] }
  place: { file: {dir}/key, placeholder: PENSTOCK-PLACEHOLDER-1, hosts: [h1.test] }
policies:
  team:
    allow:
      - any https://h1.test/echo inject=key
      - any https://h2.test/echo inject=key
      - GET https://h1.test/echo?place=* inject=place
      - any https://other.test/**
      - any http://h1.test/**
"""


GREETED = """
import socket
with socket.create_connection(("other.test", 7001), 10) as s:
    print(s.makefile().readline())
"""


def ask(stage, url, *options, options_run=()):
    said = stage.run("curl", "-sS", "-m", "15", "-w", "\n%{http_code}",
                     *options, url, options=options_run)
    body, _, status = said.stdout.rpartition("\n")
    return int(status), body


def fields(body, name):
    return [value for field, value in json.loads(body)["fields"]
            if field.lower() == name]


@outside("a header: over HTTP/1 and HTTP/2, and the client's own gives way")
def header(stage):
    for host in ("h1.test", "h2.test"):
        status, body = ask(stage, f"https://{host}/echo",
                           "-H", "x-api-key: the client's own")
        assert status == 200 and fields(body, "x-api-key") == [TOKEN], body


@outside("a placeholder: in a field, in Basic credentials, in the query")
def placeholder(stage):
    status, body = ask(stage, f"https://h1.test/echo?place={PLACE}&x=1",
                       "-H", f"Authorization: Bearer {PLACE}",
                       "-H", f"X-Other: a{PLACE}b")
    assert status == 200, (status, body)
    assert fields(body, "authorization") == [f"Bearer {TOKEN}"], body
    assert fields(body, "x-other") == [f"a{TOKEN}b"], body
    assert json.loads(body)["line"].startswith(
        f"GET /echo?place={TOKEN}&x=1 "), body
    status, body = ask(stage, "https://h1.test/echo?place=1",
                       "-u", f"user:{PLACE}")
    want = base64.b64encode(f"user:{TOKEN}".encode()).decode()
    assert fields(body, "authorization") == [f"Basic {want}"], body


@outside("a placeholder on its way elsewhere: refused and recorded")
def elsewhere(stage):
    for url, *options in (
            (f"https://other.test/plain?x={PLACE}",),
            ("https://other.test/plain", "-H", f"Cookie: {PLACE}"),
            ("https://other.test/plain", "-u", f"me:{PLACE}"),
            (f"http://h1.test/{PLACE}",),
            ("https://h1.test/echo", "-H", f"X: {PLACE}")):
        status, body = ask(stage, url, *options)
        assert status == 403 and "placeholder" in body, (url, status, body)
    rows = [row for row in stage.rows() if row["reason"] == "placeholder"]
    assert len(rows) == 5, rows
    assert all(row["verdict"] == "deny" and not row["upstream"]
               for row in rows), rows


@outside("a reload takes another content, and keeps the old for a bad file")
def reload(stage):
    key = stage.dir / "key"
    key.write_text(SECOND + "\n")
    stage.penstock("reload")
    assert fields(ask(stage, "https://h1.test/echo")[1],
                  "x-api-key") == [SECOND]
    key.chmod(0o644)
    said = stage.penstock("reload", check=False)
    assert said.returncode == 1 and "chmod 600" in said.stderr, said
    key.chmod(0o600)
    key.write_text("two\nlines\n")
    said = stage.penstock("reload", check=False)
    assert said.returncode == 1 and "one line" in said.stderr, said
    assert fields(ask(stage, "https://h1.test/echo")[1],
                  "x-api-key") == [SECOND]


@outside("a rule may not put a secret where it is not for")
def misuse(stage):
    sandbox = stage.popen("sleep", "20", options=("--name", "idle"))
    try:
        wait_for("the sandbox", lambda: "idle" in
                 stage.penstock("sandboxes", check=False).stdout)
        for rule in ("any https://other.test/** inject=key",
                     "any https://*.test/** inject=key",
                     "any http://h1.test/** inject=key",
                     "any https://h1.test/** inject=kez"):
            said = stage.penstock("allow", "idle", rule, check=False)
            assert said.returncode == 1 and said.stderr, (rule, said)
    finally:
        sandbox.kill()
        sandbox.wait()


@outside("nowhere in what the instance keeps and says")
def nowhere(stage):
    stage.rows()                          # all is in the ledger
    seen = []
    for folder in ("state", "run", "logs"):
        for path in (stage.dir / folder).rglob("*"):
            if not path.is_file():
                continue
            octets = path.read_bytes()
            seen.append(path.name)
            for text in (TOKEN, SECOND):
                assert text.encode() not in octets, (path, text)
    assert "ledger.db" in seen and "up" in seen, seen


@outside("mode learn: what has no rule passes, and says that it would not")
def learn(stage):
    status, body = ask(stage, "https://www.test/echo",
                       options_run=("--learn",))
    assert status == 200, (status, body)
    row = stage.row(host="www.test", reason="would-deny")
    assert row["verdict"] == "allow" and row["outcome"] == "done", row
    # Private addresses stay closed, and so does a placeholder's way out.
    status, _ = ask(stage, "https://private.test/plain",
                    options_run=("--learn",))
    assert status == 502, status
    status, _ = ask(stage, f"https://www.test/{PLACE}",
                    options_run=("--learn",))
    assert status == 403, status
    # A server that speaks first, which no rule names.
    said = stage.run("python3", "-c", GREETED, options=("--learn",))
    assert said.stdout.strip() == "220 ready", said
    row = stage.row(host="other.test", port=7001, reason="would-deny")
    assert row["kind"] == "tunnel", row
    # Without the mode all is as it was.
    said = stage.run("curl", "-sS", "-m", "10", "https://www.test/echo",
                     check=False)
    assert said.returncode == 6, said     # the name does not exist


def secret(stage):
    key = stage.dir / "key"
    key.write_text(TOKEN + "\n")
    key.chmod(0o600)
    stage.start("greeter", stage.origin_command(
        PYTHON, HERE / "tcp_origin.py", "11.0.0.3"))


if __name__ == "__main__":
    main("team", BASE, secret)
