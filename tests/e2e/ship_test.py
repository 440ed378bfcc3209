#!/usr/bin/env python3
"""penstock-ship: rows to ClickHouse, PostgreSQL and NDJSON over HTTP, all of
them killed in the middle; at the end each has what the ledger has."""
import json
import os
import signal
import sqlite3
import subprocess
import time

from harness import CONFIG, command, main, outside, wait_for
from ship_servers import COLUMNS, Ndjson, same, servers

PASSWORD = "correct-horse-battery"
POLICY = "allow: [any https://h1.test/**]\n"
ROUNDS = 3
# In a sandbox: requests, one after the other, until the file "stop" is there.
LOAD = """
import http.client, os, ssl, time
tls = ssl.create_default_context()
n = 0
while not os.path.exists("stop"):
    try:
        c = http.client.HTTPSConnection("h1.test", timeout=5, context=tls)
        for _ in range(50):
            path = ("/plain?n=%d&caf%%C3%%A9" if n % 7 else "/denied/%d") % n
            c.request("GET", path, headers={"User-Agent": 'a "b" \\\\ c'})
            c.getresponse().read()
            n += 1
            time.sleep(0.001)
    except OSError:
        time.sleep(0.05)
print(n)
"""

DESTINATIONS = {
    "clickhouse": "{ to: clickhouse, url: 'http://127.0.0.1:18123/', "
                  "user: ship, password_file: '{dir}/password' }",
    "postgresql": "{ to: postgresql, conninfo: 'host=127.0.0.1 port=15432 "
                  "user=ship dbname=postgres sslmode=disable', "
                  "password_file: '{dir}/password' }",
    "ndjson": "{ to: ndjson, url: 'http://127.0.0.1:19001/in?a=b' }",
}


def config(*destinations):
    return CONFIG + "audit:\n  ship:\n" + "".join(
        f"    - {d}\n" for d in destinations)


def prepare(stage):
    (stage.dir / "password").write_text(PASSWORD + "\n")
    stage.servers = servers(stage, PASSWORD)
    stage.ships = [DESTINATIONS[name] for name in stage.servers]
    stage.write_config(config(*stage.ships))


def ledger(stage):
    db = sqlite3.connect(f"file:{stage.dir}/state/ledger.db?mode=ro",
                         uri=True)
    db.row_factory = sqlite3.Row
    rows = [dict(row) for row in db.execute("SELECT * FROM requests")]
    db.close()
    for row in rows[:1]:
        assert set(COLUMNS) | {"entry"} == set(row), row
    return [{name: row[name] for name in COLUMNS} for row in rows]


def status(stage):
    """{destination: {name: value}} of ship.status."""
    try:
        text = (stage.dir / "run" / "ship" / "ship.status").read_text()
    except FileNotFoundError:
        return {}
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        where, _, key = name.rpartition(".")
        if where:
            found.setdefault(where, {})[key] = value
    return found


def ships(stage):
    return sorted(stage.children().get("penstock-ship", []))


def requests(stage):
    stage.run("curl", "-sS", "-o", "/dev/null", "https://h1.test/plain?[1-9]")


def settled(stage, *names):
    """Each of these has what the ledger has, once that has come to rest."""
    faults = {}

    def probe():
        rows = ledger(stage)
        for name in names:
            faults[name] = same(rows, stage.servers[name].rows())
        return rows and not any(any(f.values()) for f in faults.values())

    time.sleep(1)
    try:
        wait_for(f"{names} have all rows", probe, 30)
    except TimeoutError as error:
        raise AssertionError(faults) from error


@outside("each destination gets the rows")
def arrive(stage):
    if "clickhouse" not in stage.servers:
        print("ok - clickhouse # skip no package clickhouse-server here")
    assert "postgresql" in stage.servers, "PostgreSQL is not installed"
    requests(stage)
    settled(stage, *stage.servers)


