"""The stage of the escape suite: four kinds of sandbox and one that is free,
all at once beside one instance, and what records whatever arrives outside.

    free      fr0 10.6.0.1 ─ 10.6.0.2    nobody captures it: the control
    appliance sb0 10.7.0.1 ─ 10.7.0.2    captured by its interface
    attach    box0 10.8.0.1 ─ 10.8.0.2   captured by penstock attach
    explicit  px0 10.9.0.1 ─ 10.9.0.2    the network lets it to the proxy only
    run       penstock run
    gateway   up0 11.0.0.1 ─ org0        the world: the catcher has all
                                         addresses and ports of TCP there

The gateway's host forwards, and the world knows the way back: so only what is
tested holds anything. A service of the host itself (the canary) listens where
nothing of a sandbox may come.
"""
import ctypes
import json
import os
import pathlib
import signal
import struct
import subprocess
import time

from harness import CONFIG, HERE, PYTHON, Stage, command, wait_for

KINDS = ("run", "appliance", "attach", "explicit")
DEVICES = {"free": ("fr0", 6), "appliance": ("sb0", 7), "attach": ("box0", 8),
           "explicit": ("px0", 9)}
GATEWAY_MAC, CLIENT_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
TRAP, PRIVATE = "11.0.0.4", "10.99.0.3"
WORLD = [
    "11.0.0.3/24", f"{TRAP}/24", "11.0.0.53/24", f"{PRIVATE}/24",
    "2600:11::3/64", "169.254.169.254/32", "100.100.100.200/32",
    "168.63.129.16/32", "100.64.0.1/32", "169.254.1.1/32",
    "fd00:ec2::254/128", "fd12::1/128", "64:ff9b::a9fe:a9fe/128",
    "2002:7f00:1::/128"]
MOVES = [["11.0.0.3"], [PRIVATE]] * 50
ZONE = {
    "*.test": ["11.0.0.3"], "pass.example": ["11.0.0.3"],
    "paths.example": ["11.0.0.3"], "secret.test": [TRAP],
    "*.evil.example": [TRAP], "evil.example": [TRAP],
    "private.test": [PRIVATE], "mixed.test": ["11.0.0.3", PRIVATE],
    "mapped.test": [f"::ffff:{PRIVATE}"], "loop.test": ["127.0.0.1", "::1"],
    "own.test": ["11.0.0.1"], "nat64.test": ["64:ff9b::a9fe:a9fe"],
    "sixtofour.test": ["2002:7f00:1::"], "linklocal.test": ["169.254.1.1"],
    "zero.test": ["0.0.0.0"], "ula.test": ["fd12::1"],
    "cgnat.test": ["100.64.0.1"], "meta0.test": ["169.254.169.254"],
    "meta1.test": ["fd00:ec2::254"], "meta2.test": ["100.100.100.200"],
    "meta3.test": ["168.63.129.16"],
    **{f"moves-{kind}.test": MOVES for kind in ("free", *KINDS)},
}
RULES = """\
allow:
  - any https://*.test/**
  - any http://good.test/**
  - any http://own.test/**
  - any https://paths.example/repos/x/**
  - tls://pass.example
deny:
  - any https://secret.test/**
  - any http://secret.test/**
  - any https://good.test/denied/**
  - any http://good.test/denied/**
"""
SETTINGS = CONFIG + """\
capture:
  interfaces: [sb0]
  sources: [10.7.0.0/24, "fd00:7::/64"]
proxy: ["10.9.0.1:3128"]
sandboxes:
  appliance: {from: [10.7.0.0/24, "fd00:7::/64"], policy: [pen]}
  explicit: {from: [10.9.0.2], policy: [pen]}
policies:
  pen:
""" + "".join(f"    {line}\n" for line in RULES.splitlines())

# All TCP of the world ends at the catcher.
CATCH = """
table inet catcher {
  chain c { type nat hook prerouting priority -100;
    iifname org0 meta l4proto tcp redirect to :9000
  }
}
"""
# What an operator of an explicit proxy does: there is no other way out.
CLOSED = """
table inet closed {
  chain in { type filter hook input priority 0;
    iifname px0 ip daddr 10.9.0.1 tcp dport 3128 accept
    iifname px0 icmpv6 type { 133-136 } accept
    iifname px0 drop
  }
  chain forward { type filter hook forward priority 0; iifname px0 drop; }
}
"""
# What Docker gives a container, and podman less of.
CONTAINER = ("setpriv", "--bounding-set=-all,+net_raw,+net_bind_service",
             "--inh-caps=-all")
