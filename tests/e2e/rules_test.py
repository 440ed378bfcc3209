#!/usr/bin/env python3
"""The rule language as a user meets it: names as they are read, a rule for a
time, and what is refused before anything starts."""
import subprocess

from harness import inside, main, outside

POLICY = """
allow:
  - GET https://BÜCHER。test/plain
  - GET https://h1.test/** until=2001-01-01
  - GET https://h2.test/** until=2999-01-01
"""


def status(url):
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url],
        check=False, timeout=30, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    return done.stdout


@inside("an international name is the same however it is written")
def u_label():
    assert status("https://xn--bcher-kva.test/plain") == "200"
    assert status("https://xn--bcher-kva.test/other") == "403"


@inside("a rule past its time allows nothing, one before it does")
def times():
    assert status("https://h1.test/plain") == "000"
    assert status("https://h2.test/echo") == "200"


@outside("run --allow 'RULE for=8s': eight seconds, and no more")
def for_a_time(stage):
    out = stage.run("sh", "-c",
                    "c() { curl -sS -o /dev/null -w '%{http_code} ' "
                    "https://h1.test/plain; }; c; sleep 9; c; true",
                    options=("--allow", "GET https://h1.test/** for=8s"))
    assert out.stdout.split() == ["200", "000"], out
    row = stage.row(host="h1.test", status=200)
    assert " until=20" in str(row) and "for=" not in str(row), row


@outside("what cannot be meant is said, with its place, before anything starts")
def refused(stage):
    for line, said in (
            ("GET h1.test for=3x", "expected a duration"),
            ("GET h1.test inject=none", "no secret is named none"),
            ("GET h1.test rate=5", "expected a rate"),
            ("tcp://h1.test:22 max-body=1k", "only https and http rules")):
        done = stage.penstock("run", "--allow", line, "--", "true",
                              check=False)
        lines = done.stderr.splitlines()
        assert done.returncode == 2 and said in lines[0], done
        assert lines[1].strip() == line and lines[2].strip() == "^", done
    file = stage.dir / "wide.yaml"
    file.write_text("allow:\n  - any *.github.io\n  - h.test for=1h\n")
    done = stage.penstock("policy", "check", file, check=False)
    assert done.returncode == 1, done
    assert f"{file}:2:9: in this rule: anybody" in done.stderr, done
    assert f"{file}:3:16: in this rule: for= counts" in done.stderr, done


if __name__ == "__main__":
    main(POLICY)
