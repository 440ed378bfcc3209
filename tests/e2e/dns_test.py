#!/usr/bin/env python3
"""The sandbox's resolver, against dnspython as the oracle."""
import ipaddress
import json
import random
import socket
import struct
import sys

from harness import PYTHON, SKIPPED, inside, main, outside

try:
    import dns.edns
    import dns.flags
    import dns.message
    import dns.opcode
    import dns.query
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype
except ImportError:
    print("skipped: dnspython is not installed")
    sys.exit(SKIPPED)

POLICY = """
allow:
  - GET https://*.a.test/**
  - tcp://db.b.test:5432
deny:
  - any https://closed.test/**
"""
SERVER = "192.0.2.1"
V4 = ipaddress.ip_network("198.18.0.0/15")
V6 = ipaddress.ip_network("fd70:656e:7374::/48")


def ask(name, kind="A", tcp=False, server=SERVER, edns=True, **options):
    query = dns.message.make_query(name, kind, use_edns=0 if edns else -1,
                                   **options)
    # Parsed strictly: trailing octets, bad counts and such raise here.
    way = dns.query.tcp if tcp else dns.query.udp
    answer = way(query, server, timeout=3)
    assert answer.id == query.id and answer.question == query.question
    assert answer.flags & dns.flags.QR and answer.flags & dns.flags.RA
    return answer


def addresses(answer):
    return [r.address for rrset in answer.answer for r in rrset]


def raw(packet, tcp=False, timeout=0.4):
    """What comes back for these octets; None for nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp
                       else socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect((SERVER, 53))
        s.send(struct.pack("!H", len(packet)) + packet if tcp else packet)
        try:
            got = s.recv(4096)
        except socket.timeout:
            return None
    return got[2:] if tcp else got


@inside("A and AAAA: one address of each family for each name")
def both():
    for tcp in (False, True):
        for name in ("x.a.test", "db.b.test"):
            a, aaaa = ask(name, "A", tcp), ask(name, "AAAA", tcp)
            for answer, net in ((a, V4), (aaaa, V6)):
                assert answer.rcode() == dns.rcode.NOERROR, answer
                found = addresses(answer)
                assert len(found) == 1, answer
                assert ipaddress.ip_address(found[0]) in net, answer
                assert answer.answer[0].ttl <= 60, answer
    names = [f"n{i}.a.test" for i in range(200)]
    found = {addresses(ask(name))[0] for name in names}
    assert len(found) == len(names), "two names share an address"


@inside("without EDNS, in any case, with a dot, and at any server's address")
def variants():
    want = addresses(ask("x.a.test"))
    assert addresses(ask("x.a.test", edns=False)) == want
    assert addresses(ask("X.a.TEST.")) == want
    for server in ("192.0.2.53", "8.8.8.8", "2001:db8::53"):
        assert addresses(ask("x.a.test", server=server)) == want, server


@inside("HTTPS, SVCB, MX, TXT …: the name exists, and has no such data")
def no_data():
    for kind in ("HTTPS", "SVCB", "MX", "TXT", "SRV", "NS", "SOA", "CNAME",
                 "CAA", "ANY"):
        answer = ask("x.a.test", kind)
        assert answer.rcode() == dns.rcode.NOERROR, (kind, answer)
        assert not answer.answer, (kind, answer)


@inside("other names do not exist, with an extended error that says why")
def refused():
    for tcp in (False, True):
        for name, kind in (("other.test", "A"), ("other.test", "AAAA"),
                           ("a.test", "A"), ("x.a.test.evil.example", "A"),
                           ("closed.test", "A"), ("b.test", "HTTPS"),
                           ("secret.data.example", "TXT"), (".", "NS")):
            answer = ask(name, kind, tcp)
            assert answer.rcode() == dns.rcode.NXDOMAIN, answer
            assert not answer.answer, answer
            said = [o for o in answer.options if o.otype == dns.edns.EDE]
            assert len(said) == 1 and said[0].code == 15, answer
            assert "no rule" in said[0].text, answer
    assert not ask("other.test", edns=False).options


@inside("names that are none: not found, never an error")
def odd():
    for name in ("a b.a.test", r"dot\.dot.a.test", r"nul\000.a.test",
                 "x" * 63 + ".a.test", "_srv._tcp.a.test",
                 "xn--bcher-kva.a.test", "1.2.0.192.in-addr.arpa"):
        answer = ask(name)
        assert answer.rcode() in (dns.rcode.NXDOMAIN, dns.rcode.NOERROR), name
    long = ".".join(["x" * 61] * 4)
    assert ask(long).rcode() == dns.rcode.NXDOMAIN


@inside("other classes and operations: NOTIMP")
def not_implemented():
    answer = ask("version.bind", "TXT", rdclass=dns.rdataclass.CH)
    assert answer.rcode() == dns.rcode.NOTIMP, answer
    for opcode in (dns.opcode.NOTIFY, dns.opcode.UPDATE, dns.opcode.STATUS):
        query = dns.message.make_query("x.a.test", "A")
        query.set_opcode(opcode)
        got = raw(query.to_wire())
        assert got and got[3] & 15 == dns.rcode.NOTIMP, (opcode, got)


@inside("malformed: FORMERR or nothing, and the next question is answered")
def malformed():
    good = dns.message.make_query("x.a.test", "A", use_edns=0).to_wire()
    for cut in range(len(good)):
        got = raw(good[:cut], timeout=0.05)
        if got is not None:
            assert got[3] & 15 == dns.rcode.FORMERR, (cut, got)
    for bad in (good + b"x",                               # octets behind
                good[:4] + b"\0\2" + good[6:],             # two questions
                good[:6] + b"\0\1" + good[8:],             # an answer
                good[:12] + b"\xc0\x0c" + good[22:],       # points to itself
                good[:12] + b"\x7f" + good[13:]):          # no label
        got = raw(bad)
        assert got is None or got[3] & 15 == dns.rcode.FORMERR, got
    reply = bytearray(good)
    reply[2] |= 0x80
    assert raw(bytes(reply)) is None, "an answer was answered"
    random.seed(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((SERVER, 53))
        for _ in range(2000):
            packet = bytearray(good)
            for _ in range(random.randrange(1, 6)):
                packet[random.randrange(len(packet))] = random.randrange(256)
            s.send(packet[:random.randrange(len(packet) + 1)])
    assert addresses(ask("x.a.test"))


@inside("TCP: several questions at once, answered in order; one octet each")
def pipelined():
    queries = [dns.message.make_query(f"p{i}.a.test", "A") for i in range(50)]
    wire = b"".join(struct.pack("!H", len(q.to_wire())) + q.to_wire()
                    for q in queries)
    for step in (len(wire), 1):
        with socket.create_connection((SERVER, 53), timeout=5) as s:
            for at in range(0, len(wire), step):
                s.sendall(wire[at:at + step])
            f = s.makefile("rb")
            for query in queries:
                length = struct.unpack("!H", f.read(2))[0]
                answer = dns.message.from_wire(f.read(length))
                assert answer.id == query.id, answer
                assert query.is_response(answer) and answer.answer, answer


@inside("the portal has an address in every sandbox")
def portal():
    assert addresses(ask("penstock.internal"))
    assert addresses(ask("Penstock.Internal.", "AAAA"))
    assert ask("x.penstock.internal").rcode() == dns.rcode.NXDOMAIN


@inside("the system's own resolver agrees")
def libc():
    want = {addresses(ask("x.a.test", k))[0] for k in ("A", "AAAA")}
    got = {a[4][0] for a in socket.getaddrinfo("x.a.test", 443)}
    assert got == want, (got, want)
    try:
        socket.getaddrinfo("other.test", 443)
    except socket.gaierror as error:
        assert error.errno in (socket.EAI_NONAME, socket.EAI_NODATA), error
    else:
        raise AssertionError("other.test has an address")


SHOW = """
import json, socket
print(json.dumps([sorted({a[4][0] for a in socket.getaddrinfo(n, 443)})
                  for n in ("x.a.test", "n7.a.test", "penstock.internal")]))
