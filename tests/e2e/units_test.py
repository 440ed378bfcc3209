#!/usr/bin/env python3
"""The units, as systemd reads them: no fault, and little left open."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
UNITS = HERE.parent.parent / "systemd"
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


def main():
    if not shutil.which("systemd-analyze"):
        print("skipped: there is no systemd-analyze")
        sys.exit(77)
    programs = pathlib.Path(sys.argv[1]).resolve() / "bin"
    with tempfile.TemporaryDirectory(prefix="penstock-units.") as name:
        where = pathlib.Path(name)
        for unit in UNITS.iterdir():
            text = unit.read_text()
            (where / unit.name).write_text(
                text.replace("/usr/bin/penstock", f"{programs}/penstock"))
        units = sorted(where.iterdir())
        status, out = analyze("verify", "--man=no", *units)
        ours = [line for line in out.splitlines() if "penstock" in line]
        good = tell("the units verify", status == 0 and not ours, out)
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
