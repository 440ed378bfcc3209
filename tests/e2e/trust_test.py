#!/usr/bin/env python3
"""Programs with trust stores of their own, in a sandbox: each takes the
gateway's certificates without being told how. And the portal."""
import json
import os
import shutil
import ssl
import subprocess
import urllib.request

from harness import inside, main, outside, PYTHON

POLICY = """
allow:
  - any https://h2.test/**
  - GET https://h1.test/**
  - tcp://*:80
"""
URL = "https://h2.test/"
HELLO = "hello from nginx"


def run(*argv, check=True, timeout=50, **options):
    done = subprocess.run(argv, check=False, timeout=timeout, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.returncode}\n{done.stdout}")
    return done.stdout


def needs(*programs):
    """Are all of these here? Says so when not."""
    for program in programs:
        if not shutil.which(program):
            print(f"# skipped: {program} is not installed")
            return False
    return True


def handshook(out):
    """Whatever else went wrong, it was not trust."""
    for word in ("certificate", "ssl", "x509", "unknown issuer", "self_signed",
                 "unable_to_verify"):
        assert word not in out.lower(), out


@inside("curl, wget, openssl and GnuTLS")
def system():
    assert HELLO in run("curl", "-sS", URL)
    if needs("wget"):
        assert HELLO in run("wget", "-qO-", URL)
    out = run("openssl", "s_client", "-connect", "h2.test:443",
              "-servername", "h2.test")
    assert "Verify return code: 0 (ok)" in out, out
    if needs("gnutls-cli"):
        out = run("gnutls-cli", "h2.test", "-p", "443")
        assert "The certificate is trusted" in out, out


@inside("apt's own downloader")
def apt():
    helper = "/usr/lib/apt/apt-helper"
    if not os.path.exists(helper):
        print("# skipped: apt is not installed")
        return
    run(helper, "-o", "APT::Sandbox::User=root", "download-file", URL, "got")
    with open("got", encoding="utf-8") as f:
        assert HELLO in f.read()


@inside("git")
def git():
    out = run("git", "ls-remote", URL + "none.git", check=False)
    assert "none.git" in out, out
    handshook(out)


@inside("Python: ssl, urllib, requests, pip")
def python():
    with urllib.request.urlopen(URL, timeout=10) as answer:
        assert HELLO in answer.read().decode()
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
    try:
        import requests
        assert HELLO in requests.get(URL, timeout=10).text
    except ImportError:
        print("# skipped: requests is not installed")
    out = run(PYTHON, "-m", "pip", "download", "--no-cache-dir", "--retries",
              "0", "--index-url", URL + "simple/", "none", check=False)
    if "No module named pip" in out:
        print("# skipped: pip is not installed")
    else:
        assert "none" in out, out
        handshook(out)


@inside("Node.js and npm")
def node():
    if not needs("node", "npm"):
        return
    script = f"console.log(await (await fetch('{URL}')).text())"
    assert HELLO in run("node", "--input-type=module", "-e", script)
    out = run("npm", "view", "none", "--registry", URL + "npm/", check=False)
    assert "none" in out, out
    handshook(out)


JAVA = """
import java.io.*; import java.net.*;
public class Fetch {
    public static void main(String[] a) throws Exception {
        URLConnection c = new URL(a[0]).openConnection();
        System.out.println(new BufferedReader(new InputStreamReader(
            c.getInputStream())).readLine());
    }
}
"""


@inside("Java: HttpsURLConnection and keytool, without a word about options")
def java():
    if not needs("java", "javac"):
        return
    with open("Fetch.java", "w", encoding="utf-8") as f:
        f.write(JAVA)
    out = run("java", "Fetch.java", URL)
    assert HELLO in out, out
    assert "Picked up" not in out, out
    run("java", "-Djavax.net.ssl.trustStore=/.penstock/java.p12",
        "-Djavax.net.ssl.trustStorePassword=changeit", "Fetch.java", URL)
    out = run("keytool", "-list", "-cacerts", "-storepass", "changeit")
    assert "penstock" in out, out


