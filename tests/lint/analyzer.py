#!/usr/bin/env python3
"""gcc -O2 -fanalyzer over every file of the build; a warning is a fault.

usage: analyzer.py BUILD-DIR. What is disabled has its reason beside it.
"""
import subprocess
import sys

import compiled

# The sanitizers' calls hide the paths that the analyzer follows.
DROPPED = ("-fsanitize", "-fno-sanitize", "-M", "-o", "-c")

OPTIONS = [
    "-O2", "-fanalyzer", "-Werror",
    # gcc 12 says "use of uninitialized value" of arrays and structs that a
    # callee fills through a pointer it cannot see into (bug 104940 and kin).
    "-Wno-analyzer-use-of-uninitialized-value",
]


def version():
    return subprocess.run(["gcc", "--version"], check=True,
                          stdout=subprocess.PIPE).stdout.decode()


def main():
    def argv(name, compile_argv):
        flags = [a for a in compile_argv[1:]
                 if a.startswith(("-I", "-D", "-std", "-isystem", "-f", "-W"))
                 and not a.startswith(DROPPED)
                 and not a.startswith("-DPENSTOCK_SANITIZE")]
        return ["gcc", *flags, *OPTIONS, "-c", name, "-o", "/dev/null"]

    compiled.main("analyzer", sys.argv[1], argv, version())


if __name__ == "__main__":
    main()
