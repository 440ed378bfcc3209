"""How a client of each kind reaches the world, and what it sends there.

Used by escape_attempts.py, inside a sandbox: the standard library only, but
for HTTP/2. A Gate belongs to one attempt and bears its mark, by which what
arrives outside is known again.
"""
import base64
import errno
import ipaddress
import itertools
import os
import select
import socket
import ssl
import struct
import time

from client import Wire

WAIT_S = 4                                # for an answer
LINGER_S = 0.12                           # for a second one
DROPPED_S = 0.6                           # without one: dropped
TO4, TO6 = "11.0.0.3", "2600:11::3"       # what may be reached, by its names
TRAP = "11.0.0.4"                         # where no rule leads
GOOD = "good.test"
HOP_MAC = "020000000001"                  # of the host's end of each device

# dns: whom the kind asks. hop: the host's address there. near: a neighbour's.
GATES = {
    "free": {"dns": "11.0.0.53", "hop": "10.6.0.1", "hop6": "fd00:6::1",
             "near": "10.6.0.3", "device": "eth0"},
    "run": {"dns": "192.0.2.1", "hop": "192.0.2.1", "hop6": "2001:db8::1",
            "near": "192.0.2.3", "device": "lo"},
    "appliance": {"dns": "10.7.0.1", "hop": "10.7.0.1", "hop6": "fd00:7::1",
                  "near": "10.7.0.3", "device": "eth0"},
    "attach": {"dns": "8.8.8.8", "hop": "10.8.0.1", "hop6": "fd00:8::1",
               "near": "10.8.0.3", "device": "eth0"},
    "explicit": {"dns": "10.9.0.1", "hop": "10.9.0.1", "hop6": "fd00:9::1",
                 "near": "10.9.0.3", "device": "eth0",
                 "proxy": ("10.9.0.1", 3128)},
}


class Refused(Exception):
    """An attempt has come to an end; its text says how."""


def word(error):
    """An error in a word or two."""
    if isinstance(error, TimeoutError):
        return "dropped"
    if isinstance(error, ssl.SSLEOFError):
        return "closed"
    if isinstance(error, ssl.SSLError):
        return "TLS alert"
    if isinstance(error, ConnectionResetError):
        return "reset"
    return errno.errorcode.get(getattr(error, "errno", None),
                               type(error).__name__)


