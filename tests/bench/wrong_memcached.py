#!/usr/bin/python3 -I
"""A memcached that now and then returns a value with one byte changed: wrong_memcached.py ... -p PORT."""
import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            command, key, *rest = line.split()
            if command == b"set":
                value = self.rfile.read(int(rest[2]) + 2)
                self.server.values[key] = (rest[0], value[:-2])
                self.wfile.write(b"STORED\r\n")
            elif command == b"delete":
                gone = self.server.values.pop(key, None)
                self.wfile.write(b"DELETED\r\n" if gone else b"NOT_FOUND\r\n")
            else:
                self.get(key)

    def get(self, key):
        if key in self.server.values:
            flags, value = self.server.values[key]
            self.server.gets += 1
            if self.server.gets % 50 == 0:
                value = value[:-1] + bytes([value[-1] ^ 1])
            self.wfile.write(b"VALUE %b %b %d\r\n%b\r\n" % (key, flags, len(value), value))
        self.wfile.write(b"END\r\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256
    values = {}
    gets = 0


if "-p" in sys.argv:
    port = int(sys.argv[sys.argv.index("-p") + 1])
    with Server(("127.0.0.1", port), Handler) as server:
        server.serve_forever()