"""


@outside("the addresses stay, in every sandbox and across a restart")
def stable(stage):
    def show():
        return json.loads(stage.run(PYTHON, "-c", SHOW).stdout)
    before = show()
    assert show() == before
    stage.stop_instance()
    stage.start_instance()
    assert show() == before


@outside("a refused name is in the ledger, once for all its questions")
def recorded(stage):
    stage.row(host="other.test", kind="dns")
    rows = [r for r in stage.rows() if r["host"] == "other.test"
            and r["kind"] == "dns"]
    assert 1 <= len(rows) <= 2, rows
    assert rows[0]["verdict"] == "deny" and rows[0]["reason"] == "no-rule"
    assert "other.test" in stage.penstock("log").stdout


def sent():
    """UDP datagrams, and TCP connections, that the gateway's side sent."""
    with open("/proc/net/snmp", encoding="ascii") as f:
        lines = [line.split() for line in f]
    counters = {}
    for names, values in zip(lines[::2], lines[1::2]):
        for name, value in zip(names[1:], values[1:]):
            counters[names[0] + name] = int(value)
    with open("/proc/net/snmp6", encoding="ascii") as f:
        for line in f:
            name, value = line.split()
            counters[name] = int(value)
    return [counters[name] for name in
            ("Udp:OutDatagrams", "Udp6OutDatagrams", "Tcp:ActiveOpens")]


@outside("no question leaves: the gateway sends no datagram for any of them")
def silent(stage):
    before = sent()
    stage.run(PYTHON, "-c", SHOW + "for i in range(50):\n"
              "  try: socket.getaddrinfo(f'{i}.data.example', 443)\n"
              "  except socket.gaierror: pass\n")
    assert sent() == before, (before, sent())
    stage.run("curl", "-sS", "https://x.a.test/")
    assert sent() != before, "the counters count nothing"


if __name__ == "__main__":
    main(POLICY)