def any_peer(*alpn):
    """Who answers is not the question; and no store is loaded, which takes
    longer than all the rest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    return context


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_address(host):
    try:
        ipaddress.ip_address(host.partition("%")[0])
        return True
    except ValueError:
        return False


def question(name, kind=1):
    return (struct.pack("!6H", 0x5053, 0x100, 1, 0, 0, 0)
            + b"".join(bytes([len(w)]) + w.encode("latin-1")
                       for w in name.split("."))
            + struct.pack("!xHH", kind, 1))


def rcode(answer):
    return {0: "no data", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN",
            4: "NOTIMP", 5: "REFUSED"}.get(answer[3] & 15, "an answer")


class Gate:
    def __init__(self, kind, number):
        self.kind = kind
        self.mark = f"leak-{kind}-{number:03}"
        # Of what may arrive; but where nobody captures, all shall.
        self.fine = self.mark.replace("leak", "fine") if kind != "free" \
            else self.mark
        self.turns = itertools.count()
        self.proxy = GATES[kind].get("proxy")
        for name in ("dns", "hop", "hop6", "near", "device"):
            setattr(self, name, GATES[kind][name])
        self.near6 = self.hop6[:-1] + "3"

    # -- connections ------------------------------------------------------

    def tcp(self, address, port, wait_s=WAIT_S):
        sock = socket.socket(family(address), socket.SOCK_STREAM)
        sock.settimeout(wait_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect((address, port))
        except OSError as error:
            sock.close()
            raise Refused(word(error)) from error
        return sock

    def resolve(self, name):
        if is_address(name):
            return name
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.sendto(question(name), (self.dns, 53))
            try:
                answer = sock.recv(2000)
            except OSError as error:
                raise Refused(word(error)) from error
        if answer[3] & 15 or not answer[7]:
            raise Refused(rcode(answer))
        return socket.inet_ntoa(answer[-4:] if self.kind == "free" or
                                not answer[11] else
                                self.first_a(answer))

    @staticmethod
    def first_a(answer):
        at = answer.index(b"\xc0\x0c\0\1\0\1")
        return answer[at + 12:at + 16]

    def connect(self, target, name="", password=""):
        """A connection after CONNECT at the proxy."""
        sock = self.tcp(*self.proxy)
        more = ""
        if name:
            login = base64.b64encode(f"{name}:{password}".encode()).decode()
            more = f"Proxy-Authorization: Basic {login}\r\n"
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{more}"
                     "\r\n".encode("latin-1"))
        head = b""
        try:
            while b"\r\n\r\n" not in head:
                piece = sock.recv(1)
                if not piece:
                    raise Refused("closed")
                head += piece
        except OSError as error:
            raise Refused(word(error)) from error
        status = head.split()[1].decode()
        if status != "200":
            sock.close()
            raise Refused(status)
        return sock

    def socks(self, host, port):
        """A connection after SOCKS5 at the proxy, by name."""
        sock = self.tcp(*self.proxy)
        sock.sendall(b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(host)])
                     + host.encode() + port.to_bytes(2, "big"))
        got = b""
        while len(got) < 12:
            piece = sock.recv(12 - len(got))
            if not piece:
                break
            got += piece
        if got[3:4] != b"\0":
            sock.close()
            raise Refused(f"SOCKS {got[3]}" if len(got) > 3 else "closed")
        return sock

    def dial(self, name, port=443):
        """As a client of the kind goes to a host."""
        if self.proxy:
            return self.connect(f"[{name}]:{port}" if ":" in name
                                else f"{name}:{port}")
        return self.tcp(self.resolve(name), port)

    def doors(self, port=443, name=None):
        """Ways in that stand open: what comes behind them is judged. name: of
        the TLS that follows."""
        if self.proxy:
            return [lambda: self.connect(f"{name or GOOD}:{port}"),
                    lambda: self.tcp(*self.proxy),
                    *([lambda: self.socks(GOOD, port)]
                      if name in (None, GOOD) else [])]
        if self.kind == "free":
            return [lambda: self.tcp(TO4, port)]
        return [lambda: self.tcp(TO4, port), lambda: self.tcp(TO6, port),
                lambda: self.dial(GOOD, port)]

    def door(self, port=443, name=None):
        """One of them, in turn."""
        doors = self.doors(port, name)
        return doors[next(self.turns) % len(doors)]

    def tls(self, sock, name, alpn="http/1.1"):
        context = any_peer(alpn)
        try:
            sock.settimeout(WAIT_S)
            return context.wrap_socket(sock, server_hostname=name)
        except OSError as error:
            sock.close()
            raise Refused(word(error)) from error

    # -- what is sent ------------------------------------------------------

    def say(self, sock, octets, answers=1):
        """What these octets get: statuses, or how it ended."""
        wire = Wire(None, tls=False, sock=sock)
        got = []
        try:
            wire.send(octets)
            sock.settimeout(WAIT_S)
            while answer := wire.answer():
                got.append(str(answer.status))
                if len(got) >= answers:
                    sock.settimeout(LINGER_S)
        except (OSError, ValueError, IndexError) as error:
            if not got:
                got = [word(error)]
        finally:
            wire.close()
        return " ".join(got) or "closed"

    def request(self, path="/", host=GOOD, more="", method="GET"):
        return (f"{method} {path} HTTP/1.1\r\n"
                + (f"Host: {host}\r\n" if host is not None else "")
                + f"{more}\r\n")

    def marked(self, host=GOOD, more="", method="GET"):
        return self.request(f"/{self.mark}", host, more, method)

    def through(self, octets, name=GOOD, port=443, answers=1, every=False):
        """These octets behind an open door, or every one; with TLS for name,
        if any."""
        for door in self.doors(port, name) if every \
                else [self.door(port, name)]:
            try:
                sock = door()
                if name:
                    sock = self.tls(sock, name)
                yield self.say(sock, octets, answers)
            except Refused as end:
                yield str(end)

    def by_name(self, name, octets, port=443):
        """The same on the way that a client takes to that name."""
        try:
            sock = self.dial(name, port)
            if port == 443:
                sock = self.tls(sock, name)
            return self.say(sock, octets)
        except Refused as end:
            return str(end)

    def flight(self, octets):
        """What a first flight gets behind every open door."""
        for door in self.doors():
            try:
                with door() as sock:
                    sock.sendall(octets)
                    got = sock.recv(5)
                    yield {b"": "closed", b"\x15": "TLS alert",
                           b"\x16": "handshake"}.get(got[:1], "an answer")
            except (OSError, Refused) as end:
                yield str(end) if isinstance(end, Refused) else word(end)

    # -- what asks for no answer -------------------------------------------

    def knock(self, targets, octets=None, setup=None):
        """Connect to all of (address, port), say the mark to those that let
        us, and tell what becomes of each."""
        octets = octets or self.marked(TO4).encode()
        waiting = {}
        for target in targets:
            sock = socket.socket(family(target[0]), socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                if setup:
                    setup(sock)
                sock.connect(target)
            except BlockingIOError:
                pass
            except OSError as error:
                yield word(error)
                sock.close()
                continue
            waiting[sock] = octets
        end = time.monotonic() + WAIT_S
        soon = time.monotonic() + DROPPED_S * 2
        while waiting and time.monotonic() < (end if None in
                                              waiting.values() else soon):
            yield from self.turn(waiting)
        for sock, left in waiting.items():
            yield "dropped" if left else "no answer"
            sock.close()

    @staticmethod
    def turn(waiting):
        """One round of all that can be written or read."""
        able = select.select([s for s in waiting if waiting[s] is None],
                             [s for s in waiting if waiting[s]], [], 0.1)
        for sock in able[0] + able[1]:
            try:
                if waiting[sock]:
                    sock.send(waiting[sock])
                    waiting[sock] = None
                    continue
                got = sock.recv(200)
                words = got.split()
                end = "closed" if not got else words[1].decode() \
                    if got.startswith(b"HTTP/1") else "an answer"
            except OSError as error:
                end = word(error)
            del waiting[sock]
            sock.close()
            yield end

    def datagrams(self, targets, octets=None, setup=None):
        """Send to all of (address, port); what becomes of each."""
        octets = octets or self.mark.encode()
        socks = []
        for target in targets:
            sock = socket.socket(family(target[0]), socket.SOCK_DGRAM)
            try:
                if setup:
                    setup(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sock.connect(target)
                sock.send(octets)
                socks.append(sock)
            except OSError as error:
                yield word(error)
        time.sleep(DROPPED_S)
        for sock in socks:
            sock.setblocking(False)
            try:
                yield rcode(sock.recv(2000).ljust(12))
            except BlockingIOError:
                yield "dropped"
            except OSError as error:
                yield word(error)
            sock.close()

    def raw(self, address, protocol, octets, header=False):
        """A packet of a protocol, its header ours or the kernel's."""
        try:
            with socket.socket(family(address), socket.SOCK_RAW,
                               socket.IPPROTO_RAW if header
                               else protocol) as sock:
                sock.sendto(octets, (address, 0))
            return "dropped"
        except OSError as error:
            return word(error)

    def frame(self, octets, ethertype=0x0800, mac=HOP_MAC):
        """A frame, past all of IP."""
        try:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
                sock.bind((self.device, 0))
                sock.send(bytes.fromhex(mac) + bytes.fromhex("020000000002")
                          + struct.pack("!H", ethertype) + octets)
            return "dropped"
        except OSError as error:
            return word(error)

    def own(self, version=4):
        """The address of ours that a packet to the world bears."""
        to = TO4 if version == 4 else TO6
        with socket.socket(family(to), socket.SOCK_DGRAM) as sock:
            try:
                sock.connect((to, 9))
                return sock.getsockname()[0]
            except OSError:
                return "10.255.255.1" if version == 4 else "fd00:ff::1"


