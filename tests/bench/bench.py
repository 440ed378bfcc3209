#!/usr/bin/env python3
"""The driver of bench.sh, which see; runs in fresh namespaces.

    client 10.77.1.2 ── 10.77.1.1 gateway 10.77.2.1 ── 10.77.2.2 origin

The gateway's namespace redirects tcp/443 and tcp/80 to the peer, which runs
in a PID namespace of its own: its processes are exactly those in there. The
figure that counts is their CPU time per request or per GB; requests per
second on a shared machine say more about the clients.
"""
import multiprocessing
import os
import pathlib
import re
import shutil
import ssl
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECS = int(os.environ.get("SECS", "6"))
IDLE = int(os.environ.get("IDLE", "1000"))
HOST, IP_CLI, IP_ORG = "origin.test", "10.77.1.2", "10.77.2.2"
GIB = 1 << 30
TICK = os.sysconf("SC_CLK_TCK")
AUDIT = "penstock-audit"

NGINX = """
daemon off; worker_processes 2; pid {run}/nginx.pid;
error_log {run}/nginx.log error; worker_rlimit_nofile {files};
events {{ worker_connections 15000; multi_accept on; }}
http {{
  access_log off; keepalive_timeout 900s; keepalive_requests 1000000000;
  client_body_temp_path {run}/b; proxy_temp_path {run}/p;
  fastcgi_temp_path {run}/f; uwsgi_temp_path {run}/u; scgi_temp_path {run}/s;
  ssl_certificate {run}/origin.crt; ssl_certificate_key {run}/origin.key;
  ssl_session_cache shared:s:20m; client_max_body_size 0;
  client_body_buffer_size 1m; http2_max_concurrent_streams 1000;
  http2_body_preread_size 1m; default_type application/octet-stream;
  server {{ listen unix:{run}/sink; return 200 "ok\\n"; }}
  server {{
    listen 443 ssl http2 reuseport backlog=16384; listen 80; root {run}/www;
    location = /1k {{ return 200 "{body}"; }}
    location = /upload {{
      proxy_pass http://unix:{run}/sink:/; proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }}
  }}
}}
"""

REDIRECT = b"""
table ip bench {
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "c1" tcp dport 443 redirect to :8443
    iifname "c1" tcp dport 80 redirect to :8080
  }
}
"""


def sh(*argv, **options):
    done = subprocess.run([str(a) for a in argv], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    out = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.returncode}\n{out}")
    return out