OPEN_UDP = ("udp:9", "udp:123", "udp:443", "udp:5353")
# What a packet from the gateway may be for: names that a rule allows.
ALLOWED = {("11.0.0.3", 443), ("11.0.0.3", 80)}
GATEWAY = {"11.0.0.1", "2600:11::1"}
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
NEIGHBOURS = set(range(130, 138)) | {143}
# A kernel without nf_tables answers so to a socket of NETLINK_NETFILTER.
AF_NETLINK, NETFILTER, EPROTONOSUPPORT = 16, 12, 93
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}


def without_nftables():
    """For a preexec_fn: from here on the kernel has no nf_tables."""
    def load(offset):
        return struct.pack("HBBI", 0x20, 0, 0, offset)

    def unless(value, skip):
        return struct.pack("HBBI", 0x15, 0, skip, value)

    program = (load(0) + unless(SOCKET_CALL[os.uname().machine], 5)
               + load(16) + unless(AF_NETLINK, 3)
               + load(32) + unless(NETFILTER, 1)
               + struct.pack("HBBI", 6, 0, 0, 0x50000 | EPROTONOSUPPORT)
               + struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
    octets = ctypes.create_string_buffer(program)
    filters = ctypes.create_string_buffer(struct.pack(
        "HxxxxxxQ", len(program) // 8, ctypes.addressof(octets)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, filters, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def leak_of(packet, sent):
    """Why a packet out in the world is one too many, or None. sent: where the
    world's own packets went to."""
    source, proto = packet.get("src"), packet.get("proto")
    marked = [m for m in packet["marks"] if m.startswith("leak-")]
    if marked:
        return f"bears {marked[0]}"
    if proto == ICMPV6 and packet.get("icmp") in NEIGHBOURS:
        return None
    if source not in GATEWAY:
        return None if packet.get("type") == 0x0806 \
            else f"comes from {source or packet.get('type')}"
    if proto == TCP and packet["syn"]:
        to = packet["dst"], packet["dport"]
        return None if to in ALLOWED else f"connects to {to}"
    if proto == UDP:
        to = packet["dst"], packet["dport"]
        return None if to == ("11.0.0.53", 53) else f"datagram to {to}"
    if proto in (ICMP, ICMPV6):           # an answer came too late
        about = packet.get("about")
        return None if about and tuple(about) in sent \
            else f"ICMP about {about}"
    return None if proto == TCP else f"protocol {proto}"


class EscapeStage(Stage):
    def __init__(self, build):
        super().__init__(build, SETTINGS)
        self.policy = RULES
        self.boxes = {}

    # -- the world --------------------------------------------------------

    def start_world(self):
        for address in WORLD:
            self.in_origins("ip", "addr", "replace", address, "dev", "org0",
                            *(["nodad"] if ":" in address else []))
        for argv in (("route", "add", "default", "via", "11.0.0.1"),
                     ("-6", "route", "add", "default", "via", "2600:11::1")):
            self.in_origins("ip", *argv)
        for argv in (("route", "add", "default", "via", "11.0.0.3"),
                     ("-6", "route", "add", "default", "via", "2600:11::3")):
            command("ip", *argv)
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            pathlib.Path("/proc/sys/net", name).write_text("1")
        # What was never answered, or never whole, ends soon.
        self.in_origins("sh", "-c",
                        "echo 1 >/proc/sys/net/ipv4/tcp_synack_retries")
        for name in ("ipv4/ipfrag_time", "ipv6/ip6frag_time",
                     "netfilter/nf_conntrack_frag6_timeout"):
            path = pathlib.Path("/proc/sys/net", name)
            if path.exists():
                path.write_text("1")
        for name, text, run in (("catch", CATCH, self.in_origins),
                                ("closed", CLOSED, command)):
            path = self.dir / f"{name}.nft"
            path.write_text(text)
            run("nft", "-f", path)
        self.make_ca("root")
        self.make_leaf("good", "DNS:*.test,DNS:good.test,DNS:paths.example,"
                       "DNS:pass.example," + ",".join(
                           f"DNS:{n}" for n in ZONE if "*" not in n))
        zone = self.dir / "zone.json"
        zone.write_text(json.dumps(ZONE))
        cert = self.dir / "certs" / "use" / "good.pem"
        script = HERE / "escape_catcher.py"
        self.start("dns", self.origin_command(
            PYTHON, HERE / "dns_server.py", "11.0.0.53", zone, 0))
        self.start("catcher", self.origin_command(
            PYTHON, script, "serve", self.dir / "caught", cert, 9000,
            "udp:9", "udp:443", "udp:7000"))
        self.start("canary", [PYTHON, script, "serve", self.dir / "canary",
                              cert, "80", "443", "8443", *OPEN_UDP])
        self.world = self.start("world", self.origin_command(
            PYTHON, script, "record", "org0", self.dir / "packets"))
        wait_for("the catcher", lambda: "*:9000 " in self.in_origins(
            "ss", "-Hltn") and (self.dir / "packets").exists())

    # -- the sandboxes ----------------------------------------------------

    def start_boxes(self):
        for kind, (device, n) in DEVICES.items():
            box = self.start(kind, ["unshare", "-n", "sleep", "infinity"])
            wait_for(f"the namespace of {kind}", lambda p=box.pid: os.readlink(
                f"/proc/{p}/ns/net") != os.readlink("/proc/self/ns/net"))
            self.boxes[kind] = box
            command("ip", "link", "add", device, "address", GATEWAY_MAC,
                    "type", "veth", "peer", "name", "eth0", "address",
                    CLIENT_MAC, "netns", box.pid)
            for address in (f"10.{n}.0.1/24", f"fd00:{n}::1/64", "fe80::1/64"):
                command("ip", "addr", "add", address, "dev", device,
                        *(["nodad"] if ":" in address else []))
            command("ip", "link", "set", device, "up")
            for argv in (
                    ("link", "set", "lo", "up"),
                    ("addr", "add", f"10.{n}.0.2/24", "dev", "eth0"),
                    ("addr", "add", f"fd00:{n}::2/64", "dev", "eth0",
                     "nodad"),
                    ("link", "set", "eth0", "up"),
                    ("route", "add", "default", "via", f"10.{n}.0.1"),
                    ("-6", "route", "add", "default", "via",
                     f"fd00:{n}::1")):
                self.in_box(kind, "ip", *argv)
        for kind in ("free", "appliance", "attach"):
            wait_for("IPv6", lambda k=kind: subprocess.run(
                self.box_command(k, PYTHON, "-c", "import socket; socket."
                                 "create_connection(('2600:11::3', 80), 1)"),
                check=False, stderr=subprocess.DEVNULL).returncode == 0)

    def box_command(self, kind, *argv):
        weak = CONTAINER if kind == "attach" else ()
        return ["nsenter", "-t", str(self.boxes[kind].pid), "-n", *weak,
                *map(str, argv)]

    def in_box(self, kind, *argv):
        return command("nsenter", "-t", self.boxes[kind].pid, "-n", *argv)

    def client(self, kind, script, *argv):
        """A script of ours in a sandbox, under way."""
        words = [PYTHON, f"escape_{script}.py", *argv, kind]
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
                   "text": True, "stderr": open(
                       self.dir / "logs" / f"in-{kind}", "a")}
        if kind == "run":
            return self.popen(*words, **options)
        return subprocess.Popen(self.box_command(kind, *words),
                                cwd=self.project, **options)

    def attach(self):
        self.penstock("attach", self.boxes["attach"].pid, "--name", "attach",
                      "--policy", "pen")
        self.device = self.start("device", [
            PYTHON, HERE / "escape_catcher.py", "record", "box0",
            self.dir / "device"])
        wait_for("its recorder", (self.dir / "device").exists)

    # -- what arrived -----------------------------------------------------

    def lines(self, name):
        """What a recorder has written, whole lines only."""
        text = (self.dir / name).read_text(encoding="ascii")
        return [json.loads(line) for line in
                text[:text.rfind("\n") + 1].splitlines()]

    def packets(self, since=0.0, until=float("inf"), name="packets"):
        return [p for p in self.lines(name)
                if since < p.get("at", -1.0) < until]

    def sent(self):
        return {tuple(p["out"]) for p in self.lines("packets") if "out" in p}

    def leaks(self, since=0.0, until=float("inf"), but=()):
        """[(why, marks)] of all that should not have arrived; but: marks of
        these kinds are no leak."""
        found, sent = [], self.sent()
        for packet in self.packets(since, until):
            packet = dict(packet, marks=[
                m for m in packet["marks"] if m.split("-")[1] not in but])
            why = leak_of(packet, sent)
            if why:
                found.append((f"{why}: {packet}", packet["marks"]))
        for packet in self.packets(since, until, "device") \
                if (self.dir / "device").exists() else ():
            found.append((f"left by the device: {packet}", packet["marks"]))
        return found

    def connections(self, name):
        """[(facts, octets)] of all connections that a catcher had."""
        facts, octets = {}, {}
        for number, what in self.lines(name):
            if isinstance(what, dict):
                facts[number] = what
                octets[number] = b""
            else:
                octets[number] += what.encode("latin-1")
        return [(facts[n], octets[n]) for n in facts]

    # -- the instance -----------------------------------------------------

    def gateways(self):
        return self.children().get("penstock-gatewa", [])

    def signal_all(self, pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill_all(self):
        """Everything of the instance at once; when it was done."""
        pids = [p for group in self.children().values() for p in group]
        self.daemon.kill()
        self.signal_all(pids, signal.SIGKILL)
        self.daemon.wait()
        return time.monotonic()