@inside("NSS: the database in the home directory")
def nss():
    if not needs("certutil"):
        return
    out = run("certutil", "-L", "-d",
              "sql:" + os.path.expanduser("~/.pki/nssdb"))
    assert "penstock" in out and "C,," in out, out


@inside("Perl, Ruby, PHP")
def scripts():
    if needs("perl"):
        out = run("perl", "-e", "use LWP::UserAgent; my $r = LWP::UserAgent"
                  "->new->get($ARGV[0]); print $r->status_line, "
                  "$r->decoded_content;", URL, check=False)
        if "Can't locate" in out or "Protocol scheme 'https'" in out:
            print("# skipped: LWP is not installed")
        else:
            assert HELLO in out, out
    if needs("ruby"):
        out = run("ruby", "-ropen-uri", "-e",
                  "puts URI.open(ARGV[0]).read", URL)
        assert HELLO in out, out
    if needs("php"):
        out = run("php", "-r", "echo file_get_contents($argv[1]);", "--", URL)
        assert HELLO in out, out


GO = """package main

import ("fmt"; "io"; "net/http"; "os")

func main() {
    r, err := http.Get(os.Args[1])
    if err != nil { fmt.Println(err); os.Exit(1) }
    b, _ := io.ReadAll(r.Body)
    fmt.Println(string(b))
}
"""


@inside("Go")
def go():
    if not needs("go"):
        return
    with open("fetch.go", "w", encoding="utf-8") as f:
        f.write(GO)
    out = run("go", "run", "fetch.go", URL, env=dict(os.environ, CGO_ENABLED="0"))
    assert HELLO in out, out


@inside("uv and Deno")
def rust():
    if needs("uv"):
        out = run("uv", "pip", "install", "--target", "uv", "--index-url",
                  URL + "simple/", "none", check=False)
        assert "none" in out, out
        handshook(out)
    if needs("deno"):
        out = run("deno", "eval",
                  f"console.log(await (await fetch('{URL}')).text())")
        assert HELLO in out, out


@inside("the portal: what this is, in text and as a page")
def portal():
    assert os.environ["PENSTOCK_PORTAL"] == "http://penstock.internal/"
    name = os.environ["PENSTOCK_SANDBOX"]
    out = run("curl", "-sS", "http://penstock.internal/")
    assert f"sandbox '{name}'" in out and "/policy" in out, out
    out = run("curl", "-sS", "-H", "Accept: text/html",
              "http://penstock.internal/")
    assert 'href="/policy"' in out, out
    for version in ("--http1.1", "--http2"):
        out = run("curl", "-sS", version, "https://penstock.internal/")
        assert f"sandbox '{name}'" in out, out


@inside("the portal: the policy, in text and JSON")
def policy():
    out = run("curl", "-sS", "http://penstock.internal/policy")
    assert "allow any https://h2.test/**" in out, out
    said = json.loads(run("curl", "-sS", "-H", "Accept: application/json",
                          "http://penstock.internal/policy"))
    assert said["sandbox"] == os.environ["PENSTOCK_SANDBOX"], said
    assert said["default"] == "deny", said
    assert {"verdict": "allow", "rule": "GET https://h1.test/**"} \
        in said["rules"], said


@inside("the portal: the CA, the same in PEM, DER and in the sandbox")
def ca():
    pem = run("curl", "-sS", "http://penstock.internal/ca.pem")
    with open("/.penstock/ca.pem", encoding="utf-8") as f:
        assert f.read() == pem
    run("curl", "-sS", "-o", "ca.der", "http://penstock.internal/ca.der")
    with open("ca.der", "rb") as f:
        assert f.read() == ssl.PEM_cert_to_DER_cert(pem)


@inside("the portal: AGENTS.md, the same as in the sandbox")
def agents():
    out = run("curl", "-sS", "http://penstock.internal/AGENTS.md")
    with open("/.penstock/AGENTS.md", encoding="utf-8") as f:
        assert f.read() == out
    assert "to_allow" in out and "Do not retry" in out, out


