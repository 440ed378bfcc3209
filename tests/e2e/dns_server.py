#!/usr/bin/env python3
"""A resolver whose zone is a JSON object: {name: [addresses]}.

usage: dns_server.py ADDRESS ZONE-FILE [TTL]

"*.x" answers for every name below x; an empty list never answers (a time-out)
and a missing name does not exist. A list of lists is one answer per question,
in turn: a name that moves. The file is read again for each question.
"""
import ipaddress
import json
import socket
import struct
import sys

A, AAAA = 1, 28


def name_of(packet):
    labels, pos = [], 12
    while packet[pos]:
        labels.append(packet[pos + 1:pos + 1 + packet[pos]].decode())
        pos += 1 + packet[pos]
    return ".".join(labels).lower(), pos + 1


def look_up(zone, name):
    while name not in zone and "." in name:
        parent = name.partition(".")[2]
        if "*." + parent in zone:
            return zone["*." + parent]
        name = parent
    return zone.get(name)


def answer(packet, zone, turns, ttl):
    name, end = name_of(packet)
    kind = struct.unpack("!H", packet[end:end + 2])[0]
    found = look_up(zone, name)
    if found == []:
        return None
    if found and isinstance(found[0], list):
        turns[name, kind] = turns.get((name, kind), -1) + 1
        found = found[min(turns[name, kind], len(found) - 1)]
    records = b""
    count = 0
    for text in found or []:
        address = ipaddress.ip_address(text)
        if kind == (A if address.version == 4 else AAAA):
            data = address.packed
            records += struct.pack("!HHHIH", 0xc00c, kind, 1, ttl,
                                   len(data))
            records += data
            count += 1
    rcode = 3 if found is None else 0
    return (packet[:2] + struct.pack("!HHHHH", 0x8580 | rcode, 1, count, 0, 0)
            + packet[12:end + 4] + records)


def main():
    address, path, ttl = (sys.argv[1:] + ["1"])[:3]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    turns = {}
    while True:
        packet, peer = sock.recvfrom(4096)
        try:
            with open(path, encoding="utf-8") as f:
                reply = answer(packet, json.load(f), turns, int(ttl))
        except (ValueError, IndexError, struct.error):
            continue
        if reply:
            sock.sendto(reply, peer)


if __name__ == "__main__":
    main()
