#!/usr/bin/env python3
"""A container of podman, attached: its image is made of this machine's curl,
its network is a bridge by which it reaches the world until it is attached."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from harness import HERE, Skip, command, main, outside, wait_for

POLICY = "allow: [any https://h1.test/**, any http://h1.test/**]\n"
SIDECAR = HERE.parent.parent / "examples" / "sidecar" / "sidecar.sh"
CATCHER = """
table netdev catcher {
  chain every { type filter hook ingress device BRIDGE priority 0;
    ether type ip6 icmpv6 type { 130-136, 143 } accept
    ether type arp accept
    counter
  }
}
"""
# As an operator would: no powers, nothing to write to.
CLOSED = ("--read-only", "--cap-drop=all", "--security-opt",
          "no-new-privileges")
# Without CAP_SYS_RESOURCE podman's own defaults cannot be set.
ULIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")


def podman(stage, *argv, check=True, timeout=60):
    where = stage.dir / "podman"
    run = subprocess.run(
        ["podman", f"--root={where}/root", f"--runroot={where}/run",
         f"--network-config-dir={where}/net", "--storage-driver=vfs",
         "--runtime=runc", "--cgroup-manager=cgroupfs",
         "--events-backend=none", *map(str, argv)],
        check=False, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    if check and run.returncode != 0:
        raise RuntimeError(f"podman {' '.join(map(str, argv))}: "
                           f"{run.returncode}\n{run.stdout}{run.stderr}")
    return run


def image(stage, name, programs, *files):
    """Of this machine's programs, and what they load; files go to /usr/bin."""
    root = stage.dir / f"image-{name}"
    for place in ("usr/bin", "etc/penstock", "tmp", "run", "trust",
                  "var/lib/penstock", "etc/ssl/certs"):
        (root / place).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    loads = set()
    for program in programs:
        path = shutil.which(program, path=f"/usr/bin:/bin:{stage.bin}")
        shutil.copy(path, root / "usr/bin")
        loads |= set(re.findall(r"(/\S+) \(0x", command("ldd", path)))
    for path in loads:
        to = root / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    for path in files:
        shutil.copy(path, root / "usr/bin")
    (root / "usr/bin/sh").symlink_to("dash")
    archive = stage.dir / f"{name}.tar"
    command("tar", "-C", root, "-cf", archive, ".")
    podman(stage, "import", archive, name)


def prepare(stage):
    (stage.dir / "podman" / "net").mkdir(parents=True)
    # What podman and its plugins leave in the machine's own places.
    for name in ("/var/lib/cni", "/run", "/dev/shm"):
        pathlib.Path(name).mkdir(exist_ok=True)
        command("mount", "-t", "tmpfs", "tmpfs", name)
    image(stage, "box", ("curl", "sleep", "dash", "cat"))
    podman(stage, "network", "create", "--subnet=10.8.0.0/24",
           "--disable-dns", "lab")
    stage.in_origins("ip", "route", "add", "10.8.0.0/24", "via", "11.0.0.1")
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def caught():
    """What has left the container by its device, but for neighbours."""
    text = command("nft", "list", "table", "netdev", "catcher")
    return int(re.search(r"counter packets (\d+)", text).group(1))


def curl(stage, url, *options, name="agent"):
    """(what curl printed as the status, its exit status)"""
    run = podman(stage, "exec", name, "curl", "-sS", "-m", "5", "-o",
                 "/dev/null", "-w", "%{http_code}", *options, url,
                 check=False)
    return run.stdout, run.returncode


@outside("a container runs, and reaches the world by its bridge")
def runs(stage):
    bundle = stage.dir / "bundle.pem"
    bundle.write_text(stage.penstock("ca", "export").stdout)
    run = podman(stage, "run", "-d", "--name", "agent", "--network=lab",
                 "--dns=10.8.0.1", *CLOSED, *ULIMITS, "-v",
                 f"{bundle}:/trust/bundle.pem:ro", "-e",
                 "SSL_CERT_FILE=/trust/bundle.pem", "box", "/bin/sleep",
                 "1000", check=False)
    if run.returncode != 0:
        raise Skip(f"podman cannot run here: {run.stderr.strip()[-200:]}")
    stage.pid = podman(stage, "inspect", "-f", "{{.State.Pid}}",
                       "agent").stdout.strip()
    catcher = stage.dir / "catcher.nft"
    net, = json.loads(podman(stage, "network", "inspect", "lab").stdout)
    catcher.write_text(CATCHER.replace("BRIDGE", net["network_interface"]))
    command("nft", "-f", catcher)
    assert curl(stage, "http://11.0.0.3/plain")[0] == "200"
    assert caught() > 2


