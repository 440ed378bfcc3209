"""A machine behind the gateway tries one thing; prints what became of it.

usage: appliance_probe.py WHAT [ARGUMENT…]
"""
import errno
import socket
import struct
import sys
import time

QUESTION = struct.pack("!6H", 0x1234, 0x0100, 1, 0, 0, 0) \
    + b"\x02h1\x04test\0" + struct.pack("!2H", 1, 1)
SECONDS = 2


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(address, port):
    """How a connection ends: what is read from it, or the error."""
    try:
        s = socket.create_connection((address, int(port)), SECONDS)
        s.settimeout(SECONDS)
        s.sendall(b"GET /plain HTTP/1.1\r\nHost: h1.test\r\n"
                  b"Connection: close\r\n\r\n")
        got = s.recv(200)
        return got.split(b"\r\n")[0].decode() if got else "closed"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def babble(address, port):
    """What is no protocol that the gateway knows."""
    s = socket.create_connection((address, int(port)), SECONDS)
    s.settimeout(SECONDS)
    s.sendall(b"\xff\xfe what\r\n\r\n")
    try:
        return str(s.recv(100))
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def dns(address):
    """The address that answered, and the last of its octets."""
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.settimeout(SECONDS)
    s.sendto(QUESTION, (address, 53))
    answer, peer = s.recvfrom(512)
    return f"{peer[0]} {peer[1]} {socket.inet_ntoa(answer[-4:])}"


def dns_tcp(address):
    s = socket.create_connection((address, 53), SECONDS)
    s.sendall(struct.pack("!H", len(QUESTION)) + QUESTION)
    return socket.inet_ntoa(s.recv(512)[-4:])


def udp(address, port):
    """A datagram: the error that comes back, if one does."""
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.settimeout(SECONDS)
    s.connect((address, int(port)))
    try:
        s.send(b"x" * 1200)
        s.recv(10)
        return "answered"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def raw(address, protocol):
    """A packet of another protocol; an answer to it, or none."""
    s = socket.socket(family(address), socket.SOCK_RAW, int(protocol))
    s.settimeout(0.5)
    body = b"\x08\x00\xf7\xff\0\0\0\0" if protocol == "1" \
        else b"\x80\x00\0\0\0\0\0\0"
    try:
        s.sendto(body, (address, 0))
        while True:
            got, peer = s.recvfrom(2000)
            reply = got[20] == 0 if family(address) == socket.AF_INET \
                else got[0] == 129
            if peer[0] == address and reply:
                return "answered"
    except OSError as error:
        return errno.errorcode.get(error.errno, "timed out"
                                   if "timed out" in str(error)
                                   else str(error))


def bound(address, device):
    """A datagram and a connection by a device, whatever the routes say."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        s = socket.socket(family(address), kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                     device.encode())
        s.settimeout(0.5)
        try:
            s.connect((address, 443))
            s.send(b"leak")
        except OSError:
            pass


def frames(device):
    """Frames past all of IP: an IPv4 packet to everybody."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((device, 0))
    packet = bytes.fromhex("45000020000040004011000008080808"
                           "0b0000030035003500140000") + b"leak" * 2
    try:
        s.send(b"\xff" * 6 + b"\x02" + b"\0" * 5 + b"\x08\0" + packet)
        return "sent"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def loop(seconds):
    """Connections, datagrams and pings to the world, for so long."""
    end = time.monotonic() + float(seconds)
    tried = 0
    while time.monotonic() < end:
        for address in ("11.0.0.3", "2600:11::3"):
            for kind, port in ((socket.SOCK_STREAM, 443),
                               (socket.SOCK_STREAM, 22),
                               (socket.SOCK_DGRAM, 53),
                               (socket.SOCK_DGRAM, 443),
                               (socket.SOCK_DGRAM, 9)):
                s = socket.socket(family(address), kind)
                s.setblocking(False)
                s.connect_ex((address, port))
                if kind == socket.SOCK_DGRAM:
                    try:
                        s.send(b"leak")
                    except OSError:
                        pass
                s.close()
                tried += 1
        time.sleep(0.01)
    return str(tried)


print(globals()[sys.argv[1]](*sys.argv[2:]))
