"""A client that sends exactly the octets it is told to, inside a sandbox."""
import hashlib
import os
import socket
import ssl

TIMEOUT_S = 15


class Answer:
    def __init__(self, line, fields, body, whole, trailers=()):
        self.line = line
        self.status = int(line.split()[1])
        self.fields = fields
        self.body = body
        self.whole = whole                # did it end as its framing says?
        self.trailers = list(trailers)

    def get(self, name):
        for field, value in self.fields:
            if field.lower() == name:
                return value
        return None

    @property
    def sha256(self):
        return hashlib.sha256(self.body).hexdigest()


def trust():
    """The bundle that the sandbox is told to trust."""
    return ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])


class Wire:
    """One connection; send() octets, read answer()s."""

    def __init__(self, host, port=443, tls=True, name=None, alpn="http/1.1",
                 address=None, timeout_s=TIMEOUT_S, sock=None):
        self.sock = sock or socket.create_connection(
            (address or host, port), timeout=timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = trust()
            context.set_alpn_protocols([alpn] if alpn else [])
            self.sock = context.wrap_socket(self.sock,
                                            server_hostname=name or host)
        self.stream = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.sock.close()

    def send(self, octets):
        self.sock.sendall(octets if isinstance(octets, bytes)
                          else octets.encode("latin-1"))
        return self

    def get(self, path, host, more=""):
        return self.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")

    def line(self):
        return self.stream.readline().decode("latin-1").rstrip("\r\n")

    def fields(self):
        found = []
        while line := self.line():
            name, _, value = line.partition(":")
            found.append((name, value.strip()))
        return found

    def head(self):
        """The next status line and fields, interim ones too; None at the
        end of the connection."""
        line = self.line()
        return Answer(line, self.fields(), b"", False) if line else None

    def answer(self, method="GET"):
        """The next final answer, its body read; None at the end."""
        got = self.head()
        while got and 100 <= got.status < 200 and got.status != 101:
            got = self.head()
        if got:
            self.body(got, method)
        return got

    def body(self, got, method):
        length = got.get("content-length")
        if method == "HEAD" or got.status in (101, 204, 304):
            got.whole = True
        elif (got.get("transfer-encoding") or "").lower() == "chunked":
            self.chunks(got)
        elif length is not None:
            got.body = self.stream.read(int(length))
            got.whole = len(got.body) == int(length)
        else:
            self.until_close(got)

    def until_close(self, got):
        try:
            while piece := self.stream.read(65536):
                got.body += piece
            got.whole = True
        except OSError:
            got.whole = False

    def chunks(self, got):
        try:
            while size := int(self.line().split(";")[0] or "-1", 16):
                if size < 0:
                    return
                piece = self.stream.read(size)
                got.body += piece
                if len(piece) < size or self.line():
                    return
            got.trailers = self.fields()
            got.whole = True
        except (OSError, ValueError):
            got.whole = False

    def ended(self):
        """Has the other side closed? Waits for it."""
        try:
            return self.stream.read(1) == b""
        except OSError:
            return True


def fetch(host, path, more="", **options):
    """One request on a connection of its own."""
    with Wire(host, **options) as wire:
        return wire.get(path, host, more).answer()
