#!/usr/bin/env python3
"""Every #include names its room; here stands which rooms may speak to which.

Four walls: room to room, the headers that leave a room, the order inside
gateway/, and the files that may touch a foreign library.
"""
import fnmatch
import pathlib
import re

import tree

MAY = {                                   # room: rooms it may include
    "base":    set(),
    "http":    {"base"},
    "policy":  {"base"},
    "certgen": {"base"},
    "audit":   {"base"},
    "capture": {"base"},
    "ship":    {"base", "policy", "audit"},
    "gateway": {"base", "http", "policy", "certgen", "audit"},
    "web":     {"base", "http", "policy", "audit"},
    "cli":     {"base", "http", "policy", "certgen", "audit", "gateway",
                "capture"},
    "tests":   set(tree.ROOMS),
}

DOORS = {                                 # these headers leave their room
    "certgen": {"certgen/certgen.h", "certgen/bundle.h", "certgen/facts.h",
                "certgen/truststore.h"},
    "audit":   {"audit/audit.h", "audit/query.h", "audit/record.h",
                "audit/sql.h", "audit/outbox.h", "audit/verify.h",
                "audit/request.h", "audit/offline.h", "audit/copy.h"},
    "policy":  {"policy/policy.h", "policy/load.h", "policy/near.h",
                "policy/diff.h", "policy/import.h", "policy/fmt.h", "policy/idn.h", "policy/fold.h", "policy/lint.h",
                "policy/name.h", "policy/units.h"},
    "gateway": {"gateway/control.h", "gateway/stats.h",
                "gateway/portal.h"},
    "capture": {"capture/capture.h"},
    "ship":    set(),
}

# gateway/: a file may include what stands on its own line or further down:
# the processes, then the way that a request walks, then what all stand on.
WALK = (
    "main parent parent_run crew desk approve",
    "member grants questions",
    "worker",
    "listen",
    "conn conn_impl opening",
    "dnsd",
    "hello socks",
    "exchange exchange_impl permit answer",
    "judge",
    "origin origin_impl dial",
    "candidates",
    "uplink",
    "upstream",
    "leaf",
    "link",
    "wire",
    "tls tls_ctx tls_impl",
    "address",
    "resolve",
    "guard names dns",
    "tell",
    "gate",
    "sandbox rules_fd",
    "stats",
    "refusal",
    "portal",
    "medium",
    "inject secrets secrets_impl",
    "control limits login orders quota writers",
)

FOREIGN = {                               # library header: its files
    r"llhttp\.h$":         ["http/h1*.[ch]"],
    r"nghttp2/":           ["http/h2*.[ch]"],
    r"yaml\.h$":           ["policy/doc*.[ch]"],
    r"idn2\.h$":           ["policy/idn.c"],
    r"libpsl\.h$":         ["policy/suffix.c"],
    r"openssl/":           ["certgen/*", "gateway/tls*.[ch]", "audit/chain*.[ch]"],
    r"ares(_\w+)?\.h$":    ["gateway/resolve.c"],
    r"editline/":           ["cli/sql.c"],
    r"sqlite3\.h$":        ["audit/*"],
    r"curl/":              ["ship/sink_http.c"],
    r"libpq-fe\.h$":       ["ship/sink_pg.c"],
    r"zlib\.h$":           ["ship/pack.c", "audit/copy*.[ch]"],
    r"lib(nftnl|mnl)/":    ["capture/*"],
    r"sys/epoll\.h$":      ["base/loop.c"],
    r"linux/(seccomp|landlock|filter|audit)\.h$":
                           ["base/jail*.c", "cli/sandbox_filter.c"],
}

PURE = {"http", "policy"}                 # bytes in, answers out
IMPURE = re.compile(r"(sys/(socket|stat|mman|timerfd|wait|uio)|netdb|"
                    r"netinet/\w+|unistd|fcntl|time|signal|poll)\.h$")
NOT_PURE = {"base/clock.h", "base/file.h"}
PURE_EXCEPT = {                           # read files, ask npm where it is
    "policy/load.c", "policy/load_file.c", "policy/doc.c", "policy/probe.c"}

INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)')


def rank(name):
    stem = pathlib.PurePosixPath(name).stem
    for i, line in enumerate(WALK):
        if stem in line.split():
            return i
    return None


def walk_fault(name, inc):
    here, there = rank(name), rank(inc)
    for which, where in ((name, here), (inc, there)):
        if where is None:
            return f"{which} has no place in the walk (tests/lint/rooms.py)"
    if there < here:
        return f"{inc} comes before {name} in the walk"
    return None


def local_fault(name, room, inc):
    there = inc.split("/")[0]
    beside = (tree.ROOT / name).parent / inc
    if room == "tests" and "/" not in inc and beside.is_file():
        return None                       # what the tests of a room share
    if "/" not in inc or there not in MAY:
        return f'"{inc}" does not name its room'
    if not (tree.ROOT / inc).is_file():
        return f'"{inc}" does not exist'
    if inc in NOT_PURE and room in PURE and name not in PURE_EXCEPT:
        return f"{room}/ is pure and may not use {inc}"
    if there != room and there not in MAY[room]:
        return f"{room}/ may not include {there}/"
    if room == there == "gateway":
        return walk_fault(name, inc)
    if room not in (there, "tests") and inc not in DOORS.get(there, {inc}):
        return f'"{inc}" is private to {there}/'
    return None


def foreign_fault(name, room, inc):
    if room == "tests":
        return None
    if room in PURE and name not in PURE_EXCEPT and IMPURE.search(inc):
        return f"{room}/ is pure and may not use <{inc}>"
    for library, users in FOREIGN.items():
        if (re.match(library, inc)
                and not any(fnmatch.fnmatch(name, user) for user in users)):
            return f"<{inc}> belongs in {', '.join(users)}"
    return None


def check():
    for name in tree.sources():
        room = name.split("/")[0]
        for line, text in enumerate(tree.read(name).splitlines(), 1):
            match = INCLUDE.match(text)
            if not match:
                continue
            fault = (local_fault(name, room, match[2]) if match[1] == '"'
                     else foreign_fault(name, room, match[2]))
            if fault:
                yield name, line, fault


if __name__ == "__main__":
    tree.main(check, "rooms")
