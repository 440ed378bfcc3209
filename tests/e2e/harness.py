"""The stage of the end-to-end tests.

A test script registers functions with @inside (run in a sandbox) and @outside
(run beside it, with the Stage) and calls main(). The script runs itself again
in namespaces of its own, so that nothing of it is left behind:

    the gateway's namespace               the origins' namespace
    penstock up, sandboxes  11.0.0.1 ──── 11.0.0.2  nginx, h2 and h1
                            10.99.0.1     11.0.0.3  origin.py, h1 only
                                          11.0.0.53 dns_server.py
                                          10.99.0.3 origin.py, private

A function fails by raising. Its output is one `ok - …` or `not ok - …` line.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
STAGED = "PENSTOCK_TEST_STAGED"
SKIPPED = 77
SANITIZED_START_S = 30
INSIDE_S = 200
SLOW_S = 5

ZONE = {
    "*.test": ["11.0.0.3"], "h2.test": ["11.0.0.2"], "www.test": ["11.0.0.2"],
    "git.test": ["11.0.0.2"], "npm.test": ["11.0.0.2"],
    "v6.test": ["2600:11::3"], "dual.test": ["2600:11::3", "11.0.0.3"],
    "private.test": ["10.99.0.3"], "mixed.test": ["11.0.0.3", "10.99.0.3"],
    "loop.test": ["127.0.0.1"], "meta.test": ["169.254.169.254"],
    "own.test": ["11.0.0.1"], "mapped.test": ["::ffff:10.99.0.3"],
    "refused.test": ["11.0.0.4"], "lost.test": ["11.0.0.98"],
    "second.test": ["11.0.0.4", "11.0.0.3"], "slowdns.test": [],
    "late.test": ["11.0.0.77"],
    "moves.test": [["11.0.0.3"], ["10.99.0.3"]],
}
MISSING = ("gone.test",)
# A wildcard below a single label is no certificate, so each is named.
NAMES = [name for name in ZONE if "*" not in name] + [
    "h1.test", "other.test", "expired.test", "untrusted.test",
    "xn--bcher-kva.test", "*.a.test"]

_inside, _outside = [], []


def inside(what):
    def add(function):
        _inside.append((what, function))
        return function
    return add


def outside(what):
    def add(function):
        _outside.append((what, function))
        return function
    return add


class Skip(Exception):
    """Raised where this machine cannot run a test, or any before the stage
    stands; its text says why."""


def tell(what, function, *args):
    """Run one test and print its line; False when it failed."""
    began = time.monotonic()
    try:
        function(*args)
    except Skip as why:
        print(f"ok - {what} # SKIP {why}", flush=True)
        return True
    except Exception as error:            # whatever it was, the test failed
        print(f"not ok - {what}", flush=True)
        for line in traceback.format_exc(limit=-3).splitlines():
            print(f"#   {line}")
        output = getattr(error, "output", None)
        if output:
            print(f"#   output: {output!r}")
        sys.stdout.flush()
        return False
    print(f"ok - {what}", flush=True)
    took = time.monotonic() - began
    if took > SLOW_S:
        print(f"#   took {took:.1f} s", flush=True)
    return True


def wait_for(what, probe, timeout_s=10):
    """The first true answer of probe()."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        got = probe()
        if got:
            return got
        time.sleep(0.05)
    raise TimeoutError(f"{what}: not within {timeout_s} s")


def replace_file(path, text):
    """At once, for readers beside us and threads of ours."""
    fresh = path.with_suffix(f".{threading.get_ident()}")
    fresh.write_text(text)
    fresh.rename(path)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def command(*argv, **options):
    """Run to the end; its output."""
    options.setdefault("timeout", 30)
    return subprocess.run(
        [str(a) for a in argv], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, **options).stdout.decode(errors="replace")


