"""The comparison with beanstalkd, with next to no work: it runs, and has every figure of every
server. What the figures are is not looked at, but where they can't be anything else."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from jobd import check, skip

if not shutil.which("beanstalkd"):
    skip("beanstalkd is not installed")
program = os.environ["JOBD_PROGRAM"]
build = os.path.dirname(os.path.dirname(program))
script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../stress/jobd/compare.py")
CYCLES, CONNECTIONS, JOBS = 20, 3, 700
with tempfile.TemporaryDirectory(prefix="jobd-compare.") as folder:
    path = os.path.join(folder, "numbers.json")
    for options in [], ["--log"]:
        run = subprocess.run(
            [sys.executable, script, "--build", build, "--rounds", "1", "--cycles", str(CYCLES),
             "--connections", str(CONNECTIONS), "--jobs", str(JOBS), "--settle", "0",
             "--json", path] + options, stdout=subprocess.PIPE, timeout=120, check=False)
        check(run.returncode == 0, "it ended with %d" % run.returncode)
        rows = run.stdout.decode().splitlines()
        check(len(rows) == 14 and "beanstalkd+tide" in rows[0], "it printed:\n" + "\n".join(rows))
        with open(path) as file:
            numbers = json.load(file)
        check(set(numbers) == {"tide-jobd", "beanstalkd", "beanstalkd+tide"}, "servers")
        for name, runs in numbers.items():
            cycle, memory = runs["cycle"][0], runs["memory"][0]
            check(0 < cycle["all-p50-ns"] <= cycle["all-p99-ns"] <= cycle["all-max-ns"], name)
            check(cycle["requests-per-s"] > 0, name)
            check(memory["jobs-left"] == JOBS // 100, name)
            check(JOBS * 8 < memory["body-bytes"] < JOBS * 2008, name)
            check(memory["held-full-bytes"] > memory["body-bytes"], name)
        bodies = {runs["memory"][0]["body-bytes"] for runs in numbers.values()}
        check(len(bodies) == 1, "the servers did not get the same load")
sys.exit(0)
