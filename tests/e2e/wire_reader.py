"""Read what reached an origin as a row of requests, with no mercy: what two
readers could see in two ways is an AssertionError."""
import re

FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+): ([\t -\xff]*)")
FIRST = re.compile(rb"([A-Z]+) ([!-~]+) HTTP/1\.1")
NO_TRAILERS = {"host", "content-length", "transfer-encoding"}
# To servers that read "_" as "-".
TWINS = {"content_length", "transfer_encoding"}


class Head:
    def __init__(self, octets):
        first, *lines = octets.split(b"\r\n")
        self.octets = octets
        found = FIRST.fullmatch(first)
        assert found, first
        self.method, self.target = (w.decode() for w in found.groups())
        self.fields = {}
        for line in lines:
            name, value = field(line)
            assert name not in self.fields or name not in (
                "host", "content-length", "transfer-encoding"), lines
            self.fields[name] = value
        assert "host" in self.fields, lines
        assert not {"content-length", "transfer-encoding"} \
            <= set(self.fields), lines


def field(line):
    found = FIELD.fullmatch(line)
    assert found and found[1].decode() not in TWINS, line
    return found[1].decode(), found[2].decode("latin-1")


def behind_chunks(octets):
    """What stands behind a chunked body; None when it is cut."""
    while True:
        size, mark, octets = octets.partition(b"\r\n")
        if not mark:
            return None
        assert re.fullmatch(rb"[0-9a-f]+", size), size
        if int(size, 16) == 0:
            break
        piece = octets[:int(size, 16) + 2]
        if len(piece) < int(size, 16) + 2:
            return None
        assert piece.endswith(b"\r\n"), piece
        octets = octets[len(piece):]
    while True:
        line, mark, octets = octets.partition(b"\r\n")
        if not mark:
            return None
        if not line:
            return octets
        assert field(line)[0] not in NO_TRAILERS, line


def heads(octets):
    """The heads of all requests on one connection."""
    while octets:
        head, mark, octets = octets.partition(b"\r\n\r\n")
        assert mark, head
        head = Head(head)
        yield head
        if "transfer-encoding" in head.fields:
            octets = behind_chunks(octets)
            continue
        length = int(head.fields.get("content-length", 0))
        octets = octets[length:] if len(octets) >= length else None
