#!/usr/bin/env python3
"""What penstock log and penstock sql print, octet by octet."""
import csv
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import made_ledger
from harness import tell
from made_ledger import NOON_US

TESTS = []


def test(what):
    def add(function):
        TESTS.append((what, function))
        return function
    return add


def forget(l, path):
    """Rows of this path, and what only they have."""
    for table, column in (("seen", "facts"), ("facts", "id")):
        l.db.execute(f"DELETE FROM {table} WHERE {column} IN"
                     " (SELECT facts FROM record WHERE path = ?)", (path,))
    l.db.execute("DELETE FROM record WHERE path = ?", (path,))
    l.db.commit()


@test("by default what was denied or failed, newest last, in 100 columns")
def table(l):
    out = l.run("log")
    assert out == """\
TIME           SANDBOX    VERDICT ST  METHOD  TARGET                             WHY
11-22 12:00:01 alice      denied  403 POST    gists.test/gists                   no-rule
11-22 12:00:02 ci         denied  403 GET     api.test/private/x                 any https://api.te…
11-22 12:00:03 ci         failed  502 GET     old.test/                          certificate has ex…
11-22 12:00:04 ci         denied  -   A       nowhere.test                       no-rule
11-22 14:00:06 ci         refused 421 GET     other.test/                        misdirected
""", out
    assert max(len(line) for line in out.splitlines()) <= 100


@test("--group-by: counts, share of denied, bytes, first and last seen")
def groups(l):
    out = l.run("log", "--all", "--group-by", "host,verdict")
    assert out == """\
ROWS DENIED   % FAILED    UP   DOWN FIRST SEEN     LAST SEEN      HOST         VERDICT
   2      0   0      0 70 kB 123 MB 11-22 12:00:00 11-22 14:00:05 api.test     allow
   1      0   0      0   0 B 1.0 kB 11-22 14:00:06 11-22 14:00:06 other.test   none
   1      1 100      0   0 B 1.0 kB 11-22 12:00:04 11-22 12:00:04 nowhere.test deny
   1      0   0      1   0 B 1.0 kB 11-22 12:00:03 11-22 12:00:03 old.test     allow
   1      1 100      0   0 B 1.0 kB 11-22 12:00:02 11-22 12:00:02 api.test     deny
   1      1 100      0   0 B 1.0 kB 11-22 12:00:01 11-22 12:00:01 gists.test   deny
""", out


@test("--group-by works with filters, limits, hours and every format")
def group_formats(l):
    out = l.run("log", "--all", "--group-by", "hour", "--format", "csv")
    assert out.splitlines() == [
        "hour,rows,denied,denied_percent,failed,bytes_up,bytes_down,"
        "first,last",
        "2026-11-22T12,5,3,60,1,0,5000,2026-11-22T12:00:00Z,"
        "2026-11-22T12:00:04Z",
        "2026-11-22T14,2,0,0,0,70000,123457789,2026-11-22T14:00:05Z,"
        "2026-11-22T14:00:06Z"], out
    rows = json.loads(l.run("log", "--verdict", "deny", "--group-by",
                            "reason,sandbox", "--format", "json"))
    assert [(r["reason"], r["sandbox"], r["rows"]) for r in rows] == [
        ("no-rule", "ci", 1), (None, "ci", 1), ("no-rule", "alice", 1)], rows
    out = l.run("log", "--all", "--group-by", "host", "--limit", "1",
                "--json")
    assert len(out.splitlines()) == 1 and "4 more" in l.last.stderr, out
    for key in ("host", "sandbox", "rule", "reason", "method", "status",
                "verdict", "outcome", "kind", "client", "user_agent",
                "content_type", "scheme", "port", "hour", "day"):
        rows = json.loads(l.run("log", "--all", "--group-by", key,
                                "--format", "json"))
        assert sum(r["rows"] for r in rows) == 7, (key, rows)


