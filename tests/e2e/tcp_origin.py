#!/usr/bin/env python3
"""Servers of protocols that are not HTTP, one a port.

usage: tcp_origin.py ADDRESS

  7001  speaks first: a greeting, then each line back; at the end "bye N", N the
        octets it got
  7002  reads to the end, then says the SHA-256 of it
  7003  says "all" and ends its direction; reads to the end; who asks 7004 is
        told how much that was
  7004  says what 7003 read last
  7005  echoes octets
  7006  says nothing until the first octet, then who connected to it
"""
import hashlib
import socket
import socketserver
import sys
import threading

last = {"read": -1}


def greet(sock, stream):
    sock.sendall(b"220 ready\r\n")
    size = 0
    for line in stream:
        size += len(line)
        sock.sendall(line)
    sock.sendall(b"bye %d\r\n" % size)


def digest(sock, stream):
    sha = hashlib.sha256()
    while piece := stream.read1(65536):
        sha.update(piece)
    sock.sendall(sha.hexdigest().encode())


def end_first(sock, stream):
    last["read"] = -1
    sock.sendall(b"all")
    sock.shutdown(socket.SHUT_WR)
    last["read"] = len(stream.read())


def tell(sock, _):
    sock.sendall(b"%d" % last["read"])


def echo(sock, stream):
    while piece := stream.read1(65536):
        sock.sendall(piece)


def who(sock, stream):
    stream.read1(1)
    sock.sendall(sock.getpeername()[0].encode())


PORTS = {7001: greet, 7002: digest, 7003: end_first, 7004: tell, 7005: echo,
         7006: who}


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        serve = PORTS[self.server.server_address[1]]
        with self.request.makefile("rb") as stream:
            try:
                serve(self.request, stream)
            except OSError:
                pass                      # the peer has gone


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def main():
    servers = [Server((sys.argv[1], port), Handler) for port in PORTS]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
