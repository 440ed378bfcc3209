#!/usr/bin/env python3
"""gcc -O2 -fanalyzer over every file of the build; a warning is a fault.

usage: analyzer.py BUILD-DIR. What is disabled has its reason beside it. The
analyzer of each version of gcc sees other ghosts; 12 rules here.
"""
import subprocess
import sys

import compiled
import format as formatter

GCC = 12
WANTED = ("-I", "-D", "-std", "-isystem", "-f", "-W")
# The sanitizers' calls hide the paths that the analyzer follows.
DROPPED = ("-fsanitize", "-fno-sanitize", "-DPENSTOCK_SANITIZE")

OPTIONS = [
    "-O2", "-fanalyzer", "-Werror", "-fdiagnostics-path-format=none",
    # gcc 12 says "use of uninitialized value" of arrays and structs that a
    # callee fills through a pointer it cannot see into (bug 104940 and kin).
    "-Wno-analyzer-use-of-uninitialized-value",
    # It loses sight of what is put into a list or table that lives elsewhere;
    # LeakSanitizer holds this door in every test.
    "-Wno-analyzer-malloc-leak",
]


def version(command):
    return subprocess.run([command, "--version"], check=True,
                          stdout=subprocess.PIPE).stdout.decode()


def main():
    command = formatter.tool("gcc", GCC)
    if not command:
        print(f"skipped: gcc {GCC} is not here")
        sys.exit(formatter.SKIPPED)

    def argv(name, compile_argv):
        flags = compiled.flags(compile_argv, WANTED, DROPPED)
        return [command, *flags, *OPTIONS, "-c", name, "-o", "/dev/null"]

    compiled.main("analyzer", sys.argv[1], argv, version(command))


if __name__ == "__main__":
    main()
