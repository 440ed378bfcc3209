#!/usr/bin/env python3
"""More of penstock run: entered, listed and stopped; agents; no network."""
import json
import os
import subprocess
import time

from harness import PYTHON, Skip, main, outside, wait_for

POLICY = "allow: [GET https://h1.test/plain]\n"
CAPS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
USER = 12345
CODE = "curl -sS -o /dev/null -w %{http_code} "


class Sandbox:
    """One that stands while the block lasts."""

    def __init__(self, stage, name, *options, script="sleep 60 & wait"):
        self.stage, self.name = stage, name
        self.child = stage.popen(
            "sh", "-c", "echo stands; " + script, stdout=subprocess.PIPE,
            options=("--name", name, *options))

    def __enter__(self):
        assert self.child.stdout.readline() == b"stands\n"
        wait_for(self.name, lambda: self.stage.penstock(
            "exec", self.name, "true", check=False).returncode == 0)
        return self.child

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait(timeout=10)


def facts(text):
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


@outside("exec runs beside the command: its network, files, limits")
def enter(stage):
    with Sandbox(stage, "entered", "--env", "COLOUR=red",
                 script="echo here > /tmp/mark; sleep 60 & wait"):
        out = stage.penstock("exec", "entered", "--", "sh", "-c",
                             "cat /tmp/mark /proc/self/status; pwd; "
                             "echo $COLOUR $PENSTOCK_SANDBOX; ls -m "
                             "/proc/self/fd; "
                             + CODE + "https://h1.test/plain; echo; "
                             + CODE + "https://h1.test/else").stdout
        status = facts(out)
        assert all(int(status[c], 16) == 0 for c in CAPS), out
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", out
        lines = out.splitlines()
        assert lines[0] == "here" and str(stage.project) in lines, out
        assert "red entered" in lines and "0, 1, 2, 3" in lines, out
        assert lines[-2:] == ["200", "403"], out
    stage.row(sandbox="entered", path="/else", verdict="deny")


@outside("exec: exit status, input, what cannot be run, nobody of that name")
def enter_status(stage):
    with Sandbox(stage, "status"):
        for argv, code in ((("sh", "-c", "exit 7"), 7), (("/none",), 127),
                           (("/etc/passwd",), 126),
                           (("sh", "-c", "kill -TERM $$"), 143)):
            assert stage.penstock("exec", "status", *argv,
                                  check=False).returncode == code, argv
        done = subprocess.run([stage.bin / "penstock", "exec", "status",
                               "cat"], env=stage.env, input=b"through",
                              stdout=subprocess.PIPE, check=True, timeout=20)
        assert done.stdout == b"through", done
    assert stage.penstock("exec", "nobody", "true",
                          check=False).returncode == 1
    assert stage.penstock("exec", "../status", "true",
                          check=False).returncode == 1


@outside("shell: a shell in there, with its status")
def shell(stage):
    with Sandbox(stage, "shelled"):
        done = subprocess.run([stage.bin / "penstock", "shell", "shelled"],
                              env=stage.env, input="pwd; id -u; cat /proc/net/dev\n"
                              "exit 7\n", stdout=subprocess.PIPE, text=True,
                              timeout=30, check=False)
        assert done.returncode == 7, done
        assert str(stage.project) in done.stdout, done
        devices = [line.split(":")[0].strip()
                   for line in done.stdout.splitlines() if ":" in line]
        assert devices == ["lo"], done
    assert stage.penstock("shell", "nobody", check=False).returncode == 1


@outside("exec that is killed takes its command along")
def enter_killed(stage):
    with Sandbox(stage, "tied"):
        child = subprocess.Popen(
            [stage.bin / "penstock", "exec", "tied", "sleep", "4243"],
            env=stage.env)
        found = ["pgrep", "-fx", "sleep 4243"]
        wait_for("the command", lambda: subprocess.run(
            found, check=False, stdout=subprocess.DEVNULL).returncode == 0)
        child.kill()
        child.wait(timeout=5)
        wait_for("its end", lambda: subprocess.run(
            found, check=False, stdout=subprocess.DEVNULL).returncode != 0)


