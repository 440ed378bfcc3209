#!/usr/bin/env python3
"""Run inside a sandbox; prints what it finds there as one JSON object.

Only facts, no judgement: the test that started it knows what is right. Each
attempt to reach something is a string: "ok", "timeout", or the errno's name.

    sandbox_probe.py [PATH...]    also tells which of these paths are visible
"""
import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import sys

CAPTURE_TCP_PORT = 61080
CAPTURE_DNS_PORT = 61053
TIOCSTI = 0x5412
TIOCLINUX = 0x541C
AF_VSOCK = 40
WAIT_S = 2


def attempt(fn, *args):
    try:
        fn(*args)
    except TimeoutError:
        return "timeout"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    return "ok"


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def tcp(host, port):
    with socket.socket(family_of(host), socket.SOCK_STREAM) as s:
        s.settimeout(WAIT_S)
        s.connect((host, port))


def udp(host, port):
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as s:
        s.settimeout(WAIT_S)
        s.connect((host, port))
        s.send(b"probe")
        s.recv(100)


def dns(host, name="probe.invalid"):
    """Any answer will do: an answer is what a resolver gives."""
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    query = struct.pack(">6H", 0x5053, 0x100, 1, 0, 0, 0) + labels + \
        b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as s:
        s.settimeout(WAIT_S)
        s.connect((host, 53))
        s.send(query)
        s.recv(1500)


def make_socket(family, kind, protocol=0):
    socket.socket(family, kind, protocol).close()


def unshared_netns():
    """A namespace of one's own is allowed; it must lead nowhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000 | 0x40000000):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(WAIT_S)
        s.connect(("192.0.2.80", 80))


def in_child(fn):
    """fn changes the process, so it runs in one of its own."""
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(w, attempt(fn).encode())
        os._exit(0)
    os.close(w)
    os.waitpid(pid, 0)
    return os.read(r, 100).decode()


def ioctl_on_stdin(request):
    fcntl.ioctl(0, request, b"x")


def status():
    with open("/proc/self/status", encoding="ascii") as f:
        words = dict(line.rstrip("\n").split(":\t", 1) for line in f)
    return {k: words[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd",
                                  "CapAmb", "NoNewPrivs", "Seccomp")}


def listing(path):
    try:
        return sorted(os.listdir(path))
    except OSError as e:
        return errno.errorcode[e.errno]


def writable(path):
    try:
        name = os.path.join(path, f".probe-{os.getpid()}")
        with open(name, "x", encoding="ascii"):
            pass
        os.unlink(name)
    except OSError as e:
        return errno.errorcode[e.errno]
    return "ok"


def sockets_below(*roots):
    found = []
    for root in roots:
        for where, _, files in os.walk(root):
            for name in files:
                path = os.path.join(where, name)
                if os.path.exists(path) and \
                        os.stat(path).st_mode & 0o170000 == 0o140000:
                    found.append(path)
    return found


def processes():
    return sorted(int(p) for p in os.listdir("/proc") if p.isdigit())


def main(paths):
    home = os.environ.get("HOME", "/")
    facts = {
        "uid": os.getuid(), "gid": os.getgid(), "cwd": os.getcwd(),
        "hostname": socket.gethostname(),
        "status": status(), "env": dict(os.environ),
        "root": listing("/"), "home": listing(home), "run": listing("/run"),
        "tmp": listing("/tmp"), "processes": processes(),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "resolv_conf": open("/etc/resolv.conf", encoding="ascii").read(),
        "open_fds": [fd for fd in range(3, 256)
                     if os.path.exists(f"/proc/self/fd/{fd}")],
        "sockets": sockets_below("/run", "/tmp", "/var", home),
        "visible": {p: os.path.exists(p) for p in paths},
        "readable": {p: attempt(lambda p: open(p, "rb").close(), p)
                     for p in ("/etc/shadow", "/etc/gshadow", "/etc/passwd")},
        "writable": {p: writable(p) for p in
                     (os.getcwd(), home, "/tmp", "/", "/usr", "/etc")},
        "tcp": {f"{h} {p}": attempt(tcp, h, p) for h, p in (
            ("192.0.2.80", 443), ("2001:db8::80", 443),
            ("169.254.169.254", 80), ("10.0.0.1", 22),
            ("127.0.0.1", CAPTURE_TCP_PORT), ("::1", CAPTURE_TCP_PORT),
            ("127.0.0.1", 1))},
        "udp": {f"{h} {p}": attempt(udp, h, p) for h, p in (
            ("192.0.2.80", 443), ("2001:db8::80", 443), ("192.0.2.80", 123),
            ("192.0.2.80", 4433))},
        "dns": {h: attempt(dns, h)
                for h in ("192.0.2.1", "8.8.8.8", "127.0.0.1", "2001:db8::53")},
        "socket": {
            "raw": attempt(make_socket, socket.AF_INET, socket.SOCK_RAW, 1),
            "packet": attempt(make_socket, socket.AF_PACKET,
                              socket.SOCK_RAW),
            "vsock": attempt(make_socket, AF_VSOCK, socket.SOCK_STREAM),
            "unix": attempt(make_socket, socket.AF_UNIX, socket.SOCK_STREAM),
        },
        "ioctl": {"TIOCSTI": attempt(ioctl_on_stdin, TIOCSTI),
                  "TIOCSTI, high half set":
                      in_child(lambda: libc_ioctl(TIOCSTI | 1 << 32)),
                  "TIOCLINUX": attempt(ioctl_on_stdin, TIOCLINUX)},
        "own_netns": in_child(unshared_netns),
    }
    json.dump(facts, sys.stdout, indent=1, sort_keys=True)
    print()


def libc_ioctl(request):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ioctl(0, ctypes.c_ulong(request), b"x"):
        raise OSError(ctypes.get_errno(), "ioctl")


if __name__ == "__main__":
    main(sys.argv[1:])
