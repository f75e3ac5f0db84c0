"""The files of a log, for the tests that look at them."""
import glob
import os
import shutil


def segments(folder):
    return [path for path in sorted(glob.glob(os.path.join(folder, "segment.*")))
            if "left-out" not in path]


def folder_bytes(folder):
    total = 0
    for path in segments(folder):
        try:
            total += os.path.getsize(path)
        except FileNotFoundError:
            pass  # removed by the server meanwhile
    return total


def copy(folder, name):
    path = folder + "." + name
    shutil.copytree(folder, path)
    return path
