"""A ledger with rows of our own choosing: made by penstock-audit, filled by SQL.

What it says does not hang on the time or the network, so what is printed of
it can be compared octet by octet.
"""
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time

EPOCH_US = 1704067200 * 1000000
KINDS = ("request", "tunnel", "dns", "handshake", "protocol")
VERDICTS = ("deny", "ask", "allow", "none")
OUTCOMES = ("open", "done", "refused", "failed", "cut", "interrupted")
NUMBERS = {"kind": KINDS, "verdict": VERDICTS, "outcome": OUTCOMES}
NOON_US = 1795348800 * 1000000            # 2026-11-22T12:00:00Z
USUAL = {"kind": "request", "verdict": "allow", "outcome": "done",
         "status": 200, "port": 443, "generation": 1, "sandbox": "ci",
         "client": "10.7.0.9", "protocol": "h2", "tls": "TLSv1.3",
         "method": "GET", "scheme": "https", "host": "api.test",
         "path": "/", "duration_us": 20000, "bytes_down": 1000,
         "client_port": 40112, "rule": "any https://api.test/**",
         "rule_where": "penstock.yaml:3"}


def row_id(us):
    return (us - EPOCH_US) << 12 | 1


class Ledger:
    def __init__(self, build):
        self.bin = pathlib.Path(build).resolve() / "bin"
        self.tmp = tempfile.TemporaryDirectory(prefix="penstock-made-")
        self.dir = pathlib.Path(self.tmp.name)
        (self.dir / "spool").mkdir()
        audit = subprocess.Popen(
            [self.bin / "penstock-audit", "--state", self.dir, "--spool",
             self.dir / "spool", "--instance", "made"])
        for _ in range(200):
            if (self.dir / "spool" / "audit.status").exists():
                break
            time.sleep(0.05)
        audit.send_signal(signal.SIGTERM)
        assert audit.wait(timeout=20) == 0, "penstock-audit made a ledger"
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin", "TZ": "UTC",
                    "LC_ALL": "C.UTF-8", "HOME": str(self.dir)}
        for name in ("RUN", "STATE", "CONFIG"):
            self.env[f"PENSTOCK_{name}_DIR"] = str(self.dir)
        self.db = sqlite3.connect(self.dir / "ledger.db")
        self.columns = {
            table: [(name, notnull) for _, name, _, notnull, *_ in
                    self.db.execute(f"PRAGMA table_info({table})")]
            for table in ("facts", "record")}

    def close(self):
        self.db.close()
        self.tmp.cleanup()

    def text(self, text):
        if not text:
            return 0
        self.db.execute("INSERT OR IGNORE INTO text(text, last_day)"
                        " VALUES(?, 1056)", (text,))
        return self.db.execute("SELECT id FROM text WHERE text = ?",
                               (text,)).fetchone()[0]

    def insert(self, table, values):
        known = [name for name, _ in self.columns[table]]
        values = {k: v for k, v in values.items() if k in known}
        for name, notnull in self.columns[table]:
            if notnull and name not in values:
                values[name] = 0
        return self.db.execute(
            f"INSERT INTO {table}({', '.join(values)})"
            f" VALUES({', '.join('?' * len(values))})",
            list(values.values())).lastrowid

    def add(self, us=NOON_US, **given):
        """One row; a fact for each, as nothing has to be small."""
        row = dict(USUAL, **given)
        facts = {"last_day": 1056}
        for name, _ in self.columns["facts"]:
            if name in NUMBERS:
                facts[name] = NUMBERS[name].index(row[name])
            elif name in ("status", "port", "generation"):
                facts[name] = row[name]
            elif name not in ("id", "last_day"):
                facts[name] = self.text(row.get(name))
        record = dict(row, entry=row_id(us), facts=self.insert("facts", facts))
        self.insert("record", record)
        self.db.execute("INSERT INTO seen VALUES(?, ?)",
                        (record["facts"], record["entry"] >> 32))
        self.db.commit()

    def run(self, *argv, status=0, text=True, **more):
        """penstock with these words; its standard output."""
        env = dict(self.env, **more.pop("env", {}))
        self.last = subprocess.run(
            [self.bin / "penstock", *argv], check=False, env=env, text=text,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20,
            **more)
        assert self.last.returncode == status, (argv, self.last)
        return self.last.stdout


def some(build):
    """A few rows of each sort."""
    ledger = Ledger(build)
    s = 1000000
    ledger.add(NOON_US, path="/repos/acme/site", query="page=2",
               user_agent="git/2.39.5", content_type="application/json",
               upstream="203.0.113.9:443", up_protocol="h2",
               up_tls="TLSv1.3")
    ledger.add(NOON_US + s, verdict="deny", outcome="refused", status=403,
               host="gists.test", method="POST", path="/gists", rule=None,
               rule_where=None, reason="no-rule", sandbox="alice",
               user_agent="=cmd|' /C calc'!A0",
               detail="No rule of sandbox 'alice' allows it.")
    ledger.add(NOON_US + 2 * s, verdict="deny", outcome="refused", status=403,
               path="/private/x", rule="any https://api.test/private/**",
               rule_where="penstock.yaml:9")
    ledger.add(NOON_US + 3 * s, outcome="failed", status=502,
               host="old.test", reason="certificate",
               detail="certificate has expired", duration_us=5250000)
    ledger.add(NOON_US + 4 * s, kind="dns", verdict="deny",
               outcome="refused", status=0, host="nowhere.test", port=53,
               method="A", scheme=None, path=None, rule=None,
               rule_where=None, reason="no-rule", protocol="dns", tls=None)
    ledger.add(NOON_US + 7205 * s, outcome="cut", bytes_up=70000,
               bytes_down=123456789, method="PUT", path="/upload")
    ledger.add(NOON_US + 7206 * s, verdict="none", outcome="refused",
               status=421, host="other.test", rule=None, rule_where=None,
               reason="misdirected")
    return ledger




os.umask(0o077)
