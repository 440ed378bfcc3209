"""A machine with systemd of its own: the stage's gateway host, booted.

An overlay over this machine's files, with the build installed as by
`cmake --install`, booted by systemd-nspawn into a target with nothing but the
journal and the bus. The stage's two devices are moved into it:

    client, 10.7.0.2 ──── sb0 [ the machine: systemd ] up0 ──── the origins
"""
import os
import pathlib
import shutil
import subprocess
import sys

import harness
from harness import HERE, PYTHON, command, wait_for

TARGET = """\
[Unit]
Requires=systemd-journald.service dbus.socket
After=systemd-journald.service
"""
# Those of landlock stand in no group of nspawn's filter (systemd 252), and
# it takes for granted that a container locks no memory.
CALLS = ("landlock_create_ruleset landlock_add_rule landlock_restrict_self "
         "@memlock")
NSPAWN = ("systemd-nspawn", "-q", "--register=no", "--keep-unit",
          "--private-network")
GROUPS = pathlib.Path("/sys/fs/cgroup")
BOOT_S = 20
SKIPPED = 77
ADDRESSES = {
    "up0": ("11.0.0.1/24", "10.99.0.1/24", "2600:11::1/64"),
    "sb0": ("10.7.0.1/24", "fd00:7::1/64"),
}


def empty(group):
    """Remove a control group; False while a process is in it."""
    try:
        os.rmdir(group)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