# -- packets -------------------------------------------------------------------

def checksum(octets):
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, to, protocol, body, flags=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 7, flags, 64,
                       protocol, 0, socket.inet_aton(source),
                       socket.inet_aton(to))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def ipv6(source, to, protocol, body):
    return struct.pack("!IHBB16s16s", 0x60000000, len(body), protocol, 64,
                       socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, to)) + body


def summed(source, to, protocol, body, at):
    """The body with its checksum at this octet."""
    ends = b"".join(socket.inet_pton(family(a), a) for a in (source, to))
    total = checksum(ends + struct.pack("!II", len(body), protocol) + body)
    return body[:at] + struct.pack("!H", total) + body[at + 2:]


def udp(source, to, port, body):
    return summed(source, to, 17, struct.pack(
        "!HHHH", 40007, port, 8 + len(body), 0) + body, 6)


def syn(source, to, port, body=b""):
    return summed(source, to, 6, struct.pack(
        "!HHIIBBHHH", 40008, port, 1, 0, 0x50, 2, 1024, 0, 0) + body, 16)


def echo(version, body, source="::", to="::"):
    packet = struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 1, 1) \
        + body
    if version == 4:
        return packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
    return summed(source, to, 58, packet, 2)


# -- ClientHello -----------------------------------------------------------------

