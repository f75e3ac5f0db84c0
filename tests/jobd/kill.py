"""kill -9 at random instants, with clients at work: no job whose put was acknowledged is lost, none
whose deletion was acknowledged comes back, and bodies, priorities and states are what was
acknowledged last. The log goes on from round to round, in short segments, so that it is compacted
all the time. In every second round files may not grow for moments: what is answered OUT_OF_MEMORY was
not done, what is answered INTERNAL_ERROR may have been.

kill.py [--rounds N] [--seed N]
"""
import argparse
import hashlib
import os
import random
import resource
import socket
import sys
import tempfile
import threading
import time

from jobd import Client, check, fail, tide_jobd

CLIENTS = 4
JOBS_EACH = 150  # around which a client keeps its count
GONE = ("gone", 0)
TROUBLE = b"OUT_OF_MEMORY", b"INTERNAL_ERROR"


def body_of(seed):
    size = seed * 7919 % (60000 if seed % 50 == 0 else 2500 if seed % 3 else 90)
    return hashlib.shake_128(b"%d" % seed).digest(size)


class Job:
    def __init__(self, seed, outcome):
        self.seed = seed
        self.allowed = {outcome}  # what may be found after a kill


class Worker:
    """One client and what it knows of its jobs. Its tube is its own."""

    def __init__(self, number, seed):
        self.tube = "tube-%d" % number
        self.random = random.Random(seed)
        self.jobs = {}
        self.gone = []
        self.next_seed = seed * 10**6
        self.acknowledged = 0
        self.has_trouble = False
        self.troubled = 0
        self.doubtful = set()  # jobs whose state in the server that runs is not known
        self.error = None

    def one_of(self, state):
        """A job that is known to be in that state, and not in this batch."""
        ids = [i for i, job in self.jobs.items()
               if i not in self.busy and i not in self.doubtful and {s for s, _ in job.allowed} == {state}]
        return self.random.choice(ids) if ids else None

    def is_trouble(self, line):
        is_trouble = self.has_trouble and line in TROUBLE
        self.troubled += is_trouble
        return is_trouble

    def plan_put(self):
        seed = self.next_seed = self.next_seed + 1
        delay = 1000 if self.random.random() < 0.1 else 0
        priority = self.random.randrange(5000)
        body = body_of(seed)
        outcome = ("delayed" if delay else "ready", priority)

        def answered(line):
            if self.is_trouble(line):
                return
            word, number = line.split()
            check(word == b"INSERTED", "a put was answered with %r" % line)
            self.jobs[int(number)] = Job(seed, outcome)

        return b"put %d %d 600 %d\r\n%s\r\n" % (priority, delay, len(body), body), answered

    def plan_change(self, command, job_id, outcome, word):
        job = self.jobs[job_id]
        before = set(job.allowed)
        job.allowed.add(outcome)
        self.busy.add(job_id)

        def answered(line):
            if self.is_trouble(line):
                self.doubtful.add(job_id)
                if line == b"OUT_OF_MEMORY":
                    job.allowed = before
                return
            check(line == word, "%r was answered with %r" % (command, line))
            job.allowed = {outcome}
            if outcome == GONE:
                del self.jobs[job_id]
                self.gone.append(job_id)

        return command, answered

    def plan(self):
        """A command and what its answer means."""
        choice = self.random.random()
        if len(self.jobs) < JOBS_EACH * (0.5 + self.random.random()):
            if choice < 0.75:
                return [self.plan_put()]
        elif choice < 0.6:
            job_id = self.one_of(self.random.choice(("ready", "buried", "delayed")))
            if job_id:
                return [self.plan_change(b"delete %d\r\n" % job_id, job_id, GONE, b"DELETED")]
        priority = self.random.randrange(5000)
        if choice < 0.8:
            job_id = self.one_of("buried") or self.one_of("delayed")
            if job_id:
                ((_, old),) = self.jobs[job_id].allowed
                return [self.plan_change(b"kick-job %d\r\n" % job_id, job_id, ("ready", old),
                                         b"KICKED")]
        job_id = self.one_of("ready")
        if not job_id:
            return [self.plan_put()]
        reserve = (b"reserve-job %d\r\n" % job_id,
                   lambda line: check(line.startswith(b"RESERVED") or self.is_trouble(line),
                                      "reserve-job: %r" % line))
        if choice < 0.9:
            change = self.plan_change(b"bury %d %d\r\n" % (job_id, priority), job_id,
                                      ("buried", priority), b"BURIED")
        else:
            change = self.plan_change(b"release %d %d 0\r\n" % (job_id, priority), job_id,
                                      ("ready", priority), b"RELEASED")
        return [reserve, change]

    def work(self, port):
        try:
            client = Client(port)
            client.ask("use " + self.tube)
            while True:
                self.busy = set()
                batch = [step for _ in range(self.random.choice((1, 1, 5, 30)))
                         for step in self.plan()]
                client.send(b"".join(command for command, _ in batch))
                for _, answered in batch:
                    line, _ = client.answer()
                    if not line:
                        return
                    answered(line)
                    self.acknowledged += 1
        except (ConnectionError, socket.timeout, OSError):
            pass  # the server was killed
        except SystemExit:
            self.error = "see above"

    def verify(self, client):
        for job_id, job in list(self.jobs.items()):
            line, body = client.ask("peek %d" % job_id)
            found = GONE
            if body is not None:
                stats = client.stats("stats-job %d" % job_id)
                found = stats["state"], int(stats["pri"])
                check(body == body_of(job.seed), "job %d has another body" % job_id)
                check(stats["tube"] == self.tube, "job %d is in tube %s" % (job_id, stats["tube"]))
            check(found in job.allowed,
                  "job %d: found %s, acknowledged %s" % (job_id, found, job.allowed))
            job.allowed = {found}
            if found == GONE:
                del self.jobs[job_id]
        for job_id in self.gone[-500:]:
            check(client.ask("peek %d" % job_id)[1] is None, "job %d is back" % job_id)