@outside("ps lists what runs, what exec added, and no more")
def listed(stage):
    with Sandbox(stage, "listed"):
        child = subprocess.Popen([stage.bin / "penstock", "exec", "listed",
                                  "sleep", "33"], env=stage.env)
        out = wait_for("both", lambda: (
            lambda t: t if "sleep 33" in t and "sleep 60" in t else None)(
                stage.penstock("ps", "listed").stdout))
        child.kill()
        child.wait(timeout=5)
        assert "penstock up" not in out and len(out.splitlines()) == 4, out
    assert "listed" not in stage.penstock("ps").stdout


@outside("what a process calls itself cannot write on the terminal")
def named(stage):
    with Sandbox(stage, "named", script=f"{PYTHON} -c 'import time; "
                 "time.sleep(60)' \"$(printf '\\033[2J')\" & wait"):
        out = stage.penstock("ps", "named").stdout
        assert "\x1b" not in out and "?[2J" in out, out


@outside("stop: TERM, then KILL; nothing is left")
def stopped(stage):
    with Sandbox(stage, "tidy", script="trap 'echo tidy; exit 9' TERM; "
                 "while :; do sleep 0.1; done") as child:
        assert stage.penstock("stop", "tidy").returncode == 0
        assert child.wait(timeout=5) == 9
        assert child.stdout.read() == b"tidy\n"
    with Sandbox(stage, "stubborn", script="trap '' TERM; "
                 "while :; do sleep 0.1; done") as child:
        began = time.monotonic()
        done = stage.penstock("stop", "stubborn")
        assert "killing" in done.stderr and time.monotonic() - began < 9
        child.wait(timeout=5)
    assert stage.penstock("stop", "tidy", check=False).returncode == 1
    stage.penstock("ps")                  # tidies up behind the killed
    assert list((stage.dir / "run" / "roster").iterdir()) == []


@outside("a file that a killed run left deceives nobody")
def stale(stage):
    with Sandbox(stage, "stale"):
        path = stage.dir / "run" / "roster" / "stale"
        assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_text()
    assert path.exists(), "killed, so nobody tidied up"
    assert stage.penstock("stop", "stale", check=False).returncode == 1
    assert not path.exists()
    # The number of a process that lives, with the start of another.
    path.write_text(text.replace(text.split()[1], str(os.getpid()), 1))
    assert stage.penstock("stop", "stale", check=False).returncode == 1


@outside("two sandboxes of one name: the second is refused")
def twice(stage):
    with Sandbox(stage, "twice"):
        done = stage.run("true", options=("--name", "twice"), check=False)
        assert done.returncode == 3 and "twice" in done.stderr, done.stderr


def blocked_run(stage, *argv, **more):
    return stage.penstock("run", "--network", "blocked", "--", *argv, **more)


@outside("--network blocked: nothing but one's own loopback")
def blocked(stage):
    out = blocked_run(
        stage, PYTHON, "-c",
        "import socket,threading\n"
        "for f,a in ((2,('11.0.0.3',443)),(10,('2600:11::3',443)),"
        "(2,('127.0.0.1',61080)),(2,('192.0.2.1',53)),(2,('10.0.0.1',1))):\n"
        " for kind in (1,2):\n"
        "  try: s=socket.socket(f,kind);s.settimeout(5);s.connect(a);"
        "s.send(b'x');s.recv(1);print('reached',a)\n"
        "  except OSError as e: print('refused' if e.errno in (101,99,111)"
        " else e)\n"
        "s=socket.create_server(('127.0.0.1',0))\n"
        "socket.create_connection(s.getsockname());print('own')\n"
        "try: socket.getaddrinfo('h1.test',443)\n"
        "except OSError: print('no name')\n").stdout.split("\n")
    assert out == ["refused"] * 10 + ["own", "no name", ""], out
    assert stage.penstock("run", "--network", "blocked", "--allow",
                          "any https://h1.test/**", "true",
                          check=False).returncode == 2
    assert stage.penstock("run", "--network", "open", "true",
                          check=False).returncode == 2


@outside("--no-fs: the host's files, the gateway's network, a loud word")
def no_fs(stage):
    mark = stage.dir / "outside"
    mark.write_text("outside\n")
    done = stage.run(
        "sh", "-c", f"cat {mark}; echo new > {mark}; ls -A {stage.dir}/run "
        f"{stage.dir}/state | wc -w; {CODE} https://h1.test/plain; echo; "
        f"{CODE} https://h1.test/else; echo; cat /proc/self/status",
        options=("--no-fs",))
    lines = done.stdout.splitlines()
    assert lines[0] == "outside" and mark.read_text() == "new\n", lines
    assert lines[1] == "2", "the control plane's directories are empty"
    assert lines[2:4] == ["200", "403"], lines
    assert all(int(facts(done.stdout)[c], 16) == 0 for c in CAPS)
    assert "--no-fs" in done.stderr and "past the gateway" in done.stderr


