#!/usr/bin/env python3
"""Protocols that are not HTTP: tcp:// and tls:// rules, with the real programs
where they are installed."""
import hashlib
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

from client import Wire, trust
from harness import CONFIG, HERE, PYTHON, command, inside, main, outside, \
    wait_for

POLICY = """
allow:
  - tcp://ssh.test:22
  - tcp://db.test:5432
  - tcp://redis.test:6379
  - tcp://talk.test:7001
  - tcp://talk.test:7002
  - tcp://talk.test:7003
  - tcp://talk.test:7004
  - tcp://talk.test:7005
  - tcp://private.test:7006
  - tcp://private.test:7005 private
  - tcp://no.test:7002
  - tcp://talk.test:7009
  - 10.99.0.5:5432
  - tls://pinned.test:7443
  - any https://h1.test:7443/**
deny:
  - tcp://no.test:7001
"""
MIB = 1 << 20
SSHD = "/usr/sbin/sshd"
POSTGRES = pathlib.Path("/usr/lib/postgresql")
ENV = dict(os.environ, GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0",
           PGCONNECT_TIMEOUT="20")
SSH = (f"ssh -F none -i {os.getcwd()}/key -o IdentitiesOnly=yes "
       f"-o UserKnownHostsFile={os.getcwd()}/known "
       "-o StrictHostKeyChecking=yes -o BatchMode=yes "
       "-o ConnectTimeout=20").split()


def postgres_bin():
    found = sorted(POSTGRES.glob("*/bin/postgres"))
    return found[-1].parent if found else None


def is_root():
    """Of the machine, not of a namespace of an ordinary user's."""
    return os.getuid() == 0 and \
        pathlib.Path("/proc/self/uid_map").read_text().split()[2] != "1"


# What is not tested and why. Outside it is found out, inside it is read.
TOLD = pathlib.Path("lacks.json")
LACKS = json.loads(TOLD.read_text()) if "--inside" in sys.argv else {
    "ssh": None if os.path.exists(SSHD) and shutil.which("ssh")
    else "openssh-server is not installed",
    "postgres": None if postgres_bin() else "postgresql is not installed",
    "redis": None if shutil.which("redis-check-rdb")
    else "redis-tools is not installed",
}


def needing(program, what):
    """@inside, or one line that says what was not tested and why."""
    def add(function):
        if LACKS[program]:
            return inside(f"{what} # skip {LACKS[program]}")(lambda: None)
        return inside(what)(function)
    return add


# -- servers ---------------------------------------------------------------

def start_ssh(stage):
    where = stage.dir / "ssh"
    where.mkdir(mode=0o755)
    for name in ("host", "key"):
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                where / name)
    shutil.copy(where / "key", stage.project / "key")
    (stage.project / "key").chmod(0o600)
    host = (where / "host.pub").read_text().split()
    (stage.project / "known").write_text(f"ssh.test {host[0]} {host[1]}\n")
    shutil.copy(where / "key.pub", where / "authorized")
    (where / "config").write_text(
        f"ListenAddress 11.0.0.3:22\nHostKey {where}/host\n"
        f"AuthorizedKeysFile {where}/authorized\nUsePAM no\nStrictModes no\n"
        "PermitRootLogin prohibit-password\nPidFile none\n")
    pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    stage.start_git()
    (stage.project / "git_url").write_text(
        f"ssh://root@ssh.test{stage.dir}/git/demo.git")
    stage.start("sshd", stage.origin_command(
        SSHD, "-D", "-e", "-f", where / "config"))


def start_postgres(stage):
    where = stage.dir / "pg"
    where.mkdir()
    programs = postgres_bin()
    shutil.chown(where, "postgres")
    user = ["setpriv", "--reuid=postgres", "--regid=postgres",
            "--clear-groups"]
    command(*user, programs / "initdb", "-D", where / "data", "-A", "trust",
            "-N", "-U", "t", cwd="/", timeout=60)
    (where / "data" / "pg_hba.conf").write_text(
        "host all all 0.0.0.0/0 trust\n")
    stage.start("postgres", stage.origin_command(
        *user, programs / "postgres", "-D", where / "data", "-h",
        "11.0.0.3,10.99.0.5", "-k", where, "-F"), cwd="/")


def start_redis(stage):
    # Debian has one program, which is the server when it is called that; so
    # its tools are enough, without a service that starts by itself.
    stage.start("redis", stage.origin_command(
        "bash", "-c", 'exec -a redis-server redis-check-rdb "$@"', "redis",
        "--bind", "11.0.0.3", "--save", "",
        "--protected-mode", "no", "--dir", stage.dir))


