#!/usr/bin/env python3
"""Try every way round the gate, from inside every kind of sandbox.

usage: tests/escape.py BUILD-DIR [--only KIND] [--write]

KIND is run, appliance, attach or explicit. Prints how each attempt ended in
each kind and exits 1 when anything got through. --write puts the table into
docs/escapes.md, if nothing did. The attempts are those of
tests/e2e/escape_attempts.py; needs root, and two or three minutes.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import run

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "escapes.md"
SCRIPT = ROOT / "tests" / "e2e" / "escape_test.py"
KINDS = ("run", "appliance", "attach", "explicit")
CONTROL = "Control"

HEAD = """# Ways round the gate

Every attempt of `tests/e2e/escape_attempts.py`, from inside each kind of
sandbox, and how it ended there. Made by `tests/escape.py BUILD-DIR --write`;
the same runs in `./test.sh`.

What arrived is judged outside: all of TCP, at any address, ends at a catcher
that keeps every octet; a recorder keeps every packet that reaches the world,
another what leaves an attached namespace by its device; a service of the
gateway's host listens where nothing of a sandbox may come. Each attempt bears a
mark. First a client that nobody captures makes it, and the mark must arrive; in
a sandbox it may not, nor may a packet of the sandbox's own, a question for its
names, or a connection of the gateway's to an address that no rule allows. The
gateway's host forwards, and the world knows the way back.

| kind | what it is here |
|---|---|
| run | `penstock run`, the command in its jail |
| appliance | a machine of its own behind a gateway host, its user root |
| attach | a namespace with a device, captured by `penstock attach`; its user root with CAP_NET_RAW, without CAP_NET_ADMIN |
| explicit | a machine whose network lets it to the proxy's port and nowhere else |

**The explicit proxy alone holds nobody**: what the table calls dropped in its
column is dropped by the rules of that network, which are the operator's (see
[proxy](proxy.md)). The proxy holds what is sent to it.

A number is the status that the client got: 400 is no request, 403 no rule
allows it, 421 its names do not agree, 502 the name leads to where it may not,
503 it cannot be recorded. 200 is a request, or a part of the attempt, that is
allowed and went where the policy lets it. `200 403`: the first was answered,
the one hidden behind it was judged and refused. Several words are several
variants. What the command's jail holds in `run` (files, processes, the kernel's
own interfaces) is tried in `tests/e2e/jail_test.py`.
"""


def attempts(build, only):
    """The exit status, and [[group, what, {kind: end}, bad]]."""
    with tempfile.TemporaryDirectory() as where:
        results = pathlib.Path(where) / "results"
        argv = [run.PYTHON, str(SCRIPT), build, "--results", str(results)]
        if only:
            argv += ["--only", only]
        done = subprocess.run(argv, check=False, cwd=ROOT, env=run.ENV,
                              stdout=subprocess.PIPE, text=True)
        found = json.loads(results.read_text()) if results.exists() else []
    if done.returncode != 0:
        print(done.stdout)
    return done.returncode, found


def cell(text):
    return text.replace("|", "\\|")


def table(found, kinds):
    group = None
    for name, what, ends, bad in found:
        if name == CONTROL:
            continue
        if name != group:
            group = name
            yield f"\n## {group}\n\n| attempt | {' | '.join(kinds)} |\n" \
                f"|---|{'---|' * len(kinds)}\n"
        yield f"| {cell(what)} | " + " | ".join(
            cell(ends.get(kind, "")) for kind in kinds) + " |\n"
    yield "\n## The catcher\n\n| check | |\n|---|---|\n"
    for name, what, ends, bad in found:
        if name == CONTROL:
            yield f"| {cell(what)} | {', '.join(ends.values())} |\n"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("build")
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.write and args.only:
        parser.error("--write takes all kinds")
    kinds = [args.only] if args.only else KINDS
    status, found = attempts(args.build, args.only)
    order = [CONTROL, "Capture", "Names", "HTTP/1", "HTTP/2", "Paths"]
    found.sort(key=lambda row: order.index(row[0]) if row[0] in order
               else len(order))
    text = "".join(table(found, kinds))
    print(text)
    through = sum(bool(bad) for *_, bad in found)
    print(f"{len(found)} attempts and checks, {through} got through or failed")
    if args.write and status == 0:
        TABLE.write_text(HEAD + text)
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
