"""The log: states over a restart, compaction, and files that are damaged, cut or missing."""
import os
import sys
import tempfile

from jobd import Client, check, refused, tide_jobd, until
from log_files import copy, folder_bytes, segments

KIB = 1024


def states(folder):
    """What every state becomes, after an end in order and after a kill."""
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        client.ask("use a-tube")
        client.ask("watch a-tube")
        ids = [client.put(b"body %d" % i, priority=10 - i, ttr=7) for i in range(6)]
        delayed = client.put(b"later", delay=5000)
        gone = client.put(b"gone")
        for i in ids[3], ids[1]:
            check(client.ask_line("reserve-job %d" % i).startswith("RESERVED"), "reserve")
            check(client.ask_line("bury %d 4" % i) == "BURIED", "bury")
        client.ask("reserve-job %d" % ids[0])
        client.ask("release %d 77 0" % ids[0])
        client.ask("reserve-job %d" % ids[2])
        check(client.ask_line("delete %d" % gone) == "DELETED", "delete")
        server.end()
    for ends in "kill", "end":
        with tide_jobd("-b", folder, "-f", "0") as server:
            client = Client(server)
            client.ask("use a-tube")
            stats = client.stats("stats-tube a-tube")
            check((stats["current-jobs-ready"], stats["current-jobs-buried"],
                   stats["current-jobs-delayed"]) == ("4", "2", "1"), str(stats))
            check(client.ask("peek-buried")[0].split()[1] == b"%d" % ids[3], "order of burials")
            check(client.ask("peek-ready")[0].split()[1] == b"%d" % ids[5], "most urgent")
            stats = client.stats("stats-job %d" % ids[0])
            check((stats["pri"], stats["releases"], stats["ttr"], stats["state"]) ==
                  ("77", "1", "7", "ready"), str(stats))
            stats = client.stats("stats-job %d" % delayed)
            check(0 < int(stats["time-left"]) <= 5000 and stats["delay"] == "5000", str(stats))
            check(client.ask_line("peek %d" % gone) == "NOT_FOUND", "a deleted one is back")
            getattr(server, ends)()
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        check(client.put(b"new") == gone + 1, "ids do not go on")
        server.end()


def ids_are_not_used_again(folder):
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        last = [client.put(b"x") for _ in range(10)][-1]
        for i in range(1, last + 1):
            client.ask("delete %d" % i)
        server.kill()
    for more in 1, 2:
        with tide_jobd("-b", folder) as server:
            client = Client(server)
            check(client.put(b"x") == last + more, "an id was used again")
            server.kill()


def compaction(folder):
    """40 MB pass through, and 20 jobs stay: the log stays short, and they stay in it."""
    with tide_jobd("-b", folder, "-s", "256K") as server:
        client = Client(server)
        kept = {}
        body = os.urandom(40 * KIB)
        for i in range(1000):
            if i % 50 == 0:
                kept[client.put(b"kept %d" % i)] = b"kept %d" % i
            job = client.put(body)
            check(client.ask_line("delete %d" % job) == "DELETED", "delete")
        until("the log is short", lambda: folder_bytes(folder) < 1200 * KIB)
        stats = client.stats()
        check(int(stats["binlog-records-migrated"]) > 0, "nothing was moved")
        check(int(stats["binlog-oldest-index"]) > 10, "nothing was removed")
        server.kill()
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        check(client.stats()["current-jobs-ready"] == str(len(kept)), "jobs are missing")
        for job, wanted in kept.items():
            check(client.ask("peek %d" % job)[1] == wanted, "job %d" % job)
        server.end()


