"""No room for the log: clients are told, what was acknowledged stays, and it goes on when there is
room. On a full disk, a small one made for this, and where files may not grow.

room.py [--inside]: in a mount namespace of its own already
"""
import os
import resource
import subprocess
import sys
import tempfile

from jobd import Client, check, tide_jobd, until
from log_files import folder_bytes

KIB = 1024
BODY = b"b" * 2000


def fill(client, limit):
    """Put until refused; the ids."""
    ids = []
    while True:
        answer = client.put(b"%08d" % len(ids) + BODY)
        if answer == "OUT_OF_MEMORY":
            return ids
        check(isinstance(answer, int) and len(ids) < limit, "a put was answered with %r" % answer)
        ids.append(answer)


def all_there(client, ids):
    for place, job in ids:
        check(client.ask("peek %d" % job)[1] == b"%08d" % place + BODY, "job %d" % job)


def state(client):
    return client.stats()["log-state"]


def full_disk(folder):
    """4 MiB for files of 256 KiB, a reserve of 1 MiB, and whatever comes."""
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", folder])
    options = "-b", folder, "-s", "256K"
    with tide_jobd(*options) as server:
        client = Client(server)
        ids = list(enumerate(fill(client, 4000)))
        check(len(ids) > 1000, "only %d jobs on 4 MiB" % len(ids))
        check(state(client) == "full", state(client))
        check("the disk is full: no jobs are taken until there is room" in server.complaints(),
              server.complaints())
        all_there(client, ids)
        # All but puts goes on: there is the reserve.
        check(client.put(b"x") == "OUT_OF_MEMORY", "put")
        check(client.ask("reserve-job %d" % ids[0][1])[1] is not None, "reserve")
        check(client.ask_line("bury %d 3" % ids[0][1]) == "BURIED", "bury")
        check(client.ask_line("kick 1") == "KICKED 1", "kick")
        client.ask("reserve-job %d" % ids[0][1])
        check(client.ask_line("release %d 5 0" % ids[0][1]) == "RELEASED", "release")
        server.kill()
    with tide_jobd(*options) as server:
        client = Client(server)
        check(client.stats()["current-jobs-ready"] == str(len(ids)), "jobs are missing")
        all_there(client, ids)
        check(client.put(b"x") == "OUT_OF_MEMORY", "put, after a start")
        # Deletions alone make room: old files are rewritten with what the reserve had.
        for _, job in ids[1::2]:
            check(client.ask_line("delete %d" % job) == "DELETED", "delete")
        ids = ids[::2]
        until("there is room", lambda: state(client) == "goes on")
        check("jobs are taken again" in server.complaints(), server.complaints())
        new = client.put(b"%08d" % 0 + BODY)
        check(isinstance(new, int), "a put was answered with %r" % new)
        ids.append((0, new))
        # Somebody else fills the disk, and goes away.
        with open(os.path.join(folder, "other"), "wb", 0) as file:
            try:
                while True:
                    file.write(b"o" * 512)
            except OSError:
                pass
        more = fill(client, 4000)
        ids += enumerate(more)
        check(state(client) == "full", state(client))
        os.unlink(os.path.join(folder, "other"))
        until("there is room", lambda: state(client) == "goes on")
        check(isinstance(client.put(b"x"), int), "put, with room")
        server.kill()
    with tide_jobd(*options) as server:
        client = Client(server)
        check(client.stats()["current-jobs-ready"] == str(len(ids) + 1), "jobs are missing")
        all_there(client, ids)
        server.end()
    subprocess.check_call(["umount", folder])


def limit_files(server, most):
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE,
                     (most, resource.RLIM_INFINITY))


def files_do_not_grow(folder):
    """Any other error of a write: what was on its way is told, all else refused before it is done."""
    with tide_jobd("-b", folder, "-t", 2) as server:
        client, other = Client(server), Client(server)
        for i in range(10):
            client.put(b"%08d" % i + BODY)
        check(client.ask("reserve-job 3")[1] is not None, "reserve")
        limit_files(server, folder_bytes(folder) + 1000)
        # What needs no log is answered as ever, before and behind what does.
        client.send(b"list-tube-used\r\nput 0 0 60 %d\r\n%s\r\nuse a\r\npeek 1\r\n" %
                    (len(BODY), BODY))
        answers = [client.answer()[0] for _ in range(4)]
        check(answers == [b"USING default"] + [b"INTERNAL_ERROR"] * 3, "answers: %s" % answers)
        check(state(client) == "stuck", state(client))
        check("File too large" in server.complaints(), server.complaints())
        for each in client, other:
            check(each.put(b"x") == "OUT_OF_MEMORY", "put")
            for command in "delete 1", "bury 3 0", "release 3 0 0", "kick 1", "kick-job 1":
                check(each.ask_line(command) == "OUT_OF_MEMORY", command)
            check(each.ask("peek 1")[1] == b"%08d" % 0 + BODY, "peek")
        line, body = other.ask("reserve")
        check(line == b"RESERVED 1 2008" and body == b"%08d" % 0 + BODY, "reserve: %r" % line)
        limit_files(server, resource.RLIM_INFINITY)
        until("it goes on", lambda: state(client) == "goes on")
        check(other.ask_line("delete 1") == "DELETED", "delete")
        check(client.ask_line("bury 3 0") == "BURIED", "bury")
        check(isinstance(client.put(b"x"), int), "put")
        server.kill()
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        stats = client.stats()
        # Ten, without the first, the last, and the one that was on its way.
        check(stats["current-jobs-ready"] == "10" and stats["current-jobs-buried"] == "1",
              "ready: %(current-jobs-ready)s, buried: %(current-jobs-buried)s" % stats)
        check(client.ask_line("peek 1") == "NOT_FOUND", "a deleted one is back")
        all_there(client, [(i, i + 1) for i in range(1, 10)])
        server.end()


def stuck_at_its_end(folder):
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        client.put(b"kept" * 5000)  # the messages go to a file as well
        limit_files(server, folder_bytes(folder))
        check(client.put(b"lost") == "INTERNAL_ERROR", "put")
        server.end()
        check("the last changes could not be written; none was acknowledged"
              in server.complaints(), server.complaints())
    with tide_jobd("-b", folder) as server:
        check(Client(server).stats()["current-jobs-ready"] == "1", "jobs of the log")
        server.end()


def run(part):
    with tempfile.TemporaryDirectory(prefix="jobd-room.") as top:
        print(part.__name__, flush=True)
        os.mkdir(os.path.join(top, "log"))
        part(os.path.join(top, "log"))


if sys.argv[1:] == ["--inside"]:
    run(full_disk)
    sys.exit(0)
run(files_do_not_grow)
run(stuck_at_its_end)
ALONE = ["unshare", "--map-root-user", "--mount"]
if subprocess.run([*ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                  stderr=subprocess.DEVNULL).returncode != 0:
    print("full_disk: not done, no file system can be mounted here")
    sys.exit(0)
sys.exit(subprocess.run([*ALONE, sys.executable, __file__, "--inside"]).returncode)
