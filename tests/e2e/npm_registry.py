#!/usr/bin/env python3
"""A registry with one plain and one scoped package, for npm to install from.

usage: npm_registry.py ADDRESS PORT BASE-URL
"""
import base64
import gzip
import hashlib
import http.server
import io
import json
import sys
import tarfile
import urllib.parse


def tarball(name):
    """A package as npm packs it."""
    files = {"package/package.json": json.dumps(
                 {"name": name, "version": "1.0.0", "main": "index.js"}),
             "package/index.js": f"module.exports = {json.dumps(name)};\n"}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


def document(name, base):
    body = tarball(name)
    digest = base64.b64encode(hashlib.sha512(body).digest()).decode()
    file = name.split("/")[-1] + "-1.0.0.tgz"
    dist = {"tarball": f"{base}/{name}/-/{file}",
            "integrity": f"sha512-{digest}"}
    return {"name": name, "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": {"name": name, "version": "1.0.0",
                                   "dist": dist}}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    names = ("plain", "@acme/scoped")
    base = ""

    def do_GET(self):
        path = urllib.parse.unquote(self.path.partition("?")[0]).strip("/")
        name, dash, _ = path.partition("/-/")
        if name not in self.names:
            self.answer(404, b"{}", "application/json")
        elif dash:
            self.answer(200, tarball(name), "application/octet-stream")
        else:
            self.answer(200, json.dumps(document(name, self.base)).encode(),
                        "application/json")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    address, port, Handler.base = sys.argv[1:]
    http.server.ThreadingHTTPServer((address, int(port)),
                                    Handler).serve_forever()


if __name__ == "__main__":
    main()
