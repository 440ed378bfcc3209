#!/usr/bin/env python3
"""How long is too long. The list of exceptions is empty and stays so.

A .c file over 500 lines is named but passes up to 800: the rule and its wall.
"""
import re

import ctext
import tree

FILE_RULE = 500
FILE_LIMIT = {".c": 800, ".h": 200}
RIG_LIMIT = 500                           # tests share code in headers
FUNCTION_LINES = 70
NESTING = 3
PARAMETERS = 6
COLUMNS = 80                              # the formatter leaves comments alone
COMMENT = re.compile(r"\s*(/\*|\*[ /]|\*$)")


def of_function(name, fn):
    if fn.lines > FUNCTION_LINES:
        yield (name, fn.line, f"{fn.name}() has {fn.lines} lines, "
               f"more than {FUNCTION_LINES}")
    if fn.parameters > PARAMETERS:
        yield (name, fn.line, f"{fn.name}() takes {fn.parameters} "
               f"parameters, more than {PARAMETERS}")
    if fn.nesting > NESTING:
        yield (name, fn.nesting_line, f"{fn.name}() nests {fn.nesting} "
               f"blocks, more than {NESTING}")


def of_file(name):
    text = tree.read(name)
    lines = text.count("\n")
    limit = FILE_LIMIT[name[name.rindex("."):]]
    if name.startswith("tests/") and name.endswith(".h"):
        limit = RIG_LIMIT
    if lines > limit:
        yield name, lines, f"{lines} lines, more than {limit}"
    elif lines > FILE_RULE and not name.startswith("tests/"):
        print(f"{name}: note: {lines} lines, {FILE_RULE} is the rule")
    for number, line in enumerate(text.split("\n"), 1):
        if COMMENT.match(line) and len(line.expandtabs(8)) > COLUMNS:
            yield name, number, f"a comment wider than {COLUMNS} columns"
    for fn in ctext.functions(text):
        yield from of_function(name, fn)


def check():
    for name in tree.sources():
        yield from of_file(name)


if __name__ == "__main__":
    tree.main(check, "size")
