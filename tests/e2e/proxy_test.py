#!/usr/bin/env python3
"""The explicit proxy: CONNECT, absolute targets, SOCKS5. The clients are in a
namespace of their own, whose only neighbour is the gateway."""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys

from harness import CONFIG, HERE, PYTHON, Skip, command, main, outside, tell, \
    wait_for

PROXY = ("10.7.0.1", 3128)
AT = "10.7.0.1:3128"
SETTINGS = CONFIG + """\
proxy: ["10.7.0.1:3128"]
sandboxes:
  ci: { from: [10.7.0.2], policy: ci }
  far: { token_file: "{dir}/token", policy: far }
policies:
  far:
    allow:
      - any https://h1.test/**
      - tcp://talk.test:7001
  ci:
    allow:
      - any https://h1.test/**
      - any https://h2.test/**
      - GET http://h1.test/**
      - any https://npm.test/**
      - any https://own.test/**
      - any https://loop.test/**
      - tcp://talk.test:7001
      - tcp://talk.test:7002
      - tcp://talk.test:7003
      - tcp://talk.test:7004
      - tcp://talk.test:7005
      - tcp://talk.test:7009
    deny:
      - GET https://h1.test/private/**
"""
TOKEN = "correct-horse-battery-staple"
AUTH = "Proxy-Authorization: Basic " + base64.b64encode(
    f"far:{TOKEN}".encode()).decode() + "\r\n"


# -- the clients' side --------------------------------------------------------

def read(sock, size):
    got = b""
    while len(got) < size and (piece := sock.recv(size - len(got))):
        got += piece
    return got


def read_all(sock):
    got = b""
    try:
        while piece := sock.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


def read_head(sock):
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        if not piece:
            break
        got += piece
    return got


def dial(source=None):
    sock = socket.create_connection(
        PROXY, timeout=20, source_address=(source, 0) if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def connect(target, more=b""):
    """A connection after CONNECT, and what the proxy answered."""
    sock = dial()
    sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
                 .encode() + more)
    return sock, read_head(sock)


def trust():
    return ssl.create_default_context(cafile="ca.pem")


def get(sock, path, host, more=""):
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
                 f"Connection: close\r\n{more}\r\n".encode())
    return read_all(sock)


def say(octets):
    """All that the proxy answers to these octets."""
    with dial() as sock:
        sock.sendall(octets if isinstance(octets, bytes) else octets.encode())
        return read_all(sock)


def answer(sock):
    """One answer of the proxy's, read by its length."""
    head = read_head(sock)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return head, read(sock, int(length[1]) if length else 0)


def ask_connect(target, sock=None):
    """The status and body that CONNECT is answered with."""
    sock = sock or dial()
    sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
                 "Accept: application/json\r\n\r\n".encode())
    head, body = answer(sock)
    sock.close()
    return int(head.split()[1]), json.loads(body)


def socks(host, port, methods=b"\x00"):
    """A connection after SOCKS5 with a name, and the reply's code."""
    sock = dial()
    sock.sendall(bytes([5, len(methods)]) + methods)
    if read(sock, 2)[1:] != b"\x00":
        return sock, None
    sock.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode()
                 + port.to_bytes(2, "big"))
    got = read(sock, 10)
    return sock, got[1] if len(got) == 10 else None


def run(*argv, check=True, **env):
    done = subprocess.run(
        [str(a) for a in argv], check=False, timeout=50,
        env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = done.stdout.decode(errors="replace")
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.returncode}\n{out}")
    return out


def curl(*argv, check=True):
    return run("curl", "-sS", "--cacert", "ca.pem", *argv, check=check)


client_tests = []


def client(what, program=None):
    """A test on the clients' side."""
    def add(function):
        missing = program and not shutil.which(program)
        client_tests.append(
            (f"{what} # skip {program} is not installed" if missing else what,
             (lambda: None) if missing else function))
        return function
    return add


@client("curl -x: https over either version, and http")
def curl_proxy():
    for host in ("h1.test", "h2.test"):
        for version in ("--http1.1", "--http2"):
            assert curl(version, "-x", f"http://{AT}",
                        f"https://{host}/plain?curl") == "hello\n"
    assert curl("-x", f"http://{AT}", "http://h1.test/plain?curl") == "hello\n"


