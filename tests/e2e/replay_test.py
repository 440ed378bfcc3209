#!/usr/bin/env python3
"""Rules from traffic and traffic against rules: suggest, cases, test, replay."""
import json

from harness import CONFIG, main, outside, wait_for

TEAM = CONFIG + """
policies:
  team:
    allow:
      - GET https://h1.test/plain
      - any https://h2.test/**
    deny:
      - POST https://h2.test/echo
"""
WIDER = """
allow:
  - GET https://h1.test/**
  - any https://h2.test/**
"""


def status(stage, *argv):
    said = stage.penstock("policy", *argv, check=False)
    return said.returncode, said.stdout, said.stderr


def file(stage, name, text):
    path = stage.dir / name
    path.write_text(text)
    return path


@outside("traffic: allowed, denied, learned")
def traffic(stage):
    stage.run("sh", "-c", """
        for path in plain plain echo a/1 a/2 b/x/17; do
            curl -sS -o /dev/null "https://h1.test/$path"
        done
        curl -sS -o /dev/null https://h2.test/
        curl -sS -o /dev/null -d x https://h2.test/echo
        """, options=("--name", "strict"))
    stage.run("sh", "-c", """
        for n in 1 2 3; do
            curl -sS -o /dev/null "https://www.test/items/$n?page=$n"
        done
        curl -sS -o /dev/null -X DELETE https://www.test/items/4
        curl -sS -o /dev/null "https://h1.test/plain?$(printf %06000d 0)"
        """, options=("--name", "trial", "--learn"))
    wait_for("all rows", lambda: [row["outcome"] for row in stage.rows()
                                  ].count("open") == 0)
    assert len(stage.rows("--sandbox", "trial")) == 5
    assert len(stage.rows("--sandbox", "strict")) == 8


@outside("suggest: what was denied or learned, as rules that a file takes")
def suggest(stage):
    rc, out, err = status(stage, "suggest", "--sandbox", "trial")
    # What was allowed is not left out, though its query was cut.
    assert rc == 0 and err == "", (out, err)
    assert "- GET,DELETE https://www.test/items/*  # 4" in out, out
    assert "h1.test" not in out, out
    rc, out, _ = status(stage, "suggest", "--sandbox", "strict")
    assert "- GET https://h1.test/echo  # 1" in out, out
    assert "- GET https://h1.test/a/*  # 2" in out, out
    assert "h2.test" not in out, "a deny is no want of a rule"
    path = file(stage, "suggested.yaml", out)
    rc, out, err = status(stage, "check", path)
    assert rc == 0 and "rules 3" in out, (out, err)
    rc, out, _ = status(stage, "suggest", "--exact", "--host", "h1.test",
                        "--json")
    rules = [json.loads(line)["allow"] for line in out.splitlines()]
    assert "GET https://h1.test/a/1" in rules, rules
    rc, out, _ = status(stage, "suggest", "--hosts", "--sandbox", "trial")
    assert out.splitlines()[1].startswith(
        "  - GET,DELETE https://www.test/**"), out
    rc, out, err = status(stage, "suggest", "--sandbox", "nobody")
    assert rc == 1 and not out and err, (rc, out, err)


@outside("cases and test: what was decided is what is decided")
def cases(stage):
    rc, out, _ = status(stage, "cases", "--sandbox", "strict")
    assert rc == 0, out
    lines = out.splitlines()
    assert "allow GET https://h1.test/plain" in lines, lines
    assert "deny  POST https://h2.test/echo" in lines, lines
    assert len(lines) == 7, lines         # each once
    path = file(stage, "strict.cases", "# from the ledger\n\n" + out)
    rc, out, err = status(stage, "test", "--policy", "team", path)
    assert rc == 0 and "7 as expected, 0 not" in out, (out, err)
    wider = file(stage, "wider.yaml", WIDER)
    rc, out, _ = status(stage, "test", wider, path)
    assert rc == 1 and "2 as expected, 5 not" in out, out
    assert "want deny, got allow by any https://h2.test/**" in out, out
    rc, out, _ = status(stage, "test", wider, path, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [row["ok"] for row in found].count(False) == 5, found


@outside("replay: what other rules would have done")
def replay(stage):
    rc, out, _ = status(stage, "replay", "--policy", "team", "--sandbox",
                        "strict")
    assert rc == 0 and "8 requests judged, 8 the same, 0 different" in out, out
    wider = file(stage, "wider.yaml", WIDER)
    rc, out, _ = status(stage, "replay", wider, "--since", "1h", "--json")
    assert rc == 1, out
    found = {row["request"]: row for row in map(json.loads, out.splitlines())}
    row = found["POST https://h2.test/echo"]
    assert (row["was"], row["now"], row["requests"]) == ("deny", "allow", 1)
    assert "GET https://h1.test/plain" not in found, found
    rc, out, _ = status(stage, "replay", file(stage, "none.yaml", "allow: []"))
    assert rc == 1 and "allow -> deny       2  GET https://h1.test/plain" in \
        out, out


@outside("bad input: one line, and where")
def bad(stage):
    good = file(stage, "good.yaml", "allow: [GET https://a.test/]")
    for text, what in (
            ("permit GET https://a.test/\n", ":1: a case begins with"),
            ("\nallow GET\n", ":2: expected a URL"),
            ("allow https://a.test/\n", ":1: a method stands before"),
            ("allow GET https://a.test/ x\n", ":1: there is something"),
            ("allow GET tcp://a.test:1\n", ":1: a method stands"),
            ("allow GET https://\n", ":1: the host is not"),
            ("allow GET https://a.test/\0\n", ":1: NUL"),
            ("allow GET https://a.test/" + "x" * 20000, "too long"),
            ("# nothing\n", "has no case")):
        path = file(stage, "bad.cases", text)
        rc, out, err = status(stage, "test", good, path)
        assert rc == 2 and what in err and not out, (text, rc, out, err)
    for words in (("replay",), ("replay", "/no/file"), ("suggest", "--since"),
                  ("suggest", "--since", "soon"), ("cases", "x"),
                  ("test", good), ("test", good, "/no/file")):
        rc, out, err = status(stage, *words)
        assert rc == 2 and err and not out, (words, rc, out, err)
    rc, _, err = status(stage, "replay", good, "--ledger", good)
    assert rc == 3 and "it is no ledger" in err, (rc, err)


if __name__ == "__main__":
    main("team", TEAM)