def prepare(stage):
    stage.in_origins("ip", "addr", "add", "10.99.0.5/24", "dev", "org0")
    stage.make_leaf("pinned", "DNS:pinned.test")
    shutil.copy(stage.dir / "certs" / "root.crt", stage.project)
    stage.start("pinned", stage.origin_command(
        PYTHON, HERE / "origin.py", "11.0.0.3", stage.dir / "certs" / "use",
        "7080", "7443"))
    for address in ("11.0.0.3", "10.99.0.3"):
        stage.start("tcp" + address, stage.origin_command(
            PYTHON, HERE / "tcp_origin.py", address))
    for name, start, port in (("ssh", start_ssh, 22),
                              ("postgres", start_postgres, 5432),
                              ("redis", start_redis, 6379)):
        if not LACKS[name] and name != "redis" and not is_root():
            # A namespace of an ordinary user's has one user.
            LACKS[name] = "the server needs a second user: run as root"
        if LACKS[name]:
            continue
        start(stage)
        wait_for(name, lambda p=port: stage.listens("11.0.0.3", p), 30)
    (stage.project / TOLD).write_text(json.dumps(LACKS))
    for address, port in (("11.0.0.3", 7006), ("10.99.0.3", 7006),
                          ("11.0.0.3", 7443)):
        wait_for(f"{address}:{port}", lambda a=address, p=port:
                 stage.listens(a, p))


# -- clients ---------------------------------------------------------------

def run(*argv, check=True):
    done = subprocess.run(
        [str(a) for a in argv], check=False, timeout=60, env=ENV,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    out = done.stdout.decode(errors="replace")
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.returncode}\n{out}")
    return out


def dial(host, port, timeout_s=20):
    sock = socket.create_connection((host, port), timeout=timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read(sock, size):
    """This many octets, or what came before the end."""
    got = b""
    while len(got) < size and (piece := sock.recv(size - len(got))):
        got += piece
    return got


def read_all(sock):
    got = b""
    while piece := sock.recv(65536):
        got += piece
    return got


def refused(host, port):
    """Is the connection ended without an octet?"""
    try:
        with dial(host, port) as sock:
            sock.sendall(b"\x00nothing that is known\r\n")
            return sock.recv(100) == b""
    except ConnectionError:
        return True


@inside("a server that speaks first is heard")
def speaks_first():
    with dial("talk.test", 7001) as sock:
        stream = sock.makefile("rb")
        assert stream.readline() == b"220 ready\r\n"
        for n in range(20):
            sock.sendall(b"line %d\n" % n)
            assert stream.readline() == b"line %d\n" % n


@inside("the client ends its direction, the server answers then")
def client_ends():
    data = os.urandom(200_000)
    with dial("talk.test", 7002) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).decode() == hashlib.sha256(data).hexdigest()
    with dial("talk.test", 7001) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"220 ready\r\nbye 0\r\n"


@inside("the server ends its direction, the client goes on sending")
def server_ends():
    with dial("talk.test", 7003) as sock:
        assert read_all(sock) == b"all"
        for _ in range(10):
            sock.sendall(bytes(10_000))
            time.sleep(0.02)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""

    def told():
        with dial("talk.test", 7004) as ask:
            return read_all(ask) == b"100000"
    wait_for("all that was sent", told)


@inside("the server ends its direction, the client says its last at once")
def last_words():
    for size in (1, 1000, 50_000, 100_000) * 3:
        with dial("talk.test", 7003) as sock:
            assert read_all(sock) == b"all"
            sock.sendall(bytes(size))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""

        def told(size=size):
            with dial("talk.test", 7004) as ask:
                return read_all(ask) == b"%d" % size
        wait_for("all that was sent", told)


@inside("32 MiB both ways at once, the same octets")
def large():
    block = os.urandom(MIB)
    sent, got = hashlib.sha256(), hashlib.sha256()
    size = 0
    with dial("talk.test", 7005) as sock:
        def send():
            for n in range(32):
                piece = block[n:] + block[:n]
                sent.update(piece)
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        while piece := sock.recv(262144):
            got.update(piece)
            size += len(piece)
        sender.join()
    assert size == 32 * MIB, size
    assert sent.digest() == got.digest()


@inside("fifty tunnels at once")
def many():
    socks = [dial("talk.test", 7005) for _ in range(50)]
    for n, sock in enumerate(socks):
        sock.sendall(b"%04d" % n)
    for n, sock in enumerate(socks):
        assert read(sock, 4) == b"%04d" % n
        sock.close()