class Namespace:
    """A network namespace, held by a process."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == own:
            time.sleep(0.01)
        self.run("ip", "link", "set", "lo", "up")

    def argv(self, *argv):
        return ["nsenter", "-t", str(self.holder.pid), "-n", *map(str, argv)]

    def run(self, *argv, **options):
        return sh(*self.argv(*argv), **options)

    def start(self, *argv, **options):
        return subprocess.Popen(self.argv(*argv), stdin=subprocess.DEVNULL,
                                **options)


class Lab:
    def __init__(self):
        self.run = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm",
                                                 prefix="penstock-bench."))
        self.run.chmod(0o755)
        self.client, self.gateway, self.origin = (
            Namespace(), Namespace(), Namespace())
        self.join(self.client, IP_CLI, "10.77.1.1", "c")
        self.join(self.origin, IP_ORG, "10.77.2.1", "o")
        self.gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for space in (self.client, self.gateway, self.origin):
            space.run("sysctl", "-qw",
                      "net.ipv4.ip_local_port_range=1024 65535",
                      "net.core.somaxconn=16384")
        self.gateway.run("sysctl", "-qw",
                         "net.ipv4.ip_local_reserved_ports=8080,8443")
        self.gateway.run("nft", "-f", "-", input=REDIRECT)
        self.certificates()
        self.start_origin()

    def join(self, space, address, gateway, name):
        sh("ip", "link", "add", f"{name}0", "netns", space.holder.pid, "type",
           "veth", "peer", "name", f"{name}1", "netns",
           self.gateway.holder.pid)
        for there, ip, device in ((space, address, f"{name}0"),
                                  (self.gateway, gateway, f"{name}1")):
            there.run("ip", "addr", "add", f"{ip}/24", "dev", device)
            there.run("ip", "link", "set", device, "up")
        space.run("ip", "route", "add", "default", "via", gateway)

    def certificates(self):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes")
        for ca in ("root", "static-ca"):
            sh("openssl", "req", "-x509", *key, "-days", "9", "-subj",
               f"/CN=bench {ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.crt",
               cwd=self.run)
        (self.run / "ext").write_text(f"subjectAltName=DNS:{HOST}\n")
        for leaf, ca in (("origin", "root"), ("static", "static-ca")):
            sh("openssl", "req", "-new", *key, "-subj", f"/CN={HOST}",
               "-keyout", f"{leaf}.key", "-out", f"{leaf}.csr", cwd=self.run)
            sh("openssl", "x509", "-req", "-in", f"{leaf}.csr", "-CA",
               f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days",
               "9", "-extfile", "ext", "-out", f"{leaf}.crt", cwd=self.run)

    def start_origin(self):
        (self.run / "www").mkdir()
        with open(self.run / "www" / "1g", "wb") as f:
            f.truncate(GIB)
        with open(self.run / "up", "wb") as f:
            f.truncate(GIB // 4)
        (self.run / "nginx.conf").write_text(NGINX.format(
            run=self.run, body="x" * 1024, files=os.environ.get(
                "NOFILE", "16384")))
        self.origin.start("nginx", "-e", self.run / "nginx.log", "-c",
                          self.run / "nginx.conf")
        (self.run / "zone").write_text(f'{{"{HOST}": ["{IP_ORG}"]}}')
        self.origin.start("/usr/bin/python3",
                          HERE.parent / "e2e" / "dns_server.py", IP_ORG,
                          self.run / "zone")

    def curl(self, *argv):
        """curl in the client's namespace, to the origin by its name."""
        return self.client.run("curl", "-sSk", "--resolve",
                               f"{HOST}:443:{IP_ORG}", "-o", "/dev/null",
                               "-w", "%{http_code} %{time_total}", *argv)


