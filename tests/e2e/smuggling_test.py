#!/usr/bin/env python3
"""Requests within requests: what reaches the origin is what was judged.

The origin keeps all octets. Whatever a client sends, over HTTP/1 or HTTP/2,
they must read as a row of requests, in one way only, and each of them must
have its row in the ledger.
"""
import json
import time

import wire_reader
from client import Wire, fetch
from h2_wire import DATA, END_HEADERS, END_STREAM, H2, HEADERS, block, frame
from harness import PYTHON, HERE, inside, main, outside, wait_for

# The address at which nobody listens on other stages.
HOST = "refused.test"
# The same origin, to which only WebSockets may be opened.
SOCKET = "second.test"
POLICY = f"""
allow:
  - any https://{HOST}/**
  - any https://h2.test/**
  - any http://{HOST}/**
  - wss://{SOCKET}/**
deny:
  - any https://{HOST}/smuggled/**
  - any https://h2.test/smuggled/**
"""
INNER = f"GET /smuggled/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


def raw_send(octets, host=HOST, wait_s=1.5):
    """Statuses of all answers to these octets."""
    statuses = []
    with Wire(host) as wire:
        try:
            wire.send(octets)
            wire.sock.settimeout(wait_s)
            while got := wire.answer():
                statuses.append(got.status)
        except OSError:
            pass
    return statuses


def post(fields, body, path="/p"):
    return f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n{body}"


def pairs():
    """Bodies whose end two readers see in two places, INNER behind one."""
    chunked = "0\r\n\r\n" + INNER
    both = f"Content-Length: {len(chunked)}\r\nTransfer-Encoding: "
    for coding in ("chunked", "Chunked", "chunked ", "\tchunked", "x, chunked",
                   "chunked, x", "chunked;q=1", '"chunked"', "\x0bchunked",
                   "chunke\x00d", "identity", "chunked\r\n x", "xchunked"):
        yield post(f"{both}{coding}\r\n", chunked)
        yield post(f"Transfer-Encoding: {coding}\r\nContent-Length: "
                   f"{len(chunked)}\r\n", chunked)
    for name in ("Transfer-Encoding ", "Transfer_Encoding", "\tTransfer-Encod"
                 "ing", "Transfer-Encoding\x00", "X\nTransfer-Encoding",
                 "X: y\rTransfer-Encoding", "Transfer\x80Encoding"):
        yield post(f"Content-Length: {len(chunked)}\r\n{name}: chunked\r\n",
                   chunked)
    for length in ("0, 0", "0,{}", "+0", "-0", "0x0", "00", "0 ", "0\t0",
                   "0\r\nContent-Length: {}", "{}\r\nContent-Length: 0",
                   "0_0", "0.0", "1e1", "0;", "٠".encode().decode("latin-1")):
        yield post(f"Content-Length: {length.format(len(INNER))}\r\n", INNER)
    for size in ("0;\n", "0\n", "0\r", "00000000000000000\r\n", "0 \r\n",
                 "0x0\r\n", "-0\r\n", "0;a=\"\r\n\r\n\"\r\n", "\r\n0\r\n",
                 "10000000000000000\r\n", "0;\x00\r\n", "g\r\n"):
        yield post("Transfer-Encoding: chunked\r\n", f"{size}\r\n{INNER}")
    for trailer in ("Content-Length: 9", "Transfer-Encoding: chunked",
                    f"Host: {HOST}", "X: y\r\n z", "bad trailer", " x: y",
                    "x\x00: y", "x: \ry"):
        yield post("Transfer-Encoding: chunked\r\n",
                   f"0\r\n{trailer}\r\n\r\n")
    yield post("Transfer-Encoding: chunked\r\n", "1\r\naX0\r\n\r\n" + INNER)
    yield post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n")
    yield f"GET /p HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: " \
        f"{len(INNER)}\r\n\r\n{INNER}"
    yield f"POST /p HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: " \
        f"chunked\r\n\r\n{chunked}"
    yield f"HEAD /p HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: " \
        f"{len(INNER)}\r\n\r\n{INNER}"
    for connection in ("Content-Length", "Host", "Transfer-Encoding",
                       "close, Content-Length"):
        yield post(f"Connection: {connection}\r\nContent-Length: "
                   f"{len(INNER)}\r\n", INNER)
    for target in ("/p HTTP/1.1\r\nHost: x\r\n\r\nGET /smuggled/x",
                   "/p\tHTTP/1.1", "/p HTTP/1.1 HTTP/1.1", "/p\x0bx",
                   f"https://{HOST}@evil.example/p", "https://h2.test/p",
                   f"http://{HOST}/p", f"https://{HOST}:444/p",
                   f"HTTPS://{HOST}/p", "//h2.test/p", "*", "p", "",
                   "/p/%c0%ae%c0%ae/x", "/p%25c0%25af../x"):
        yield f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    for method in ("GET\x00", "get", "G\tET", "\x00GET", "TRACE", "PRI"):
        yield f"{method} /p HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    for more in ("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                 "HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
                 "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-"
                 "Version: 13\r\nSec-WebSocket-Key: "
                 "dGhlIHNhbXBsZSBub25jZQ==\r\n",
                 "Expect: 100-continue\r\n", "Expect: x\r\n",
                 "X-Http-Method-Override: DELETE\r\n"):
        yield f"GET /p HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n{INNER}"


