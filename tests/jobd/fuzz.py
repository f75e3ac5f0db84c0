"""Malformed input for a bounded time: every line of answer is one of the protocol's, and a client
that behaves itself meanwhile gets what it should.

fuzz.py [--seconds N] [--seed N]
"""
import argparse
import random
import re
import socket
import sys
import threading
import time

from jobd import Client, check, fail, tide_jobd, until

ANSWER = re.compile(
    rb"(INSERTED \d+|BURIED( \d+)?|EXPECTED_CRLF|JOB_TOO_BIG|USING [^ ]+|RESERVED \d+ \d+|TIMED_OUT|"
    rb"DEADLINE_SOON|NOT_FOUND|DELETED|RELEASED|TOUCHED|WATCHING \d+|NOT_IGNORED|FOUND \d+ \d+|"
    rb"KICKED( \d+)?|OK \d+|PAUSED|BAD_FORMAT|UNKNOWN_COMMAND|OUT_OF_MEMORY)")
FUZZERS = 3
WORDS = (b"put reserve reserve-with-timeout reserve-job delete release bury kick kick-job touch "
         b"peek peek-ready peek-delayed peek-buried stats stats-job stats-tube use watch ignore "
         b"list-tubes list-tube-used list-tubes-watched pause-tube").split()


class Fuzzer:
    def __init__(self, port, seed):
        self.port = port
        self.random = random.Random(seed)
        self.answers = 0
        self.error = None

    def argument(self):
        r = self.random
        return r.choice((
            lambda: b"%d" % r.randrange(200),
            lambda: b"%d" % r.choice((2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, 2**64, 10**30)),
            lambda: b"fuzz-%d" % r.randrange(5),
            lambda: b"-1",
            lambda: b"x" * r.choice((1, 199, 200, 201, 300)),
            lambda: bytes(r.randrange(256) for _ in range(r.randrange(20))),
            lambda: b""))()

    def piece(self):
        r = self.random
        kind = r.random()
        if kind < 0.25:
            size = r.choice((0, 1, 10, 1000, 999))
            data = bytes(r.randrange(256) for _ in range(size % 64)).ljust(size, b"\n")
            end = r.choice((b"\r\n", b"\r\n", b"\r\n", b"\n\n", b"zz"))
            return b"put %d %d %d %d\r\n%s%s" % (r.randrange(9), r.randrange(2), r.randrange(3),
                                                 size, data, end)
        if kind < 0.3:
            size = r.choice((1001, 5000, 100000))
            return b"put 0 0 1 %d\r\n%s\r\n" % (size, b"p" * size)
        if kind < 0.55:
            return r.choice(WORDS) + b" %d" % r.randrange(300) + b"\r\n"
        if kind < 0.85:
            arguments = b"".join(b" " + self.argument() for _ in range(r.randrange(5)))
            return r.choice(WORDS) + arguments + r.choice((b"\r\n", b"\r\n", b"\n", b"\r", b""))
        if kind < 0.9:
            return b"y" * r.choice((221, 222, 223, 224, 225, 1000, 70000)) + b"\r\n"
        return bytes(r.randrange(256) for _ in range(r.randrange(300)))

    def read(self, reader):
        """Answers until the end; each must be one."""
        while True:
            line = reader.readline()
            if not line:
                return
            check(line.endswith(b"\r\n") and ANSWER.fullmatch(line[:-2]), "answer: %r" % line)
            self.answers += 1
            words = line.split()
            if words[0] in (b"OK", b"FOUND", b"RESERVED"):
                body = reader.read(int(words[-1]) + 2)
                check(body.endswith(b"\r\n"), "a body does not end where it says")

    def talk(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        data = b"".join(self.piece() for _ in range(self.random.randrange(1, 60)))
        if self.random.random() < 0.2:
            data = data.replace(b"reserve\r\n", b"")
        sender = threading.Thread(target=self.send, args=(client, data))
        sender.start()
        if self.random.random() < 0.2:
            sender.join()
            client.close()  # in the middle, with answers unread
            return
        self.read(client.makefile("rb"))
        sender.join()
        client.close()

    def send(self, client, data):
        try:
            while data:
                size = self.random.choice((1, 7, 224, 4000, 10**6))
                client.sendall(data[:size])
                data = data[size:]
            client.shutdown(socket.SHUT_WR)  # the end: whoever waits is told
        except OSError:
            pass  # closed by either side

    def run(self, deadline):
        try:
            while time.monotonic() < deadline:
                try:
                    self.talk()
                except ConnectionError:
                    pass
        except (SystemExit, OSError) as error:
            self.error = error


parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, default=5)
parser.add_argument("--seed", type=int, default=random.randrange(10**6))
arguments = parser.parse_args()
print("seed %d" % arguments.seed)
with tide_jobd("-z", 1000, "-t", 2, "-m", "4M", "--policy", "drop") as server:
    deadline = time.monotonic() + arguments.seconds
    fuzzers = [Fuzzer(server.port, arguments.seed + i) for i in range(FUZZERS)]
    running = [threading.Thread(target=fuzzer.run, args=(deadline,)) for fuzzer in fuzzers]
    for thread in running:
        thread.start()
    client = Client(server)
    client.ask("use sane")
    client.ask("watch sane")
    client.ask("ignore default")
    rounds = 0
    while time.monotonic() < deadline:
        rounds += 1
        job = client.put(b"sane %d" % rounds, ttr=1000)
        check(isinstance(job, int), "a put was answered with %r" % job)
        line, body = client.ask("reserve-with-timeout 0")
        if line == b"RESERVED %d %d" % (job, len(body or b"")):
            check(body == b"sane %d" % rounds, "its body is %r" % body)
            client.ask("delete %d" % job)
        else:
            # They may guess its number, and delete it; but no other is there.
            check(line == b"TIMED_OUT", "%r instead of job %d" % (line, job))
    for thread in running:
        thread.join()
    for fuzzer in fuzzers:
        check(fuzzer.error is None, fuzzer.error)
    until("all are gone", lambda: client.stats()["current-connections"] == "1")
    stats = client.stats()
    check(stats["current-jobs-reserved"] == "0", "a job is with nobody")
    check(stats["current-waiting"] == "0", "nobody waits")
    answers = sum(fuzzer.answers for fuzzer in fuzzers)
    check(answers > 100 and rounds > 10, "%d answers, %d rounds: nothing was tested" %
          (answers, rounds))
    server.end()
print("%d answers, %d rounds of the sane client" % (answers, rounds))
