#!/usr/bin/env python3
"""Plant the bugs of mutations.txt one by one in a copy of the tree, and see tide-stress find each.

  mutations.py --check            every mutation still has its place and compiles there; quick
  mutations.py [NAME...]          build and run these, or all; prints a table
  mutations.py --list             their names

  --work FOLDER   where the copy and its builds are (build/mutations); kept, so that the next run
                  builds only what changed
  --jobs N        for the builds (2)

At the end, what found a bug is run without it for as long as it took, and must pass.
Exit status: 0 all were found; 1 one was not, or what is to find it does not pass without it;
2 the arguments or mutations.txt can't be used.
"""
import argparse
import fcntl
import os
import re
import shlex
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
KEYS = ("what", "breaks", "file", "build", "run", "with")
COPIED = ("CMakeLists.txt", "CMakePresets.json", "cmake", "gc", "include", "lib", "man",
          "stress")
# What tide-stress may take beyond its seconds: hangs of threads and children end after a minute.
GRACE_S = 180


class Unusable(Exception):
    pass


class Mutation:
    def __init__(self, name):
        self.name, self.old, self.new = name, "", ""
        self.fields = {"with": ""}

    def __getattr__(self, key):
        return self.fields[key]

    def planted_in(self, root):
        """The file's text with the bug in it."""
        with open(os.path.join(root, self.file)) as file:
            text = file.read()
        count = ("\n" + text).count("\n" + self.old)
        if count != 1:
            raise Unusable(f"{self.name}: its lines are in {self.file} {count} times, not once")
        return ("\n" + text).replace("\n" + self.old, "\n" + self.new)[1:]

    def check(self):
        """Whether its file is still C with the bug in it."""
        path = os.path.join(ROOT, self.file)
        flags = [f"-I{os.path.join(ROOT, folder)}" for folder in ("lib", "gc", "include")]
        flags += ["-DTIDE_AUDITED=0", "-DTIDE_DEBUG=0", '-DTIDE_TLS_MODEL="local-exec"',
                  "-D_GNU_SOURCE", "-std=gnu11", "-mcx16", "-iquote", os.path.dirname(path)]
        done = subprocess.run([os.environ.get("CC", "cc"), "-fsyntax-only", *flags, "-x", "c", "-"],
                              input=self.planted_in(ROOT), text=True, capture_output=True)
        if done.returncode != 0:
            raise Unusable(f"{self.name}: {self.file} does not compile with it:\n{done.stderr}")

    def seconds(self):
        return int(re.search(r"--seconds (\d+)", self.run).group(1))

    def command(self, seconds):
        return shlex.split(re.sub(r"--seconds \d+", f"--seconds {seconds}", self.run))

    def load(self):
        """The run for people: scenario, fault and environment."""
        scenario = re.search(r"--scenario (\S+)", self.run).group(1)
        faults = re.findall(r"--fault (\S+)", self.run)
        scenario = os.path.basename(scenario).replace(".scenario", "")
        return ", ".join([scenario] + faults + self.fields["with"].split())


def read_all():
    mutations = []
    with open(os.path.join(HERE, "mutations.txt")) as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            key, _, value = line.partition(" ")
            if re.fullmatch(r"\[[a-z0-9-]+\]", line):
                mutations.append(Mutation(line[1:-1]))
            elif line[0] == "-":
                mutations[-1].old += line[1:] + "\n"
            elif line[0] == "+":
                mutations[-1].new += line[1:] + "\n"
            elif key in KEYS:
                mutations[-1].fields[key] = value.strip()
            else:
                raise Unusable(f"mutations.txt:{number}: not understood")
    for mutation in mutations:
        missing = [key for key in KEYS if key not in mutation.fields]
        if missing or not mutation.old or mutation.build not in ("release", "audit"):
            raise Unusable(f"{mutation.name}: incomplete: {' '.join(missing)}")
    names = [mutation.name for mutation in mutations]
    if len(set(names)) != len(names):
        raise Unusable("a name is there twice")
    return mutations


