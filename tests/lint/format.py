#!/usr/bin/env python3
"""clang-format has the last word on every .c and .h.

Versions of it differ in small things; 14 is the one that rules here, and
elsewhere the check is skipped rather than argued with.
"""
import re
import shutil
import subprocess
import sys

import tree

VERSION = 14
SKIPPED = 77


def tool(name, version):
    """The command of that version, or None."""
    for command in (f"{name}-{version}", name):
        if not shutil.which(command):
            continue
        out = subprocess.run([command, "--version"], check=False,
                             stdout=subprocess.PIPE).stdout.decode()
        found = re.search(r"(?:version|\)) (\d+)\.", out)
        if found and int(found[1]) == version:
            return command
    return None


def skip(name):
    print(f"skipped: {name} {VERSION} is not here, others judge differently")
    sys.exit(SKIPPED)


def main():
    command = tool("clang-format", VERSION) or skip("clang-format")
    names = list(tree.sources())
    bad = subprocess.run(
        [command, "--dry-run", "--Werror", "--ferror-limit=1", *names],
        cwd=tree.ROOT, check=False).returncode
    print(f"format: {len(names)} files, "
          f"{'in order' if bad == 0 else 'run clang-format -i'}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