@test("--stats: totals, words, latency, hosts, and the rules to add")
def stats(l):
    out = l.run("log", "--all", "--stats")
    for line in ("7 rows, from 2026-11-22 12:00:00 to 2026-11-22 14:00:06",
                 "         3   42.9 %  denied", "bytes     70 kB up, 123 MB d",
                 "latency   50 % 20 ms, ", "         1  alice            "
                 "POST https://gists.test\n",
                 "         1  ci               any https://nowhere.test\n"):
        assert line in out, (line, out)
    got = json.loads(l.run("log", "--all", "--stats", "--format", "json"))
    assert got["rows"] == 7 and got["words"]["denied"] == 3, got
    assert got["words"] == {"ok": 1, "denied": 3, "failed": 1, "cut": 1,
                            "refused": 1}, got
    assert got["host"][0]["host"] == "api.test", got
    assert {r["rule"] for r in got["to_allow"]} == {
        "POST https://gists.test", "any https://nowhere.test"}, got


@test("--stats keeps to the filter, its times and rules too")
def stats_filter(l):
    def stats(*argv):
        return json.loads(l.run("log", *argv, "--stats", "--format", "json"))

    assert stats("--all")["latency_us"]["of"] == 1
    assert stats("--verdict", "ok,cut")["latency_us"]["of"] == 1
    for argv in (("--verdict", "failed"), ("--verdict", "denied,cut"),
                 ("--denied",)):
        assert "latency_us" not in stats(*argv), argv
    assert len(stats("--reason", "no-rule")["to_allow"]) == 2
    assert "to_allow" not in stats("--all", "--reason", "certificate")


@test("--stats: queries of each type for a name want one rule")
def stats_names(l):
    us = NOON_US - 86400 * 1000000
    for n, method in enumerate(("A", "AAAA", "AAAA", "GET")):
        dns = method != "GET"
        l.add(us + n, kind="dns" if dns else "request", verdict="deny",
              outcome="refused", status=0 if dns else 403, host="two.test",
              port=53 if dns else 443, method=method, path="/two",
              scheme=None if dns else "https", reason="no-rule", rule=None,
              rule_where=None)
    got = json.loads(l.run("log", "--all", "--host", "two.test", "--stats",
                           "--format", "json"))
    assert got["to_allow"] == [
        {"rows": 3, "sandbox": "ci", "rule": "any https://two.test"},
        {"rows": 1, "sandbox": "ci", "rule": "GET https://two.test"}], got
    forget(l, "/two")


@test("filters add up, in whichever order they stand")
def order(l):
    for argv in (("--verdict", "failed"), ("--status", "502")):
        l.run("log", "--denied", *argv, status=1)
        l.run("log", *argv, "--denied", status=1)
    for argv in (("--verdict", "refused", "--denied"),
                 ("--denied", "--verdict", "refused")):
        l.run("log", *argv, status=1)
    assert l.run("log", "--verdict", "deny", "--denied") == \
        l.run("log", "--denied") == l.run("log", "--denied", "--verdict",
                                          "deny")


@test("a host may be given as people write it")
def international(l):
    l.add(NOON_US - 86400 * 1000000, host="xn--bcher-kva.test", path="/idn")
    for host in ("bücher.test", "Bücher.test", "xn--bcher-kva.test"):
        out = l.run("log", "--all", "--host", host, "--columns", "path")
        assert out == "PATH\n/idn\n", (host, out)
    l.run("log", "--all", "--host", "bächer.test", status=1)
    assert "no host 'xn--bcher-gra.test'" in l.last.stderr, l.last
    forget(l, "/idn")


@test("times are read as they are printed")
def times(l):
    rows = json.loads(l.run("log", "--all", "--format", "json"))
    for r in rows:
        assert json.loads(l.run(
            "log", "--all", "--format", "json", "--since", r["time"],
            "--limit", "0"))[0] == r, r
    l.run("log", "--since", "2026-02-31", status=2)
    assert "cannot read 2026-02-31" in l.last.stderr


