#!/usr/bin/env python3
"""git and Git LFS, the programs themselves, under git:read and git:write: what
each word stands for is enough, and no more than that."""
import os
import pathlib
import subprocess

from harness import inside, main, outside

POLICY = """
allow:
  - git:write https://git.test/demo
  - git:read https://git.test/other
  - GET,PUT https://git.test/lfs-store/**
deny:
  - git:write https://git.test/other
"""
BIG = os.urandom(200_000)


def run(*argv, check=True, **options):
    done = subprocess.run(argv, check=False, timeout=60, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.returncode}\n{done.stdout}")
    return done


def commit(where, name, content):
    pathlib.Path(where, name).write_bytes(content)
    run("git", "-C", where, "add", ".")
    run("git", "-C", where, "-c", "user.name=t", "-c",
        "user.email=t@example.test", "commit", "-q", "-m", name)


@inside("git lfs: push to a repository that may be written")
def push():
    run("git", "config", "--global", "init.defaultBranch", "main")
    run("git", "lfs", "install")
    run("git", "clone", "-q", "https://git.test/demo.git", "w")
    run("git", "-C", "w", "lfs", "track", "*.bin")
    commit("w", "big.bin", BIG)
    run("git", "-C", "w", "push", "-q", "origin", "main")
    assert "oid sha256:" in run("git", "-C", "w", "show",
                                "HEAD:big.bin").stdout


@inside("git lfs: clone and fetch by name with and without .git")
def clone():
    for url in ("https://git.test/demo.git", "https://git.test/demo"):
        run("rm", "-rf", "r")
        run("git", "clone", "-q", url, "r")
        assert pathlib.Path("r/big.bin").read_bytes() == BIG
        run("git", "-C", "r", "lfs", "fetch", "--all")


@inside("git: shallow, single branch, by protocol 0, 1 and 2")
def ways():
    for version in "012":
        run("rm", "-rf", "s")
        run("git", "-c", f"protocol.version={version}", "clone", "-q",
            "--depth=1", "--single-branch", "https://git.test/other", "s")
        run("git", "-C", "s", "-c", f"protocol.version={version}", "fetch",
            "-q", "--unshallow")


@inside("git: what may be read may not be written, nor its locks")
def read_only():
    run("rm", "-rf", "o")
    run("git", "clone", "-q", "https://git.test/other", "o")
    commit("o", "new", b"new\n")
    done = run("git", "-C", "o", "push", "-q", "origin", "main", check=False)
    assert done.returncode != 0 and "403" in done.stdout, done.stdout
    for method, path in (
            ("GET", "/other/info/refs?service=git-receive-pack"),
            ("GET", "/other/info/refs"),
            ("POST", "/other/info/refs?service=git-upload-pack"),
            ("POST", "/other/git-receive-pack"),
            ("POST", "/other/info/lfs/locks/verify"),
            ("POST", "/other/info/lfs/locks"),
            ("GET", "/other/info/refs?service=git-upload-pack"
                    "&service=git-receive-pack"),
            ("GET", "/other/../demo/info/refs?service=git-upload-pack"),
            ("GET", "/otherwise/info/refs?service=git-upload-pack"),
            ("GET", "/other/x/info/refs?service=git-upload-pack"),
            ("GET", "/other/HEAD")):
        body = ["-d", ""] if method == "POST" else []
        out = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                  "--path-as-is", *body, "https://git.test" + path).stdout
        assert out in ("403", "400"), (method, path, out)


@outside("the ledger names the git rule of each request")
def ledger(stage):
    row = stage.row(path="/demo.git/git-receive-pack", status=200)
    assert "git:write https://git.test/demo" in str(row), row
    row = stage.row(path="/other/info/refs", verdict="deny",
                    query="service=git-receive-pack")
    assert "git:write https://git.test/other" in str(row), row


if __name__ == "__main__":
    main(POLICY, prepare=lambda stage: stage.start_git())