@outside("attach by the number that podman says; no warning")
def attach(stage):
    run = stage.penstock("attach", stage.pid, "--name", "agent", "--policy",
                         stage.policy_file())
    assert (run.stdout, run.stderr) == ("agent\n", ""), run
    assert "agent" in stage.penstock("sandboxes").stdout


@outside("inside: allowed by a name that the gateway answers, trusted, refused")
def judged(stage):
    before = caught()
    assert curl(stage, "https://h1.test/plain") == ("200", 0)
    row = stage.row(host="h1.test", scheme="https", status=200)
    assert row["sandbox"] == "agent", row
    assert curl(stage, "http://h1.test/plain") == ("200", 0)
    assert curl(stage, "https://11.0.0.3/plain", "-k")[0] == "403"
    assert curl(stage, "https://other.test/plain")[1] == 6      # no such name
    assert curl(stage, "https://other.test/plain", "--connect-to",
                "::11.0.0.3:443")[0] == "403"
    row = stage.row(host="other.test", status=403)
    assert row["verdict"] == "deny" and row["sandbox"] == "agent", row
    assert caught() == before, (before, caught())


@outside("another container on the same bridge is not captured")
def other(stage):
    podman(stage, "run", "-d", "--name", "free", "--network=lab",
           "--dns=10.8.0.1", *CLOSED, *ULIMITS, "box", "/bin/sleep", "1000")
    assert curl(stage, "http://11.0.0.3/plain", name="free")[0] == "200"
    address = podman(
        stage, "inspect", "-f",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        "free").stdout.strip()
    before = caught()
    assert curl(stage, f"http://{address}:80/")[0] == "403"
    assert caught() == before


@outside("detach: the container has its bridge again")
def detach(stage):
    stage.penstock("detach", "agent")
    assert curl(stage, "http://11.0.0.3/plain")[0] == "200"
    assert "agent" not in stage.penstock("sandboxes").stdout


@outside("the container ends: so does the sandbox")
def ends(stage):
    stage.penstock("attach", stage.pid, "--name", "agent", "--policy",
                   stage.policy_file())
    podman(stage, "rm", "-f", "-t", "0", "agent")
    wait_for("its end", lambda: "agent" not in
             stage.penstock("sandboxes").stdout)
    podman(stage, "rm", "-f", "-t", "0", "free")


@outside("the gateway as a sidecar: an agent without network, captured by it")
def sidecar(stage):
    image(stage, "gate", ("dash", "cat", "sleep", "rm", "mv") + tuple(
        path.name for path in stage.bin.glob("penstock*")), SIDECAR)
    trust, config = stage.dir / "trust", stage.dir / "gate"
    trust.mkdir()
    config.mkdir()
    shutil.copy(stage.dir / "certs/root.crt", config)
    (config / "penstock.yaml").write_text(
        'upstream: {dns: ["11.0.0.53"], ca: [/etc/penstock/root.crt]}\n'
        'policies:\n  agent: {allow: ["any https://h1.test/**"]}\n')
    podman(stage, "run", "-d", "--name", "agent", "--network=none",
           *CLOSED, *ULIMITS, "-v", f"{trust}:/trust:ro",
           "-e", "SSL_CERT_FILE=/trust/ca.pem", "box", "/bin/sleep", "1000")
    assert curl(stage, "http://11.0.0.3/plain")[0] == "000"
    podman(stage, "run", "-d", "--name", "gate", "--network=host",
           "--pid=container:agent", "--cap-drop=all",
           "--cap-add=SYS_ADMIN,NET_ADMIN,SYS_PTRACE", *ULIMITS, "-v",
           f"{trust}:/trust", "-v", f"{config}:/etc/penstock:ro", "gate",
           "/usr/bin/sidecar.sh")
    try:
        wait_for("the CA", (trust / "ca.pem").exists, 15)
    except TimeoutError:
        raise RuntimeError(podman(stage, "logs", "gate").stderr) from None
    assert curl(stage, "https://h1.test/plain") == ("200", 0)
    assert curl(stage, "https://11.0.0.3/plain", "-k")[0] == "403"
    out = podman(stage, "exec", "gate", "penstock", "log", "--all",
                 "--json").stdout
    rows = [json.loads(line) for line in out.splitlines()]
    assert {(r["sandbox"], r["host"], r["verdict"]) for r in rows} == {
        ("agent", "h1.test", "allow"), ("agent", "11.0.0.3", "deny")}, rows
    podman(stage, "rm", "-f", "-t", "0", "gate")
    assert curl(stage, "https://h1.test/plain")[0] == "000"
    podman(stage, "rm", "-f", "-t", "0", "agent")


if __name__ == "__main__":
    for program in ("podman", "runc", "nft"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            print(f"skipped: there is no {program}")
            sys.exit(77)
    if os.getuid() != 0:
        print("skipped: only root has networks of podman's to attach to")
        sys.exit(77)
    main(POLICY, prepare=prepare)