class Peer:
    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.dir = lab.run / f"peer-{name}"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir()
        env = dict(os.environ, LAB_RUN=str(lab.run), PORT="8443",
                   PORT80="8080", WORKERS="2", HOST=HOST, IP_ORG=IP_ORG,
                   NOFILE=os.environ.get("NOFILE", "16384"),
                   ORIGIN_CA=str(lab.run / "root.crt"),
                   CA_CERT=str(lab.run / "static-ca.crt"),
                   CA_KEY=str(lab.run / "static-ca.key"),
                   STATIC_CERT=str(lab.run / "static.crt"),
                   STATIC_KEY=str(lab.run / "static.key"))
        self.log = open(self.dir / "start.log", "wb")
        self.process = lab.gateway.start(
            "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
            "bash", "-c", '. "$0"; peer_start; while :; do sleep 60; done',
            HERE / "peers" / f"{name}.sh", cwd=self.dir, env=env,
            stdout=self.log, stderr=self.log)
        self.wait_ready()

    def wait_ready(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                if self.lab.curl(f"https://{HOST}/1k").startswith("200"):
                    return
            except RuntimeError:
                pass
            time.sleep(0.2)
        logs = "\n".join(f.read_text(errors="replace")[-2000:]
                         for f in sorted(self.dir.glob("*.log")))
        sys.exit(f"{self.name} does not answer\n{logs}")

    def stop(self):
        for pid in self.pids()[:1]:
            os.kill(pid, 9)               # its init: all of them end
        self.process.wait()

    def pids(self):
        """All of its processes; the init of its namespace first."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                status = (entry / "status").read_text()
            except OSError:
                continue
            inner = re.search(r"^NSpid:\s*(.*)$", status, re.M)[1].split()
            if len(inner) > 1:
                found.append((int(inner[-1]), int(entry.name)))
        return [pid for _, pid in sorted(found)]

    def cpu_s(self, only=""):
        """All of its processes, or those whose name begins so."""
        total = 0
        for pid in self.pids():
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            if not stat.partition("(")[2].startswith(only):
                continue
            # own and of children that have ended
            total += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
        return total / TICK

    def pss_kib(self):
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
            except (OSError, TypeError):
                pass
        return total


# --- workloads: each returns {figure: value} ------------------------------

def ledger_cpu_s(peer):
    """What penstock-audit says its CPU went on; nothing for other peers."""
    try:
        text = (peer.dir / "run/spool/audit.status").read_text()
    except OSError:
        return {}
    return {what: int(us) / 1e6
            for what, us in re.findall(r"^cpu_(\w+)_us (\d+)$", text, re.M)}


def rate(peer, argv, count):
    """Requests of one load generator, and the CPU they took. Of that, what
    the ledger's writer took for each, with sealing and checkpoints, and what
    inserting the rows took, both also as shares of what all others took.
    """
    before, audit_before = peer.cpu_s(), peer.cpu_s(AUDIT)
    part_before = ledger_cpu_s(peer)
    out = peer.lab.client.run(*argv)
    time.sleep(1.2)                       # the last rows are on their way
    audit = peer.cpu_s(AUDIT) - audit_before
    used = peer.cpu_s() - before
    part = {what: s - part_before[what]
            for what, s in ledger_cpu_s(peer).items()}
    requests, per_s, errors = count(out)
    one, rest = max(requests, 1) / 1e6, max(used - audit, 0.01) / 100
    return {"per s": per_s, "CPU s/10k": used / max(requests, 1) * 1e4,
            "CPU µs without the ledger": (used - audit) / one,
            "ledger µs": audit / one, "ledger % of the rest": audit / rest,
            "ledger: inserting µs": part.get("insert", 0) / one,
            "ledger: inserting % of the rest": part.get("insert", 0) / rest,
            "ledger: sealing µs": part.get("seal", 0) / one,
            "errors": errors}


def of_wrk(out):
    requests = int(re.search(r"(\d+) requests in", out)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    lost = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                     out)
    errors = (int(bad[1]) if bad else 0) + (
        sum(map(int, lost.groups())) if lost else 0)
    return requests, float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), \
        errors


def of_h2load(out):
    done = int(re.search(r"(\d+) succeeded", out)[1])
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", out)
    return done, float(re.search(r"([\d.]+) req/s", out)[1]), \
        sum(map(int, failed.groups()))


def wrk(connections, *more):
    return lambda peer: rate(peer, [
        "wrk", "-t1", f"-c{connections}", f"-d{SECS}s", *more, "-H",
        f"Host: {HOST}", f"https://{HOST}/1k"], of_wrk)


def h2load(connections, streams):
    return lambda peer: rate(peer, [
        "h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{SECS}",
        f"https://{HOST}/1k"], of_h2load)


def transfer(size, *argv):
    def measure(peer):
        before = peer.cpu_s()
        status, seconds = peer.lab.curl("--http1.1", *argv).split()
        used = peer.cpu_s() - before
        return {"Gbit/s": size * 8 / float(seconds) / 1e9,
                "CPU s/GB": used / (size / 1e9), "errors": status != "200"}
    return measure


def in_client(peer, script):
    return peer.lab.client.run("/usr/bin/python3", __file__, script)


def connections(requests):
    """Full handshakes; load generators would resume their sessions."""
    return lambda peer: rate(
        peer, ["/usr/bin/python3", __file__, "--connections", str(requests)],
        lambda out: (int(out), int(out) / SECS, 0))


def latency(peer):
    """One connection, one request after another."""
    p50, p99 = in_client(peer, "--latency").split()
    return {"p50 µs": float(p50), "p99 µs": float(p99), "errors": 0}


def idle(peer):
    """Memory of kept-alive connections that wait."""
    before = peer.pss_kib()
    child = peer.lab.client.start("/usr/bin/python3", __file__, "--idle",
                                  stdout=subprocess.PIPE)
    opened = int(child.stdout.readline())
    time.sleep(1)
    after = peer.pss_kib()
    child.kill()
    child.wait()
    return {"KiB/conn": (after - before) / max(opened, 1),
            "base MiB": before / 1024, "errors": IDLE - opened}


WORKLOADS = {
    "h1": ("HTTP/1.1, 32 connections, 1 kB", wrk(32)),
    "h1c256": ("HTTP/1.1, 256 connections, 1 kB", wrk(256)),
    "h2": ("HTTP/2, 32 connections of 10 streams, 1 kB", h2load(32, 10)),
    "conn": ("a new TLS connection for each request", connections(1)),
    "conn10": ("a new TLS connection for each ten requests", connections(10)),
    "down": ("1 GiB down", transfer(GIB, f"https://{HOST}/1g")),
    "up": ("256 MiB up", transfer(
        GIB // 4, "-H", "Expect:", "-X", "POST", "-T", "up",
        f"https://{HOST}/upload")),
    "lat": ("latency of one client", latency),
    "mem": (f"{IDLE} idle connections", idle),
}


# --- the parts that run in the client's namespace -------------------------

def connect():
    """A connection; Python resumes a session only when told to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sock = socket.create_connection((IP_ORG, 443), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(sock, server_hostname=HOST)


def ask(sock):
    sock.sendall(f"GET /1k HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    got = b""
    while not got.endswith(b"x" * 1024):
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        got += piece


def count_connections(requests):
    end, count = time.monotonic() + SECS, 0
    while time.monotonic() < end:
        with connect() as sock:
            for _ in range(requests):
                ask(sock)
                count += 1
    return count


def client_connections():
    with multiprocessing.Pool(4) as pool:
        print(sum(pool.map(count_connections, [int(sys.argv[-1])] * 4)))


def client_latency():
    sock, times = connect(), []
    for _ in range(2000):
        began = time.perf_counter()
        ask(sock)
        times.append((time.perf_counter() - began) * 1e6)
    times.sort()
    print(times[1000], times[1980])


def client_idle():
    held = []
    for _ in range(IDLE):
        try:
            held.append(connect())
            ask(held[-1])
        except OSError:
            break
    print(len(held), flush=True)
    time.sleep(60)


# --- the table ------------------------------------------------------------

def show(results, peers, workloads):
    print(f"\n{'median of ' + str(ROUNDS):44}"
          + "".join(f"{p:>12}" for p in peers)
          + (f"{peers[-1] + '/' + peers[0]:>18}" if len(peers) > 1 else ""))
    for name in workloads:
        print(WORKLOADS[name][0])
        for figure in results[peers[0], name][0]:
            values = [statistics.median(float(r[figure])
                                        for r in results[p, name])
                      for p in peers]
            if not any(values) and figure.startswith(("errors", "ledger")):
                continue
            ratio = (f"{values[-1] / values[0]:18.2f}"
                     if len(peers) > 1 and values[0] else "")
            print(f"    {figure:40}"
                  + "".join(f"{v:12.2f}" for v in values) + ratio)


def main():
    for option, part in (("--connections", client_connections),
                         ("--latency", client_latency),
                         ("--idle", client_idle)):
        if option in sys.argv:
            return part()
    peers = sys.argv[1:] or ["nginx", "penstock"]
    workloads = os.environ.get("WORKLOADS", " ".join(WORKLOADS)).split()
    sh("ip", "link", "set", "lo", "up")
    lab = Lab()
    os.chdir(lab.run)
    pathlib.Path("hosts").write_text(f"127.0.0.1 localhost\n"
                                     f"{IP_ORG} {HOST}\n")
    sh("mount", "--bind", "hosts", "/etc/hosts")
    results = {}
    try:
        for n in range(ROUNDS):
            for name in workloads:
                for which in peers if n % 2 == 0 else reversed(peers):
                    peer = Peer(lab, which)
                    got = WORKLOADS[name][1](peer)
                    peer.stop()
                    results.setdefault((which, name), []).append(got)
                    print(f"round {n + 1} {name:7} {which:10} "
                          + "  ".join(f"{k} {float(v):.2f}"
                                      for k, v in got.items()), flush=True)
        show(results, peers, workloads)
    finally:
        shutil.rmtree(lab.run, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