@client("curl --socks5-hostname and --socks5")
def curl_socks():
    assert curl("--socks5-hostname", AT, "https://h1.test/plain?socks") == \
        "hello\n"
    assert curl("--socks5-hostname", AT, "http://h1.test/plain?socks") == \
        "hello\n"
    # The client resolved the name itself; the gateway does it again.
    assert curl("--socks5", AT, "--resolve", "h1.test:443:11.0.0.3",
                "https://h1.test/plain", check=False).startswith("curl:")


@client("a refusal inside CONNECT is readable, and says what would allow it")
def refusal():
    out = curl("-x", f"http://{AT}", "-H", "Accept: application/json",
               "https://h1.test/private/x")
    got = json.loads(out)
    assert got["status"] == 403 and got["sandbox"] == "ci", got
    assert got["rule"] == "GET https://h1.test/private/**", got


@client("CONNECT to a host without a rule: 403 with the line to add")
def no_rule():
    status, body = ask_connect("nowhere.test:443")
    assert status == 403, body
    assert body["to_allow"] == "GET https://nowhere.test/", body
    status, body = ask_connect("10.99.0.5:5432")
    assert status == 403, body
    assert body["to_allow"] == "tcp://10.99.0.5:5432", body
    out = curl("-x", f"http://{AT}", "https://nowhere.test/", check=False)
    assert "403" in out, out


@client("CONNECT to a tcp:// target: the server speaks first; both ends")
def tunnel():
    sock, head = connect("talk.test:7001")
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert b"content-length" not in head.lower(), head
    assert read(sock, 11) == b"220 ready\r\n"
    sock.sendall(b"x\r\n")
    assert read(sock, 3) == b"x\r\n"
    sock.shutdown(socket.SHUT_WR)
    assert read_all(sock) == b"bye 3\r\n"


@client("CONNECT to a tcp:// target: each end by itself, with octets before it")
def tunnel_ends():
    data = os.urandom(100_000)
    with dial() as sock:
        sock.sendall(b"CONNECT talk.test:7002 HTTP/1.1\r\n"
                     b"Host: talk.test:7002\r\n\r\n" + data)
        sock.shutdown(socket.SHUT_WR)
        assert read_head(sock).startswith(b"HTTP/1.1 200 ")
        assert read_all(sock).decode() == hashlib.sha256(data).hexdigest()
    sock, _ = connect("talk.test:7003")
    assert read_all(sock) == b"all"
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)

    def told():
        ask, _ = connect("talk.test:7004")
        return read_all(ask) == b"100000"
    wait_for("all that was sent", told)
    sock.close()


@client("octets right behind CONNECT go into the tunnel, none is lost")
def pipelined_tunnel():
    block = os.urandom(200_000)
    sock, head = connect("talk.test:7005", block)
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert read(sock, len(block)) == block
    sock.close()


@client("TLS right behind CONNECT, before its answer")
def pipelined_tls():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust().wrap_bio(incoming, outgoing, server_hostname="h1.test")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    sock, head = connect("h1.test:443", outgoing.read())
    assert head.startswith(b"HTTP/1.1 200 "), head
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
    tls.write(b"GET /plain?early HTTP/1.1\r\nHost: h1.test\r\n\r\n")
    sock.sendall(outgoing.read())
    got = b""
    while b"hello\n" not in got:
        incoming.write(sock.recv(65536))
        try:
            got += tls.read()
        except ssl.SSLWantReadError:
            pass
    sock.close()


@client("nc -X connect, as in ssh's ProxyCommand", "nc.openbsd")
def netcat():
    out = subprocess.run(
        ["nc.openbsd", "-N", "-X", "connect", "-x", AT, "talk.test", "7001"],
        input=b"a\n", stdout=subprocess.PIPE, timeout=20, check=False).stdout
    assert out == b"220 ready\r\na\nbye 2\r\n", out


@client("ncat --proxy-type http, to a tcp:// target", "ncat")
def ncat():
    out = subprocess.run(
        ["ncat", "--proxy", AT, "--proxy-type", "http", "talk.test", "7001"],
        input=b"a\n", stdout=subprocess.PIPE, timeout=20, check=False).stdout
    assert out == b"220 ready\r\na\nbye 2\r\n", out


@client("absolute targets: allowed, refused, and Host must agree")
def absolute():
    ask = "GET http://{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"
    got = say(ask.format("h1.test/plain?absolute", "h1.test"))
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"hello\n"), got
    got = say(ask.format("h2.test/plain?absolute", "h2.test"))
    assert got.startswith(b"HTTP/1.1 403 "), got
    got = say(ask.format("h1.test/plain?two", "other.test"))
    assert got.startswith(b"HTTP/1.1 400 "), got


