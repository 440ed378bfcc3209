#!/usr/bin/env python3
"""Everything at once for long: does anything grow, leak or get lost?

usage: tests/soak.py BUILD-DIR [--minutes N]

Runs tests/e2e/soak_test.py for N minutes (30): sandboxes come and go, each with
HTTP/1 and HTTP/2, pipelines, uploads, tunnels, refused requests, names and
certificates asked for once, and connections left in the middle; an operator
reloads, grants and queries. Prints requests, rows, lost, doubled, and the
private memory of each process early and late. Exit status 1 when anything is
lost or doubled, when a process ended, memory grew or a descriptor stayed open.
Needs what ./test.sh needs.
"""
import argparse
import os
import pathlib
import sys

TEST = pathlib.Path(__file__).resolve().parent / "e2e" / "soak_test.py"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--minutes", type=int, default=30)
    args = parser.parse_args()
    os.execv(sys.executable, [
        sys.executable, str(TEST), str(args.build.resolve()), "--seconds",
        str(60 * args.minutes)])


if __name__ == "__main__":
    main()
