"""C text without its comments, literals and preprocessor lines, so that
braces and parentheses can be counted. Every line keeps its number."""
import re

TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)


def _blank(match):
    lines = match[0].count("\n")
    return "\n" * lines if lines else ("0" if match[0][0] in "\"'" else " ")


def _newlines(match):
    return "\n" * match[0].count("\n")


def code(text):
    """text as code only. Of #if … #else … #endif the first branch stays."""
    text = TOKEN.sub(_blank, text)
    out, skip = [], []
    pos = 0
    for match in DIRECTIVE.finditer(text):
        piece = text[pos:match.start()]
        out.append("\n" * piece.count("\n") if any(skip) else piece)
        word = re.match(r"[ \t]*#[ \t]*(\w*)", match[0])[1]
        if word.startswith("if"):
            skip.append(False)
        elif word in ("else", "elif") and skip:
            skip[-1] = True
        elif word == "endif" and skip:
            skip.pop()
        out.append(_newlines(match))
        pos = match.end()
    out.append(text[pos:])
    return "".join(out)


HEAD = re.compile(r"([A-Za-z_]\w*)\s*\(")


class Function:
    """One definition: where it stands and what the size lint measures."""

    def __init__(self, name, line, end, parameters, nesting, nesting_line):
        self.name = name
        self.line = line
        self.lines = end - line + 1
        self.parameters = parameters
        self.nesting = nesting
        self.nesting_line = nesting_line


def _closing(text, start):
    """The index after the bracket that closes the one at start."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "({":
            depth += 1
        elif text[i] in ")}":
            depth -= 1
            if depth == 0:
                return i + 1
    return len(text)


def _parameters(text):
    """How many parameters stand between these parentheses."""
    inner = text[1:-1].strip()
    if inner in ("", "void"):
        return 0
    depth, count = 0, 1
    for c in inner:
        depth += (c in "([") - (c in ")]")
        count += c == "," and depth == 0
    return count


def _opens_block(text, brace):
    """Is the brace the begin of a block, rather than of an initializer?"""
    before = text[:brace].rstrip()
    if before.endswith(("=", ",", "(", "{", "[", "]", "return")):
        return before.endswith("{")
    if not before.endswith(")"):
        return True                       # else, do, a label, a statement
    depth = 0
    for i in range(len(before) - 1, -1, -1):
        depth += (before[i] == ")") - (before[i] == "(")
        if depth == 0:
            return bool(re.search(r"\w\s*$", before[:i]))
    return True                           # a compound literal has no word


def _nesting(body):
    """The deepest nesting of blocks in a body, and its line within it."""
    deepest, where, depth, stack = 0, 0, 0, []
    for i, c in enumerate(body):
        if c == "{":
            block = i > 0 and _opens_block(body, i)
            stack.append(block)
            depth += block
            if depth > deepest:
                deepest, where = depth, body.count("\n", 0, i)
        elif c == "}" and stack:
            depth -= stack.pop()
    return deepest, where


def functions(text):
    """Every function definition of a file."""
    text = code(text)
    pos = start = 0
    while pos < len(text):
        if text[pos] == ";":
            start = pos + 1
        elif text[pos] == "{":
            head, end = text[start:pos], _closing(text, pos)
            named = HEAD.search(head)
            is_function = (named and head.rstrip().endswith(")")
                           and "=" not in head[:named.start()])
            if is_function:
                yield _function(text, start, pos, end, named)
            pos = end - 1
            start = end
        pos += 1


def _function(text, start, brace, end, named):
    head = text[start:brace]
    blank = len(head) - len(head.lstrip())
    line = text.count("\n", 0, start + blank) + 1
    opening = start + named.end() - 1
    nesting, where = _nesting(text[brace:end])
    # A library says what its callbacks are given. What the body sets aside
    # with "(void)name;" is not among what the function works with.
    aside = len(re.findall(r"\(void\)\w+;", text[brace:end]))
    return Function(named[1], line, text.count("\n", 0, end - 1) + 1,
                    _parameters(text[opening:_closing(text, opening)])
                    - aside,
                    nesting, text.count("\n", 0, brace) + 1 + where)
