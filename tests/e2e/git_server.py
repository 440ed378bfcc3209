#!/usr/bin/env python3
"""git over HTTP for tests and the first run: git http-backend behind a door.

usage: git_server.py ROOT ADDRESS PORT    (0: any; the port is printed)

Serves every bare repository below ROOT, pushes and Git LFS included: the batch
names https://HOST/lfs-store/OID, HOST being the request's own.
"""
import http.server
import json
import os
import subprocess
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = "."

    store = {}

    def say(self, status, body, kind="application/vnd.git-lfs+json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def batch(self):
        asked = json.loads(self.body())
        way = asked["operation"]
        objects = []
        for one in asked["objects"]:
            href = f"https://{self.headers['Host']}/lfs-store/{one['oid']}"
            there = one["oid"] in self.store
            if way == "download" and not there:
                objects.append(one | {"error": {"code": 404,
                                                "message": "not there"}})
            elif way == "upload" and there:
                objects.append(one)
            else:
                objects.append(one | {"actions": {way: {"href": href}}})
        self.say(200, json.dumps({"transfer": "basic",
                                  "objects": objects}).encode())

    def lfs(self, path):
        """Was it one of the requests of Git LFS?"""
        if path.endswith("/info/lfs/objects/batch"):
            self.batch()
        elif path.endswith("/info/lfs/locks/verify"):
            self.body()
            self.say(200, b'{"ours": [], "theirs": []}')
        elif path.startswith("/lfs-store/") and self.command == "PUT":
            self.store[path.rpartition("/")[2]] = self.body()
            self.say(200, b"")
        elif path.startswith("/lfs-store/"):
            self.say(200, self.store[path.rpartition("/")[2]],
                     "application/octet-stream")
        else:
            return False
        return True

    def serve(self):
        path, _, query = self.path.partition("?")
        if self.lfs(path):
            return
        env = dict(os.environ, GIT_PROJECT_ROOT=self.root,
                   GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path,
                   QUERY_STRING=query, REQUEST_METHOD=self.command,
                   CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", ""),
                   HTTP_CONTENT_ENCODING=self.headers.get(
                       "Content-Encoding", ""),
                   REMOTE_USER="tester", REMOTE_ADDR="127.0.0.1")
        run = subprocess.run(["git", "http-backend"], env=env, check=False,
                             input=self.body(), stdout=subprocess.PIPE)
        head, _, body = run.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().splitlines()]
        status = int(dict(fields).get("Status", "200").split()[0])
        self.send_response(status)
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = serve

    def log_message(self, *args):
        pass


def main():
    Handler.root, address, port = sys.argv[1:]
    server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
