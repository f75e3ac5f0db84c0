"""The end of the log after a power failure or a kill: what was not synced may be there in part, with
holes before whole records, and a body may look like a record. What a sync had confirmed is there,
or the server does not start."""
import os
import shutil
import struct
import sys
import tempfile
import zlib

from jobd import Client, check, refused, tide_jobd
from log_files import copy, folder_bytes, segments

SEGMENT_HEADER = 40
RECORD_HEADER = struct.Struct("<IIQQQQ")  # CRC, kind, bytes, number, synced, mark
NEVER = "-F"
SELDOM = "-f", 3600000
AT_ONCE = "-f", 0


def body(i):
    return b"%04d" % i * 200


def make(folder, jobs, *options):
    """All in one segment; its path."""
    with tide_jobd("-b", folder, *options) as server:
        client = Client(server)
        for i in range(jobs):
            check(client.put(body(i)) == i + 1, "put")
        server.kill()
    return segments(folder)[-1]


def records(path):
    """Where each begins."""
    with open(path, "rb") as file:
        data = file.read()
    at, places = SEGMENT_HEADER, []
    while at < len(data):
        places.append(at)
        at += RECORD_HEADER.unpack_from(data, at)[2]
    return places


def write_at(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def jobs_of(folder, wanted, said=None):
    """A start with these jobs; then one that has nothing to say."""
    for again in range(2):
        with tide_jobd("-b", folder) as server:
            complaints = [line for line in server.complaints().splitlines()
                          if "of the log are back" not in line]
            if again or said is None:
                check(complaints == [], "it said: %s" % complaints)
            else:
                check(len(complaints) == 1 and said in complaints[0], "it said: %s" % complaints)
            client = Client(server)
            check(client.stats()["current-jobs-ready"] == str(wanted), "not %d jobs" % wanted)
            for i in range(wanted):
                check(client.ask("peek %d" % (i + 1))[1] == body(i), "job %d" % (i + 1))
            server.kill()


def unsynced_hole(folder):
    """What is right is taken, and the rest kept as it was."""
    for name, options in ("never", (NEVER,)), ("seldom", SELDOM):
        for what, hole in ("zeros", b"\0" * 600), ("noise", os.urandom(600)):
            path = "%s.%s.%s" % (folder, name, what)
            os.mkdir(path)
            victim = make(path, 30, *options)
            at = records(victim)[12]
            write_at(victim, at + 10, hole)
            with open(victim, "rb") as file:
                rest = file.read()[at:]
            jobs_of(path, 12, "%s: the last %d bytes, from byte %d, are damaged, and no sync had "
                    "confirmed them: they are left out, with 17 records that are whole, and kept in "
                    "%s.left-out" % (victim, len(rest), at, victim))
            with open(victim + ".left-out", "rb") as file:
                check(file.read() == rest, "another rest was kept")
            write_at(victim, at, rest)
            with tide_jobd("-b", path) as server:
                check(Client(server).put(b"new") == 31, "an id was used again")
                server.end()
            os.unlink(segments(path)[1])
            check(segments(path) == [victim] and os.path.getsize(victim) == at, "the segment")


def earlier_rest(folder):
    """A file that was kept before is not written over."""
    victim = make(folder, 10, NEVER)
    write_at(victim, records(victim)[5], b"\0" * 50)
    with open(victim + ".left-out", "w") as file:
        file.write("mine")
    jobs_of(folder, 5, "kept in %s.left-out.1" % victim)
    with open(victim + ".left-out") as file:
        check(file.read() == "mine", "it was written over")


def synced_hole(folder):
    """The records behind it tell that it was on the disk: it does not start."""
    victim = make(folder, 30, *AT_ONCE)
    for hole in b"\0" * 600, os.urandom(600):
        path = copy(folder, "hole")
        victim = segments(path)[-1]
        at = records(victim)[12]
        write_at(victim, at + 10, hole)
        before = folder_bytes(path)
        status, said = refused("-b", path)
        check(status == 1 and "%s: at byte %d: a record is damaged" % (victim, at) in said, said)
        check(folder_bytes(path) == before, "it was changed")
        shutil.rmtree(path)


def hole_in_the_last_write(folder):
    """Under -f 0 as well: the records of one write may be there in part, and were not answered."""
    with tide_jobd("-b", folder, *AT_ONCE, "-t", 1) as server:
        client = Client(server)
        for i in range(5):
            client.put(body(i))
        # One turn of the worker, one write.
        client.send(b"".join(b"put 0 0 60 %d\r\n%s\r\n" % (len(body(i)), body(i))
                             for i in range(5, 10)))
        for i in range(5, 10):
            check(client.answer()[0] == b"INSERTED %d" % (i + 1), "put")
        server.kill()
    victim = segments(folder)[-1]
    with open(victim, "rb") as file:
        data = file.read()
    places = records(victim)
    synced = [RECORD_HEADER.unpack_from(data, at)[4] for at in places]
    check(synced[:6] == [0, 1, 2, 3, 4, 5], "synced: %s" % synced)
    # The last write began with the first record that says the same as the last one.
    first = synced.index(synced[-1])
    check(first < 9, "the last write is one record")
    write_at(victim, places[first], b"\0" * 100)
    jobs_of(folder, first, "no sync had confirmed them")


def lost_header(folder):
    """A new file of which the first page did not come to the disk."""
    with tide_jobd("-b", folder, "-s", "4K", NEVER) as server:
        client = Client(server)
        for i in range(8):
            client.put(body(i))
        server.kill()
    victim = segments(folder)[-1]
    before = 8 - len(records(victim))
    check(before > 0 and len(records(victim)) > 1, "the segments are not as they should be")
    write_at(victim, 0, b"\0" * (SEGMENT_HEADER + 60))
    jobs_of(folder, before, "the last %d bytes, from byte 0, are damaged" % os.path.getsize(victim))
    check(os.path.exists(victim + ".left-out"), "it was not kept")


def only_header(folder):
    """Without a header nothing can be told of the only file, but if it is empty."""
    victim = make(folder, 3, NEVER)
    path = copy(folder, "zeros")
    os.truncate(segments(path)[-1], 0)
    os.truncate(segments(path)[-1], 3000)
    jobs_of(path, 0, "the last 3000 bytes are an unfinished write: cut off")
    write_at(victim, 20, b"\xff")
    status, said = refused("-b", folder)
    check(status == 1 and victim + ": at byte 0: the header is damaged" in said, said)
    write_at(victim, 0, b"tidejob1")
    status, said = refused("-b", folder)
    check(status == 1 and victim + ": at byte 0: it was written by another version" in said, said)


def other_log(folder):
    victim = make(folder, 3)
    other = folder + ".other"
    os.mkdir(other)
    for _ in range(2):
        with tide_jobd("-b", other) as server:
            Client(server).put(b"x")
            server.kill()
    os.rename(segments(other)[1], os.path.join(folder, "segment.0000000002"))
    status, said = refused("-b", folder)
    check(status == 1 and "it is of another log" in said, said)
    check(os.path.exists(victim), "it was removed")


def body_like_a_record(folder):
    """The write of it is cut short: no record in a body counts, not even one that was a record of
    this log at another place."""
    with tide_jobd("-b", folder, *AT_ONCE) as server:
        client = Client(server)
        for i in range(3):
            client.put(body(i))
        places = records(segments(folder)[0])
        with open(segments(folder)[0], "rb") as file:
            data = file.read()[places[1]:places[2]]
        _, kind, count, _, _, mark = RECORD_HEADER.unpack_from(data)
        head_bytes = count - len(body(1))
        lies = b""
        for lie in mark, 0:
            head = RECORD_HEADER.pack(0, kind, count, 1000, 999, lie)[4:] + \
                data[RECORD_HEADER.size:head_bytes]
            lies += struct.pack("<I", zlib.crc32(head)) + head + data[head_bytes:]
        check(client.put(lies + b"the end") == 4, "put")
        check(client.ask("peek 4")[1] == lies + b"the end", "the body")
        server.kill()
    last = segments(folder)[-1]
    os.truncate(last, os.path.getsize(last) - 3)
    jobs_of(folder, 3, "are an unfinished write: cut off")


def record_out_of_place(folder):
    """All is right about it, but that it belongs there."""
    victim = make(folder, 9, *AT_ONCE)
    at = records(victim)[4]
    with open(victim, "rb") as file:
        data = file.read()[at:records(victim)[5]]
    _, kind, count, number, synced, mark = RECORD_HEADER.unpack_from(data)
    for lie in mark, mark ^ 1:
        head = RECORD_HEADER.pack(0, kind, count, number, synced, lie)[4:] + \
            data[RECORD_HEADER.size:count - len(body(4))]
        write_at(victim, at, struct.pack("<I", zlib.crc32(head)) + head)
        if lie == mark:
            jobs_of(folder, 9)
    status, said = refused("-b", folder)
    check(status == 1 and "%s: at byte %d: a record is damaged" % (victim, at) in said, said)


for part in (unsynced_hole, earlier_rest, synced_hole, hole_in_the_last_write, lost_header, only_header,
             other_log, body_like_a_record, record_out_of_place):
    with tempfile.TemporaryDirectory(prefix="jobd-tail.") as top:
        print(part.__name__, flush=True)
        os.mkdir(os.path.join(top, "log"))
        part(os.path.join(top, "log"))
sys.exit(0)
