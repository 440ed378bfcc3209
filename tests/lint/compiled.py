"""Run a slow checker over each file of the build, remembering what passed.

What passed is remembered by the hash of all that the answer depends on: the
checker's command and version, its settings, the file and, transitively, every
header of ours that it includes. So a second run checks only what changed.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import tree

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)


def commands(build):
    """(file, argv) of each file of the rooms in compile_commands.json."""
    seen = set()
    with open(pathlib.Path(build) / "compile_commands.json") as f:
        for entry in json.load(f):
            path = pathlib.Path(entry["directory"], entry["file"]).resolve()
            if not path.is_relative_to(tree.ROOT):
                continue
            name = path.relative_to(tree.ROOT).as_posix()
            if name.split("/")[0] in tree.ROOMS and name.endswith(".c"):
                if name not in seen:
                    seen.add(name)
                    yield name, shlex.split(entry["command"])


def flags(argv, wanted, dropped=()):
    """Those flags of a compile command that begin with a wanted word."""
    found, words = [], iter(argv[1:])
    for word in words:
        if word == "-isystem":
            word += next(words)
        if word.startswith(wanted) and not word.startswith(tuple(dropped)):
            found.append(word)
    return found


def closure(name, seen=None):
    """name and the headers of ours that it includes, transitively."""
    seen = set() if seen is None else seen
    if name not in seen and (tree.ROOT / name).is_file():
        seen.add(name)
        for inc in INCLUDE.findall(tree.read(name)):
            closure(inc, seen)
    return sorted(seen)


def digest(name, argv, extra):
    h = hashlib.sha256("\0".join([*argv, extra]).encode())
    for part in closure(name):
        h.update(part.encode() + b"\0" + tree.read(part).encode() + b"\0")
    return h.hexdigest()


def check_one(cache, name, argv, extra):
    """The checker's complaint, or None."""
    mark = cache / digest(name, argv, extra)
    if mark.exists():
        return None
    run = subprocess.run(argv, check=False, cwd=tree.ROOT,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode == 0:
        mark.touch()
        return None
    return run.stdout.decode(errors="replace").strip()


def main(what, build, argv_of, extra):
    """argv_of(name, argv): the checker's command. Never returns."""
    cache = pathlib.Path(build) / "lint-cache"
    cache.mkdir(exist_ok=True)
    work = [(n, argv_of(n, a)) for n, a in commands(build)]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [pool.submit(check_one, cache, n, a, extra) for n, a in work]
        for (name, _), task in zip(work, tasks):
            complaint = task.result()
            if complaint is not None:
                bad += 1
                print(f"--- {name}\n{complaint}", flush=True)
    print(f"{what}: {len(work)} files, {bad} with faults")
    sys.exit(1 if bad or not work else 0)
