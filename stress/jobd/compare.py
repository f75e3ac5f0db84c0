#!/usr/bin/python3
"""The same load on tide-jobd, on beanstalkd, and on beanstalkd with Tide preloaded.

compare.py [--rounds N] [--cycles N] [--jobs N] [--connections N] [--build FOLDER] [--json FILE]

For a quiet machine: it measures times. The servers take turns (A B C, A B C), each with a new process
for each load; what is printed is the median of the rounds, and what it is of beanstalkd's.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT_S = 3600  # for one load
SHOWN = (
    ("cycle", "requests-per-s", "requests a second", 1),
    ("cycle", "all-p50-ns", "median request, us", 1e3),
    ("cycle", "all-p99-ns", "p99 of requests, us", 1e3),
    ("cycle", "all-p999-ns", "p99.9 of requests, us", 1e3),
    ("cycle", "put-p99-ns", "p99 of put, us", 1e3),
    ("cycle", "reserve-p99-ns", "p99 of reserve, us", 1e3),
    ("cycle", "delete-p99-ns", "p99 of delete, us", 1e3),
    ("memory", "held-per-job-bytes", "memory for a job, bytes", 1),
    ("memory", "overhead-per-job-bytes", "of it not the body, bytes", 1),
    ("memory", "held-full-bytes", "memory, all jobs in, MiB", 2**20),
    ("memory", "held-deleted-bytes", "memory, most jobs gone, MiB", 2**20),
    ("memory", "held-settled-bytes", "the same, later, MiB", 2**20),
    ("memory", "held-end-bytes", "memory, all jobs gone, MiB", 2**20),
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(process, port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit("compare: %s does not serve" % " ".join(process.args))


def measure(command, environment, load, log):
    """One load on a new process; its numbers by name. `load` is without its port and process."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="jobd-compare.") as folder:
        server = subprocess.Popen(
            command + (["-b", folder] if log else []) + ["-p", str(port)], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_for(server, port)
            output = subprocess.run(
                load[:1] + ["--port", str(port), "--pid", str(server.pid)] + load[1:],
                stdout=subprocess.PIPE, timeout=LIMIT_S, check=False)
            if output.returncode != 0:
                sys.exit("compare: the load on %s ended with %d" %
                         (command[0], output.returncode))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    return {name: float(value) for name, value in
            (line.split() for line in output.stdout.decode().splitlines())}


def show(numbers):
    servers = list(numbers)
    print("%-30s" % "" + "".join("%24s" % name for name in servers))
    for kind, name, text, unit in SHOWN:
        medians = {server: statistics.median(run[name] for run in numbers[server][kind]) / unit
                   for server in servers}
        base = medians["beanstalkd"]
        print("%-30s" % text + "".join(
            "%14.1f (%5.2f x)" % (medians[server], medians[server] / base) if base else
            "%24.1f" % medians[server] for server in servers))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--build", default=os.path.join(here, "../../build/release"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cycles", type=int, default=20000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=500000)
    parser.add_argument("--settle", type=int, default=5)
    parser.add_argument("--log", action="store_true", help="with a log, synced as is the default")
    parser.add_argument("--json", help="all numbers, into this file")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    if not shutil.which("beanstalkd"):
        sys.exit("compare: beanstalkd is not installed (Debian package beanstalkd)")
    listen = ["-l", "127.0.0.1"]
    plain = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    preload = dict(plain, LD_PRELOAD=os.path.join(build, "lib/libtide-preload.so"))
    servers = {
        "tide-jobd": ([os.path.join(build, "bin/tide-jobd")] + listen, plain),
        "beanstalkd": (["beanstalkd"] + listen, plain),
        "beanstalkd+tide": (["beanstalkd"] + listen, preload),
    }
    load = os.path.join(build, "bin/tide-jobd-load")
    loads = {
        "cycle": [load, "--connections", str(arguments.connections), "--cycles",
                  str(arguments.cycles), "cycle"],
        "memory": [load, "--jobs", str(arguments.jobs), "--settle", str(arguments.settle),
                   "memory"],
    }
    for path in load, servers["tide-jobd"][0][0], preload["LD_PRELOAD"]:
        if not os.access(path, os.R_OK):
            sys.exit("compare: %s: not there; build the release preset" % path)
    numbers = {name: {kind: [] for kind in loads} for name in servers}
    for number in range(arguments.rounds):
        for kind, command in loads.items():
            for name, (server, environment) in servers.items():
                print("round %d of %d: %s, %s" % (number + 1, arguments.rounds, kind, name),
                      file=sys.stderr)
                numbers[name][kind].append(
                    measure(server, environment, command, arguments.log))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(numbers, file, indent=1)
    show(numbers)


main()
