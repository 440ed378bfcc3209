#!/usr/bin/env python3
"""Every rule of a profile has its reason, and docs/profiles.md tells them.

usage: profiles.py [--write]     (writes docs/profiles.md anew)
"""
import re
import sys

import tree

PAGE = "docs/profiles.md"
HEAD = """# Profiles

The policies that come with Penstock, each rule with its reason. They are used like policies of one's own: `use: [claude,
npm]` in a policy, `policy: claude` with a sandbox, `penstock run --policy github`. `penstock policy show NAME` prints one
as it stands.

A placeholder such as `{npm.registry}` becomes one rule for each address that the tool on the gateway's machine is
configured to use; with none, the policy is refused and the message says what to set.
[rules.md](rules.md#profiles) tells where each is looked for.

This page is written by `tests/lint/profiles.py --write`.
"""


def parse(name):
    """What it is for, its groups of (reason, rules), and its faults."""
    what, groups, faults, reason = [], [], [], []
    fresh = False
    inside = False
    for line, text in enumerate(tree.read(name).splitlines(), 1):
        comment = re.match(r"\s*#\s?(.*)", text)
        rule = re.match(r"\s+- (.+)", text)
        if comment and not inside:
            what.append(comment[1])
        elif comment:
            reason = reason + [comment[1]] if fresh else [comment[1]]
            fresh = True
        elif rule:
            if fresh:
                groups.append((" ".join(reason), []))
            if not groups:
                faults.append((name, line, "a rule without a reason above"))
                continue
            groups[-1][1].append(rule[1])
            fresh = False
        else:
            inside, fresh, reason = True, False, []
    if not what:
        faults.append((name, 1, "a profile says first what it is for"))
    return " ".join(what), groups, faults


def pages():
    """The text of the page, and what is wrong with the profiles."""
    out, faults = [HEAD], []
    for name in tree.files(".yaml", under=("policy",)):
        what, groups, bad = parse(name)
        faults += bad
        out.append(f"\n## {name.split('/')[-1][:-5]}\n\n{what}\n\n"
                   "| rules | why |\n|---|---|\n")
        for reason, rules in groups:
            cells = "<br>".join(f"`{rule}`" for rule in rules)
            out.append(f"| {cells} | {reason} |\n")
    return "".join(out), faults


def check():
    text, faults = pages()
    yield from faults
    if not (tree.ROOT / PAGE).is_file() or tree.read(PAGE) != text:
        yield PAGE, 1, "not what the profiles say: profiles.py --write"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        (tree.ROOT / PAGE).write_text(pages()[0], encoding="utf-8")
    tree.main(check, "profiles")
