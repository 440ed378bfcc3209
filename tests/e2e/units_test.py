#!/usr/bin/env python3
"""The units as they are installed and as systemd reads them: each program of
theirs is there, no fault, and little left open.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# Of 100: what systemd-analyze counts as exposed. `service` has no way to the
# world but IP; `capture` is root with one capability.
EXPOSED = {"penstock.service": 20, "penstock-capture.service": 30}


def analyze(*argv):
    run = subprocess.run(["systemd-analyze", *map(str, argv)], check=False,
                         text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    return run.returncode, run.stdout


def tell(what, good, output):
    print(f"{'ok' if good else 'not ok'} - {what}")
    for line in [] if good else output.splitlines():
        print(f"#   {line}")
    return good


def install(prefix, **env):
    subprocess.run(["cmake", "--install", sys.argv[1], "--prefix", prefix],
                   env=dict(os.environ, **env), check=True,
                   stdout=subprocess.DEVNULL)


def main():
    if not shutil.which("systemd-analyze"):
        print("skipped: there is no systemd-analyze")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="penstock-units.") as name:
        prefix = pathlib.Path(name)
        install(prefix)
        where = prefix / "lib/systemd/system"
        units = sorted(where.iterdir())
        status, out = analyze("verify", "--man=no", *units)
        ours = [line for line in out.splitlines() if "penstock" in line]
        good = tell("the units verify", status == 0 and not ours, out)
        # Whatever prefix it was configured with: Debian's zsh looks here.
        install("/usr", DESTDIR=name)
        zsh = prefix / "usr/share/zsh/vendor-completions/_penstock"
        good = tell("zsh finds its completion", zsh.exists(), str(zsh)) and good
        for unit, most in EXPOSED.items():
            status, out = analyze("security", "--offline=true",
                                  f"--threshold={most}", where / unit)
            last = out.splitlines()[-1] if out else ""
            if "unrecognized option" in out:
                print(f"skipped: {unit}: this systemd knows no --offline")
                continue
            good = tell(f"{unit}: at most {most / 10} of 10 exposed",
                        status == 0, last) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
