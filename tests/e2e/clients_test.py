#!/usr/bin/env python3
"""Real clients in a sandbox: what is allowed works, what is not explains
itself, and both are in the ledger."""
import json
import os
import shutil
import subprocess

from harness import inside, main, outside

POLICY = """
allow:
  - GET https://h1.test/**
  - any https://h2.test/echo
  - git:write https://git.test/demo
  - git:read https://git.test/other
  - GET https://npm.test/**
"""


def run(*argv, check=True, timeout=60, **options):
    done = subprocess.run(argv, check=False, timeout=timeout, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.returncode}\n{done.stdout}")
    return done


@inside("curl: HTTP/1.1 and HTTP/2, allowed")
def curl():
    for version, said in (("--http1.1", "1.1"), ("--http2", "2")):
        out = run("curl", "-sS", version, "-w", " %{http_version}",
                  "https://h2.test/echo").stdout
        body, _, used = out.rpartition(" ")
        assert used == said and json.loads(body)["line"], out


@inside("curl: a refusal is 403, plain text, and says what to add")
def curl_refused():
    out = run("curl", "-sS", "-w", "\n%{http_code}", "-X", "POST",
              "https://h2.test/gists").stdout
    assert out.endswith("\n403"), out
    assert "POST https://h2.test/gists" in out, out
    for word in ("penstock", "gateway"):
        assert word in out.lower(), out


@inside("a refusal for programs is application/problem+json")
def problem():
    out = run("curl", "-sS", "-D", "headers", "-H", "Accept: application/json",
              "-X", "DELETE", "https://h2.test/gists").stdout
    said = json.loads(out)
    assert said["type"] == "urn:penstock:denied", said
    assert said["status"] == 403 and said["rule"] is None, said
    assert said["to_allow"] == "DELETE https://h2.test/gists", said
    assert said["sandbox"] and said["request_id"], said
    with open("headers", encoding="latin-1") as f:
        head = f.read().lower()
    assert "application/problem+json" in head, head
    assert "penstock-verdict: deny" in head, head


@inside("a refusal for browsers is a page, and escapes what it repeats")
def page():
    out = run("curl", "-sS", "-H", "Accept: text/html",
              "https://h2.test/x?<script>alert(1)</script>").stdout
    assert "<html" in out.lower() and "<script>alert" not in out, out


@inside("a name that no rule could match does not resolve")
def no_name():
    done = run("curl", "-sS", "https://nowhere.example/", check=False)
    assert done.returncode == 6, done.stdout


@inside("git: clone, fetch and push where the rules say so")
def git():
    run("git", "clone", "-q", "https://git.test/demo.git", "demo")
    with open("demo/new", "w", encoding="utf-8") as f:
        f.write("x" * 3_000_000)          # more than git sends in one piece
    run("git", "-C", "demo", "add", "new")
    run("git", "-C", "demo", "-c", "user.name=t", "-c",
        "user.email=t@example.test", "commit", "-q", "-m", "new")
    run("git", "-C", "demo", "push", "-q", "origin", "main")
    run("git", "-C", "demo", "fetch", "-q")
    run("git", "clone", "-q", "https://git.test/other", "other")


@inside("git: a push without a rule is refused")
def git_refused():
    run("git", "-C", "other", "-c", "user.name=t", "-c",
        "user.email=t@example.test", "commit", "-q", "--allow-empty", "-m", "x")
    done = run("git", "-C", "other", "push", "-q", "origin", "main",
               check=False)
    assert done.returncode != 0 and "403" in done.stdout, done.stdout
    done = run("git", "ls-remote", "https://git.test/third.git", check=False)
    assert done.returncode != 0 and "403" in done.stdout, done.stdout


@inside("npm: install a plain and a scoped package")
def npm():
    os.makedirs("npm", exist_ok=True)
    with open("npm/package.json", "w", encoding="utf-8") as f:
        json.dump({"name": "x", "version": "1.0.0"}, f)
    run("npm", "install", "--no-audit", "--no-fund", "--no-update-notifier",
        "--registry=https://npm.test/", "plain", "@acme/scoped", cwd="npm",
        timeout=120)
    out = run("node", "-p", "require('plain') + require('@acme/scoped')",
              cwd="npm").stdout
    assert out.strip() == "plain@acme/scoped", out


@inside("node: fetch()")
def node():
    script = """
        const good = await fetch('https://h2.test/echo');
        const bad = await fetch('https://h2.test/other',
            { headers: { accept: 'application/json' } });
        console.log(good.status, bad.status, (await bad.json()).to_allow);
    """
    out = run("node", "--input-type=module", "-e", script).stdout
    assert out.strip() == "200 403 GET https://h2.test/other", out


@inside("python: urllib, and requests where it is there")
def python():
    script = """
import urllib.error, urllib.request
print(urllib.request.urlopen('https://h1.test/plain').status)
try:
    urllib.request.urlopen('https://h2.test/other')
except urllib.error.HTTPError as e:
    print(e.code)
try:
    import requests
    print(requests.get('https://h1.test/plain').status_code)
except ImportError:
    print(200)
"""
    out = run("/usr/bin/python3", "-c", script).stdout
    assert out.split() == ["200", "403", "200"], out


@inside("wget")
def wget():
    if not shutil.which("wget"):
        return
    out = run("wget", "-q", "-O", "-", "https://h1.test/plain").stdout
    assert out == "hello\n", out
    assert run("wget", "-q", "-O", "-", "https://h2.test/other",
               check=False).returncode == 8


@inside("openssl s_client verifies the gateway's chain by itself")
def s_client():
    done = run("openssl", "s_client", "-connect", "h1.test:443",
               "-servername", "h1.test", "-verify_return_error",
               "-verify_hostname", "h1.test", input="")
    assert "Verify return code: 0 (ok)" in done.stdout, done.stdout


@outside("the ledger has the clients' requests, with their verdicts")
def ledger(stage):
    allowed = stage.row(host="git.test", method="POST", verdict="allow",
                        path="/demo.git/git-receive-pack")
    assert allowed["status"] == 200 and allowed["bytes_up"] > 1000, allowed
    denied = stage.row(host="h2.test", method="POST", path="/gists")
    assert denied["verdict"] == "deny" and denied["status"] == 403, denied
    assert denied["user_agent"].startswith("curl/"), denied
    assert stage.row(host="npm.test", path="/@acme%2fscoped")


def prepare(stage):
    stage.start_git()
    stage.start_npm()


if __name__ == "__main__":
    main(POLICY, prepare=prepare)