@inside("the portal is read only, and nothing else is behind it")
def closed():
    for path in ("/status", "/sandboxes", "/api", "/reload", "/ca.key",
                 "/policy/", "/ca.key/policy"):
        out = run("curl", "-sS", "--path-as-is", "-o", "/dev/null", "-w",
                  "%{http_code}", "http://penstock.internal" + path)
        assert out == "404", (path, out)
    out = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X",
              "POST", "-d", "x", "http://penstock.internal/policy")
    assert out == "405", out
    out = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
              "https://h2.test/", "-H", "Host: penstock.internal")
    assert out == "421", out


@outside("what the portal answered is in the ledger, and went nowhere")
def recorded(stage):
    row = stage.row(host="penstock.internal", path="/policy", status=200)
    assert row["verdict"] == "allow" and row["reason"] == "portal", row
    assert row["outcome"] == "done" and row["upstream"] is None, row


@outside("a Java without a store that can be covered is told of ours")
def java_elsewhere(stage):
    home = stage.dir / "jdk"
    (home / "bin").mkdir(parents=True)
    java = home / "bin" / "java"
    java.write_text("#!/bin/sh\necho \"$JAVA_TOOL_OPTIONS\"\n")
    java.chmod(0o755)
    before = stage.env["PATH"]
    stage.env["PATH"] = f"{home}/bin:{before}"
    try:
        out = stage.run("java").stdout
    finally:
        stage.env["PATH"] = before
    assert "-Djavax.net.ssl.trustStore=/.penstock/java.p12" in out, out


@outside("cargo")
def cargo(stage):
    if not needs("cargo"):
        return
    rustup = os.environ.get("RUSTUP_HOME") or os.path.expanduser("~/.rustup")
    options = ["--env", f"CARGO_REGISTRIES_LOCAL_INDEX=sparse+{URL}index/"]
    if os.path.isdir(rustup):
        options += ["--ro", rustup, "--env", f"RUSTUP_HOME={rustup}"]
    done = stage.run("cargo", "search", "--registry", "local", "none",
                     check=False, options=options)
    assert "config.json" in done.stderr, done
    row = stage.row(path="/index/config.json")
    assert row["host"] == "h2.test" and row["verdict"] == "allow", row
    handshook(done.stderr)


@outside("a client that does not trust the CA: log and status say so")
def untrusting(stage):
    cert = stage.dir / "certs" / "stranger.crt"
    done = stage.run("curl", "-sS", "--cacert", cert, URL, check=False,
                     options=["--ro", cert])
    assert done.returncode == 60, done
    row = stage.row(reason="ca-not-trusted")
    assert row["host"] == "h2.test", row
    assert "/instructions" in row["detail"], row
    out = stage.penstock("log").stdout
    assert "ca-not-trusted" in out and "h2.test" in out, out
    out = stage.penstock("status").stdout
    assert "penstock log --reason ca-not-trusted" in out, out
    assert "http://penstock.internal/instructions" in out, out


HOOK = "/etc/ca-certificates/update.d/zz-test"
INSTALLED = """set -e
mount -t tmpfs tmpfs "$2"
for dir in /etc /usr/local /var/lib; do
    at="$2/$(basename $dir)"
    mkdir -p "$at/upper" "$at/work"
    mount -t overlay overlay -o "lowerdir=$dir,upperdir=$at/upper,workdir=$at/work" $dir
done
mkdir -p /usr/local/share/ca-certificates
printf '#!/bin/sh\\ngrep penstock >>/etc/told || :\\n' >HOOK
chmod 755 HOOK
ca() { rc=0; "$1" ca "$2" >/dev/null 2>&1 || rc=$?; echo "$2: $rc"; }
trusted() { openssl verify "$1" >/dev/null 2>&1 && echo yes || echo no; }
ca "$1" uninstall
ca "$1" install; trusted "$3"
cp "$3" "$2/old.pem"
ca "$1" rotate
ca "$1" install; trusted "$3"; trusted "$2/old.pem"
ca "$1" uninstall; trusted "$3"
find /etc/ssl/certs -name '*penstock*' -o -lname '*penstock*'
cat /etc/told
""".replace("HOOK", HOOK)
PEM = "/etc/ssl/certs/penstock.pem"