@test("that there is more than the 50 rows that nobody asked for is said")
def limited(l):
    name = "/many"
    for i in range(51):
        l.add(NOON_US - 86400 * 1000000 + i, path=name)
    many = ("log", "--all", "--path", name)
    out = l.run(*many, "--json")
    assert len(out.splitlines()) == 50, out
    assert l.last.stderr == "only the newest 50; --limit 0 shows all\n"
    whole = l.run(*many, "--json", "--limit", "0")
    assert len(whole.splitlines()) == 51 and whole.endswith(out)
    assert l.last.stderr == ""
    l.run(*many, "--limit", "50")
    assert l.last.stderr == ""
    forget(l, name)


@test("--follow with --columns prints at once, and what comes in full")
def follow_columns(l):
    child = subprocess.Popen(
        [l.bin / "penstock", "log", "--all", "--follow", "--limit", "1",
         "--columns", "status,host,path"], env=l.env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline().split() == ["STATUS", "HOST", "PATH"]
        assert child.stdout.readline().split() == ["421", "other.test", "/"]
        l.add(int(time.time() * 1000000), host="follow.later.test",
              path="/followed/to/the/end")
        assert child.stdout.readline().split() == [
            "200", "follow.later.test", "/followed/to/the/end"]
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        forget(l, "/followed/to/the/end")


@test("filters: verdict, status, path, reason, rule, times")
def filters(l):
    def paths(*argv):
        return [json.loads(line)["host"] for line in
                l.run("log", "--all", "--json", *argv).splitlines()]

    assert paths("--verdict", "ok") == ["api.test"]
    assert paths("--verdict", "failed,cut") == ["old.test", "api.test"]
    assert paths("--verdict", "none") == ["other.test"]
    assert paths("--status", "5xx") == paths("--status", "5") == ["old.test"]
    assert paths("--status", "421") == ["other.test"]
    assert paths("--status", "4xx,502") == [
        "gists.test", "api.test", "old.test", "other.test"]
    assert paths("--sandbox", "al*") == ["gists.test"]
    assert len(paths("--sandbox", "*")) == len(
        paths("--client", "10.7.0.9")) == 7
    assert paths("--kind", "dns,tunnel") == ["nowhere.test"]
    assert paths("--path", "/up") == ["api.test"]
    assert paths("--path", "*te/x") == ["api.test"]
    assert paths("--reason", "no-rule") == ["gists.test", "nowhere.test"]
    assert paths("--host", "*.TEST", "--method", "POST") == ["gists.test"]
    assert paths("--since", "2026-11-22T14:00Z") == ["api.test", "other.test"]
    assert paths("--until", "2026-11-22T12:00:01Z") == ["api.test"]
    assert len(paths("--since", "2026-11-22", "--until",
                     "2026-11-23")) == 7
    assert paths("--limit", "1") == ["other.test"]
    out = l.run("log", "--all", "--limit", "1", "--columns",
                "status,host,time")
    assert out == ("STATUS HOST       TIME\n"
                   "   421 other.test 2026-11-22T14:00:06.000000Z\n"), out


@test("JSON is one array, NDJSON an object a line, with the same fields")
def json_formats(l):
    rows = json.loads(l.run("log", "--all", "--format", "json"))
    lines = [json.loads(line) for line in
             l.run("log", "--all", "--format", "ndjson").splitlines()]
    assert rows == lines and len(rows) == 7
    view = [c[1] for c in l.db.execute("PRAGMA table_info(requests)")]
    assert set(rows[0]) == set(view) - {"time_us", "entry"}, rows[0]
    assert json.loads(l.run("log", "--host", "gists.test", "--until", "1990-01-01",
                            "--format", "json", status=1)) == []


@test("CSV is as RFC 4180 says, and no spreadsheet runs it")
def csv_format(l):
    out = l.run("log", "--all", "--format", "csv", text=False)
    assert out.count(b"\r\n") == 8 and out.endswith(b"\r\n"), out
    rows = list(csv.DictReader(io.StringIO(out.decode(), newline=""),
                               strict=True))
    assert rows[1]["user_agent"] == "'=cmd|' /C calc'!A0", rows[1]
    assert rows[0]["host"] == "api.test" and rows[0]["rule"], rows[0]


def har_object(o, required, optional=()):
    assert set(required) <= set(o) <= set(required) | set(optional), o


@test("an HTTP Archive has what version 1.2 asks for, in its types")
def har(l):
    log = json.loads(l.run("log", "--all", "--format", "har"))["log"]
    har_object(log, ("version", "creator", "entries"), ("pages", "comment"))
    har_object(log["creator"], ("name", "version"))
    assert log["version"] == "1.2" and len(log["entries"]) == 6
    for e in log["entries"]:
        har_object(e, ("startedDateTime", "time", "request", "response",
                       "cache", "timings"),
                   ("serverIPAddress", "connection", "comment", "pageref"))
        har_object(e["request"], ("method", "url", "httpVersion", "cookies",
                                  "headers", "queryString", "headersSize",
                                  "bodySize"))
        har_object(e["response"], ("status", "statusText", "httpVersion",
                                   "cookies", "headers", "content",
                                   "redirectURL", "headersSize", "bodySize"))
        har_object(e["response"]["content"], ("size", "mimeType"))
        har_object(e["timings"], ("send", "wait", "receive"),
                   ("blocked", "dns", "connect", "ssl"))
        for pair in (e["request"]["headers"] + e["response"]["headers"]
                     + e["request"]["queryString"]):
            har_object(pair, ("name", "value"))
        spent = sum(v for v in e["timings"].values() if v > 0)
        assert abs(spent - e["time"]) < 0.01, e
        assert e["startedDateTime"].endswith("Z")
    first = log["entries"][0]
    assert first["request"]["url"] == \
        "https://api.test/repos/acme/site?page=2", first
    assert first["request"]["queryString"] == [
        {"name": "page", "value": "2"}], first
    assert first["serverIPAddress"] == "203.0.113.9", first


@test("show tells one request's whole story, and the line that would allow it")
def show(l):
    rows = json.loads(l.run("log", "--all", "--format", "json"))
    out = l.run("log", "show", rows[1]["id"])
    assert out == f"""\
request   {rows[1]["id"]}, a request: denied
asked     POST gists.test/gists
when      2026-11-22 12:00:01.000 +0000, took 20.000 ms
who       sandbox alice, from 10.7.0.9 port 40112, by h2 over TLSv1.3
agent     =cmd|' /C calc'!A0
verdict   deny, no-rule (generation 1 of the policies)
dialled   nothing: it did not leave the gateway
answer    403
bytes     0 up, 1000 down
ended     answered by the gateway itself: No rule of sandbox 'alice' allows it.
to allow  penstock allow alice 'POST https://gists.test/gists'
instance  made
""", out
    out = l.run("log", "show", rows[4]["id"])
    assert "asked     A nowhere.test\n" in out, out
    assert "penstock allow ci 'any https://nowhere.test'\n" in out, out
    out = l.run("log", "show", rows[2]["id"].lower())
    assert "at penstock.yaml:9" in out and "no other rule undoes" in out, out
    assert "TLSv1.3" in l.run("log", "show", rows[0]["id"])
    assert json.loads(l.run("log", "show", rows[0]["id"], "--json")) == \
        rows[0]
    near = rows[1]["id"][:-1] + "3"
    l.run("log", "show", near, status=1)
    assert f"did you mean '{rows[1]['id']}'?" in l.last.stderr, l.last
    l.run("log", "show", "hello", status=2)


@test("a filter that cannot match names what was perhaps meant")
def near(l):
    for argv, status, words in (
            (("--sandbox", "cii"), 1, "no sandbox 'cii'; did you mean 'ci'?"),
            (("--host", "gist.test"), 1, "did you mean 'gists.test'?"),
            (("--method", "get"), 1, "did you mean 'GET'?"),
            (("--reason", "norule"), 1, "did you mean 'no-rule'?"),
            (("--host", "*.nowhere.invalid"), 1, "no host '*.nowhere.inva"),
            (("--verdict", "alow"), 2, "did you mean 'allow'?"),
            (("--group-by", "hosts"), 2, "did you mean 'host'?"),
            (("--format", "jsn"), 2, "did you mean 'json'?"),
            (("--columns", "hots"), 2, "did you mean 'host'?"),
            (("--color", "alwys"), 2, "did you mean 'always'?"),
            (("--since", "tomorrow"), 2, "cannot read tomorrow"),
            (("--status", "40"), 2, "no status '40'"),
            (("--status", "403,4x"), 2, "no status '4x'"),
            (("--kind", "dsn"), 2, "no kind 'dsn'; did you mean 'dns'?"),
            (("--client", "10.7.0.8"), 1, "did you mean '10.7.0.9'?"),
            (("--sandbox", "al?"), 1, "no sandbox 'al?'"),
            (("--limit", "-1"), 2, "or 0 for no limit"),
            (("--limit", "1000001"), 2, "up to 1000000"),
            (("--path", "repos"), 1, "a --path begins with /"),
            (("show",), 2, "show takes one id"),
            (("--stats", "--format", "csv"), 2, "use --format json"),
            (("--follow", "--stats"), 2, "--follow shows rows"),
            (("--follow", "--format", "har"), 2, "use ndjson"),
            (("--follow", "--until", "now"), 2, "and so no --until"),
            (("--since", "10:61"), 2, "cannot read 10:61"),
            (("--group-by", "host", "--columns", "host"), 2, "--columns"),
            (("--host", ""), 2, "cannot read"),
            (("extra",), 2, "unexpected word"),
            (("--status", "418"), 1, "--all shows allowed ones")):
        l.run("log", *argv, status=status)
        assert words in l.last.stderr, (argv, l.last)
        assert l.last.stderr.count("\n") == 1, (argv, l.last)


@test("exit statuses: 0 shown, 1 none, 2 usage, 3 no ledger")
def statuses(l):
    l.run("log")
    l.run("log", "--sandbox", "alice", "--status", "200", status=1)
    l.run("log", "--nonsense", status=2)
    nowhere = {"PENSTOCK_STATE_DIR": str(l.dir / "nowhere")}
    l.run("log", status=3, env=nowhere)
    assert "no ledger at" in l.last.stderr
    l.run("sql", "SELECT 1", status=3, env=nowhere)
    (l.dir / "other").mkdir()
    (l.dir / "other" / "ledger.db").write_text("this is no database at all")
    l.run("log", status=3, env={"PENSTOCK_STATE_DIR": str(l.dir / "other")})
    assert "no ledger of penstock" in l.last.stderr


@test("audit says what is wrong with a ledger, and counts none that it can't")
def bad_ledgers(l):
    path = l.dir / "bad.db"
    prune = ("audit", "prune", "--dry-run", "--keep", "1d", "--ledger", path)
    stats = ("audit", "stats", "--ledger", path)
    l.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = (l.dir / "ledger.db").read_bytes()
    page = int.from_bytes(whole[16:18], "big")
    version = whole[:60] + (99).to_bytes(4, "big") + whole[64:]
    at = page * (l.db.execute("SELECT rootpage FROM sqlite_schema WHERE"
                              " name = 'record'").fetchone()[0] - 1)
    torn = whole[:at] + b"\xff" * page + whole[at + page:]
    for octets, words in ((b"this is no database", "no ledger of penstock"),
                          (version, "a newer version of penstock"),
                          (torn, "malformed")):
        path.write_bytes(octets)
        for argv in (prune, stats):
            assert l.run(*argv, status=3) == "", (argv, l.last)
            assert words in l.last.stderr, (argv, l.last)
            assert l.last.stderr.count("\n") == 1, (argv, l.last)


def on_terminal(l, argv, env=None, send=()):
    """What a command shows on a terminal; send: (wait for, then type)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(str(l.bin / "penstock"), ["penstock", *argv],
                  dict(l.env, TERM="xterm", **(env or {})))
    got, todo, end = b"", list(send), time.monotonic() + 15
    while time.monotonic() < end:
        if todo and todo[0][0] in got:
            time.sleep(0.3)               # what was typed has been read
            os.write(fd, todo.pop(0)[1])
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        got += more
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    return got.decode(errors="replace"), os.waitstatus_to_exitcode(status)


@test("colours on a terminal, none elsewhere or with NO_COLOR")
def colours(l):
    red = "\x1b[31mdenied"
    assert red in on_terminal(l, ["log"])[0]
    assert red not in on_terminal(l, ["log"], {"NO_COLOR": "1"})[0]
    assert red not in on_terminal(l, ["log", "--color", "never"])[0]
    assert red not in l.run("log")
    assert red in l.run("log", "--color", "always")


@test("what a table shows in a pipe, it shows whole")
def whole(l):
    out = l.run("log", "--all", "--status", "421", "--columns",
                ",".join(["host", "time", "rule", "method"] * 4))
    assert max(map(len, out.splitlines())) > 100 and "…" not in out, out


@test("sql: tables, formats, statements on standard input")
def sql(l):
    out = l.run("sql", "SELECT host, count(*) n FROM denied GROUP BY host")
    assert out == ("HOST         N\napi.test     1\ngists.test   1\n"
                   "nowhere.test 1\n"), out
    assert l.run("sql", "--format", "csv", "SELECT 1 a, NULL b, '=x' c") == \
        "a,b,c\n1,,\"'=x\"\n"
    assert json.loads(l.run("sql", "--format", "json",
                            "SELECT 1.5 a, 'x' b")) == [{"a": 1.5, "b": "x"}]
    assert l.run("sql", "-- one\n-- two\nSELECT 1 a", "--format", "csv") == \
        l.run("sql", "--format=csv", "SELECT 1 a -- one\n")
    with open(l.dir / "in.sql", "w+", encoding="utf-8") as f:
        f.write("SELECT 1 a; -- one\nSELECT 2 a;")
        f.seek(0)
        assert l.run("sql", "--format", "ndjson", stdin=f) == \
            '{"a":1}\n{"a":2}\n'
    assert l.run("sql", "SELECT 1 WHERE 0", "--format", "json") == "[]\n"


@test("sql writes nothing, one clear line each")
def sql_refuses(l):
    before = (l.dir / "ledger.db").read_bytes()
    for text in ("DELETE FROM record", "DROP TABLE record", "VACUUM",
                 "ATTACH 'x' AS y", "PRAGMA user_version = 9", "BEGIN",
                 "INSERT INTO late(entry) VALUES(1)",
                 "SELECT load_extension('x')"):
        l.run("sql", text, status=2)
        assert "read-only here" in l.last.stderr, l.last
        assert l.last.stderr.count("\n") == 1, l.last
    l.run("sql", "SELEC 1", status=2)
    assert "syntax error" in l.last.stderr
    l.run("sql", "SELECT 1", "SELECT 2", status=2)
    assert (l.dir / "ledger.db").read_bytes() == before


FOREVER = ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
           " SELECT max(x) FROM c")


@test("sql ends at its time limit and by an interrupt")
def sql_ends(l):
    l.run("sql", "--timeout", "1", FOREVER, status=3)
    assert "time limit" in l.last.stderr
    child = subprocess.Popen([l.bin / "penstock", "sql", FOREVER], env=l.env,
                             stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=10)
    assert child.returncode == 3 and "interrupted" in err, (child, err)


@test("sql has a prompt; an interrupt ends the statement, not the prompt")
def sql_prompt(l):
    out, status = on_terminal(l, ["sql"], send=(
        (b"penstock> ", b".views\n"), (b"troubled", FOREVER.encode() + b";\n"),
        (b"FROM c;", b"\x03"), (b"interrupted", b"SELECT 6 * 7 AS x;\n"),
        (b"42", b".quit\n")))
    assert status == 0 and "requests_by_facts" in out and "42" in out, out


def main():
    ledger = made_ledger.some(sys.argv[1])
    try:
        good = [tell(what, f, ledger) for what, f in TESTS]
    finally:
        ledger.close()
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