@client("absolute targets: each request on a connection by itself")
def absolute_twice():
    with dial() as sock:
        sock.sendall(b"GET http://h1.test/plain?1 HTTP/1.1\r\nHost: h1.test"
                     b"\r\n\r\nGET http://other.test/ HTTP/1.1\r\n"
                     b"Host: other.test\r\nConnection: close\r\n\r\n")
        got = read_all(sock)
    assert got.count(b"HTTP/1.1 200 ") == 1, got
    assert got.count(b"HTTP/1.1 403 ") == 1, got


@client("CONNECT, then TLS for another name: no handshake")
def other_sni():
    sock, head = connect("h1.test:443")
    assert head.startswith(b"HTTP/1.1 200 "), head
    try:
        trust().wrap_socket(sock, server_hostname="h2.test")
    except OSError:
        return
    raise AssertionError("the handshake went through")


@client("CONNECT, TLS, then a request for another host: 421")
def other_host_tls():
    sock, _ = connect("h1.test:443")
    with trust().wrap_socket(sock, server_hostname="h1.test") as tls:
        got = get(tls, "/plain?421", "h2.test")
        assert got.startswith(b"HTTP/1.1 421 "), got


@client("CONNECT, then clear HTTP: the same host passes, another is 421")
def other_host_clear():
    sock, _ = connect("h1.test:80")
    got = get(sock, "/plain?clear", "h1.test")
    assert got.endswith(b"hello\n"), got
    sock, _ = connect("h1.test:80")
    got = get(sock, "/plain?clear", "h2.test")
    assert got.startswith(b"HTTP/1.1 421 "), got
    assert b"The proxy was asked for h1.test, but the request is for " \
        b"h2.test" in got, got


@client("CONNECT inside CONNECT is refused")
def nested():
    sock, _ = connect("h1.test:80")
    status, body = ask_connect("talk.test:7001", sock)
    assert status in (400, 421, 501), body
    sock, _ = connect("h1.test:443")
    with trust().wrap_socket(sock, server_hostname="h1.test") as tls:
        tls.sendall(b"CONNECT h1.test:443 HTTP/1.1\r\nHost: h1.test:443"
                    b"\r\n\r\n")
        got = read_head(tls)
        assert not got.startswith(b"HTTP/1.1 200 "), got


@client("a user and a password in the target are no host")
def userinfo():
    at = f"far:{TOKEN}@h1.test"
    for octets in (f"CONNECT {at}:443 HTTP/1.1\r\nHost: {at}:443\r\n\r\n",
                   f"GET http://{at}/ HTTP/1.1\r\nHost: h1.test\r\n\r\n",
                   f"GET http://h1.test/ HTTP/1.1\r\nHost: {at}\r\n\r\n"):
        got = say(octets)
        assert got.startswith(b"HTTP/1.1 400 "), got
        assert TOKEN.encode() not in got, got


@client("never to the gateway itself, its proxy, loopback or metadata")
def control_plane():
    for target in ("10.7.0.1:3128", "127.0.0.1:3128", "127.0.0.1:22",
                   "[::1]:3128", "11.0.0.1:3128", "169.254.169.254:80",
                   "localhost:3128", "0.0.0.0:3128", "10.7.0.2:22",
                   "[::ffff:127.0.0.1]:3128", "198.18.0.1:443"):
        sock, head = connect(target)
        status = int(head.split()[1])
        assert status in (400, 403), (target, head)
        sock.close()
    # Names that a rule allows, but whose addresses are ours.
    for name in ("own.test", "loop.test"):
        out = curl("-x", f"http://{AT}", "-w", "%{http_code}",
                   f"https://{name}/")
        assert out.endswith("502"), out


