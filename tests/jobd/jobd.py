"""What the tests of tide-jobd share: servers, and clients that speak the protocol.

JOBD_PROGRAM names the program. Exit of a test: 0 pass, 77 skip, else fail; the reason on stderr.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIMIT_S = 20  # for one answer, one start, one end


def skip(reason):
    print("skip: " + reason, file=sys.stderr)
    sys.exit(77)


def fail(reason):
    print("fail: " + str(reason), file=sys.stderr)
    sys.exit(1)


def check(right, reason):
    if not right:
        fail(reason)


class Server:
    """A server that is ended, by its process id, at the latest with the `with` block."""

    def __init__(self, command, port=None):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        self.port = port or self.printed_port(command)

    def printed_port(self, command):
        words = self.process.stdout.readline().split()
        if len(words) != 3:
            self.process.wait(LIMIT_S)
            self.started = False
            return None
        self.started = True
        return int(words[2])

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        if kind is not None:
            sys.stderr.write(self.complaints())

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT_S)

    def end(self):
        """An end as it should be: by SIGTERM, with status 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(LIMIT_S)
        check(status == 0, "the server ended with %d: %s" % (status, self.complaints()))

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.process.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tide_jobd(*options, descriptors=None):
    """`descriptors`: the soft and the hard limit of them."""
    program = os.environ.get("JOBD_PROGRAM")
    if not program or not os.access(program, os.X_OK):
        fail("JOBD_PROGRAM must name the program")
    limited = ["prlimit", "--nofile=%d:%d" % descriptors] if descriptors else []
    server = Server([*limited, program, "-l", "127.0.0.1", "-p", "0", *map(str, options)])
    check(server.started, "tide-jobd did not start: " + server.complaints())
    # As with beanstalkd below, so that the same connections are counted.
    socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S).close()
    return server


def refused(*options):
    """What tide-jobd says when it does not start."""
    server = Server([os.environ["JOBD_PROGRAM"], "-l", "127.0.0.1", "-p", "0", *map(str, options)])
    with server:
        check(not server.started, "it started with " + " ".join(map(str, options)))
        return server.process.returncode, server.complaints()


def beanstalkd(*options):
    """On a free port; another one if somebody was faster."""
    if not shutil.which("beanstalkd"):
        skip("beanstalkd is not installed")
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Server(["beanstalkd", "-l", "127.0.0.1", "-p", str(port), *map(str, options)],
                        port)
        deadline = time.monotonic() + LIMIT_S
        while server.process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return server
            except OSError:
                time.sleep(0.02)
        server.kill()
    fail("beanstalkd does not start: " + server.complaints())


class Client:
    def __init__(self, server, limit_s=LIMIT_S):
        port = server if isinstance(server, int) else server.port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=limit_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """One answer: its line without CR and LF, and its body or None. (b"", None): the end."""
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            return b"", None
        line = line[:-2]
        words = line.split()
        if words and words[0] in (b"OK", b"FOUND", b"RESERVED"):
            size = int(words[-1])
            data = self.reader.read(size + 2)
            if len(data) != size + 2 or data[-2:] != b"\r\n":
                fail("a body does not end where it says: %r" % line)
            return line, data[:-2]
        return line, None

    def ask(self, command):
        self.send(command.encode() + b"\r\n")
        return self.answer()

    def ask_line(self, command):
        return self.ask(command)[0].decode()

    def put(self, body, priority=0, delay=0, ttr=60):
        """The id; or the answer, if it is another one."""
        self.send(b"put %d %d %d %d\r\n%s\r\n" % (priority, delay, ttr, len(body), body))
        line = self.answer()[0].decode()
        word, _, number = line.partition(" ")
        return int(number) if word == "INSERTED" else line

    def stats(self, command="stats"):
        line, data = self.ask(command)
        check(line.startswith(b"OK "), "%s: %r" % (command, line))
        return dict(text.split(": ", 1) for text in data.decode().splitlines() if ": " in text)

    def close(self):
        self.reader.close()
        self.socket.close()


def until(what, right, limit_s=LIMIT_S):
    """Wait until right() is true."""
    deadline = time.monotonic() + limit_s
    while not right():
        check(time.monotonic() < deadline, "not within %d s: %s" % (limit_s, what))
        time.sleep(0.02)
