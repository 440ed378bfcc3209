"""HTTP/2 frame by frame, inside a sandbox: what a client library would never
send."""
import struct
import time

import hpack

from client import Wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = \
    0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HOST = "h2.test"


def frame(kind, flags, stream, body=b""):
    return (struct.pack("!I", len(body))[1:] + bytes([kind, flags])
            + struct.pack("!I", stream) + body)


def block(*fields):
    """A header block, literal and never indexed, whatever the fields are."""
    def text(value):
        raw = value.encode("latin-1")
        assert len(raw) < 127
        return bytes([len(raw)]) + raw

    return b"".join(b"\x10" + text(n) + text(v) for n, v in fields)


def get(path="/plain", host=HOST, method="GET"):
    return [(":method", method), (":scheme", "https"), (":authority", host),
            (":path", path)]


class H2:
    def __init__(self, host=HOST, settings=b"", port=443, wire=None):
        self.wire = wire or Wire(host, port, alpn="h2")
        self.decoder = hpack.Decoder()
        self.stream = -1
        self.wire.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def request(self, fields, body=None, more=b""):
        """Send one; its stream's number."""
        self.stream += 2
        flags = END_HEADERS | (END_STREAM if body is None else 0)
        octets = frame(HEADERS, flags, self.stream, block(*fields)) + more
        if body is not None:
            octets += frame(DATA, END_STREAM, self.stream, body)
        self.wire.send(octets)
        return self.stream

    def read(self):
        """(kind, flags, stream, body), or None at the end. Raises TimeoutError,
        as silence is no end."""
        try:
            head = self.wire.stream.read(9)
            if len(head) < 9:
                return None
            size = int.from_bytes(head[:3], "big")
            return (head[3], head[4], int.from_bytes(head[5:9], "big"),
                    self.wire.stream.read(size))
        except TimeoutError:
            raise
        except OSError:
            return None

    def outcome(self, stream):
        """A status, "reset" or "gone": what became of a stream."""
        while got := self.read():
            kind, _, which, body = got
            if kind == HEADERS and which == stream:
                fields = dict(self.decoder.decode(body))
                return int(fields[":status"])
            if kind == HEADERS:
                self.decoder.decode(body)
            elif kind == RST and which == stream:
                return "reset"
            elif kind == GOAWAY and struct.unpack("!I", body[:4])[0] < stream:
                return "gone"
        return "gone"

    def ended(self, within_s):
        """Does the other side end the connection by itself?"""
        self.wire.sock.settimeout(within_s)
        end = time.monotonic() + within_s
        try:
            while time.monotonic() < end:
                if self.read() is None:
                    return True
        except TimeoutError:
            pass
        return False