class Machine(harness.Stage):
    """A Stage whose instance is the one of the system, under systemd."""

    def __init__(self, build, config):
        super().__init__(build, config)
        self.build = pathlib.Path(build).resolve()
        self.root = self.dir / "root"
        self.leader = self.client = self.group = None
        self.policy = None

    # -- files ------------------------------------------------------------

    def try_out(self):
        """Inside another container there may be no right to make one."""
        run = subprocess.run([*NSPAWN, "-D", str(self.root), "true"],
                             check=False, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=30)
        if run.returncode != 0:
            raise harness.Skip("systemd-nspawn cannot run here: "
                               + run.stdout.strip()[-200:])

    def mount(self):
        """The whole of this machine, writable in memory."""
        upper = self.dir / "upper"
        for where in (self.root, upper):
            where.mkdir()
        command("mount", "-t", "tmpfs", "-o", "size=512m,mode=755", "tmpfs",
                upper)
        for name in ("files", "work"):
            (upper / name).mkdir()
        command("mount", "-t", "overlay", "overlay", "-o",
                f"lowerdir=/,upperdir={upper}/files,workdir={upper}/work",
                self.root)

    def install(self):
        command("cmake", "--install", self.build, "--prefix", "/usr",
                env=dict(os.environ, DESTDIR=str(self.root)))
        system = self.root / "etc/systemd/system"
        for old in system.glob("penstock*"):
            old.unlink()
        (system / "stage.target").write_text(TARGET)
        config = self.root / "etc/penstock"
        shutil.rmtree(config, ignore_errors=True)
        config.mkdir(parents=True)
        for name in ("var/lib/penstock", "var/lib/private/penstock"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        shutil.copy(self.dir / "certs/root.crt", config)
        shutil.copytree(HERE, self.root / "srv/tests")

    def write_config(self, text):
        super().write_config(text)
        where = self.dir / "root/etc/penstock"
        if where.exists():
            fresh = where / "penstock.new"
            fresh.write_text(text)
            fresh.rename(where / "penstock.yaml")

    # -- the network ------------------------------------------------------

    def start_client(self):
        self.client = self.start("client", ["unshare", "-n", "sleep",
                                            "infinity"])
        wait_for("a third namespace", lambda: os.readlink(
            f"/proc/{self.client.pid}/ns/net") != os.readlink(
                "/proc/self/ns/net"))
        command("ip", "link", "add", "sb0", "type", "veth", "peer", "name",
                "cl0", "netns", self.client.pid)
        run = self.in_client
        run("ip", "link", "set", "lo", "up")
        for address in ("10.7.0.2/24", "fd00:7::2/64"):
            run("ip", "addr", "add", address, "dev", "cl0",
                *(["nodad"] if ":" in address else []))
        run("ip", "link", "set", "cl0", "up")
        run("ip", "route", "add", "default", "via", "10.7.0.1")
        run("ip", "-6", "route", "add", "default", "via", "fd00:7::1")

    def in_client(self, *argv, **options):
        return command("nsenter", "-t", self.client.pid, "-n", *argv,
                       **options)

    def probe(self, *argv):
        return self.in_client(PYTHON, HERE / "appliance_probe.py",
                              *argv).strip()

    # -- the machine ------------------------------------------------------

    def make_group(self):
        """A control group for the machine, with all controllers that this
        one can give away; the words that run a command in it."""
        if not (GROUPS / "cgroup.controllers").exists():
            return []
        group = GROUPS / f"penstock-test-{self.dir.name[-8:]}"
        try:
            group.mkdir()
        except OSError:                   # not ours to divide
            return []
        self.group = group
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"',
                self.group / "cgroup.procs"]

    def remove_group(self):
        for where, _, _ in os.walk(self.group, topdown=False):
            wait_for("the last process of the machine",
                     lambda w=where: empty(w))

    def boot(self):
        try:
            self.mount()
        except subprocess.CalledProcessError as error:
            raise harness.Skip("no overlay can be mounted here: "
                               + error.output.decode()[-200:]) from None
        self.try_out()
        self.install()
        nspawn = self.start("console", [
            *self.make_group(), *NSPAWN, "-D", self.root,
            f"--system-call-filter={CALLS}", "-b",
            "systemd.unit=stage.target"])

        def up():
            if nspawn.poll() is not None:
                raise RuntimeError("the machine ended:\n"
                                   + self.log("console"))
            below = pathlib.Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/"
                                 "children").read_text().split()
            self.leader = int(below[0]) if below else None
            return self.leader and self.settled() and self.inside(
                "systemctl", "is-active", "stage.target",
                check=False).stdout == "active\n"

        wait_for("systemd", up, BOOT_S)
        for device, addresses in ADDRESSES.items():
            command("ip", "link", "set", device, "netns", self.leader)
            for address in addresses:
                self.inside("ip", "addr", "add", address, "dev", device,
                            *(["nodad"] if ":" in address else []))
            self.inside("ip", "link", "set", device, "up")

    def own_group(self):
        """Where the machine's first process is."""
        line = pathlib.Path(f"/proc/{self.leader}/cgroup").read_text()
        return line.strip().rpartition("0::")[2]

    def settled(self):
        """Before that, a process of ours would keep the controllers away."""
        return not self.group or self.own_group().endswith("/init.scope")

    def entry(self):
        """The words before a command that is to run in the machine."""
        into = []
        if self.group:                    # its systemd moves only its own
            into = ["sh", "-c", 'echo $$ > "$0" && exec "$@"',
                    f"{GROUPS}{self.own_group()}/cgroup.procs"]
        return [*into, "nsenter", "-t", str(self.leader), "-a", "env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                "LC_ALL=C.UTF-8"]

    def inside(self, *argv, check=True, timeout=30, **options):
        """A command of the machine's administrator."""
        run = subprocess.run(
            [*self.entry(), *map(str, argv)], check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace",
            timeout=timeout, **options)
        if check and run.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, argv))}: "
                               f"{run.returncode}\n{run.stdout}{run.stderr}")
        return run

    def penstock(self, *argv, check=True, timeout=30, **options):
        return self.inside("penstock", *argv, check=check, timeout=timeout,
                           **options)

    def journal(self, unit):
        return self.inside("journalctl", "-q", "-o", "cat", "--no-pager",
                           "-u", unit).stdout

    def stop(self):
        if self.leader:
            self.inside("systemctl", "poweroff", "--force", check=False)
        self.end_processes()
        for where in (self.root, self.dir / "upper"):
            subprocess.run(["umount", "-l", where], check=False,
                           stderr=subprocess.DEVNULL)
        super().stop()
        if self.group:
            self.remove_group()


def main(policy, config, prepare):
    """As harness.main(), with a Machine in the place of the Stage."""
    if not shutil.which("systemd-nspawn") or not shutil.which("nft"):
        print("skipped: there is no systemd-nspawn or no nft")
        sys.exit(SKIPPED)
    if os.getuid() != 0:
        print("skipped: only root boots a machine")
        sys.exit(SKIPPED)
    harness.Stage = Machine
    harness.main(policy, config, prepare)
