#!/usr/bin/env python3
"""clang-tidy with the tree's .clang-tidy, over every file of the build.

usage: tidy.py BUILD-DIR. Its checks grow with each version; 14 rules here.
"""
import sys

import compiled
import format as formatter
import tree

# Known to gcc and not to clang; they change no diagnostics of clang-tidy's.
GCC_ONLY = ("-ftrivial-auto-var-init=", "-fanalyzer")


def main():
    build = sys.argv[1]
    command = (formatter.tool("clang-tidy", formatter.VERSION)
               or formatter.skip("clang-tidy"))

    def argv(name, compile_argv):
        flags = [a for a in compile_argv[1:]
                 if a.startswith(("-I", "-D", "-std", "-isystem", "-W"))
                 and not a.startswith(GCC_ONLY)]
        after = iter(compile_argv)
        flags += [x for a in after if a == "-isystem"
                  for x in ("-isystem" + next(after),)]
        flags = [f for f in flags if f != "-isystem"]
        return [command, "--quiet", name, "--", *flags]

    compiled.main("tidy", build, argv, tree.read(".clang-tidy"))


if __name__ == "__main__":
    main()
