"""Client for beanstalkd.sh: beanstalkd_client.py PORT STEP LEDGER.

Step put      put the jobs; LEDGER gets their ids, in order
     check    every job of LEDGER is there, as it was put
     consume  reserve and delete the ready ones, delete the delayed
     nothing  no job is left
Exits with a message at the first wrong answer.
"""
import hashlib
import random
import socket
import sys

JOBS = 5000
TUBES = ("default", "mail", "image")
BATCH = 25


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.reader = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def answer(self, wanted):
        """The words after `wanted`, which the answer must start with."""
        words = self.reader.readline().split()
        if not words or words[0].decode() != wanted:
            sys.exit("expected %s, got %r" % (wanted, words))
        return words[1:]

    def body(self, size):
        data = self.reader.read(int(size) + 2)
        if data[-2:] != b"\r\n":
            sys.exit("a body does not end where it says")
        return data[:-2]

    def ask(self, command, wanted):
        self.send(command.encode() + b"\r\n")
        return self.answer(wanted)

    def yaml(self, command):
        text = self.body(self.ask(command, "OK")[0]).decode()
        return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def body(i):
    rng = random.Random(i)
    size = rng.randint(0, rng.choices((100, 2000, 20000, 65535), (50, 35, 10, 5))[0])
    return hashlib.shake_128(b"job %d" % i).digest(size)


def priority(i):
    return i * 7919 % 1000


def is_delayed(i):
    return i % 10 == 0


def batches(items):
    return [items[at:at + BATCH] for at in range(0, len(items), BATCH)]


def put(to, path):
    ids = []
    for batch in batches(range(JOBS)):
        for i in batch:
            data = body(i)
            to.send(b"use %s\r\nput %d %d 60 %d\r\n%s\r\n" % (
                TUBES[i % len(TUBES)].encode(), priority(i), 3600 if is_delayed(i) else 0,
                len(data), data))
        for _ in batch:
            to.answer("USING")
            ids.append(int(to.answer("INSERTED")[0]))
    with open(path, "w") as ledger:
        ledger.write("\n".join(map(str, ids)))


def expect_counts(to, ready, delayed):
    stats = to.yaml("stats")
    found = int(stats["current-jobs-ready"]), int(stats["current-jobs-delayed"])
    if found != (ready, delayed):
        sys.exit("%d ready and %d delayed jobs, not %d and %d" % (found + (ready, delayed)))


def check(to, ids):
    delayed = sum(map(is_delayed, range(JOBS)))
    expect_counts(to, JOBS - delayed, delayed)
    for batch in batches(list(enumerate(ids))):
        to.send(b"".join(b"peek %d\r\n" % job for _, job in batch))
        for i, job in batch:
            found, size = to.answer("FOUND")
            if int(found) != job or to.body(size) != body(i):
                sys.exit("job %d has another body" % job)
    for i in range(0, JOBS, 7):
        stats = to.yaml("stats-job %d" % ids[i])
        found = stats["tube"].strip('"'), int(stats["pri"]), stats["state"]
        wanted = TUBES[i % len(TUBES)], priority(i), "delayed" if is_delayed(i) else "ready"
        if found != wanted:
            sys.exit("job %d is %s, not %s" % (ids[i], found, wanted))


def consume(to, ids):
    number = {job: i for i, job in enumerate(ids)}
    for tube in TUBES:
        to.ask("watch " + tube, "WATCHING")
    last = 0
    for _ in range(JOBS - sum(map(is_delayed, range(JOBS)))):
        job, size = to.ask("reserve-with-timeout 0", "RESERVED")
        i = number.pop(int(job))
        if to.body(size) != body(i) or is_delayed(i):
            sys.exit("job %s is not the one that was put" % job)
        if priority(i) < last:
            sys.exit("priority %d came after %d" % (priority(i), last))
        last = priority(i)
        to.ask("delete %d" % int(job), "DELETED")
    to.ask("reserve-with-timeout 0", "TIMED_OUT")
    for job, i in number.items():
        if not is_delayed(i):
            sys.exit("job %d was never handed out" % job)
        to.ask("delete %d" % job, "DELETED")
    expect_counts(to, 0, 0)


def main():
    port, step, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    to = Connection(port)
    if step == "put":
        put(to, path)
    elif step == "nothing":
        expect_counts(to, 0, 0)
    else:
        with open(path) as ledger:
            ids = [int(line) for line in ledger]
        if len(set(ids)) != JOBS:
            sys.exit("the ledger has %d jobs" % len(set(ids)))
        {"check": check, "consume": consume}[step](to, ids)
    print("done")


main()