@inside("HTTP and TLS go through a tcp:// rule untouched")
def anything():
    with dial("talk.test", 7005) as sock:
        octets = b"GET / HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n"
        sock.sendall(octets)
        assert read(sock, len(octets)) == octets


@inside("a port without a rule, and a denied name, are refused")
def no_rule():
    assert refused("talk.test", 7006)
    assert refused("no.test", 7001)


@inside("a private address needs a rule that says so")
def private():
    assert refused("private.test", 7006)
    with dial("private.test", 7005) as sock:
        sock.sendall(b"through")
        assert read(sock, 7) == b"through"
    assert refused("10.99.0.5", 7005)     # a port that no rule names


@inside("nobody listens there: the connection ends")
def nobody():
    assert refused("talk.test", 7009)


@inside("a synthetic address that no name has leads nowhere")
def no_name():
    assert refused("198.18.255.254", 7001)


# -- tls:// ----------------------------------------------------------------

def handshake(context, name, address=None):
    sock = dial(address or name, 7443)
    return context.wrap_socket(sock, server_hostname=name)


def origins_own():
    return ssl.create_default_context(cafile="root.crt")


@inside("tls://: the client sees the origin's own certificate")
def passthrough():
    with handshake(origins_own(), "pinned.test") as sock:
        sock.sendall(b"GET /plain?pinned HTTP/1.1\r\nHost: pinned.test\r\n"
                     b"Connection: close\r\n\r\n")
        assert b"hello\n" in read_all(sock)
    try:
        handshake(trust(), "pinned.test").close()
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("the gateway's own certificate was shown")


def hello(name, more=b""):
    """A ClientHello; more: whole extensions."""
    out = ssl.MemoryBIO()
    ends = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), out, server_hostname=name)
    try:
        ends.do_handshake()
    except ssl.SSLWantReadError:
        pass
    body = out.read()[9:]                 # behind record's and message's head
    at = 35 + body[34]                    # suites
    at += 2 + int.from_bytes(body[at:at + 2], "big")
    at += 1 + body[at]                    # extensions
    extensions = body[at + 2:] + more
    body = body[:at] + len(extensions).to_bytes(2, "big") + extensions
    return (b"\x16\3\1" + (len(body) + 4).to_bytes(2, "big") + b"\1"
            + len(body).to_bytes(3, "big") + body)


@inside("tls://: a name that may hide another one is not passed through")
def passthrough_hidden():
    outer = b"\0\0\1\0\1\x07\0\x20" + b"k" * 32 + b"\0\x90" + b"p" * 144
    ech = b"\xfe\x0d" + len(outer).to_bytes(2, "big") + outer
    with dial("pinned.test", 7443) as sock:
        sock.sendall(hello("pinned.test"))
        assert read(sock, 3)[:2] == b"\x16\3"
    with dial("pinned.test", 7443) as sock:
        sock.sendall(hello("pinned.test", ech))
        assert read_all(sock) == b""


@inside("tls://: where the client dialled does not matter")
def passthrough_dialled():
    with handshake(origins_own(), "pinned.test", "11.0.0.2") as sock:
        assert ("DNS", "pinned.test") in sock.getpeercert()["subjectAltName"]


@inside("tls://: another name on the same connection is not passed through")
def passthrough_other():
    with Wire("pinned.test", 7443, name="h1.test") as wire:
        assert wire.get("/plain?inspected", "h1.test:7443").answer().status == 200
    with Wire("pinned.test", 7443, name="other.test") as wire:
        got = wire.get("/", "other.test:7443").answer()
        assert got.status == 403 and got.get("penstock-verdict"), got.line


@inside("tls://: clear HTTP to that name is not let through")
def passthrough_clear():
    with Wire("pinned.test", port=80, tls=False) as wire:
        assert wire.get("/", "pinned.test").answer().status == 403


# -- the real things --------------------------------------------------------