@inside("HTTP/1: no body hides a request")
def h1():
    for octets in pairs():
        statuses = raw_send(octets, wait_s=0.4)
        # INNER, where it is read as a request, is refused as one.
        assert 200 not in statuses[1:], (octets, statuses)


@inside("HTTP/1, octet by octet and cut in two: the same")
def pieces():
    octets = post("Transfer-Encoding: chunked\r\n",
                  "3;x=y\r\nabc\r\n0\r\n\r\n").encode()
    for cut in range(0, len(octets), 7):
        with Wire(HOST) as wire:
            wire.send(octets[:cut])
            time.sleep(0.01)
            wire.send(octets[cut:] + INNER.encode())
            assert wire.answer().status == 200, cut
            assert wire.answer().status == 403, cut


def h2_heads(host):
    base = [(":method", "POST"), (":scheme", "https"), (":authority", host),
            (":path", "/p")]
    for name, value in (
            ("x", "y\r\nz: 1"), ("x", "y\n"), ("x", "y\0"), ("x\r\ny", "z"),
            ("x: y\r\nz", "1"), ("x:y", "z"), ("x ", "y"), (" x", "y"),
            ("transfer-encoding", "chunked"), ("Content-Length", "0"),
            ("content-length", "0"), ("content-length", "5"),
            ("content-length", "+4"), ("content-length", "4\r\nx: y"),
            ("content_length", "0"), ("transfer_encoding", "chunked"),
            ("connection", "transfer-encoding"), ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"), ("te", "chunked"),
            ("trailer", "content-length"), ("expect", "100-continue"),
            ("host", "h1.test"), ("host", f"{host}\r\nx: y"),
            ("cookie", "a=b\r\nx: y"), ("proxy-connection", "keep-alive"),
            ("keep-alive", "1"), ("x", " lead"), ("x", "trail ")):
        yield base + [(name, value)]
    for n, value in (
            (0, "POST / HTTP/1.1\r\nX: y"), (0, "GET /smuggled/x HTTP/1.1"),
            (0, "CONNECT"), (0, ""), (0, "post"), (0, "DELETe"),
            (1, "http"), (1, "https\r\nx"),
            (1, "file"), (2, f"{host}\r\nX: y"), (2, f"{host}/smuggled"),
            (2, f"x@{host}"), (2, f"{host}:444"), (2, "h1.test"), (2, ""),
            (3, "/p HTTP/1.1\r\nX: y"), (3, "/p HTTP/1.1"), (3, "/p\0"),
            (3, f"https://{host}/smuggled/x"), (3, "smuggled/x"), (3, "*"),
            (3, "/p#x"), (3, "/p\\..\\x"), (3, "/p\t"),
            (3, "/p/%c0%ae%c0%ae/x")):
        yield base[:n] + [(base[n][0], value)] + base[n + 1:]
    yield base + [(":path", "/smuggled/x")]
    yield base + [("content-length", "4"), ("content-length", "4")]
    yield base + [("content-length", "4"), ("content-length", "0")]
    yield base + [("host", host)]
    yield [base[0], base[1], base[3], ("host", host)]
    yield base + [("cookie", "a=1"), ("cookie", "b=2")]


def h2_send(host, fields):
    with H2(host) as h2:
        h2.wire.sock.settimeout(1.5)
        return h2.outcome(h2.request(fields, b"body"))


@inside("HTTP/2 to HTTP/1: no field becomes a line of its own")
def translated():
    for fields in h2_heads(HOST):
        h2_send(HOST, fields)
    assert fetch(HOST, "/ok").status == 200


@inside("HTTP/2 to HTTP/2: what is no request is not passed on")
def untranslated():
    for fields in h2_heads("h2.test"):
        got = h2_send("h2.test", fields)
        assert got in (200, 400, 403, 404, 413, 421, 431, 501, "reset",
                       "gone"), (fields, got)
    assert fetch("h2.test", "/plain").status == 200


@inside("HTTP/1 to HTTP/2: the same bodies")
def h1_to_h2():
    for octets in pairs():
        statuses = raw_send(octets.replace(HOST, "h2.test"), "h2.test", 0.4)
        assert 200 not in statuses[1:], (octets, statuses)


