#!/usr/bin/env python3
"""Try the ways round the gate, from inside each kind of sandbox.

usage: tests/escape.py BUILD-DIR [--write]

Runs the end-to-end tests that make the attempts, kind by kind, and prints what
each came to. An attempt that gets through is a failure and exits 1. --write
puts the table into docs/escapes.md. Needs root; a minute or two.
"""
import pathlib
import subprocess
import sys

import run

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "escapes.md"

KINDS = (
    ("`penstock run`: the command's own namespace",
     ("escape", "sandbox")),
    ("appliance: captured by source or interface", ("appliance",)),
    ("attach: the namespace of a running container", ("attach",)),
    ("explicit proxy", ("proxy",)),
    ("names and readings, in every kind",
     ("authority", "dns", "smuggling", "upstream")),
    ("the gateway dead, full or flooded", ("crash", "full", "flood")),
)

HEAD = """# Ways round the gate

What was tried from inside each kind of sandbox, against namespaces with an
origin outside that records what arrives there. `held` means that the attempt
led nowhere, or only to where the policy lets it, and that the ledger says so.
Made by `tests/escape.py BUILD-DIR --write`; the attempts are in `tests/e2e/`.
"""


def attempts(build, name):
    """(what, result) of each attempt of one script."""
    script = ROOT / "tests" / "e2e" / f"{name}_test.py"
    program = run.Program(name, [run.PYTHON, script, build], 300, tap=True)
    status, output = run.run(program)
    lines = run.LINE.findall(output)
    for result, what in lines:
        if run.SKIP.search(what):
            yield run.SKIP.sub("", what).strip(), "not tried here"
        else:
            yield what, "held" if result == "ok" else "**failed**"
    if status != 0 and all(result == "ok" for result, _ in lines):
        yield f"{name}_test.py", "**failed**"


def main():
    words = [word for word in sys.argv[1:] if word != "--write"]
    if len(words) != 1:
        sys.exit(__doc__.split("\n\n")[1])
    text, failed = [HEAD], 0
    for kind, names in KINDS:
        text.append(f"\n## {kind}\n\n| attempt | result |\n|---|---|\n")
        for name in names:
            for what, result in attempts(pathlib.Path(words[0]).resolve(),
                                         name):
                failed += result == "**failed**"
                text.append(f"| {what.replace('|', '/')} | {result} |\n")
                print(f"{result:16} {what}", flush=True)
    if "--write" in sys.argv and not failed:
        TABLE.write_text("".join(text))
    print(f"{failed} got through or failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
