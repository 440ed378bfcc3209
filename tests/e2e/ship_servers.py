"""ClickHouse, PostgreSQL and an NDJSON receiver on loopback, to be killed and
started again; and what rows each of them has."""
import glob
import json
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

from harness import HERE, PYTHON, command, wait_for

SQL = HERE.parent.parent / "docs" / "shipping"
COLUMNS = re.findall(r"^    ([a-z_]+) ", (SQL / "postgresql.sql").read_text(),
                     re.M)
# What differs in form but not in what it says: the moment is in time_us too.
APART = {"time", "instance"}

CLICKHOUSE = """<yandex>
<logger><level>warning</level><console>1</console></logger>
<http_port>{port}</http_port><tcp_port>{other}</tcp_port>
<listen_host>127.0.0.1</listen_host>
<path>{dir}/data/</path><tmp_path>{dir}/tmp/</tmp_path>
<users_config>{dir}/users.xml</users_config>
<default_profile>default</default_profile>
<default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
</yandex>
"""
USERS = """<yandex><profiles><default/></profiles><quotas><q/></quotas><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>q</quota></default>
<ship><password>{password}</password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>q</quota></ship></users></yandex>
"""


class Server:
    """One that can be killed and started again on what it kept."""

    def __init__(self, stage, name, port):
        self.stage, self.name, self.port = stage, name, port
        self.dir = stage.dir / name
        self.dir.mkdir()
        self.process = None

    def start(self):
        self.process = self.stage.start(self.name, self.argv(),
                                         cwd=self.dir)
        wait_for(self.name, self.answers, 30)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self):
        self.kill()
        self.start()


class ClickHouse(Server):
    def __init__(self, stage, password):
        super().__init__(stage, "clickhouse", 18123)
        for name in ("data", "tmp"):
            (self.dir / name).mkdir()
        (self.dir / "config.xml").write_text(CLICKHOUSE.format(
            port=self.port, other=self.port + 1, dir=self.dir))
        (self.dir / "users.xml").write_text(USERS.format(password=password))

    def argv(self):
        return ["clickhouse-server", f"--config-file={self.dir}/config.xml"]

    def ask(self, sql):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/"
            "?output_format_json_quote_64bit_integers=0", sql.encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def answers(self):
        try:
            return self.ask("SELECT 1") == "1\n"
        except (OSError, urllib.error.URLError):
            return False

    def make_table(self):
        self.ask((SQL / "clickhouse.sql").read_text())

    def drop_table(self):
        self.ask("DROP TABLE penstock_requests")

    def rows(self):
        text = self.ask("SELECT * FROM penstock_requests FINAL FORMAT "
                        "JSONEachRow")
        rows = [json.loads(line) for line in text.splitlines()]
        for row in rows:
            assert row["time"], row
        return rows


class PostgreSQL(Server):
    """As somebody who is not root, as it insists."""

    def __init__(self, stage, password):
        super().__init__(stage, "postgresql", 15432)
        self.bin = pathlib.Path(sorted(glob.glob(
            "/usr/lib/postgresql/*/bin"))[-1])
        self.env = dict(stage.env, PGPASSWORD=password)
        (self.dir / "password").write_text(password + "\n")
        command(*self.other_user(), self.bin / "initdb", "-N", "-D",
                self.dir / "data", "-U", "ship", "-A", "scram-sha-256",
                f"--pwfile={self.dir}/password", timeout=60, cwd=self.dir)

    @staticmethod
    def other_user():
        who = pwd.getpwnam("postgres")    # the package makes that user
        return ["unshare", "--user", f"--map-user={who.pw_uid}",
                f"--map-group={who.pw_gid}"]

    def argv(self):
        return [*self.other_user(), self.bin / "postgres", "-D",
                self.dir / "data", "-p", self.port, "-c",
                "listen_addresses=127.0.0.1", "-c",
                "unix_socket_directories="]

    def ask(self, *argv):
        return subprocess.run(
            [str(self.bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port),
             "-U", "ship", "-d", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1",
             *map(str, argv)], env=self.env, check=True, timeout=30,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout

    def answers(self):
        try:
            return self.ask("-c", "SELECT 1") == "1\n"
        except subprocess.CalledProcessError:
            return False

    def make_table(self):
        self.ask("-f", SQL / "postgresql.sql")

    def drop_table(self):
        self.ask("-c", "DROP TABLE penstock_requests")

    def rows(self):
        text = self.ask("-c", "SELECT row_to_json(t) FROM penstock_requests t")
        return [json.loads(line) for line in text.splitlines()]


class Ndjson(Server):
    def __init__(self, stage, name, port, cert=None):
        super().__init__(stage, name, port)
        self.cert = cert
        self.mode("ok")

    def argv(self):
        return [PYTHON, HERE / "ship_receiver.py", self.port, self.dir,
                *([self.cert] if self.cert else [])]

    def mode(self, text):
        fresh = self.dir / "mode.new"
        fresh.write_text(text)
        fresh.rename(self.dir / "mode")

    def answers(self):
        out = command("ss", "-Hltn")
        return f"127.0.0.1:{self.port} " in out

    def lines(self, name):
        path = self.dir / name
        text = path.read_text() if path.exists() else ""
        # One that was killed may have left half a line, which it never
        # said it had.
        return [json.loads(line) for line in text.splitlines(True)
                if line.endswith("\n") and line.endswith("}\n")]

    def requests(self):
        return self.lines("requests")

    def rows(self):
        """By key, as a receiver would; twice is the same."""
        rows = {}
        for row in self.lines("rows"):
            assert rows.setdefault(row["key"], row) == row, row
            assert row["key"] == f"{row['instance']}/{row['id']}", row
        return list(rows.values())


def servers(stage, password):
    """{name: Server} of what this machine has, running, with tables."""
    found = {"ndjson": Ndjson(stage, "ndjson", 19001)}
    if shutil.which("clickhouse-server"):
        found["clickhouse"] = ClickHouse(stage, password)
    if glob.glob("/usr/lib/postgresql/*/bin/initdb"):
        found["postgresql"] = PostgreSQL(stage, password)
    for name, server in found.items():
        server.start()
        if name != "ndjson":
            server.make_table()
    return found


def same(ledger, got):
    """What differs between the ledger's rows and a server's, by id."""
    want = {row["id"]: row for row in ledger}
    have = {row["id"]: row for row in got}
    columns = [c for c in COLUMNS if c not in APART]
    return {
        "rows": (len(ledger), len(got)) if len(ledger) != len(got) else None,
        "doubled": len(got) - len(have),
        "lost": [i for i in want if i not in have][:5],
        "foreign": [i for i in have if i not in want][:5],
        "other": [(i, c, want[i][c], have[i].get(c)) for i in want
                  if i in have for c in columns
                  if want[i][c] != have[i].get(c)][:5],
    }
