#!/usr/bin/env python3
"""Kill every process under load, hundreds of times, and count.

usage: tests/crash.py BUILD-DIR [--rounds N] [--seconds S]

Runs tests/e2e/crash_test.py for N rounds (300), at most S seconds (1800):
workers, the parent, audit, certgen, the supervisor, all at once; also within
commits, while a spool is being made, and while a worker is being replaced. The
load is HTTP/1 and HTTP/2, pipelines, uploads, tunnels and refused requests,
each with a name of its own. Prints rounds, kills by process, requests that the
origins saw, rows, lost and doubled. Exit status 1 when any is lost or doubled.
Needs what ./test.sh needs.
"""
import argparse
import os
import pathlib
import sys

TEST = pathlib.Path(__file__).resolve().parent / "e2e" / "crash_test.py"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=1800)
    args = parser.parse_args()
    os.execv(sys.executable, [
        sys.executable, str(TEST), str(args.build.resolve()), "--rounds",
        str(args.rounds), "--seconds", str(args.seconds)])


if __name__ == "__main__":
    main()