@client("targets that are none: 400")
def bad_targets():
    for target in ("h1.test", "h1.test:0", "h1.test:65536", "h1.test:443/x",
                   "good@h1.test:443", "127.1:443", "2130706433:443",
                   "h1.test:+443", ":443", "h1..test:443", "0x7f000001:80"):
        got = say(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 400 "), (target, got[:200])
    got = say("CONNECT h1.test:443 HTTP/1.1\r\nHost: h2.test:443\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 400 "), got
    got = say("CONNECT h1.test:443 HTTP/1.1\r\nHost: h1.test:443\r\n"
              "Content-Length: 3\r\n\r\nabc")
    assert got.startswith(b"HTTP/1.1 400 "), got


@client("nobody listens behind a tcp:// rule: 502, and why")
def nobody():
    status, body = ask_connect("talk.test:7009")
    assert status == 502 and "refused" in body["detail"], body


@client("SOCKS5 by name: tunnel, TLS, refusals")
def socks_names():
    sock, code = socks("talk.test", 7001)
    assert code == 0 and read(sock, 11) == b"220 ready\r\n"
    sock.close()
    sock, code = socks("h1.test", 443)
    assert code == 0
    with trust().wrap_socket(sock, server_hostname="h1.test") as tls:
        assert get(tls, "/plain?raw", "h1.test").endswith(b"hello\n")
    for host, port in (("nowhere.test", 443), ("127.0.0.1", 3128),
                       ("10.7.0.1", 3128), ("localhost", 22)):
        sock, code = socks(host, port)
        assert code == 2, (host, code)
        assert read_all(sock) == b""
    sock, code = socks("h1.test", 443, b"\x02")
    assert code is None                   # no method that we know


@client("SOCKS5, then TLS for another name: no handshake")
def socks_other():
    sock, code = socks("h1.test", 443)
    assert code == 0
    try:
        trust().wrap_socket(sock, server_hostname="h2.test")
    except OSError:
        return
    raise AssertionError("the handshake went through")


@client("SOCKS5: octet by octet, other commands, garbage")
def socks_bytes():
    with dial() as sock:
        for octet in b"\x05\x01\x00":
            sock.sendall(bytes([octet]))
        assert read(sock, 2) == b"\x05\x00"
        for octet in b"\x05\x01\x00\x03\x09talk.test\x1b\x59":
            sock.sendall(bytes([octet]))
        assert read(sock, 10)[1] == 0
        assert read(sock, 11) == b"220 ready\r\n"
    for command_, want in ((2, 7), (3, 7), (9, 7)):
        got = say(b"\x05\x01\x00\x05" + bytes([command_])
                  + b"\x00\x01\x01\x02\x03\x04\x00\x50")
        assert got[:2] == b"\x05\x00" and got[3] == want, got
    assert say(b"\x05\x01\x00\x05\x01\x00\x09\x01\x02\x03\x04\x00\x50")[3] == 8
    assert say(b"\x05\x01\x00\x05\x01\x00\x03\x04a\x00b\r\x00\x50")[3] in (1, 8)
    assert say(b"\x05\x01\x00" + b"\x04\x01\x00\x01" + b"x" * 8)[:2] == \
        b"\x05\x00"


@client("SOCKS4, garbage and half requests get nothing")
def garbage():
    assert say(b"\x04\x01\x00\x50\x01\x02\x03\x04u\x00") == b""
    assert say(b"\x00\x01\x02\x03" * 100) == b""
    for half in (b"CONNECT h1.te", b"CONNECT h1.test:443 HTTP/1.1\r\nHost:",
                 b"\x05", b"\x05\x02\x00", b"\x05\x01\x00\x05\x01\x00\x03\xff",
                 b"GET http://h1.test/", b"\x16\x03\x01"):
        with dial() as sock:
            sock.sendall(half)
            sock.shutdown(socket.SHUT_WR)
            got = read_all(sock)
            assert b"HTTP/1.1 200" not in got, (half, got)


@client("TLS to the proxy itself: its requests are judged all the same")
def tls_to_proxy():
    with trust().wrap_socket(dial(), server_hostname="h1.test") as tls:
        got = get(tls, "/plain?direct", "h1.test")
        assert got.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 4")), got


@client("the portal answers through the proxy")
def portal():
    out = curl("-x", f"http://{AT}", "http://penstock.internal/policy")
    assert "h1.test" in out, out


@client("python requests with HTTPS_PROXY")
def requests():
    out = run(PYTHON, "-c", """
try:
    import requests
except ImportError:
    print("# skipped: requests is not installed")
else:
    for url in ("https://h1.test/plain?requests", "http://h1.test/plain?requests"):
        got = requests.get(url, timeout=20)
        assert got.text == "hello\\n", got.text
    print("good")
""", HTTPS_PROXY=f"http://{AT}", HTTP_PROXY=f"http://{AT}",
              REQUESTS_CA_BUNDLE="ca.pem")
    assert "good" in out or "skipped" in out, out
    print(out.strip() if "skipped" in out else "", end="")


UNDICI = """
const at = ['undici', ...process.argv.slice(1)];
let undici;
for (const name of at) try { undici = require(name); break; } catch {}
if (!undici || !undici.EnvHttpProxyAgent) {
    console.log('# skipped: no undici that has an EnvHttpProxyAgent');
    process.exit(0);
}
const { EnvHttpProxyAgent, fetch } = undici;
const options = { requestTls: { ca: require('fs').readFileSync('ca.pem') } };
const agent = new EnvHttpProxyAgent(options);
(async () => {
    let got = await fetch('https://h1.test/plain?node', { dispatcher: agent });
    console.log(got.status, (await got.text()).trim());
    got = await fetch('https://h1.test/private/x', {
        dispatcher: agent, headers: { accept: 'application/json' } });
    console.log(got.status, (await got.json()).title);
})().catch(e => { console.log(e, e.cause); process.exit(1); });
"""


@client("Node.js: undici with the proxy of the environment", "npm")
def undici():
    root = run("npm", "root", "-g").strip().splitlines()[-1]
    out = run("node", "-e", UNDICI, f"{root}/npm/node_modules/undici",
              "/usr/share/nodejs/undici", https_proxy=f"http://{AT}",
              http_proxy=f"http://{AT}")
    if out.startswith("#"):
        raise Skip(out.strip().removeprefix("# skipped: "))
    assert out.endswith("200 hello\n403 Denied by the egress policy\n"), out


@client("npm with proxy set: a package is installed", "npm")
def npm():
    home = pathlib.Path("npm-home").absolute()
    (home / "app").mkdir(parents=True)
    (home / "app" / "package.json").write_text('{"name": "app"}')
    run("npm", "--prefix", home / "app", "--proxy", f"http://{AT}",
        "--https-proxy", f"http://{AT}", "--cafile", "ca.pem",
        "--registry", "https://npm.test/", "--no-audit", "--no-fund",
        "--fetch-retries", "0", "install", NPM_PACKAGE, HOME=str(home))
    assert (home / "app" / "node_modules" / NPM_PACKAGE).is_dir()


NPM_PACKAGE = "plain"


STRANGER = "10.7.0.9"                     # an address of no sandbox
ASK = "CONNECT {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n{}\r\n"


def login(target, more, source=STRANGER):
    sock = dial(source)
    sock.sendall(ASK.format(target, target, more).encode())
    return sock


@client("a login makes a stranger a sandbox")
def login_good():
    out = run("curl", "-sS", "--cacert", "ca.pem", "--interface", STRANGER,
              "-x", f"http://far:{TOKEN}@{AT}", "https://h1.test/plain?login")
    assert out == "hello\n", out
    with login("talk.test:7001", AUTH) as sock:
        assert read_head(sock).startswith(b"HTTP/1.1 200 ")
        assert read(sock, 11) == b"220 ready\r\n"
    out = run("curl", "-sS", "--cacert", "ca.pem", "--interface", STRANGER,
              "--socks5-hostname", f"far:{TOKEN}@{AT}",
              "https://h1.test/plain?socks-login")
    assert out == "hello\n", out
    with login("h2.test:443", AUTH) as sock:    # the login's policy holds
        head, body = answer(sock)
        assert b" 403 " in head and b'"far"' in body, (head, body)


@client("a login is for the proxy: no origin sees it, by either version")
def login_stays():
    for version in ("--http1.1", "--http2"):
        out = curl(version, "-H", AUTH.strip(), "-x", f"http://{AT}",
                   "https://h2.test/echo?login")
        names = [n.lower() for n, _ in json.loads(out)["fields"]]
        assert "proxy-authorization" not in names and names, out


@client("no login, or a wrong one: 407, and what to do")
def login_bad():
    def basic(text):
        return "Proxy-Authorization: Basic " + base64.b64encode(
            text.encode()).decode() + "\r\n"
    for more in ("", basic("far:"), basic(f"ci:{TOKEN}"), basic("ci:"),
                 basic(f"far:{TOKEN}x"), basic(f"far:{TOKEN[:-1]}"),
                 basic(f":{TOKEN}"), basic("nobody:0123456789abcdef"),
                 "Proxy-Authorization: Bearer x\r\n", basic("x" * 2000),
                 "Proxy-Authorization: Basic ====\r\n"):
        with login("h1.test:443", more) as sock:
            head, body = answer(sock)
            assert head.startswith(b"HTTP/1.1 407 "), (more, head)
            assert b'proxy-authenticate: Basic realm="penstock"' in \
                head.lower().replace(b"basic", b"Basic"), head
            assert TOKEN.encode() not in body, body
    with dial(STRANGER) as sock:
        sock.sendall(b"GET http://h1.test/plain?stranger HTTP/1.1\r\n"
                     b"Host: h1.test\r\n\r\n")
        assert answer(sock)[0].startswith(b"HTTP/1.1 407 ")
    # One whose address says who it is has to be right as well.
    with login("h1.test:443", basic("far:wrong-wrong-wrong"), None) as sock:
        assert answer(sock)[0].startswith(b"HTTP/1.1 407 ")


@client("SOCKS5 of a stranger: without a login, and with a wrong one")
def socks_login():
    for methods, user, token in ((b"\x00", b"", b""),
                                 (b"\x02", b"far", b"wrong"),
                                 (b"\x00\x02", b"ci", TOKEN.encode()),
                                 (b"\x02", b"", b"")):
        with dial(STRANGER) as sock:
            sock.sendall(bytes([5, len(methods)]) + methods)
            got = read(sock, 2)
            if b"\x02" not in methods:
                assert got == b"\x05\xff", got
            else:
                assert got == b"\x05\x02", got
                sock.sendall(bytes([1, len(user)]) + user
                             + bytes([len(token)]) + token)
                assert read(sock, 2) == b"\x01\x01"
            assert read_all(sock) == b""


@client("TLS of a stranger to the proxy: its requests need the login too")
def tls_stranger():
    with trust().wrap_socket(dial(STRANGER), server_hostname="h1.test") as tls:
        assert get(tls, "/plain?stranger", "h1.test").startswith(
            b"HTTP/1.1 407 ")


# -- the stage ----------------------------------------------------------------

def prepare(stage):
    (stage.dir / "token").write_text(TOKEN + "\n")
    stage.clients = stage.start("clients", ["unshare", "-n", "sleep", "600"])
    wait_for("the clients' namespace", lambda: os.readlink(
        f"/proc/{stage.clients.pid}/ns/net")
        != os.readlink("/proc/self/ns/net"))
    command("ip", "link", "add", "cl0", "type", "veth", "peer", "name", "eth0",
            "netns", stage.clients.pid)
    command("ip", "addr", "add", "10.7.0.1/24", "dev", "cl0")
    command("ip", "link", "set", "cl0", "up")
    inside = ["nsenter", "-t", stage.clients.pid, "-n"]
    command(*inside, "ip", "link", "set", "lo", "up")
    for address in ("10.7.0.2/24", "10.7.0.9/24"):
        command(*inside, "ip", "addr", "add", address, "dev", "eth0")
    command(*inside, "ip", "link", "set", "eth0", "up")
    stage.start_npm()
    stage.start("tcp", stage.origin_command(
        PYTHON, HERE / "tcp_origin.py", "11.0.0.3"))
    wait_for("tcp", lambda: stage.listens("11.0.0.3", 7006))


def at_clients(stage, *argv):
    return subprocess.run(
        ["nsenter", "-t", str(stage.clients.pid), "-n", *map(str, argv)],
        check=False, cwd=stage.project, env=stage.env, timeout=200,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace")


@outside("the clients ran their tests")
def clients(stage):
    shutil.copy(stage.dir / "state" / "ca.pem", stage.project)
    done = at_clients(stage, PYTHON, "proxy_test.py", "--client")
    print(done.stdout, end="", flush=True)
    assert done.returncode == 0, done.returncode


@outside("one row for each decision, CONNECT as a carrier has none")
def rows(stage):
    def of(**facts):
        return [r for r in stage.rows()
                if all(r.get(k) == v for k, v in facts.items())]
    for query, count in (("curl", 5), ("absolute", 2), ("421", 1),
                         ("clear", 2), ("raw", 1), ("early", 1), ("1", 1)):
        assert len(of(query=query)) == count, (query, of(query=query))
    assert len(of(query="socks")) == 2
    assert {r["sandbox"] for r in of(query="curl")} == {"ci"}
    assert not [r for r in of(method="CONNECT") if r["verdict"] == "allow"
                and r["kind"] != "tunnel"]
    assert of(query="421")[0]["status"] == 421
    assert of(query="421")[0]["reason"] == "misdirected"


@outside("a tunnel through the proxy is one row")
def tunnel_rows(stage):
    row = stage.row(kind="tunnel", port=7005)
    for name, want in (("verdict", "allow"), ("host", "talk.test"),
                       ("sandbox", "ci"), ("bytes_up", 200_000),
                       ("bytes_down", 200_000), ("client", "10.7.0.2"),
                       ("rule", "tcp://talk.test:7005"),
                       ("upstream", "11.0.0.3:7005")):
        assert row[name] == want, (name, row)
    row = stage.row(port=7009)
    assert (row["status"], row["outcome"]) == (502, "failed"), row


@outside("what was refused at the proxy is recorded, and why")
def refused_rows(stage):
    row = stage.row(host="nowhere.test", method="CONNECT")
    assert row["verdict"] == "deny" and row["status"] == 403, row
    row = stage.row(host="nowhere.test", protocol="socks5")
    assert row["verdict"] == "deny" and row["reason"] == "no-rule", row
    assert "to allow: GET https://nowhere.test/" in row["detail"], row
    rows_ = [r for r in stage.rows() if r["kind"] == "handshake"
             and r["reason"] == "misdirected"]
    assert len(rows_) == 2, rows_         # CONNECT and SOCKS5
    assert "h2.test" in rows_[0]["detail"], rows_
    row = stage.row(host="127.0.0.1", port=22, method="CONNECT")
    assert row["verdict"] == "deny", row
    row = stage.row(host="own.test")
    assert row["reason"] == "upstream-address" and not row["upstream"], row


@outside("a sender that is no sandbox is refused and recorded")
def stranger(stage):
    done = at_clients(stage, "curl", "-sS", "--interface", "10.7.0.9", "-x",
                      f"http://{AT}", "https://h1.test/plain?stranger")
    assert "407" in done.stdout, done.stdout
    rows_ = [r for r in stage.rows() if r["client"] == STRANGER]
    refused = [r for r in rows_ if not r["sandbox"]]
    assert len(refused) == 11 + 1 + 4 + 1 + 1, len(refused)
    assert {r["reason"] for r in refused} == {"login", "bad-socks"}, refused
    for row in refused:
        assert row["verdict"] == "none" and not row["upstream"], row
    for row in rows_:
        assert row["sandbox"] in ("far", None, ""), row
    assert {r["query"] for r in rows_ if r["sandbox"] == "far"} >= \
        {"login", "socks-login"}
    assert [r for r in rows_ if r["kind"] == "tunnel"
            and r["sandbox"] == "far"]


@outside("the token is in no record and no log")
def secret(stage):
    files = [p for d in ("state", "run", "logs")
             for p in (stage.dir / d).rglob("*") if p.is_file()]
    for path in files:
        data = path.read_bytes()
        assert TOKEN.encode() not in data, path
        assert base64.b64encode(f"far:{TOKEN}".encode()) not in data, path
    for pid in stage.children()["penstock-gatewa"]:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        assert TOKEN.encode() not in words


@outside("a token is read again by reload; a bad file changes nothing")
def rotate(stage):
    def code(token):
        return at_clients(
            stage, "curl", "-sS", "--cacert", "ca.pem", "--interface",
            STRANGER, "-x", f"http://far:{token}@{AT}", "-o", "/dev/null",
            "-w", "%{http_code} %{http_connect}",
            "https://h1.test/plain?rotate").stdout.splitlines()[-1]
    path = stage.dir / "token"
    path.write_text("short\n")
    done = stage.penstock("reload", check=False)
    assert done.returncode != 0, done
    assert "token_file" in done.stderr and "short" not in done.stderr, done
    assert code(TOKEN) == "200 200"
    path.write_text("another-token-of-length\n")
    stage.penstock("reload")
    assert code(TOKEN).endswith("407")
    assert code("another-token-of-length") == "200 200"


@outside("there is no way but the proxy")
def only_way(stage):
    done = at_clients(stage, "curl", "-sS", "--max-time", "3",
                      "http://11.0.0.3/plain")
    assert done.returncode != 0, done.stdout


if __name__ == "__main__":
    if "--client" in sys.argv:
        good = [tell(what, function) for what, function in client_tests]
        sys.exit(0 if all(good) else 1)
    main(None, SETTINGS, prepare)