@outside("penstock ca: install, rotate, uninstall; hooks such as Java's follow")
def ca_installed(stage):
    if os.stat("/etc/passwd").st_uid or os.stat("/").st_uid or \
            not os.path.exists("/usr/sbin/update-ca-certificates"):
        print("# skipped: /etc is not ours to cover")
        return
    dirs = {name: stage.dir / f"ca-{name}" for name in
            ("state", "config", "run", "cover")}
    for path in dirs.values():
        path.mkdir()
    env = dict(stage.env, PENSTOCK_STATE_DIR=str(dirs["state"]),
               PENSTOCK_CONFIG_DIR=str(dirs["config"]),
               PENSTOCK_RUN_DIR=str(dirs["run"]))
    out = run("unshare", "--mount", "sh", "-c", INSTALLED, "sh",
              stage.bin / "penstock", dirs["cover"], dirs["state"] / "ca.pem",
              env=env)
    assert out.split("\n") == [
        "uninstall: 1", "install: 0", "yes", "rotate: 0", "install: 0", "yes",
        "no", "uninstall: 0", "no", "+" + PEM, "-" + PEM, "+" + PEM,
        "-" + PEM, ""], out


@outside("penstock ca: show and export say the same as openssl")
def ca_shown(stage):
    cert = stage.dir / "state" / "ca.pem"
    want = run("openssl", "x509", "-in", cert, "-noout", "-fingerprint",
               "-sha256").partition("=")[2].strip()
    out = stage.penstock("ca", "show").stdout
    assert want in out and str(cert) in out, out
    assert stage.penstock("ca", "export").stdout == cert.read_text()
    der = subprocess.run([stage.bin / "penstock", "ca", "export", "--der"],
                         check=True, env=stage.env,
                         stdout=subprocess.PIPE).stdout
    assert der == ssl.PEM_cert_to_DER_cert(cert.read_text())
    store = stage.dir / "java.p12"
    with open(store, "wb") as f:
        subprocess.run([stage.bin / "penstock", "ca", "export", "--p12"],
                       check=True, env=stage.env, stdout=f)
    if needs("keytool"):
        out = run("keytool", "-list", "-keystore", store, "-storepass", "any")
        assert "PKCS12" in out and "penstock" in out, out


@outside("penstock ca: install and uninstall, in this machine's store")
def ca_installed(stage):
    if not os.path.exists("/usr/sbin/update-ca-certificates"):
        print("# skipped: no update-ca-certificates")
        return
    for path in ("/usr/local/share/ca-certificates", "/etc/ssl/certs"):
        run("mount", "-t", "tmpfs", "none", path)   # of our namespace
    os.mkdir("/etc/ssl/certs/java")
    cert = stage.dir / "state" / "ca.pem"
    out = stage.penstock("ca", "install", timeout=60).stdout
    assert "trusts whatever this CA signs" in out, out
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    run("openssl", "verify", "-CAfile", bundle, cert)
    stage.penstock("ca", "uninstall", timeout=60)
    done = subprocess.run(["openssl", "verify", "-CAfile", bundle, cert],
                          check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode != 0, done
    assert stage.penstock("ca", "uninstall", check=False).returncode == 1


@outside("penstock ca: rotate, only while no instance runs")
def ca_rotated(stage):
    before = stage.penstock("ca", "show").stdout
    done = stage.penstock("ca", "rotate", check=False)
    assert done.returncode == 1 and "penstock down" in done.stderr, done
    assert stage.penstock("ca", "show").stdout == before
    assert stage.stop_instance() == 0
    out = stage.penstock("ca", "rotate").stdout
    assert before.split("\n")[1] not in out, out
    stage.start_instance()
    assert HELLO in stage.run("curl", "-sS", URL).stdout


if __name__ == "__main__":
    main(POLICY)