@inside("HTTP/2 trailers that are none")
def trailers():
    for field in (("content-length", "0"), ("transfer-encoding", "chunked"),
                  ("host", "h1.test"), (":path", "/smuggled/x"),
                  ("x", "y\r\nGET /smuggled/x HTTP/1.1"), ("x\r\n", "y")):
        with H2(HOST) as h2:
            h2.stream = 1
            h2.wire.send(
                frame(HEADERS, END_HEADERS, 1, block(
                    (":method", "POST"), (":scheme", "https"),
                    (":authority", HOST), (":path", "/p")))
                + frame(DATA, 0, 1, b"body")
                + frame(HEADERS, END_HEADERS | END_STREAM, 1, block(field)))
            h2.wire.sock.settimeout(1.5)
            h2.outcome(1)


@inside("a rule for WebSockets opens WebSockets, and nothing else")
def sockets():
    wish = f"Host: {SOCKET}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
        "Sec-WebSocket-Version: 13\r\n" \
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    for head, body in (("POST /page", ""), ("POST /page", "abc"),
                       ("DELETE /page", ""), ("OPTIONS /page", ""),
                       ("GET /page", "abc")):
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        assert raw_send(f"{head} HTTP/1.1\r\n{wish}{length}\r\n{body}",
                        SOCKET) == [403], (head, body)
    # This origin passes over the wish, and answers a GET with a page.
    with Wire(SOCKET) as wire:
        wire.send(f"GET /socket HTTP/1.1\r\n{wish}\r\n")
        got = wire.answer()
        assert got.status == 502 and b"WebSocket" in got.body, got.body


@inside("in clear too: another scheme in the target, over HTTP/1 and HTTP/2")
def clear():
    for target in (f"https://{HOST}/p", f"http://{HOST}:443/p",
                   f"http://{HOST}:8080/p", f"ftp://{HOST}/p"):
        with Wire(HOST, port=80, tls=False) as wire:
            wire.send(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
            got = wire.answer()
            assert got is None or got.status >= 400, (target, got.line)


@inside("an answer that comes unasked is nobody's")
def late():
    for _ in range(10):
        with Wire(HOST) as wire:
            assert wire.get("/late", HOST).answer().body == b"ok"
            time.sleep(0.3)
            got = wire.get("/p", HOST).answer()
            assert got is None or got.body == b"ok" or got.status == 502, \
                got.body


@inside("an answer before the body: the rest is no request")
def early():
    for _ in range(5):
        with Wire(HOST) as wire:
            wire.send(f"POST /early HTTP/1.1\r\nHost: {HOST}\r\n"
                      f"Content-Length: {len(INNER)}\r\n\r\n")
            assert wire.answer().status == 200
            try:
                wire.send(INNER)
                got = wire.get("/p", HOST).answer()
            except OSError:
                continue
            assert got is None or got.body in (b"ok", b""), got.body


@inside("answers without an end do not end us")
def endless():
    assert fetch(HOST, "/interim").status in (200, 502)
    for path in ("/endless", "/short"):
        try:
            got = fetch(HOST, path)
        except OSError:
            continue
        assert got is None or got.status == 502 or not got.whole, got.line
    with Wire(HOST) as wire:
        wire.get("/trickle", HOST)
        assert fetch(HOST, "/p").status == 200


# -- outside ---------------------------------------------------------------

def prepare(stage):
    stage.start("raw", stage.origin_command(
        PYTHON, HERE / "raw_origin.py", "11.0.0.4",
        stage.dir / "certs" / "use" / "good.pem", stage.dir / "raw.log"))
    wait_for("the raw origin", lambda: stage.listens("11.0.0.4", 443))


def connections(stage):
    """All octets of each connection."""
    found = {}
    for line in (stage.dir / "raw.log").read_text().splitlines():
        number, octets = json.loads(line)
        found[number] = found.get(number, b"") + octets.encode("latin-1")
    return found


def requests(octets):
    """The paths."""
    for head in wire_reader.heads(octets):
        if head.fields["host"] == SOCKET:
            assert head.method == "GET" and head.target == "/socket", \
                head.octets
            continue
        assert head.fields["host"] == HOST, head.fields
        yield head.target


@outside("what reached the origin reads in one way, and none of it is denied")
def wire(stage):
    paths = [path for octets in connections(stage).values()
             for path in requests(octets)]
    assert len(paths) > 30, paths
    assert not any(p.startswith("/smuggled") for p in paths), paths
    assert not any("%c0" in p for p in paths), paths
    stage.paths = paths


@outside("as many requests at the origin as rows that say so")
def rows(stage):
    seen = sorted(stage.paths)
    def sent():
        return sorted(
            r["path"] + ("?" + r["query"] if r.get("query") else "")
            for r in stage.rows("--host", HOST)
            if (r["upstream"] or "").startswith("11.0.0.4"))
    wait_for("the same", lambda: len(sent()) >= len(seen))
    extra = len(sent()) - len(seen)
    # A request may be cut before its first octet.
    assert 0 <= extra <= 3, (extra, seen, sent())


@outside("no worker died of it")
def alive(stage):
    assert "it is replaced" not in stage.log("up"), stage.log("up")


if __name__ == "__main__":
    main(POLICY, prepare=prepare)