@outside("all killed and started again under load: the same rows everywhere")
def killed(stage):
    load = stage.popen("python3", "-c", LOAD, stdout=subprocess.PIPE,
                       text=True)
    for turn in range(ROUNDS):
        for server in stage.servers.values():
            server.kill()
            time.sleep(0.3)
        victims = ships(stage)
        if victims:
            os.kill(victims[turn % len(victims)], signal.SIGKILL)
        for server in stage.servers.values():
            server.start()
        time.sleep(1)
    (stage.project / "stop").touch()
    done = int(load.communicate(timeout=60)[0])
    settled(stage, *stage.servers)
    rows = len(ledger(stage))
    sent = {n: int(s["rows_delivered"]) for n, s in status(stage).items()}
    print(f"#   {ROUNDS} rounds, {done} requests, {rows} rows, the same in "
          f"{', '.join(stage.servers)}; delivered since the last start of "
          f"penstock-ship: {sent}")
    assert done > 300 and rows >= done, (done, rows)


@outside("the cursor for pruning is the end of what all have")
def cursor(stage):
    def done():
        last = int((stage.dir / "state" / "ship.cursor").read_text())
        with sqlite3.connect(
                f"file:{stage.dir}/state/ledger.db?mode=ro", uri=True) as db:
            end = db.execute("SELECT max(entry) FROM record").fetchone()[0]
        db.close()
        return last and last >= end
    wait_for("the cursor", done, 15)


@outside("one that is down holds up nobody else, and says so")
def down(stage):
    stage.servers["ndjson"].kill()
    requests(stage)
    settled(stage, *(n for n in stage.servers if n != "ndjson"))
    said = state_of(stage, "ndjson", "retrying")
    assert int(said["rows_behind"]) > 0, said
    assert "127.0.0.1" in said["error"], said
    assert status(stage)["postgresql"]["state"] == "ok", status(stage)
    stage.servers["ndjson"].start()
    settled(stage, "ndjson")
    wait_for("no lag", lambda: status(stage)["ndjson"]["rows_behind"] == "0"
             and status(stage)["ndjson"]["state"] == "ok")


def tried(receiver, mode):
    """One more request in this mode."""
    receiver.mode(mode)
    count = len(receiver.requests())
    wait_for(mode, lambda: len(receiver.requests()) > count, 20)


@outside("a receiver that fails or hangs up before the answer gets it again")
def misbehaves(stage):
    receiver = stage.servers["ndjson"]
    receiver.mode("fail")
    requests(stage)
    tried(receiver, "fail")
    said = wait_for("the answer", lambda: status(
        stage)["ndjson"].get("error"))
    assert said == "HTTP 503: try?[31m later", said
    tried(receiver, "deaf")
    receiver.mode("ok")
    settled(stage, "ndjson")


@outside("one that hangs up in the middle or loses its answer, too")
def loses(stage):
    receiver = stage.servers["ndjson"]
    before = len(receiver.requests())
    receiver.mode("cut")
    requests(stage)
    for mode in ("cut", "lost", "ok"):
        tried(receiver, mode)
    settled(stage, "ndjson")
    seen = receiver.requests()[before:]
    assert len({r["key"] for r in seen}) == 1, seen
    taken = [r["rows"] for r in seen if r["answer"] == 200]
    assert len(taken) > 1 and len(set(taken)) == 1, seen  # and once more


@outside("413: half as many rows at once, until it fits")
def smaller(stage):
    receiver = stage.servers["ndjson"]
    receiver.kill()
    for path in receiver.dir.glob("r*s"):
        path.unlink()                     # a receiver with nothing
    (stage.dir / "state" / "ship" / "ndjson.cursor").unlink()
    receiver.mode("small:100")
    receiver.start()
    for pid in ships(stage)[:1]:
        os.kill(pid, signal.SIGTERM)
    settled(stage, "ndjson")
    seen = receiver.requests()
    assert [r for r in seen if r["answer"] == 413], len(seen)
    assert max(r["rows"] for r in seen if r["answer"] == 200) <= 100, seen
    assert {r["fields"]["Content-Encoding"] for r in seen} == {"gzip"}
    receiver.mode("ok")


def change(stage, *destinations):
    """Another configuration, by `penstock reload`."""
    stage.write_config(config(*destinations))
    stage.penstock("reload")


def state_of(stage, name, state):
    return wait_for(f"{name} {state}", lambda: (
        status(stage).get(name, {}).get("state") == state
        and status(stage)[name]), 20)