class Stage:
    """Namespaces, origins and one instance, all of it ours."""

    def __init__(self, build, config):
        self.bin = pathlib.Path(build).resolve() / "bin"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="penstock-test."))
        self.dir.chmod(0o755)
        self.project = self.dir / "project"
        self.project.mkdir()
        self.started = []
        self.daemon = None
        self.origins = None
        for name in ("run", "state", "config", "home", "certs", "logs"):
            (self.dir / name).mkdir()
        self.env = dict(
            os.environ, HOME=str(self.dir / "home"), LC_ALL="C.UTF-8",
            PENSTOCK_RUN_DIR=str(self.dir / "run"),
            PENSTOCK_STATE_DIR=str(self.dir / "state"),
            PENSTOCK_CONFIG_DIR=str(self.dir / "config"))
        for name in list(self.env):       # ours, not the machine's
            if name.lower().endswith("_proxy"):
                del self.env[name]
        for script in HERE.glob("*.py"):
            shutil.copy(script, self.project)
        self.write_config(config)

    # -- the network ------------------------------------------------------

    def origin_command(self, *argv):
        return ["nsenter", "-t", str(self.origins.pid), "-n", *map(str, argv)]

    def in_origins(self, *argv):
        return command(*self.origin_command(*argv))

    def start_network(self):
        command("ip", "link", "set", "lo", "up")
        self.origins = self.start(
            "origins", ["unshare", "-n", "sleep", "infinity"])
        wait_for("a second namespace", lambda: os.readlink(
            f"/proc/{self.origins.pid}/ns/net")
            != os.readlink("/proc/self/ns/net"))
        command("ip", "link", "add", "up0", "type", "veth", "peer", "name",
                "org0", "netns", self.origins.pid)
        for address in ("11.0.0.1/24", "10.99.0.1/24", "2600:11::1/64"):
            command("ip", "addr", "add", address, "dev", "up0",
                    *(["nodad"] if ":" in address else []))
        command("ip", "link", "set", "up0", "up")
        self.in_origins("ip", "link", "set", "lo", "up")
        for address in ("11.0.0.2/24", "11.0.0.3/24", "11.0.0.4/24",
                        "11.0.0.53/24", "10.99.0.3/24", "2600:11::3/64"):
            self.in_origins("ip", "addr", "add", address, "dev", "org0",
                            *(["nodad"] if ":" in address else []))
        self.in_origins("ip", "link", "set", "org0", "up")
        # Packets to this neighbour leave and never come back.
        command("ip", "neigh", "add", "11.0.0.98", "lladdr",
                "02:00:00:00:00:98", "dev", "up0")

    # -- certificates and origins -----------------------------------------

    def openssl(self, *argv):
        return command("openssl", *argv, cwd=self.dir / "certs")

    def make_ca(self, name):
        self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            f"/CN=test {name}", "-keyout", f"{name}.key", "-out",
            f"{name}.crt", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def make_leaf(self, name, sans, ca="root", days=20):
        certs = self.dir / "certs"
        (certs / "ext").write_text(f"subjectAltName={sans}\n")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     f"/CN={name}", "-keyout", f"{name}.key", "-out",
                     f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt",
                     "-CAkey", f"{ca}.key", "-CAcreateserial", "-days",
                     str(days), "-extfile", "ext", "-out", f"{name}.crt")
        (certs / "use").mkdir(exist_ok=True)
        (certs / "use" / f"{name}.pem").write_text(
            (certs / f"{name}.crt").read_text()
            + (certs / f"{name}.key").read_text())

    def start_origins(self):
        self.make_ca("root")
        self.make_ca("stranger")
        every = ",".join("DNS:" + name for name in NAMES)
        self.make_leaf("good", every)
        self.make_leaf("wrong", "DNS:elsewhere.example")
        self.make_leaf("untrusted", every, ca="stranger")
        # Expired as it is made; OpenSSL 3.5 makes none that expired before.
        self.make_leaf("expired", every, days=0)
        zone = self.dir / "zone.json"
        zone.write_text(json.dumps(ZONE | dict.fromkeys(MISSING)))
        use = self.dir / "certs" / "use"
        for name, *argv in (
                ("dns", "dns_server.py", "11.0.0.53", zone),
                ("origin", "origin.py", "11.0.0.3", use),
                ("private", "origin.py", "10.99.0.3", use),
                ("origin6", "origin.py", "2600:11::3", use),
                ("behind", "origin.py", "127.0.0.1", use, 9001, 9002)):
            self.start(name, self.origin_command(
                PYTHON, HERE / argv[0], *argv[1:]))
        self.start_nginx()
        for address, port in (("11.0.0.3", 443), ("11.0.0.2", 443),
                              ("127.0.0.1", 9001), ("2600:11::3", 443)):
            wait_for(f"{address}:{port}", lambda a=address, p=port:
                     self.listens(a, p))

    def listens(self, address, port):
        out = self.in_origins("ss", "-Hltn")
        return f"{address}:{port} " in out or f"[{address}]:{port} " in out

    def start_nginx(self):
        where = self.dir / "nginx"
        where.mkdir(mode=0o755)
        (where / "nginx.conf").write_text(NGINX.format(
            dir=where, certs=self.dir / "certs"))
        self.start("nginx", self.origin_command(
            "nginx", "-e", where / "error.log", "-c", where / "nginx.conf"))

    def start_git(self):
        root = self.dir / "git"
        root.mkdir()
        work = self.dir / "git-work"
        command("git", "init", "-q", "-b", "main", work)
        (work / "README").write_text("a repository\n")
        command("git", "-C", work, "add", "README")
        command("git", "-C", work, "-c", "user.name=t", "-c",
                "user.email=t@example.test", "commit", "-q", "-m", "begin")
        for name in ("demo", "other"):
            bare = root / f"{name}.git"
            command("git", "clone", "-q", "--bare", work, bare)
            command("git", "-C", bare, "config", "http.receivepack", "true")
        self.start("git", self.origin_command(
            PYTHON, HERE / "git_server.py", root, "127.0.0.1", "9003"))
        wait_for("git", lambda: self.listens("127.0.0.1", 9003))

    def start_npm(self):
        self.start("npm", self.origin_command(
            PYTHON, HERE / "npm_registry.py", "127.0.0.1", "9004",
            "https://npm.test"))
        wait_for("npm", lambda: self.listens("127.0.0.1", 9004))

    # -- processes --------------------------------------------------------

    def start(self, name, argv, **options):
        log = open(self.dir / "logs" / name, "ab")
        process = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, preexec_fn=die_with_parent, **options)
        self.started.append(process)
        return process

    def log(self, name):
        return (self.dir / "logs" / name).read_text(errors="replace")

    def start_instance(self):
        self.daemon = self.start("up", [self.bin / "penstock", "up"],
                                 env=self.env)

        def ready():
            if self.daemon.poll() is not None:
                raise RuntimeError("penstock up ended:\n" + self.log("up"))
            return self.penstock("status", check=False).returncode == 0

        wait_for("penstock up", ready, SANITIZED_START_S)

    def stop_instance(self):
        self.daemon.send_signal(signal.SIGTERM)
        return self.daemon.wait(timeout=15)

    def end_processes(self):
        for process in reversed(self.started):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()

    def stop(self):
        self.end_processes()
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- penstock ---------------------------------------------------------

    def write_config(self, text):
        replace_file(self.dir / "config" / "penstock.yaml",
                     text.replace("{dir}", str(self.dir)))

    def penstock(self, *argv, check=True, timeout=30, **options):
        """One command; a CompletedProcess with text in stdout, stderr."""
        run = subprocess.run(
            [self.bin / "penstock", *map(str, argv)], check=False,
            env=self.env, cwd=self.project, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", timeout=timeout, **options)
        if check and run.returncode != 0:
            raise RuntimeError(f"penstock {' '.join(map(str, argv))}: "
                               f"{run.returncode}\n{run.stdout}{run.stderr}")
        return run

    def policy_file(self, policy=None):
        """What --policy takes: a name as it is, rules in a file."""
        policy = policy or self.policy
        if ":" not in policy:
            return policy
        path = self.dir / "policy.yaml"
        replace_file(path, policy)
        return path

    def popen(self, *argv, policy=None, options=(), **more):
        """A command in a sandbox, under way."""
        return subprocess.Popen(
            [str(a) for a in (self.bin / "penstock", "run", "--policy",
                              self.policy_file(policy), *options, "--",
                              *argv)],
            env=self.env, cwd=self.project, **more)

    def run(self, *argv, policy=None, check=True, timeout=60, options=()):
        """A command in a sandbox."""
        return self.penstock("run", "--policy", self.policy_file(policy),
                             *options, "--", *argv, check=check,
                             timeout=timeout)

    def rows(self, *options):
        """The ledger's rows, oldest first, once it has settled."""
        run = self.penstock("log", "--all", "--limit", "0", "--json",
                            *options, check=False)
        if run.returncode not in (0, 1):  # 1: there are none
            raise RuntimeError(f"penstock log: {run.returncode}\n"
                               f"{run.stdout}{run.stderr}")
        return [json.loads(line) for line in run.stdout.splitlines() if line]

    def row(self, timeout_s=5, **facts):
        """The last row with these facts; waits for the ledger to have it."""
        def find():
            for row in reversed(self.rows()):
                if all(row.get(k) == v for k, v in facts.items()):
                    return row
            return None
        return wait_for(f"a row with {facts}", find, timeout_s)

    def public_bin(self):
        """The programs where other users reach them: the build may stand in
        root's own home."""
        to = self.dir / "bin"
        if not to.exists():
            shutil.copytree(self.bin, to)
        return to

    def children(self):
        """{name: [pid]} of the instance's processes."""
        found = {}
        below = {self.daemon.pid}
        for _ in range(3):
            for entry in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    stat = (entry / "stat").read_text()
                    name = (entry / "comm").read_text().strip()
                except OSError:
                    continue
                pid = int(entry.name)
                parent = int(stat.rpartition(")")[2].split()[1])
                if parent in below and pid not in below:
                    below.add(pid)
                    found.setdefault(name, []).append(pid)
        return found


NGINX = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  ssl_certificate {certs}/good.crt; ssl_certificate_key {certs}/good.key;
  client_max_body_size 0; proxy_http_version 1.1; proxy_buffering off;
  proxy_request_buffering off; proxy_set_header Host $host;
  server {{
    listen 11.0.0.2:443 ssl http2 default_server; listen 11.0.0.2:80;
    server_name h2.test;
    location = / {{ return 200 "hello from nginx\\n"; }}
    location / {{ proxy_pass http://127.0.0.1:9001; }}
  }}
  server {{
    listen 11.0.0.2:443 ssl http2; server_name git.test;
    location / {{ proxy_pass http://127.0.0.1:9003; }}
  }}
  server {{
    listen 11.0.0.2:443 ssl http2; server_name npm.test;
    location / {{ proxy_pass http://127.0.0.1:9004; }}
  }}
}}
"""

CONFIG = """\
workers: 2
upstream:
  dns: ["11.0.0.53"]
  ca: [{dir}/certs/root.crt]
"""


def in_namespaces(argv):
    """Run this script again in fresh namespaces; its exit status."""
    flags = ["--net", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc"]
    if os.getuid() != 0:
        flags += ["--user", "--map-root-user"]
    if subprocess.run(["unshare", *flags, "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: this machine allows no namespaces")
        return SKIPPED
    env = dict(os.environ, **{STAGED: "1"})
    return subprocess.run(["unshare", *flags, PYTHON, *argv], env=env,
                          check=False).returncode


def run_inside(stage, script):
    """The @inside tests, in one sandbox; True when all passed."""
    errors = stage.dir / "logs" / "inside"
    with open(errors, "wb") as f:
        child = stage.popen(PYTHON, pathlib.Path(script).name, "--inside",
                            stdin=subprocess.DEVNULL, stderr=f)
        try:
            status = child.wait(timeout=INSIDE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            status = f"not done after {INSIDE_S} s"
    if status not in (0, 1):
        print(f"not ok - the sandbox ran the tests: {status}")
    for line in stage.log("inside").splitlines():
        print(f"#   {line}")
    sys.stdout.flush()
    return status == 0


def main(policy, config=CONFIG, prepare=None):
    """policy: what `penstock run --policy` gets. prepare(stage): more to
    start before the instance."""
    script = sys.argv[0]
    if "--inside" in sys.argv:
        results = [tell(what, f) for what, f in _inside]
        sys.exit(0 if all(results) else 1)
    if not os.environ.get(STAGED):
        sys.exit(in_namespaces(sys.argv))
    good = False
    stage = Stage(sys.argv[1], config)
    stage.policy = policy
    try:
        stage.start_network()
        stage.start_origins()
        if prepare:
            prepare(stage)
        stage.start_instance()
        good = run_inside(stage, script) if _inside else True
        for what, function in _outside:
            good = tell(what, function, stage) and good
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED)
    except Exception:                     # the stage itself
        print("not ok - the stage stands\n" + traceback.format_exc())
    finally:
        if not good and stage.daemon:
            print("# what penstock up said:")
            for line in stage.log("up").splitlines()[-40:]:
                print(f"#   {line}")
        stage.stop()
    sys.exit(0 if good else 1)
