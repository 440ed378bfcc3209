#!/usr/bin/env python3
"""The commands of `penstock policy` as a user meets them: what they print, how
they exit, and what they make of input that is none."""
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import time

from harness import tell

TESTS = []
CONFIG = """\
# a comment
sandboxes:
  ci: { from: 10.7.0.2, policy: [base, ci] }
policies:
  base:
    deny: ["any HTTPS://*.paste.test"]  # why
  ci:
    allow:
      - GET https://api.test/repos/acme/**
      - tcp://db.test:5432 private
    ask:
      - POST https://api.test/repos/acme/*/pulls
"""


def test(what):
    def add(function):
        TESTS.append((what, function))
        return function
    return add


class Stage:
    def __init__(self, build, where):
        self.bin = pathlib.Path(build).resolve() / "bin" / "penstock"
        self.dir = pathlib.Path(where)
        self.env = dict(os.environ, LC_ALL="C.UTF-8")
        for name in ("RUN", "STATE", "CONFIG"):
            self.env[f"PENSTOCK_{name}_DIR"] = str(self.dir / name.lower())

    def file(self, name, text):
        path = self.dir / name
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        return path

    def policy(self, *argv):
        done = subprocess.run([self.bin, "policy", *map(str, argv)],
                              check=False, env=self.env, text=True, timeout=60,
                              errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        assert done.returncode in (0, 1, 2, 3), done
        return done.returncode, done.stdout, done.stderr


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


@test("check: a clean file, a warning, --strict, an error with its place")
def check(s):
    good = s.file("good.yaml", CONFIG)
    rc, out, err = s.policy("check", "--strict", good)
    assert (rc, err) == (0, ""), err
    assert out.endswith("policies 2, rules 4, sandboxes 1, warnings 0\n"), out
    warn = s.file("warn.yaml", CONFIG.replace(
        "    ask:", "      - GET https://api.test/repos/acme/site\n    ask:"))
    rc, out, err = s.policy("check", warn)
    lines = err.splitlines()
    assert rc == 0 and out.endswith("warnings 1\n"), (rc, out)
    assert lines[0].startswith(f"{warn}:11:9: warning: this rule may go"), err
    assert "warn.yaml:9 (allow GET" in lines[0], err
    assert lines[1].index("GET") == lines[2].index("^"), err
    assert s.policy("check", warn, "--strict")[0] == 1
    rc, out, err = s.policy("check", warn, "--json")
    row, = objects(out)
    assert (rc, err) == (0, "") and row["code"] == "redundant", (out, err)
    assert (row["file"], row["line"], row["column"], row["level"]) == (
        str(warn), 11, 9, "warning"), row
    assert row["rule"] == "GET https://api.test/repos/acme/site", row
    bad = s.file("bad.yaml", "allow:\n  - GOT api.test/%zz\n  - x y z\n")
    rc, out, err = s.policy("check", bad, "--json")
    assert rc == 1 and [(r["line"], r["level"]) for r in objects(out)] == [
        (2, "error"), (3, "error")], (rc, out)
    rc, out, err = s.policy("check", s.dir / "none.yaml")
    assert rc == 1 and "No such file" in err, (rc, err)
    assert s.policy("check")[0] == 2 and s.policy("check", "--x")[0] == 2


@test("check: one of each that is worth a warning, on this machine too")
def warnings(s):
    secret = s.file("key", "s3cret")
    secret.chmod(0o644)
    path = s.file("all.yaml", f"""\
sandboxes:
  bare: {{ from: 10.0.0.2 }}
  one: {{ from: 10.0.0.3, policy: one }}
policies:
  one:
    default: allow
    deny: [any https://h.test/**]
    allow:
      - GET https://h.test/a
      - any https://*.j.test/**
      - GET https://localhost.test/ until=2001-01-01
      - GET https://*.k.test/** private
      - POST http://l.test/
      - tcp://*:22
      - GTE https://m.test/
  left: {{}}
secrets:
  k: {{ file: {secret}, header: x-k, hosts: [h.test] }}
  n: {{ file: {secret}.no, header: x-k, hosts: [h.test] }}
""")
    rc, out, _ = s.policy("check", "--json", path)
    got = [(r["line"], r["code"]) for r in objects(out)]
    assert rc == 0 and got == [
        (2, "bare"), (6, "wide"), (9, "unreachable"), (10, "wide"),
        (11, "expired"), (12, "private"), (13, "clear"), (14, "wide"),
        (15, "method"), (16, "unused"), (18, "unused"), (18, "secret"),
        (19, "unused"), (19, "secret")], got
    assert "s3cret" not in out
    secret.chmod(0o600)
    assert "chmod" not in s.policy("check", path)[2]


@test("fmt: standard output, --check, --write; nothing but rules changes")
def fmt(s):
    path = s.file("fmt.yaml", CONFIG)
    path.chmod(0o640)
    want = CONFIG.replace("any HTTPS://*.paste.test",
                          "any https://*.paste.test/**")
    rc, out, err = s.policy("fmt", path)
    assert (rc, out, err) == (0, want, ""), (rc, out, err)
    rc, out, _ = s.policy("fmt", path, "--check")
    assert rc == 1 and out == f"{path}: 1 of 4 rules would change\n", out
    assert path.read_text() == CONFIG
    rc, out, _ = s.policy("fmt", "--write", "--json", path)
    assert rc == 0 and objects(out)[0]["changed"] == 1, out
    assert path.read_text() == want
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert s.policy("fmt", "--check", path) == (0, "", "")
    bad = s.file("fmtbad.yaml", "allow: [GOT h.test/%zz]\n")
    rc, out, err = s.policy("fmt", "--write", bad, path)
    assert rc == 2 and err.startswith(f"{bad}:1:"), err
    assert bad.read_text() == "allow: [GOT h.test/%zz]\n"
    assert not [p for p in s.dir.iterdir() if ".yaml." in p.name]


@test("diff: what goes, comes and changes, and what that does")
def diff(s):
    old = s.file("old.yaml", CONFIG)
    new = s.file("new.yaml", CONFIG.replace("acme/**", "acme/site")
                 .replace("5432 private", "5432"))
    rc, out, err = s.policy("diff", old, new)
    assert (rc, err) == (1, ""), (rc, err)
    assert out.splitlines() == [
        "sandbox ci:",
        "- allow GET https://api.test/repos/acme/**  # old.yaml:9",
        "    GET https://api.test/repos/acme/x: was allow, now deny",
        "+ allow GET https://api.test/repos/acme/site  # new.yaml:9",
        "- allow tcp://db.test:5432 private  # old.yaml:10",
        "+ allow tcp://db.test:5432  # new.yaml:10"], out
    rc, out, _ = s.policy("diff", "--json", old, new, "--policy", "ci")
    kinds = [(r["of"], r["change"]) for r in objects(out)]
    assert rc == 1 and kinds == [("policy", "removed"), ("policy", "added"),
                                 ("policy", "options")], kinds
    assert s.policy("diff", old, new, "--policy", "base") == (0, "", "")
    same = s.file("same.yaml", CONFIG.replace("HTTPS://*.paste.test",
                                              "*.Paste.test:443/**"))
    assert s.policy("diff", old, same) == (0, "", "")
    u = s.file("u.yaml", "allow: b\u00fccher.test\ndefault: ask\n")
    a = s.file("a.yaml", "allow: xn--bcher-kva.test\n")
    rc, out, _ = s.policy("diff", u, a)
    assert rc == 1 and out == "- default: ask\n+ default: deny\n", out
    assert s.policy("diff", old, s.dir / "none")[0] == 2
    rc, _, err = s.policy("diff", old)
    assert rc == 3 and "penstock up" in err, (rc, err)


@test("diff: against what the running instance has in force")
def in_force(s):
    (s.dir / "config").mkdir()
    path = s.file("config/penstock.yaml", CONFIG)
    new = s.file("new.yaml", CONFIG.replace("    ask:", "    deny:").replace(
        "policies:", "  two: { from: 10.7.0.3, policy: base }\npolicies:"))
    with open(s.dir / "log", "wb") as log:
        up = subprocess.Popen([s.bin, "up"], env=s.env, stdout=log,
                              stderr=log, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while s.policy("diff", path)[0] == 3 and time.monotonic() < end:
            assert up.poll() is None, (s.dir / "log").read_text()
            time.sleep(0.2)
        assert s.policy("diff", path) == (0, "", "")
        done = subprocess.run([s.bin, "allow", "ci", "GET more.test", "--for",
                               "1h"], env=s.env, check=False, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done
        assert s.policy("diff", path) == (0, "", ""), "a grant is no change"
        rc, out, _ = s.policy("diff", "--json", new)
        got = [(r["name"], r["change"], r["before"], r["after"])
               for r in objects(out)]
        assert rc == 1 and got == [("ci", "verdict", "ask", "deny"),
                                   ("two", "added", "deny", "deny")], got
        alone = s.file("alone.yaml", "allow: more.test\n")
        assert s.policy("diff", alone)[0] == 2
        rc, out, _ = s.policy("diff", alone, "--sandbox", "ci")
        assert rc == 1 and "+ allow any https://more.test/**" in out, out
    finally:
        up.terminate()
        up.wait(20)


@test("import: what is printed is a policy that check takes")
def imports(s):
    pen = s.file("http-allowlist.txt", "# x\na.test:443\nb.test:80\nwhat\n")
    rc, out, err = s.policy("import", "pen", pen)
    assert rc == 1 and err == (f"{pen}:4:1: warning: not imported: what: "
                               "expected HOST:PORT\n"), (rc, err)
    assert f"# not imported: {pen}:4: what: expected HOST:PORT\n" in out, out
    assert f"  - any https://a.test/**  # {pen}:2\n" in out, out
    assert s.policy("check", s.file("i.yaml", out))[0] == 0
    squid = s.file("squid.conf", "acl good dstdomain .a.test\n"
                   "http_access allow good\nhttp_access deny all\n")
    rc, out, err = s.policy("import", "squid", squid)
    assert (rc, err) == (0, ""), err
    assert "  - any https://.a.test/**" in out and "# not needed:" in out, out
    rc, out, _ = s.policy("import", "squid", "--json", squid)
    assert [r["kind"] for r in objects(out)] == ["rule", "rule", "needless"]
    rc, _, err = s.policy("import", "agent-sandbox",
                          s.file("x.yaml", "domains: &a [b]\n"))
    assert rc == 2 and ":1:10: anchors" in err, err
    assert s.policy("import", "pen", s.dir / "none")[0] == 2
    assert s.policy("import", "nosuch", pen)[0] == 2


@test("explain, show and list as JSON; names in any script")
def explain(s):
    path = s.file("e.yaml", CONFIG.replace("api.test", "b\u00fccher.test"))
    rc, out, _ = s.policy("explain", "--json", "--file", path, "--policy",
                          "ci", "GET", "https://B\u00dcCHER.test/repos/acme/x")
    row, = objects(out)
    assert rc == 0 and row["verdict"] == "allow", row
    assert row["rule"] == "GET https://xn--bcher-kva.test/repos/acme/**", row
    assert [r["matches"] for r in row["rules"]] == [False, True, False], row
    rc, out, _ = s.policy("explain", "--json", "--file", path, "--policy",
                          "ci", "tcp://other.test:22")
    row, = objects(out)
    assert (rc, row["reason"]) == (1, "no-rule"), row
    assert row["to_allow"] == "tcp://other.test:22", row
    rows = objects(s.policy("list", "--json")[1])
    assert {"npm", "github"} <= {r["name"] for r in rows}, rows
    rows = objects(s.policy("show", "github", "--json")[1])
    assert rows and all(r["verdict"] == "allow" for r in rows), rows


@test("a megabyte of anything ends soon, with a line or an answer")
def garbage(s):
    files = [s.file("random", os.urandom(1 << 20)),
             s.file("deep", "[" * (1 << 20)),
             s.file("braces", "allow: " + "{a: " * 100000),
             s.file("nul", b"allow:\n  - a.test\n\0\n"),
             s.file("alias", "allow: &a [x.test]\ndeny: *a\n"),
             s.file("line", "allow: " + "a" * (1 << 20)),
             s.file("words", "acl a dstdomain " + "x.test " * 150000)]
    begin = time.monotonic()
    for path in files:
        for argv in (("check", path), ("fmt", path), ("diff", path, path),
                     ("import", "pen", path), ("import", "pent", path),
                     ("import", "agent-sandbox", path),
                     ("import", "squid", path)):
            rc, _, err = s.policy(*argv)
            assert err or argv[0] == "import", (argv, rc)
            assert rc or argv[1] == "pent", (argv, rc, err[:300])
            assert len(err) < 100000 and "\x1b" not in err, argv
    assert time.monotonic() - begin < 45


def main():
    good = True
    for what, function in TESTS:
        with tempfile.TemporaryDirectory(prefix="penstock-policy.") as name:
            good = tell(what, function, Stage(sys.argv[1], name)) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