@outside("a wrong password: refused, loudly, without the password; then mended")
def password(stage):
    wrong = stage.dir / "wrong"
    wrong.write_text("hunter2-wrong\n")
    change(stage, *(s.replace("{dir}/password", str(wrong))
                    for s in stage.ships))
    requests(stage)
    for name in stage.servers:
        if name != "ndjson":
            said = state_of(stage, name, "refused")
            assert "ship" in said["error"], said
    out = stage.penstock("status").stdout + stage.log("up")
    change(stage, *stage.ships)
    settled(stage, *stage.servers)
    for secret in ("hunter2-wrong", PASSWORD):
        assert secret not in out and secret not in stage.log("up")


@outside("a missing table: refused; made, and all rows are in it")
def table(stage):
    names = [n for n in stage.servers if n != "ndjson"]
    for name in names:
        stage.servers[name].drop_table()
    requests(stage)
    for name in names:
        said = state_of(stage, name, "refused")
        assert "penstock_requests" in said["error"], said
        stage.servers[name].make_table()
        (stage.dir / "state" / "ship" / f"{name}.cursor").unlink()
    change(stage, *stage.ships)
    settled(stage, *stage.servers)


@outside("TLS is verified; a token from headers_file, and not in its echo")
def tls(stage):
    stage.make_leaf("receiver", "IP:127.0.0.1")
    receiver = Ndjson(stage, "tls", 19002,
                      stage.dir / "certs" / "use" / "receiver.pem")
    receiver.mode("login:Bearer other-token")
    receiver.start()
    (stage.dir / "headers").write_text("Authorization: Bearer secret-token\n"
                                       "X-Tenant: acme\n")
    there = ("{ to: ndjson, name: tls, url: 'https://127.0.0.1:19002/', "
             "headers_file: '{dir}/headers'%s }")
    stage.servers["tls"] = receiver
    change(stage, *stage.ships, there % "")
    said = state_of(stage, "tls", "refused")
    assert "certificate" in said["error"] and not receiver.requests(), said
    change(stage, *stage.ships, there % ", ca: '{dir}/certs/root.crt'")

    def refused():
        said = status(stage).get("tls", {})
        return "HTTP 401" in said.get("error", "") and said
    said = wait_for("401", refused, 20)
    assert said["error"] == "HTTP 401: not ***", said
    receiver.mode("login:Bearer secret-token")
    change(stage, *stage.ships, there % ", ca: '{dir}/certs/root.crt'")
    settled(stage, "tls")
    assert receiver.requests()[-1]["fields"]["X-Tenant"] == "acme"
    assert "secret-token" not in stage.log("up")


@outside("what is running shows no secret, and cannot reach the ledger")
def sees(stage):
    for pid in ships(stage):
        argv = open(f"/proc/{pid}/cmdline", "rb").read()
        assert PASSWORD.encode() not in argv and b"secret" not in argv, argv
        said = open(f"/proc/{pid}/status").read()
        assert "NoNewPrivs:\t1" in said and "CapEff:\t" + 16 * "0" in said
    assert len(ships(stage)) == 2 + len(stage.servers), ships(stage)
    if "asan" not in command("ldd", stage.bin / "penstock-ship"):
        jailed = [p for p in ships(stage) if "Seccomp:\t2" in open(
            f"/proc/{p}/status").read()]
        assert len(jailed) == len(ships(stage)) - 1, jailed


@outside("penstock status and metrics tell the lag")
def told(stage):
    wait_for("no lag", lambda: all(s["rows_behind"] == "0"
                                   for s in status(stage).values()))
    assert "ship.postgresql.rows_behind" in stage.penstock("status").stdout
    said = json.loads(stage.penstock("status", "--json").stdout)
    assert said["ship.postgresql.state"] == "ok", said
    assert said["ship.postgresql.rows_behind"] == 0, said
    text = stage.penstock("metrics").stdout
    assert 'penstock_ship_rows_behind{destination="postgresql"} 0' in text
    assert 'penstock_ship_ok{destination="ndjson"} 1' in text, text


@outside("without audit: ship: the shipper ends, and holds no row back")
def without(stage):
    stage.write_config(CONFIG)
    stage.penstock("reload")
    wait_for("no shipper", lambda: not ships(stage))
    assert not (stage.dir / "state" / "ship.cursor").exists()


if __name__ == "__main__":
    main(POLICY, prepare=prepare)
