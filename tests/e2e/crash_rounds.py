"""The crash test: SIGKILL under load, round after round, and then what the
origins noted compared with what the ledger says.

Every request has a name of its own (crash_load.py). An origin notes the name
before it answers, the client notes each answer that came whole, and the ledger
must have exactly one row for every name that either of them knows.
"""
import collections
import ctypes
import itertools
import os
import pathlib
import random
import select
import signal
import sqlite3
import subprocess
import time

from contextlib import closing

from harness import HERE, PYTHON, wait_for

GATEWAY, CERTGEN, AUDIT = "penstock-gatewa", "penstock-certge", \
    "penstock-audit"
HOST, H2_PORT = "refused.test", 8443      # crash_load.py
POLICY = f"""
allow:
  - any https://{HOST}/**
  - any https://{HOST}:{H2_PORT}/**
  - any https://other.test/**
  - tcp://*.tun.test:9000
deny:
  - any https://{HOST}/denied/**
  - any https://other.test/denied/**
"""
GOES_ON_S = 20
ENDS_S = 45                               # exchanges in work have 30
SETTLES_S = 30

NGINX = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log crit;
events {{ worker_connections 512; }}
http {{
  log_format name '$request_uri'; access_log {dir}/seen name;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  ssl_certificate {certs}/good.crt; ssl_certificate_key {certs}/good.key;
  keepalive_requests 100000000;
  server {{
    listen 11.0.0.4:8443 ssl http2;
    location / {{ return 200 "ok"; }}
  }}
}}
"""


def prepare(stage):
    """The origins that note what they see."""
    certs = stage.dir / "certs"
    origin = [PYTHON, HERE / "crash_origin.py"]
    stage.start("crash", stage.origin_command(
        *origin, "11.0.0.4", stage.dir / "seen", certs / "use" / "good.pem"))
    # Where *.test is.
    stage.start("tunnels", stage.origin_command(
        *origin, "11.0.0.3", stage.dir / "seen"))
    where = stage.dir / "h2"
    where.mkdir()
    (where / "nginx.conf").write_text(NGINX.format(dir=where, certs=certs))
    stage.start("h2", stage.origin_command(
        "nginx", "-e", where / "error.log", "-c", where / "nginx.conf"))
    for address, port in (("11.0.0.4", 443), ("11.0.0.4", H2_PORT),
                          ("11.0.0.3", 9000)):
        wait_for("the origins",
                 lambda a=address, p=port: stage.listens(a, p))


class Watch:
    """What happens to files of a directory (inotify)."""
    MODIFY, CREATE = 0x2, 0x100

    def __init__(self, path, mask):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if libc.inotify_add_watch(self.fd, os.fsencode(path), mask) < 0:
            raise OSError(ctypes.get_errno(), path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def name(self, suffix, timeout_s=3):
        """The first file with that suffix that it happens to, or None."""
        end = time.monotonic() + timeout_s
        while select.select([self.fd], [], [], end - time.monotonic())[0]:
            events = os.read(self.fd, 65536)
            while events:
                size = int.from_bytes(events[12:16], "little")
                name = events[16:16 + size].rstrip(b"\0").decode()
                events = events[16 + size:]
                if name.endswith(suffix):
                    return name
            if time.monotonic() >= end:
                break
        return None


class Crash:
    def __init__(self, stage):
        self.stage = stage
        self.kills = collections.Counter()
        self.rounds = 0
        self.logs = [stage.dir / "seen", stage.dir / "h2" / "seen"]

    # -- killing ----------------------------------------------------------

    def kill(self, kind, *pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                self.kills[kind] += 1
            except ProcessLookupError:
                pass

    def gateways(self):
        """The parent, then its workers."""
        return sorted(self.stage.children().get(GATEWAY, []))

    def a_worker(self):
        workers = self.gateways()[1:]
        self.kill("worker", *random.sample(workers, min(1, len(workers))))

    def all_workers(self):
        self.kill("worker", *self.gateways()[1:])

    def parent(self):
        self.kill("parent", *self.gateways()[:1])

    def audit(self):
        self.kill("audit", *self.stage.children().get(AUDIT, []))

    def certgen(self):
        self.kill("certgen", *self.stage.children().get(CERTGEN, []))

    def audit_and_worker(self):
        self.audit()
        self.a_worker()

    def audit_in_a_commit(self):
        """While the write-ahead log grows."""
        pids = self.stage.children().get(AUDIT, [])
        with Watch(self.stage.dir / "state", Watch.MODIFY) as watch:
            watch.name("-wal")
            time.sleep(random.random() * 0.002)
            self.kill("audit", *pids)

    def worker_that_makes_its_spool(self):
        with Watch(self.stage.dir / "run" / "spool", Watch.CREATE) as watch:
            self.a_worker()
            name = watch.name(".new")
            if name:
                pid = int(name.partition(".")[0].partition("-")[2])
                self.kill("worker", pid)

    def worker_and_its_successor(self):
        for _ in range(3):
            before = self.gateways()
            self.kill("worker", *before[-1:])
            end = time.monotonic() + 2
            while time.monotonic() < end and not \
                    set(self.gateways()) - set(before):
                time.sleep(0.002)

    def audit_and_its_successor(self):
        before = self.stage.children().get(AUDIT, [])
        self.kill("audit", *before)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            fresh = self.stage.children().get(AUDIT, [])
            if fresh and fresh != before:
                time.sleep(random.random() * 0.02)
                self.kill("audit", *fresh)
                return

    def everything(self):
        """Somebody starts it again."""
        pids = sum(self.stage.children().values(), [])
        random.shuffle(pids)
        self.kill("all at once", self.stage.daemon.pid, *pids)
        self.start_again(pids)

    def supervisor(self):
        """What it started ends by itself, in order."""
        pids = sum(self.stage.children().values(), [])
        self.kill("supervisor", self.stage.daemon.pid)
        self.start_again(pids)

    def start_again(self, pids):
        self.stage.daemon.wait()
        wait_for("the end of all processes", lambda: not any(
            os.path.exists(f"/proc/{pid}/exe") for pid in pids), ENDS_S)
        self.stage.start_instance()

    KINDS = ("a_worker", "audit", "certgen", "audit_in_a_commit", "parent",
             "worker_that_makes_its_spool", "all_workers", "audit_and_worker",
             "worker_and_its_successor", "everything",
             "audit_and_its_successor", "supervisor")

    # -- the rounds -------------------------------------------------------

    def grown(self):
        return sum(p.stat().st_size for p in self.logs if p.exists())

    def goes_on(self):
        before = self.grown()
        wait_for("the load to go on",
                 lambda: self.grown() > before + 400, GOES_ON_S)

    def run(self, rounds, seconds):
        """Kill until either is reached; the load runs all the while."""
        answers = self.stage.project / "answers"
        with open(self.stage.dir / "logs" / "load", "wb") as f:
            child = self.stage.popen(PYTHON, "crash_load.py", answers.name,
                                     stdin=subprocess.PIPE, stdout=f, stderr=f)
        self.goes_on()
        end = time.monotonic() + seconds
        for kind in itertools.cycle(self.KINDS):
            if self.rounds == rounds or time.monotonic() > end:
                break
            getattr(self, kind)()
            self.goes_on()
            time.sleep(random.random() * 0.2)
            self.rounds += 1
        child.stdin.close()
        child.wait(timeout=30)

    # -- what came of it --------------------------------------------------

    def seen(self):
        """How often the origins got each request."""
        return collections.Counter(itertools.chain.from_iterable(
            p.read_text().split() for p in self.logs))

    def answered(self):
        """{name: status} of what the client was told."""
        path = self.stage.project / "answers"
        return dict(line.split() for line in path.read_text().splitlines())

    def rows(self):
        """{name: [(outcome, verdict)]} of the ledger."""
        path = self.stage.dir / "state" / "ledger.db"
        found = {}
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True,
                                     timeout=10)) as db:
            for kind, host, path, outcome, verdict in db.execute(
                    "SELECT kind, host, path, outcome, verdict FROM requests"
                    " WHERE kind IN ('request', 'tunnel')"):
                if kind == "tunnel" and host:
                    path = "/" + host.removesuffix(".tun.test")
                if path:
                    found.setdefault(path, []).append((outcome, verdict))
        return found

    def settle(self):
        """Until nothing waits on its way into the ledger."""
        wanted = set(self.seen()) | set(self.answered())

        def settled():
            rows = self.rows()
            return wanted <= set(rows) and not any(
                r[0][0] == "open" for r in rows.values())

        try:
            wait_for("the ledger to settle", settled, SETTLES_S)
        except TimeoutError:
            pass                          # the comparison says what is missing

    def compare(self):
        """What is wrong, {fault: [name]}; nothing should be."""
        seen, answered, rows = self.seen(), self.answered(), self.rows()
        said = {"200": {"done", "interrupted"}, "ok": {"done", "cut",
                "interrupted"}, "403": {"refused", "interrupted"},
                "421": {"refused", "interrupted"}}
        self.found = {"seen": len(seen), "rows": len(rows)}
        self.interrupted = sum(r[0][0] == "interrupted"
                               for r in rows.values())
        return {
            "lost": sorted((set(seen) | set(answered)) - set(rows)),
            "doubled": sorted(n for n, r in rows.items() if len(r) > 1),
            "sent twice": sorted(n for n, c in seen.items() if c > 1),
            "refused and yet seen": sorted(
                n for n in seen if n.startswith("/denied")),
            "never ended": sorted(
                n for n, r in rows.items() if r[0][0] == "open"),
            "done, and no origin saw it": sorted(
                n for n, r in rows.items()
                if r[0][0] == "done" and n not in seen),
            "answered otherwise than recorded": sorted(
                f"{n} {status} {rows[n]}"
                for n, status in answered.items() if n in rows
                and rows[n][0][0] not in said.get(status, rows[n][0][0])),
        }

    def leftovers(self):
        """Files that should have gone."""
        spool = pathlib.Path(self.stage.dir / "run" / "spool")
        state = pathlib.Path(self.stage.dir / "state")
        return ([p.name for p in spool.iterdir()
                 if p.name.endswith((".spool", ".bad"))]
                + [p.name for p in state.glob("*damaged*")])

    def integrity(self):
        path = self.stage.dir / "state" / "ledger.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro",
                                     uri=True)) as db:
            return db.execute("PRAGMA integrity_check").fetchone()[0]

    def report(self, faults):
        kills = ", ".join(f"{what} {n}" for what, n in
                          sorted(self.kills.items()))
        print(f"#   rounds {self.rounds}, kills {sum(self.kills.values())}"
              f" ({kills})")
        kinds = collections.Counter(
            name.split("/")[1].split("-")[0] for name in self.seen())
        print("#   " + ", ".join(f"{kind} {n}" for kind, n in
                                 sorted(kinds.items())))
        print(f"#   requests seen by the origins {self.found['seen']}, rows"
              f" {self.found['rows']}, interrupted {self.interrupted},"
              f" lost {len(faults['lost'])}, doubled"
              f" {len(faults['doubled'])}", flush=True)
