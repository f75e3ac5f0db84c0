"""coverage.py BUILD REASONS: what gcov counted in BUILD, by folder, and the longest stretches that
never ran; and whether the functions that never ran are just those that REASONS explains."""

import collections
import itertools
import json
import os
import pathlib
import subprocess
import sys

FOLDERS = ("lib", "lib/store", "gc")


def gcov(build):
    """Yields (name, record) for each source of each object; a source may be in several."""
    counts = sorted(str(path.resolve()) for path in pathlib.Path(build, "CMakeFiles").rglob("*.gcda"))
    for some in itertools.zip_longest(*[iter(counts)] * 50):
        out = subprocess.run(
            ["gcov", "--json-format", "--stdout", "--branch-probabilities", *filter(None, some)],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=build).stdout
        for document in out.splitlines():
            for record in json.loads(document)["files"]:
                name = os.path.normpath(record["file"])  # relative to the tree: Reproducible.cmake
                if os.path.dirname(name) in FOLDERS:
                    yield name, record


def collect(build):
    """How often each line, branch and function ran, over all objects."""
    lines, branches, functions = (collections.Counter() for _ in range(3))
    for name, record in gcov(build):
        for function in record["functions"]:
            functions[name, function["name"]] += function["execution_count"]
        for line in record["lines"]:
            lines[name, line["line_number"]] += line["count"]
            taken = [branch["count"] for branch in line["branches"] if not branch["throw"]]
            for at, count in enumerate(taken):
                branches[name, line["line_number"], at] += count
    return lines, branches, functions


def print_folders(*kinds):
    print("folder        lines  branches  functions")
    for folder in FOLDERS:
        print("%-10s" % folder, end="")
        for counts in kinds:
            of = [count > 0 for key, count in counts.items() if os.path.dirname(key[0]) == folder]
            print("%8.1f %%" % (100 * sum(of) / len(of)) if of else "       - %", end="")
        print()


def print_stretches(lines):
    """The 20 longest runs of lines with code, in one file, none of which ran."""
    stretches = []
    for (name, ran), run in itertools.groupby(
            sorted(lines), lambda key: (key[0], lines[key] > 0)):
        numbers = [number for _, number in run]
        if not ran:
            stretches.append((len(numbers), name, numbers[0], numbers[-1]))
    print("\nThe longest stretches that never ran (lines with code):")
    for length, name, first, last in sorted(stretches, reverse=True)[:20]:
        print("%4d  %s:%d-%d" % (length, name, first, last))


def read_reasons(path):
    reasons = set()
    for number, line in enumerate(open(path), 1):
        if line.strip() and not line.startswith("#"):
            words = line.split(None, 2)
            if len(words) < 3:
                sys.exit('%s:%d: not "FILE FUNCTION REASON"' % (path, number))
            reasons.add((words[0], words[1]))
    return reasons


def main(build, path):
    lines, branches, functions = collect(build)
    for folder in FOLDERS:
        if not any(os.path.dirname(name) == folder for name, _ in functions):
            sys.exit("coverage: no counts of %s in %s" % (folder, build))
    print_folders(lines, branches, functions)
    print_stretches(lines)
    reasons = read_reasons(path)
    never = {key for key, count in functions.items() if count == 0}
    print()
    for key in sorted(never - reasons):
        print("never run, and not explained: %s %s" % key)
    for key in sorted(reasons - never):
        print("explained in %s, but runs or is gone: %s %s" % (path, *key))
    print("%d of %d functions never ran" % (len(never), len(functions)))
    return 0 if never == reasons else 1


sys.exit(main(*sys.argv[1:]))