def segment_out_of_reach(folder):
    """A segment that can't be read for a while ends compaction for that while, not for ever."""
    with tide_jobd("-b", folder, "-s", "4K") as server:
        client = Client(server)

        def pass_through():
            job = client.put(b"b" * KIB)
            check(client.ask_line("delete %d" % job) == "DELETED", "delete")

        kept = client.put(b"kept")
        first = segments(folder)[0]
        os.rename(first, first + ".away")

        def complained():
            pass_through()
            return "No such file or directory" in server.complaints()

        def is_gone():
            pass_through()
            return not os.path.exists(first)

        until("it is missed", complained)
        os.rename(first + ".away", first)
        until("the first segment goes", is_gone)
        until("the log is short", lambda: folder_bytes(folder) < 64 * KIB)
        check(client.ask("peek %d" % kept)[1] == b"kept", "the job that stays")
        server.kill()
    with tide_jobd("-b", folder) as server:
        check(Client(server).stats()["current-jobs-ready"] == "1", "jobs of the log")
        server.end()


def make_log(folder):
    with tide_jobd("-b", folder, "-s", "4K") as server:
        client = Client(server)
        ids = [client.put(b"%d" % i * 300) for i in range(30)]
        server.kill()
    check(len(segments(folder)) > 4, "too few segments")
    return ids


def unfinished_write(folder):
    """What a kill leaves of the last write goes; all before it is there."""
    ids = make_log(folder)
    for name, rest in ("cut", None), ("zeros", b"\0" * 5000), ("noise", os.urandom(3000)):
        path = copy(folder, name)
        last = segments(path)[-1]
        if rest is None:
            os.truncate(last, os.path.getsize(last) - 1)
        else:
            with open(last, "ab") as file:
                file.write(rest)
        for again in range(2):
            with tide_jobd("-b", path) as server:
                check(("an unfinished write: cut off" in server.complaints()) == (again == 0),
                      "said: " + server.complaints())
                client = Client(server)
                there = len(ids) - (rest is None)
                check(client.stats()["current-jobs-ready"] == str(there), name)
                server.kill()
    path = copy(folder, "empty")
    number = int(segments(path)[-1][-10:]) + 1
    open(os.path.join(path, "segment.%010d" % number), "w").close()
    with tide_jobd("-b", path) as server:
        check(Client(server).stats()["current-jobs-ready"] == str(len(ids)), "empty segment")
        server.end()


def damage(folder):
    """Anything else that is wrong is said, and nothing is changed."""
    make_log(folder)
    path = copy(folder, "bit")
    victim = segments(path)[1]
    with open(victim, "r+b") as file:
        file.seek(700)
        byte = file.read(1)[0]
        file.seek(700)
        file.write(bytes([byte ^ 4]))
    before = folder_bytes(path)
    status, said = refused("-b", path)
    check(status == 1 and victim in said and "a record is damaged" in said, said)
    check(folder_bytes(path) == before, "it was changed")

    path = copy(folder, "missing")
    os.unlink(segments(path)[2])
    status, said = refused("-b", path)
    check(status == 1 and "the segment before it is missing" in said, said)

    path = copy(folder, "exchanged")
    one, other = segments(path)[1:3]
    os.rename(one, path + "/x")
    os.rename(other, one)
    os.rename(path + "/x", other)
    status, said = refused("-b", path)
    check(status == 1 and "it is another segment" in said, said)

    path = copy(folder, "short")
    victim = segments(path)[1]
    os.truncate(victim, os.path.getsize(victim) - 10)
    status, said = refused("-b", path)
    check(status == 1 and "a record is incomplete" in said, said)


def folders(folder):
    with tide_jobd("-b", folder):
        status, said = refused("-b", folder)
        check(status == 1 and "another server uses it" in said, said)
    status, said = refused("-b", os.path.join(folder, "nowhere"))
    check(status == 1 and "No such file" in said, said)


