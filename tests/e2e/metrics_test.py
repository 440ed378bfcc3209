#!/usr/bin/env python3
"""The counters of an instance: `status` and `metrics` say the same, and what
Prometheus reads is what its format says."""
import json
import re
import subprocess

from harness import main, outside, wait_for

POLICY = """
allow:
  - any https://h1.test/**
deny:
  - any https://h1.test/denied/**
"""
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(
    rf"({NAME})(?:\{{({NAME})=\"((?:[^\"\\\n]|\\[\\\"n])*)\"\}})? "
    r"([0-9]+(?:\.[0-9]+)?)")


def parse(text):
    """{(name, label's value): number}; raises for what is not as it should
    be: HELP, TYPE, then all samples of that name, each once."""
    assert text.endswith("\n")
    lines = text.splitlines()
    found, done, name = {}, set(), None
    while lines:
        line = lines.pop(0)
        if line.startswith("#"):
            head = re.fullmatch(rf"# HELP ({NAME}) (\S.*[.?])", line)
            assert head, line
            name = head[1]
            assert name not in done, f"{name} comes twice"
            done.add(name)
            kind = re.fullmatch(rf"# TYPE {name} (counter|gauge)",
                                lines.pop(0))
            assert kind, name
            assert (kind[1] == "counter") == name.endswith("_total"), name
            assert name.startswith("penstock_")
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample and sample[1] == name, line
        key = (name, sample[3])
        assert key not in found, line
        found[key] = float(sample[4])
    assert done == {key[0] for key in found}, "a head without samples"
    return found


def metrics(stage):
    return parse(stage.penstock("metrics").stdout)


@outside("requests are counted by verdict, reason and sandbox")
def counted(stage):
    script = "".join(f"curl -sS -o /dev/null https://h1.test/{path};"
                     for path in ("plain", "plain", "denied/x"))
    with stage.popen("sh", "-c", script + "read x",
                     stdin=subprocess.PIPE) as child:
        wait_for("the rows", lambda: metrics(stage)[
            "penstock_verdicts_total", "denied"] == 1)
        found = metrics(stage)
        status = json.loads(stage.penstock("status", "--json").stdout)
        name = next(iter(status["sandboxes"]))
        child.stdin.close()
    assert found["penstock_up", None] == 1
    assert found["penstock_ledger_ok", None] == 1
    assert found["penstock_workers", None] == 2
    assert found["penstock_verdicts_total", "allowed"] == 2
    assert found["penstock_verdicts_total", "denied"] == 1
    assert found["penstock_refusals_total", "denied"] == 1
    assert found["penstock_refusals_total", "audit-full"] == 0
    assert found["penstock_sandbox_requests_total", name] == 3
    assert found["penstock_sandbox_denied_total", name] == 1
    assert found["penstock_unrecorded_total", "lost"] == 0
    for work in "insert", "other":
        assert 0 < found["penstock_ledger_cpu_seconds_total", work] < 60, work
    assert status["requests"] == found["penstock_requests_total", None] == 3
    assert status["refused.denied"] == 1
    assert status["audit_state"] == "ok"
    assert status["sandboxes"][name] == {"requests": 3, "denied": 1}


@outside("no fact is left out of the metrics")
def complete(stage):
    status = json.loads(stage.penstock("status", "--json").stdout)
    text = stage.penstock("metrics").stdout
    assert "As in penstock status" not in text, [
        line for line in text.splitlines() if "As in" in line]
    numbers = [k for k, v in status.items() if isinstance(v, (int, float))]
    samples = [line for line in text.splitlines() if line[0] != "#"]
    # penstock_up and penstock_ledger_ok are no numbers there.
    assert len(samples) == len(numbers) + 2, (len(samples), len(numbers))


@outside("destinations of the ledger have their numbers")
def shipping(stage):
    where = stage.dir / "run" / "ship"
    where.mkdir(exist_ok=True)
    (where / "ship.status").write_text(
        "time_us 1795348343724755\ninstance i\na.b.state ok\n"
        "a.b.rows_behind 7\nc.state retrying\nc.rows_behind 9\n"
        "c.error no \"route\"\nx\"y.rows_behind 1\n")
    found = metrics(stage)
    status = stage.penstock("status").stdout
    (where / "ship.status").unlink()
    assert found["penstock_ship_rows_behind", "a.b"] == 7
    assert found["penstock_ship_rows_behind", "c"] == 9
    assert found["penstock_ship_ok", "a.b"] == 1
    assert found["penstock_ship_ok", "c"] == 0
    assert found["penstock_ship_status_age_seconds", None] < 5
    assert 'Shipping, c: no "route"' in status, status


@outside("--output replaces a file whole, for everybody to read")
def output(stage):
    path = stage.dir / "penstock.prom"
    path.write_text("old")
    stage.penstock("metrics", "--output", path)
    assert parse(path.read_text())["penstock_up", None] == 1
    assert path.stat().st_mode & 0o777 == 0o644
    assert not path.with_suffix(".prom.new").exists()
    run = stage.penstock("metrics", "--output", stage.dir / "no" / "x",
                         check=False)
    assert run.returncode == 3 and "no/x" in run.stderr, run
    for words in (("--output",), ("--output=",), ("x",), ("--output", "")):
        assert stage.penstock("metrics", *words, check=False).returncode == 2


@outside("none runs: penstock_up 0")
def down(stage):
    stage.stop_instance()
    run = stage.penstock("metrics", check=False)
    assert run.returncode == 3, run
    assert parse(run.stdout) == {("penstock_up", None): 0}
    path = stage.dir / "penstock.prom"
    assert stage.penstock("metrics", "--output", path,
                          check=False).returncode == 3
    assert parse(path.read_text()) == {("penstock_up", None): 0}


if __name__ == "__main__":
    main(POLICY)