@needing("ssh", "ssh: a command, and its exit status")
def ssh_command():
    out = run(*SSH, "root@ssh.test", "echo hello; cat /proc/self/comm")
    assert out == "hello\ncat\n", out
    done = subprocess.run([*SSH, "root@ssh.test", "exit 7"], check=False,
                          timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 7


@needing("ssh", "git over ssh: clone and push")
def git_ssh():
    where = pathlib.Path(os.environ["HOME"])
    ENV["GIT_SSH_COMMAND"] = " ".join(SSH)
    url = pathlib.Path("git_url").read_text()
    run("git", "clone", "-q", url, where / "demo")
    (where / "demo" / "new").write_text("pushed\n")
    run("git", "-C", where / "demo", "add", "new")
    run("git", "-C", where / "demo", "-c", "user.name=t", "-c",
        "user.email=t@example.test", "commit", "-q", "-m", "more")
    run("git", "-C", where / "demo", "push", "-q", "origin", "HEAD:main")
    run("git", "clone", "-q", url, where / "again")
    assert (where / "again" / "new").read_text() == "pushed\n"


@needing("postgres", "PostgreSQL, by name and by address")
def postgres():
    psql = postgres_bin() / "psql"
    ask = "select sum(n), md5(string_agg(n::text, ',')) " \
          "from generate_series(1, 50000) n"
    for host in ("db.test", "10.99.0.5"):
        out = run(psql, "-XAt", "-h", host, "-U", "t", "postgres", "-c", ask)
        assert out.startswith("1250025000|"), out


@needing("redis", "Redis: values, a pipeline, a large value")
def redis():
    client = ["redis-cli", "-h", "redis.test"]
    assert run(*client, "set", "k", "v").strip() == "OK"
    assert run(*client, "get", "k").strip() == "v"
    value = "x" * MIB
    lines = "".join(f"SET p{n} {n}\r\n" for n in range(2000))
    with dial("redis.test", 6379) as sock:
        sock.sendall(lines.encode())
        assert read(sock, 5 * 2000) == b"+OK\r\n" * 2000
        sock.sendall(f"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${MIB}\r\n{value}\r\n"
                     "STRLEN big\r\n".encode())
        want = b"+OK\r\n:%d\r\n" % MIB
        assert read(sock, len(want)) == want


# -- what the ledger says ---------------------------------------------------

def tunnels(stage, **facts):
    return [r for r in stage.rows("--limit", "0")
            if all(r.get(k) == v for k, v in facts.items())]


@outside("each tunnel is one row, with its octets")
def tunnel_rows(stage):
    row = stage.row(host="talk.test", port=7002)
    for name, want in (("kind", "tunnel"), ("verdict", "allow"),
                       ("outcome", "done"), ("scheme", "tcp"),
                       ("rule", "tcp://talk.test:7002"),
                       ("bytes_up", 200_000), ("bytes_down", 64),
                       ("upstream", "11.0.0.3:7002")):
        assert row[name] == want, (name, row)
    row = stage.row(host="talk.test", port=7005, bytes_up=32 * MIB)
    assert row["bytes_down"] == 32 * MIB and row["outcome"] == "done", row
    assert len(tunnels(stage, host="talk.test", port=7005)) == 52
    row = stage.row(host="talk.test", port=7003)
    assert row["bytes_up"] == 100_000 and row["outcome"] == "done", row


@outside("what was refused is recorded, once, and why")
def refused_rows(stage):
    for host, port in (("talk.test", 7006), ("no.test", 7001),
                       ("10.99.0.5", 7005)):
        rows = tunnels(stage, host=host, port=port)
        assert len(rows) == 1, (host, port, rows)
        assert rows[0]["verdict"] != "allow", rows
        assert not rows[0].get("upstream") and rows[0]["detail"], rows
    row = stage.row(host="private.test", port=7006)
    assert row["outcome"] == "failed" and row["reason"] == "upstream-address", row
    row = stage.row(host="talk.test", port=7009)
    assert row["outcome"] == "failed" and row["verdict"] == "allow", row


@outside("a tls:// tunnel is recorded as uninspected")
def passthrough_rows(stage):
    rows = tunnels(stage, host="pinned.test", scheme="tls")
    assert len(rows) == 4, rows           # two of them broken off by the client
    for row in rows:
        assert row["kind"] == "tunnel" and row["verdict"] == "allow", row
        assert row["reason"] == "uninspected", row
        assert row["rule"] == "tls://pinned.test:7443", row
        assert row["upstream"] == "11.0.0.3:7443", row
        assert not row.get("path") and not row.get("method"), row
    assert stage.row(host="h1.test", query="inspected")["status"] == 200
    assert stage.row(host="other.test")["status"] == 403


@outside("what may hide a name is recorded, with what would let it through")
def hidden_row(stage):
    row = stage.row(host="pinned.test", reason="hidden-name")
    assert row["kind"] == "handshake" and row["port"] == 7443, row
    assert row["detail"].endswith("tcp://pinned.test:7443"), row


@outside("the real programs' tunnels are rows too")
def real_rows(stage):
    for name, host, port in (("ssh", "ssh.test", 22),
                             ("postgres", "10.99.0.5", 5432),
                             ("redis", "redis.test", 6379)):
        if not LACKS[name]:
            row = stage.row(host=host, port=port)
            assert row["kind"] == "tunnel" and row["bytes_down"], row


if __name__ == "__main__":
    main(POLICY, CONFIG, prepare)
