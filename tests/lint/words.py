#!/usr/bin/env python3
"""Words that do not belong in the tree, each with its reason."""
import re

import tree

# (pattern, which files, why)
C = re.compile(r"\.[ch]$")
ROOM = re.compile(r"^(?!tests/).*\.[ch]$")
ANY = re.compile(r"")
CODE = re.compile(r"\.(c|h|py|sh|txt|cmake|yml|yaml|service|socket)$|^\.ci/")
REGISTRY = "|".join((
    r"registry\.[a-z0-9.-]*npm[a-z]*\.(org|com)", r"registry\.yarnpkg\.com",
    r"(files\.)?py" + r"thonhosted\.org", r"pypi\." + r"org",
    r"(static\.|index\.)?crates\.io", r"proxy\.golang\.org",
    r"ruby" + r"gems\.org", r"repo1?\.maven\.(apache\.)?org",
    r"deb\.debian\.org", r"security\.debian\.org"))
WORDS = (
    (r"[ \t]+$", ANY, "blanks at the end of the line"),
    (r"\b(TODO|FIXME|XXX)\b", CODE,
     "unfinished work belongs in an issue"),
    (r"llhttp_set_lenient", C, "a lenient parser is a smuggler's parser"),
    (r"\b(sprintf|vsprintf|strcpy|strcat|strncpy|strncat|gets|alloca|strtok|"
     r"atoi|atol)\s*\(", C, "has no bound or no error"),
    (r"\b(system|popen)\s*\(", ROOM, "runs a shell"),
    (REGISTRY, ANY, "a package registry is the operator's to name"),
    (r"(?<![\w.$}/])/(work|root|home/\w+)/", CODE,
     "a path of one machine"),
)
# These hold the words themselves; a licence is as it was given.
EXEMPT = {"tests/lint/words.py", "tests/lint/lints.py", "LICENSE"}
BINARY = re.compile(r"(^|/)(corpus|data)/|\.(png|ico|woff2?|bin|der|raw)$")


def check():
    rules = [(re.compile(p, re.M), files, why) for p, files, why in WORDS]
    for name in tree.files():
        if name in EXEMPT or BINARY.search(name):
            continue
        try:
            text = tree.read(name)
        except UnicodeDecodeError:
            yield name, 1, "neither text nor among the data of a test"
            continue
        if text and not text.endswith("\n"):
            yield name, text.count("\n") + 1, "no newline at the end"
        for pattern, which, why in rules:
            if not which.search(name):
                continue
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                yield name, line, f"{match[0].strip()!r}: {why}"


if __name__ == "__main__":
    tree.main(check, "words")
