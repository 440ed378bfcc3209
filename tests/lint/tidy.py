#!/usr/bin/env python3
"""clang-tidy with the tree's .clang-tidy, over every file of the build.

usage: tidy.py BUILD-DIR. Its checks grow with each version; 14 rules here.
"""
import sys

import compiled
import format as formatter
import tree

WANTED = ("-I", "-D", "-std", "-isystem", "-W")


def main():
    build = sys.argv[1]
    command = (formatter.tool("clang-tidy", formatter.VERSION)
               or formatter.skip("clang-tidy"))

    def argv(name, compile_argv):
        flags = compiled.flags(compile_argv, WANTED)
        return [command, "--quiet", name, "--", *flags]

    compiled.main("tidy", build, argv, tree.read(".clang-tidy"))


if __name__ == "__main__":
    main()