def too_little_memory(folder):
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        for i in range(300):
            client.put(b"%04d" % i * 2560)
        server.end()
    status, said = refused("-b", folder, "-m", "1M", "--counts", "bodies")
    check(status == 1 and "there is no room for its 300 jobs" in said, said)
    with tide_jobd("-b", folder, "-m", "1M", "--counts", "bodies", "--policy", "drop") as server:
        client = Client(server)
        check(client.stats()["current-jobs-ready"] == "102", "not as many as fit")
        check(client.ask_line("peek 198") == "NOT_FOUND", "an old one is there")
        check(client.ask("peek 199")[1] == b"0198" * 2560, "a young one is not there")
        server.end()
    with tide_jobd("-b", folder) as server:
        check(Client(server).stats()["current-jobs-ready"] == "102", "dropped ones are back")
        server.end()


def lifetime(folder):
    with tide_jobd("-b", folder) as server:
        client = Client(server)
        for _ in range(20):
            client.put(b"old")
        until("they are a second old", lambda: int(client.stats("stats-job 20")["age"]) >= 1)
        server.kill()
    with tide_jobd("-b", folder, "--lifetime", 1) as server:
        client = Client(server)
        until("all are gone", lambda: client.stats()["store-entries"] == "0")
        check(client.stats()["current-jobs-ready"] == "0", "they are still ready")
        server.end()
    with tide_jobd("-b", folder) as server:
        check(Client(server).stats()["current-jobs-ready"] == "0", "they are back")
        server.end()


def many_starts(folder):
    """Each start begins a segment; their number stays small."""
    with tide_jobd("-b", folder) as server:
        kept = Client(server).put(b"kept")
        server.kill()
    for _ in range(45):
        with tide_jobd("-b", folder) as server:
            check(isinstance(Client(server).put(b"x"), int), "put")
            server.kill()
    with tide_jobd("-b", folder) as server:
        until("few segments", lambda: len(segments(folder)) <= 33)
        client = Client(server)
        check(client.ask("peek %d" % kept)[1] == b"kept", "the first job")
        check(client.stats()["current-jobs-ready"] == "46", "jobs are missing")
        # More than are kicked under one hold of the lock.
        for _ in range(46 + 1000):
            client.put(b"k", delay=1000)
        check(client.ask_line("kick 700") == "KICKED 700", "kick 700")
        check(client.ask_line("kick 700") == "KICKED 346", "kick the rest")
        server.end()


def idle_clients(folder):
    """Clients that only connect take no descriptor that the log needs: others are served, and no
    more are let in than there is room for."""
    with tide_jobd("-b", folder, "-s", "4K", "-t", 2, descriptors=(40, 64)) as server:
        client = Client(server)
        idle = [Client(server) for _ in range(120)]
        served = 0
        for each in idle:
            try:
                each.send(b"list-tube-used\r\n")
                served += each.answer()[0] == b"USING default"
            except OSError:
                pass  # turned away
        check(served < 64, "%d clients with 64 descriptors" % served)
        check(served > 24, "the soft limit was not raised: %d served" % served)
        for i in range(60):
            check(isinstance(client.put(b"%02d" % i * 500), int), "put %d" % i)
        check(len(segments(folder)) > 10, "too few segments")
        for i in range(1, 51):
            check(client.ask_line("delete %d" % i) == "DELETED", "delete %d" % i)
        until("old segments go", lambda: not segments(folder)[0].endswith("0000000001"))
        for each in idle:
            each.close()
        until("clients are let in again", lambda: client.stats()["current-connections"] == "1")
        check(isinstance(Client(server).put(b"x"), int), "a new client")
        server.kill()
    with tide_jobd("-b", folder) as server:
        check(Client(server).stats()["current-jobs-ready"] == "11", "jobs are missing")
        server.end()


for part in (states, many_starts, ids_are_not_used_again, compaction, idle_clients,
             segment_out_of_reach, unfinished_write, damage, folders, too_little_memory, lifetime):
    with tempfile.TemporaryDirectory(prefix="jobd-log.") as top:
        print(part.__name__, flush=True)
        os.mkdir(os.path.join(top, "log"))
        part(os.path.join(top, "log"))
sys.exit(0)
