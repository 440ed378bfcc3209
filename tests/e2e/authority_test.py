#!/usr/bin/env python3
"""One authority per request: name, Host and :authority must agree."""
import json

from client import Wire, fetch
from harness import inside, main, outside

POLICY = """
allow:
  - any https://h1.test/**
  - any https://other.test/**
  - any http://h1.test/**
  - any http://other.test/**
  - GET https://h2.test/repos/x/**
deny:
  - any https://h1.test/secret/**
"""


def status(octets, host="h1.test", **options):
    """What these octets get: a status, or None for a closed connection."""
    with Wire(host, **options) as wire:
        try:
            got = wire.send(octets).answer()
        except OSError:
            return None
        return got.status if got else None


def request(target, host, more=""):
    return f"GET {target} HTTP/1.1\r\n" + \
        (f"Host: {host}\r\n" if host is not None else "") + f"{more}\r\n"


@inside("another Host than the server name is misdirected: 421")
def host():
    assert status(request("/plain", "other.test")) == 421
    assert status(request("/plain", "evil.example")) == 421


@inside("the second request of a connection is judged like the first")
def second():
    with Wire("h1.test") as wire:
        assert wire.get("/plain", "h1.test").answer().status == 200
        assert wire.get("/plain", "other.test").answer().status == 421
    with Wire("h1.test") as wire:
        wire.send(request("/plain", "h1.test") + request("/secret/x", "h1.test")
                  + request("/plain", "h1.test"))
        assert [wire.answer().status for _ in range(3)] == [200, 403, 200]


@inside("an absolute target must name the same authority")
def absolute():
    assert status(request("https://h1.test/plain", "h1.test")) == 200
    assert status(request("https://other.test/plain", "h1.test")) in (400, 421)
    assert status(request("https://h1.test/plain", "other.test")) in (400, 421)
    assert status(request("http://h1.test/plain", "h1.test")) in (400, 421)


@inside("one Host, neither none nor two nor an empty one")
def hosts():
    assert status(request("/plain", None)) == 400
    assert status(request("/plain", "")) == 400
    assert status(request("/plain", "h1.test", "Host: h1.test\r\n")) == 400
    assert status(request("/plain", "h1.test", "Host: other.test\r\n")) == 400


@inside("case, a trailing dot and the default port are the same name")
def spellings():
    for name in ("H1.TEST", "h1.test.", "h1.test:443", "H1.Test.:443"):
        assert status(request("/plain", name)) == 200, name


@inside("what is no name is refused")
def no_names():
    for name in ("h1.test:444", "h1.test@evil.example", "user@h1.test",
                 "h1.test/", "[h1.test]", "h1.test:", "h1.test:x", "h1..test",
                 "h1.test#", "h1 .test", "h1.test,other.test", "127.1",
                 "2130706433", "0x7f000001", "0177.0.0.1", "[::1]",
                 "[::ffff:127.0.0.1]", "127.0.0.1", "localhost",
                 "a" * 64 + ".test", "h1\\.test", "h1.test%00"):
        assert status(request("/plain", name)) in (400, 403, 421), name


@inside("without TLS the Host alone decides, by http:// rules only")
def clear():
    options = {"port": 80, "tls": False}
    assert status(request("/plain", "h1.test"), **options) == 200
    # Dialled by the name h1.test: another Host does not agree with it.
    assert status(request("/plain", "h2.test"), **options) in (403, 421)


@inside("a server name of another sandbox address is misdirected")
def dialled():
    got = None
    try:
        with Wire("other.test", address="h1.test") as wire:
            got = wire.get("/plain", "other.test").answer()
    except OSError:
        pass
    # The name counts, never the address that was dialled.
    assert got is None or got.status in (200, 421), got.line


@inside("no server name: no forwarding by Host alone to a denied name")
def nameless():
    import socket
    import ssl
    from client import trust
    context = trust()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    raw = socket.create_connection(("h1.test", 443), timeout=10)
    try:
        with context.wrap_socket(raw) as sock:
            sock.sendall(request("/plain", "evil.example").encode())
            line = sock.makefile("rb").readline()
            assert line.split()[1] in (b"403", b"421"), line
    except OSError:
        pass                              # closed is as good


@inside("paths: denied under any reading, allowed only under all")
def paths():
    for path, want in (
            ("/secret/x", (403,)), ("/%73ecret/x", (403,)),
            ("/x/../secret/x", (400,)), ("/x/%2e%2e/secret/x", (400,)),
            ("/x/%252e%252e/secret/x", (400,)), ("/secret%2fx", (403,)),
            ("/secret;v=1/x", (403,)), ("/x;v=1", (404,)),
            ("/x/%c0%ae%c0%ae/secret", (400,)),
            ("/x/..%2fsecret", (400,)), ("/a\\b", (400,)), ("/a%00b", (400,)),
            ("/a%zz", (400,)), ("/a%5c..%5cb", (400, 403, 404)),
            ("/./plain", (400,)), ("/a/..;/b", (400, 404)), ("/#x", (400,)),
            ("//evil.example/x", (404, 403))):
        got = status(request(path, "h1.test"))
        assert got in want, (path, got)


@inside("segments, not prefixes")
def segments():
    for path, want in (("/repos/x", 404), ("/repos/x/y", 404),
                       ("/repos/x-evil", 403), ("/repos/xx", 403),
                       ("/repos/x%2f..%2fy", 400)):
        got = fetch("h2.test", path)
        assert got.status == want, (path, got.line)


@inside("the forwarded Host is the judged one")
def forwarded():
    with Wire("h1.test") as wire:
        got = json.loads(wire.get("/echo", "H1.TEST.:443").answer().body)
        hosts = [v for n, v in got["fields"] if n.lower() == "host"]
        assert [h.lower().rstrip(".") for h in hosts] == ["h1.test"], hosts


@outside("a misdirected request has a row that says so")
def row(stage):
    got = stage.row(status=421)
    assert got["verdict"] == "deny" or got["outcome"] == "refused", got


if __name__ == "__main__":
    main(POLICY)
