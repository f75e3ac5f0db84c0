"""coverage.py BUILD REASONS: what gcov counted in BUILD, by folder and file; and whether the
functions that never ran are just those that REASONS gives a reason for. See coverage.sh."""

import collections
import json
import os
import pathlib
import subprocess
import sys

FOLDERS = ("lib/store", "lib", "gc")


def folder_of(name):
    return next((f for f in FOLDERS if os.path.dirname(name) == f), None)


def gcov(build, root):
    """The counts of every object: yields gcov's record of each source file in it."""
    notes = sorted(str(path.resolve()) for path in pathlib.Path(build).rglob("*.gcda"))
    if not notes:
        sys.exit("coverage: no counts in " + build)
    for at in range(0, len(notes), 50):
        out = subprocess.run(
            ["gcov", "--json-format", "--stdout", "--branch-probabilities", *notes[at : at + 50]],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=build)
        for line in out.stdout.splitlines():
            for record in json.loads(line)["files"]:
                path = os.path.join(build, record["file"])
                name = os.path.relpath(os.path.realpath(path), root)
                if folder_of(name):
                    yield name, record


def collect(build):
    """Summed over the objects that a source is in: counts of lines, branches and functions."""
    lines, functions = collections.Counter(), collections.Counter()
    branches = collections.defaultdict(list)
    for name, record in gcov(build, os.getcwd()):
        for function in record["functions"]:
            functions[name, function["name"]] += function["execution_count"]
        for line in record["lines"]:
            key = name, line["line_number"]
            lines[key] += line["count"]
            counts = [branch["count"] for branch in line["branches"] if not branch["throw"]]
            known = branches[key]
            if len(known) == len(counts):
                branches[key] = [a + b for a, b in zip(known, counts)]
            elif len(known) < len(counts):
                branches[key] = counts
    return lines, branches, functions


def percent(ran, of):
    return "%5.1f %%" % (100 * ran / of) if of else "    -  "


def report(lines, branches):
    table = collections.defaultdict(lambda: [0, 0, 0, 0])
    for (name, number), count in lines.items():
        taken = branches[name, number]
        for row in (table[name], table[folder_of(name) + "/"]):
            row[0] += count > 0
            row[1] += 1
            row[2] += sum(each > 0 for each in taken)
            row[3] += len(taken)
    print("  lines  branches")
    for name in sorted(table, key=lambda name: (not name.endswith("/"), name)):
        row = table[name]
        print(percent(*row[:2]), "", percent(*row[2:]), "", name)


def read_reasons(path):
    reasons = {}
    for number, line in enumerate(open(path), 1):
        if line.strip() and not line.startswith("#"):
            words = line.split(None, 2)
            if len(words) < 3:
                sys.exit("%s:%d: not \"FILE FUNCTION REASON\"" % (path, number))
            reasons[words[0], words[1]] = words[2].strip()
    return reasons


def main(build, reasons_path):
    lines, branches, functions = collect(build)
    report(lines, branches)
    with open(os.path.join(build, "lines.txt"), "w") as out:
        for (name, number), count in sorted(lines.items()):
            if count == 0:
                text = open(name).read().splitlines()[number - 1].strip()
                out.write("%s:%d: %s\n" % (name, number, text))

    reasons = read_reasons(reasons_path)
    never = {key for key, count in functions.items() if count == 0}
    for name, function in sorted(never - set(reasons)):
        print("never run: %s %s" % (name, function))
    for name, function in sorted(set(reasons) - never):
        print("%s: %s %s runs, or is not there" % (reasons_path, name, function))
    return 0 if never == set(reasons) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