@outside("an agent gets its profile, keys and files, and no others")
def agent(stage):
    home, tools = stage.dir / "home", stage.dir / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "claude").write_text(
        "#!/bin/sh\nls -A ~; env | grep _KEY\n"
        f"{CODE} -X POST https://api.anthropic.com/v1/messages\necho\n"
        f"{CODE} https://api.anthropic.com/else\n")
    (tools / "claude").chmod(0o755)
    (home / ".claude").mkdir()
    (home / ".claude.json").write_text("{}")
    (home / ".codex").mkdir()
    old = stage.env["PATH"]
    stage.env.update(ANTHROPIC_API_KEY="a-key", OPENAI_API_KEY="o-key",
                     PATH=f"{tools}:{old}")
    try:
        done = stage.penstock("run", "--", "claude")
        none = stage.penstock("run", "--no-agent", "--", "claude",
                              check=False)
        (stage.project / "claude").write_text("#!/bin/sh\nenv\n")
        (stage.project / "claude").chmod(0o755)
        own = stage.penstock("run", "--", "./claude")
    finally:
        for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
            del stage.env[key]
        stage.env["PATH"] = old
    out = done.stdout.split()
    # 502: allowed, and not there on this stage.
    assert ".claude" in out and ".claude.json" in out, out
    assert ".codex" not in out and out[-2:] == ["502", "403"], out
    assert "ANTHROPIC_API_KEY=a-key" in out and "o-key" not in done.stdout
    assert "for claude" in done.stderr, done.stderr
    assert "KEY" not in none.stdout and ".claude" not in none.stdout
    assert "a-key" not in own.stdout, "a program of the project"


@outside("programs that people use work under the filter")
def tools(stage):
    (stage.project / "t.c").write_text("int main(void) { return 5; }\n")
    out = stage.run(
        "sh", "-c", "node -e 'console.log(6 * 7)' && npm --version && "
        "/usr/bin/python3 -c 'import subprocess, threading, asyncio; "
        "asyncio.run(asyncio.sleep(0)); print(subprocess.check_output("
        "[\"echo\", \"sub\"]))' && git init -q g && cd g && git -c "
        "user.name=x -c user.email=x@y.test commit -q --allow-empty -m one "
        "&& git log --oneline | wc -l && cd .. && "
        "if command -v gcc >/dev/null; then gcc t.c -o t && ./t; "
        "test $? = 5; fi && unshare -Ur true; echo $?").stdout
    lines = out.split()
    assert lines[0] == "42" and lines[2] == "b'sub\\n'", out
    assert lines[3] == "1", out
    # A user namespace of one's own: browsers need it; root has none.
    assert lines[4] == ("0" if os.getuid() else "1"), out


@outside("init proposes; nothing is in force but what was applied")
def project(stage):
    file, git = stage.project / ".penstock.yaml", stage.project / ".git"
    git.mkdir(exist_ok=True)
    (git / "config").write_text("[remote \"origin\"]\n\turl = "
                                "git@git.test:acme/demo.git\n")
    run = ("run", "--", "curl", "-sS", "-o", "/dev/null", "-w",
           "%{http_code}", "https://h1.test/plain")
    assert stage.penstock("init").returncode == 0
    assert "- git:read https://git.test/acme/demo\n" in file.read_text()
    assert stage.penstock("init", check=False).returncode == 1
    done = stage.penstock(*run, check=False)
    assert "no effect until" in done.stderr and done.stdout == "000", done
    rule = "allow:\n  - GET https://h1.test/plain\n"
    file.write_text(rule)
    # Nobody is there to agree, so nothing happens.
    done = stage.penstock("policy", "apply", check=False)
    assert done.returncode == 1 and "+  - GET https://h1" in done.stdout, done
    assert stage.penstock(*run, check=False).stdout == "000"
    done = stage.penstock("policy", "apply", "--yes")
    assert "+  - GET https://h1.test/plain" in done.stdout, done
    assert stage.penstock(*run).stdout == "200"
    assert "nothing to apply" in stage.penstock("policy", "apply").stderr
    # What the sandbox writes is shown, and not in force.
    stage.penstock("run", "--", "sh", "-c", "echo 'allow: [any https://"
                   "h1.test/**]' > .penstock.yaml")
    done = stage.penstock(*run[:-1], "https://h1.test/else")
    assert done.stdout == "403" and "not what was applied" in done.stderr
    done = stage.penstock("policy", "apply", check=False)
    assert "-  - GET https://h1.test/plain" in done.stdout, done
    assert "+allow: [any https://h1.test/**]" in done.stdout, done
    for text in ("allow: [frob https://h1.test/]\n", rule + "# \x1b[2J\n",
                 rule + "# \u202e\n", rule + "#" * 70000):
        file.write_text(text)
        assert stage.penstock("policy", "apply", "--yes",
                              check=False).returncode in (1, 3), text
    file.unlink()
    file.symlink_to("/etc/passwd")
    assert stage.penstock("policy", "apply", "--yes",
                          check=False).returncode != 0
    # A --policy that is given takes its place.
    assert stage.run(*run[2:-1], "https://h1.test/plain",
                     policy="allow: [GET https://h1.test/x]\n"
                     ).stdout == "403"
    file.unlink()
    (git / "config").unlink()
    git.rmdir()


