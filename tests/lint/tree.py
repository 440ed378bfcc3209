"""What the lints share: the files of the tree, and how offenders are shown."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("base", "http", "policy", "certgen", "audit", "gateway", "capture",
         "cli", "web", "ship")


def files(*suffixes, under=None):
    """Tracked and new files that git does not ignore, as paths from ROOT."""
    out = subprocess.run(
        ["git", "-C", ROOT, "-c", "safe.directory=*", "ls-files", "-co",
         "--exclude-standard", "-z"],
        check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    for name in sorted(set(out)):
        path = pathlib.PurePosixPath(name)
        if (name and (not suffixes or path.suffix in suffixes)
                and (under is None or path.parts[0] in under)
                and (ROOT / name).is_file()):
            yield name


def sources(*suffixes):
    """C of the rooms and of the tests."""
    return files(*(suffixes or (".c", ".h")), under=ROOMS + ("tests",))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="strict")


def report(faults, what):
    """faults: (file, line, text). Prints them; the exit status of the lint."""
    count = 0
    for name, line, text in faults:
        print(f"{name}:{line}: {text}")
        count += 1
    print(f"{what}: {count} fault{'' if count == 1 else 's'}")
    return 1 if count else 0


def main(check, what):
    sys.exit(report(check(), what))