def said(text):
    print(text, file=sys.stderr, flush=True)


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Copy:
    """A copy of the tree with its builds. Unchanged files keep their times."""

    def __init__(self, folder, jobs):
        self.folder, self.jobs = folder, jobs
        os.makedirs(folder, exist_ok=True)
        self.lock = open(os.path.join(folder, "lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unusable(f"{folder} is in use by another run") from None
        for name in COPIED:
            source = os.path.join(ROOT, name)
            self.copy(source, os.path.join(folder, name))

    def copy(self, source, target):
        if not os.path.isdir(source):
            with open(source, "rb") as file:
                self.write(target, file.read())
            return
        os.makedirs(target, exist_ok=True)
        for name in set(os.listdir(target)) - set(os.listdir(source)):
            if not os.path.isdir(os.path.join(target, name)):
                os.remove(os.path.join(target, name))
        for name in os.listdir(source):
            self.copy(os.path.join(source, name), os.path.join(target, name))

    def write(self, path, data):
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == data:
                    return
        with open(path, "wb") as file:
            file.write(data)

    def quietly(self, command, build):
        with open(os.path.join(self.folder, f"{build}.log"), "w") as log:
            if subprocess.run(command, cwd=self.folder, stdout=log, stderr=log).returncode == 0:
                return
        with open(os.path.join(self.folder, f"{build}.log")) as log:
            said("".join(log.readlines()[-30:]))
        raise Unusable(f"{' '.join(command)} failed in {self.folder}")

    def make(self, build):
        if not os.path.exists(os.path.join(self.folder, "build", build, "build.ninja")):
            self.quietly(["cmake", "--preset", build, "-DTIDE_TESTS=OFF"], build)
        self.quietly(["cmake", "--build", f"build/{build}", "--target", "tide-stress",
                      "-j", str(self.jobs)], build)

    def stress(self, mutation, seconds):
        """Status (None: it hung), output and seconds."""
        program = os.path.join(self.folder, "build", mutation.build, "bin", "tide-stress")
        environment = dict(os.environ, **dict(
            setting.split("=") for setting in mutation.fields["with"].split()))
        with open(os.path.join(self.folder, "out"), "w+", errors="replace") as out:
            begin = time.monotonic()
            process = subprocess.Popen([program, "--quiet", "--report", "report"] +
                                       mutation.command(seconds), cwd=self.folder,
                                       env=environment, stdout=out, stderr=subprocess.STDOUT,
                                       start_new_session=True)
            try:
                status = process.wait(seconds + GRACE_S)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                end_group(process)  # forked children as well
                process.wait()
            out.seek(0)
            return status, out.read().replace("\0", ""), time.monotonic() - begin

    def passes(self, mutation, seconds):
        """Without the bug."""
        self.make(mutation.build)
        status, output, _ = self.stress(mutation, seconds)
        if status != 0:
            said(output[-3000:])
            said(f"{mutation.name}: its run does not pass without it: status {status}")
        return status == 0

    def plant(self, mutation):
        """Who found it, and after how many seconds; None: nobody."""
        path = os.path.join(self.folder, mutation.file)
        with open(path, "rb") as file:
            right = file.read()
        self.write(path, mutation.planted_in(self.folder).encode())
        try:
            self.make(mutation.build)
            status, output, seconds = self.stress(mutation, mutation.seconds())
        finally:
            self.write(path, right)
        finder = finder_of(status, output)
        if finder is None:
            said(output[-3000:])
        return finder, seconds


# What in the output tells who found it; the first that is there. A message of the faults that
# nothing was tested is no find.
SIGNS = (
    (r"(?m)^tide: (?:check failed: )?(?:\w+\(\S+\): )?([^(\n]*)", "Tide's own check: {}"),
    (r"tide-stress: BLOCK \S+ HANDED OUT, but", "the oracle: handed out while in use"),
    (r"tide-stress: CORRUPT BLOCK.*", "the oracle: contents"),
    (r"forked process \d+ was ended by signal", "a crash of a forked child"),
    (r"a forked process hangs", "the harness: a forked child hangs"),
    (r"forked process \d+ found something wrong", "the oracle, in a forked child"),
    (r"tide-stress: BLOCK \S+ WAS GIVEN BACK BEFORE", "the oracle: given back twice"),
    (r"tide-stress: no rest:", "the idle check"),
    (r"tide-stress: after the faults: (.*)", "the audit: {}"),
    (r"tide-stress: thread \d+ (is stuck|hangs)", "the harness: a thread {}"),
    (r"the main thread is stuck", "the harness: the main thread is stuck"),
    (r"tide-stress: ([A-Z][A-Z ]{8,})", "the oracle: {}"),
    (r"FAILED: (\D*)", "the verdict: {}"),
)


def finder_of(status, output):
    if status == 0 or status == 2 or "nothing was tested" in output:
        return None
    for sign, text in SIGNS:
        found = re.search(sign, output)
        if found:
            return text.format(*[group.strip() for group in found.groups()])
    if status is None:
        return "the time limit: it hangs"
    if status < 0:
        return f"a crash: {signal.Signals(-status).name}"
    return None


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def control(copy, mutations, took):
    """The names of those whose run does not pass without the bug; one run for equal ones."""
    longest, bad = {}, []
    for mutation in mutations:
        key = (mutation.build, mutation.fields["with"], mutation.run)
        longest[key] = max(longest.get(key, (0, None)), (took[mutation.name], mutation.name))
    for mutation in mutations:
        seconds, name = longest[(mutation.build, mutation.fields["with"], mutation.run)]
        if name == mutation.name and not copy.passes(
                mutation, min(mutation.seconds(), int(seconds) + 2)):
            bad.append(name)
    return bad


def plant_all(copy, mutations):
    missed, took = [], {}
    print(row("mutation", "what it breaks", "caught by", "after"))
    print(row("---", "---", "---", "--:"))
    for mutation in mutations:
        finder, took[mutation.name] = copy.plant(mutation)
        if finder is None:
            missed.append(mutation.name)
        print(row(mutation.name, f"{mutation.what}: {mutation.breaks}",
                  f"{finder or 'NOBODY'} ({mutation.load()})", f"{took[mutation.name]:.0f} s"),
              flush=True)
    print(f"{len(mutations) - len(missed)} of {len(mutations)} found" +
          (f"; not: {' '.join(missed)}" if missed else ""), flush=True)
    bad = control(copy, mutations, took)
    print("without them all runs pass" if not bad else f"it also fails without: {' '.join(bad)}")
    return not missed and not bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="*", help="which; all")
    parser.add_argument("--check", action="store_true", help="only see that all have their places")
    parser.add_argument("--list", action="store_true", help="their names")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "mutations"))
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    mutations = read_all()
    known = [mutation.name for mutation in mutations]
    for name in arguments.name:
        if name not in known:
            raise Unusable(f"{name}: there is no such mutation; there are {' '.join(known)}")
    if arguments.list:
        print("\n".join(known))
        return 0
    for mutation in mutations:
        mutation.planted_in(ROOT)
    if arguments.check:
        for mutation in mutations:
            mutation.check()
        print(f"{len(mutations)} mutations have their places, and compile there")
        return 0
    wanted = [mutation for mutation in mutations
              if not arguments.name or mutation.name in arguments.name]
    return 0 if plant_all(Copy(os.path.abspath(arguments.work), arguments.jobs), wanted) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unusable as fault:
        said(f"mutations: {fault}")
        sys.exit(2)