def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def server_names(*names):
    entries = b"".join(b"\0" + struct.pack("!H", len(n)) + n for n in names)
    return extension(0, struct.pack("!H", len(entries)) + entries)


def hello(mark, *more):
    """A ClientHello with these extensions, and the mark in one of its own."""
    extensions = b"".join(more) + b"".join((
        extension(10, bytes.fromhex("0004001d0017")),
        extension(13, bytes.fromhex("0006040308040401")),
        extension(43, bytes.fromhex("0403040303")),
        extension(51, bytes.fromhex("0024001d0020") + os.urandom(32)),
        extension(0xffa7, mark.encode())))
    body = (b"\x03\x03" + os.urandom(32) + b"\x20" + os.urandom(32)
            + bytes.fromhex("0006130113021303") + b"\x01\0"
            + struct.pack("!H", len(extensions)) + extensions)
    return record(b"\x01" + struct.pack("!I", len(body))[1:] + body)


def record(body):
    return b"\x16\x03\x01" + struct.pack("!H", len(body)) + body


class Cut:
    """A TLS client whose first flight goes out as cut(octets) says."""

    def __init__(self, sock, name, cut, alpn=("http/1.1",)):
        self.sock = sock
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = any_peer(*alpn)
        self.tls = context.wrap_bio(self.into, self.out, server_hostname=name)
        self.pieces = cut
        self.pump(self.tls.do_handshake)

    def pump(self, step):
        while True:
            try:
                got = step()
                self.flush()
                return got
            except ssl.SSLWantReadError:
                self.flush()
                octets = self.sock.recv(65536)
                if not octets:
                    raise Refused("closed") from None
                self.into.write(octets)

    def flush(self):
        octets = self.out.read()
        for piece in self.pieces(octets):
            self.sock.sendall(piece)
        self.pieces = lambda rest: [rest] if rest else []

    def ask(self, octets):
        self.pump(lambda: self.tls.write(octets.encode()))
        answer = self.pump(lambda: self.tls.read(200))
        return answer.split()[1].decode() if answer else "closed"
