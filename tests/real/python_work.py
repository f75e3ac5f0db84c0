"""Work for python.sh: prints results that depend on the input alone.

With an argument, the path of a library, it also insists that every process has it mapped.
"""
import collections
import hashlib
import json
import multiprocessing
import queue
import random
import re
import sqlite3
import sys
import threading
import zlib

LIBRARY = sys.argv[1] if len(sys.argv) > 1 else None


def insist_on_library():
    if LIBRARY:
        with open("/proc/self/maps") as maps:
            if LIBRARY not in maps.read():
                raise SystemExit("a process runs without " + LIBRARY)


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def make_records(seed, count):
    rng = random.Random(seed)
    return [
        {"id": i, "name": "%x" % rng.getrandbits(rng.randrange(1, 400)),
         "tags": [str(rng.random()) for _ in range(rng.randrange(8))],
         "text": "x%d " % i * rng.randrange(1, 300)}
        for i in range(count)
    ]


def churn(seed):
    """Blocks of mixed sizes that die in another order than they were born."""
    rng = random.Random(seed)
    slots = [b""] * 2000
    check = 0
    for i in range(25000):
        at = rng.randrange(len(slots))
        check = zlib.crc32(slots[at][:64], check)
        slots[at] = b"%d:" % i * rng.choice((1, 3, 9, 30, 100, 900))
    return check


def json_and_zlib(seed):
    records = make_records(seed, 600)
    text = json.dumps(records, sort_keys=True).encode()
    packed = zlib.compress(text, 6)
    if json.loads(zlib.decompress(packed)) != records:
        raise SystemExit("json or zlib did not give back what it was given")
    words = collections.Counter(re.findall(rb"[0-9a-f]{3}", text))
    return digest(text), digest(packed), words.most_common(3)


def sql(seed):
    base = sqlite3.connect(":memory:")
    base.execute("create table t (id integer primary key, name text, size int)")
    records = make_records(seed, 1500)
    base.executemany("insert into t values (?, ?, ?)",
                     [(r["id"], r["name"], len(r["text"])) for r in records])
    base.execute("create index by_name on t (name)")
    base.execute("delete from t where id % 3 = 0")
    rows = base.execute("select name, sum(size) from t group by substr(name, 1, 2) "
                        "order by 2 desc, 1 limit 50").fetchall()
    return digest(repr(rows).encode()), base.execute("pragma integrity_check").fetchone()[0]


def work(seed):
    insist_on_library()
    return seed, churn(seed), json_and_zlib(seed), sql(seed)


def pipeline():
    """Objects made by one thread and dropped by another."""
    between, totals = queue.Queue(500), []

    def produce(seed):
        for record in make_records(seed, 1500):
            between.put(record)
        between.put(None)

    def consume():
        check = 0
        for record in iter(between.get, None):
            check += zlib.crc32(record["text"].encode()) + len(record["tags"])
        totals.append(check)

    threads = [threading.Thread(target=produce, args=(s,)) for s in range(3)]
    threads += [threading.Thread(target=consume) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


def in_threads():
    results = {}
    threads = [threading.Thread(target=lambda s=s: results.__setitem__(s, work(s)))
               for s in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[s] for s in range(4)]


def main():
    insist_on_library()
    alone = [work(s) for s in range(4)]
    for line in alone:
        print("alone", line)
    print("threads agree", in_threads() == alone)
    print("pipeline", pipeline())
    # fork with other threads' memory about, then fresh interpreters
    for method, seeds in (("fork", range(4)), ("spawn", range(2))):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, "agrees", pool.map(work, seeds) == alone[:len(seeds)])
    # threads again, after the forks
    print("threads agree", in_threads() == alone)


if __name__ == "__main__":
    main()
