"""An NDJSON receiver that keeps what it took, and misbehaves when told to.

    ship_receiver.py PORT DIR [CERT]

Rows are in DIR/rows before the answer, each request in DIR/requests (a JSON
line: key, rows, fields, answer). What it does stands in DIR/mode:

    ok          takes all
    fail        503, nothing taken
    deaf        reads everything, then closes without an answer
    cut         closes in the middle of the request
    lost        takes all, then closes without an answer
    small:N     413 for more than N rows
    login:WORD  401 without "Authorization: WORD", and says that word
    stall       never answers
"""
import gzip
import http.server
import json
import os
import pathlib
import ssl
import sys
import threading
import time

PORT, DIR = int(sys.argv[1]), pathlib.Path(sys.argv[2])
LOCK = threading.Lock()


def mode():
    return (DIR / "mode").read_text().strip()


def keep(name, text):
    with LOCK, open(DIR / name, "a", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def note(self, rows, answer):
        keep("requests", json.dumps({
            "key": self.headers["Idempotency-Key"], "rows": rows,
            "fields": dict(self.headers), "answer": answer}) + "\n")

    def hang_up(self):
        self.close_connection = True
        self.connection.close()

    def do_POST(self):
        what, _, value = mode().partition(":")
        length = int(self.headers["Content-Length"])
        if what == "cut":
            self.rfile.read(length // 2)
            self.note(0, "cut")
            return self.hang_up()
        body = self.rfile.read(length)
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        text = body.decode()
        rows = len(text.splitlines())
        assert text.endswith("\n"), text[-20:]
        if what == "stall":
            self.note(rows, "stall")
            time.sleep(600)
        if what == "deaf":
            self.note(rows, "deaf")
            return self.hang_up()
        if what == "login" and self.headers["Authorization"] != value:
            self.note(rows, 401)
            return self.answer(401, "not " + str(
                self.headers["Authorization"]))
        if what == "fail":
            self.note(rows, 503)
            return self.answer(503, "try\x1b[31m later")
        if what == "small" and rows > int(value):
            self.note(rows, 413)
            return self.answer(413)
        keep("rows", text)
        self.note(rows, 200)
        if what == "lost":
            return self.hang_up()
        return self.answer(200)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Receiver)
if len(sys.argv) > 3:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[3])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