def limit_files(server, most):
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE,
                     (most, resource.RLIM_INFINITY))


def make_trouble(server, chance, end_s):
    while time.monotonic() < end_s:
        limit_files(server, chance.randrange(16 * 1024))
        time.sleep(chance.uniform(0, 0.02))
        limit_files(server, resource.RLIM_INFINITY)
        time.sleep(chance.uniform(0, 0.1))
    if chance.random() < 0.5:
        limit_files(server, chance.randrange(16 * 1024))


parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=8)
parser.add_argument("--seed", type=int, default=random.randrange(10**6))
arguments = parser.parse_args()
print("seed %d" % arguments.seed)
chance = random.Random(arguments.seed)
workers = [Worker(i, arguments.seed + i) for i in range(CLIENTS)]
with tempfile.TemporaryDirectory(prefix="jobd-kill.") as folder:
    for number in range(arguments.rounds):
        sync = chance.choice((["-f", "0"], ["-f", "10"], ["-F"]))
        threads = chance.choice((1, 2, 3))
        with tide_jobd("-b", folder, "-s", "16K", "-t", threads, *sync) as server:
            client = Client(server)
            for worker in workers:
                worker.verify(client)
            has_trouble = number % 2 == 1
            for worker in workers:
                worker.has_trouble = has_trouble
                worker.doubtful = set()
            if not has_trouble and chance.random() < 0.2:
                server.kill()  # right after a recovery
                continue
            running = [threading.Thread(target=worker.work, args=(server.port,))
                       for worker in workers]
            for thread in running:
                thread.start()
            if has_trouble:
                make_trouble(server, chance, time.monotonic() + chance.uniform(0.02, 0.6))
            else:
                time.sleep(chance.uniform(0.02, 0.6))
            server.kill()
            for thread in running:
                thread.join()
            client.close()
            for worker in workers:
                check(worker.error is None, "round %d, %s" % (number, worker.tube))
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        for worker in workers:
            worker.verify(client)
        stats = client.stats()
        check(int(stats["current-jobs-ready"]) + int(stats["current-jobs-buried"]) +
              int(stats["current-jobs-delayed"]) >= sum(len(w.jobs) for w in workers),
              "fewer jobs than there should be")
        removed_segments = int(stats["binlog-oldest-index"]) - 1
        client.close()
        server.end()
total = sum(worker.acknowledged for worker in workers)
troubled = sum(worker.troubled for worker in workers)
check(troubled > 0 or arguments.rounds < 50, "no write failed")
check(total > 20 * arguments.rounds, "only %d answers in %d rounds" % (total, arguments.rounds))
check(removed_segments > 0, "no segment of the log was ever removed")
print("%d rounds, %d answers, %d of them errors, %d jobs at the end, %d segments removed" %
      (arguments.rounds, total, troubled, sum(len(w.jobs) for w in workers), removed_segments))