def layers(text):
    return {line["layer"]: line for line in json.loads(text)}


@outside("doctor tries each layer, and says what to do")
def doctor(stage):
    good = layers(stage.penstock("doctor", "--json").stdout)
    assert len(good) >= 10, good
    assert {v["state"] for v in good.values()} <= {"OK", "WARN"}, good
    assert all(v["fix"] for v in good.values() if v["state"] != "OK"), good
    assert "runs in" in good["instance"]["text"], good["instance"]
    done = subprocess.run(
        ["unshare", "-Ur", "/bin/sh", "-c", "echo 0 > /proc/sys/user/"
         "max_user_namespaces; PATH=/nowhere exec \"$0\" doctor --json",
         stage.bin / "penstock"], env=stage.env, check=False,
        stdout=subprocess.PIPE, text=True)
    bad = layers(done.stdout)
    assert done.returncode == 1, done
    assert "sysctl -w user.max" in bad["user namespaces"]["fix"], bad
    assert bad["capture"]["state"] == "FAIL", bad
    assert "sysctl -w user.max" in bad["capture"]["fix"], bad
    assert "apt-get install bubblewrap" in bad["bubblewrap"]["fix"], bad


@outside("all of it without root")
def unprivileged(stage):
    if os.getuid() != 0 or subprocess.run(
            ["setpriv", "--reuid", str(USER), "--clear-groups", "true"],
            check=False, stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("already without root, or no second user here")
    base = stage.dir / "user"
    env = dict(stage.env)
    for name in ("run", "state", "config", "home", "project"):
        path = base / name
        path.mkdir(parents=True, mode=0o700)
        os.chown(path, USER, USER)
        if name in ("run", "state", "config"):
            env[f"PENSTOCK_{name.upper()}_DIR"] = str(path)
    env["HOME"] = str(base / "home")
    become = ["setpriv", "--reuid", str(USER), "--regid", str(USER),
              "--clear-groups", str(stage.public_bin() / "penstock")]

    def penstock(*argv):
        return subprocess.run([*become, *argv], env=env, check=False,
                              cwd=base / "project", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=40)

    child = subprocess.Popen(
        [*become, "run", "--name", "mine", "--allow",
         "GET https://h1.test/**", "--", "sh", "-c", "sleep 60 & wait"],
        env=env, cwd=base / "project", stderr=subprocess.DEVNULL)
    try:
        wait_for("the sandbox", lambda: penstock(
            "exec", "mine", "true").returncode == 0, 20)
        out = penstock("exec", "mine", "--", "sh", "-c",
                       "id -u; cat /proc/self/status"
                       "; unshare -Ur id -u").stdout
        assert out.startswith(f"{USER}\n") and out.endswith("\n0\n"), out
        assert all(int(facts(out)[c], 16) == 0 for c in CAPS), out
        assert "sleep 60" in penstock("ps").stdout
        assert penstock("stop", "mine").returncode == 0
        child.wait(timeout=5)
    finally:
        child.kill()
        penstock("down")


if __name__ == "__main__":
    main(POLICY)
