"""Client for memcached.sh: memcached_client.py PORT.

Exits with a message at the first wrong answer.
"""
import concurrent.futures
import hashlib
import random
import socket
import sys

PORT = int(sys.argv[1])
CONNECTIONS = 8
KEYS = 20000
BATCH = 50


class Connection:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=30)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def expect(self, wanted):
        line = self.reader.readline()
        if line != wanted + b"\r\n":
            sys.exit("expected %r, got %r" % (wanted, line))

    def stats(self):
        self.send(b"stats\r\n")
        result = {}
        for line in iter(self.reader.readline, b"END\r\n"):
            _, name, value = line.split(None, 2)
            result[name.decode()] = value.strip().decode()
        return result


def key(i):
    return b"%d:" % i + b"k" * (i % 200)


def value(i, generation):
    """Mostly small, sometimes up to 700,000 bytes; other sizes in each generation."""
    rng = random.Random(i * 10 + generation)
    limit = rng.choices((100, 1000, 10000, 100000, 700000), (600, 300, 90, 8, 1))[0]
    return hashlib.shake_128(b"%d,%d" % (i, generation)).digest(rng.randint(1, limit))


def batches(keys):
    return [keys[at:at + BATCH] for at in range(0, len(keys), BATCH)]


def set_all(keys, generation):
    with Connection() as to:
        for batch in batches(keys):
            for i in batch:
                data = value(i, generation)
                to.send(b"set %s %d 0 %d\r\n%s\r\n" % (key(i), generation, len(data), data))
            for _ in batch:
                to.expect(b"STORED")


def get_all(keys, generation):
    with Connection() as to:
        for batch in batches(keys):
            to.send(b"get " + b" ".join(key(i) for i in batch) + b"\r\n")
            for i in batch:
                data = value(i, generation)
                to.expect(b"VALUE %s %d %d" % (key(i), generation, len(data)))
                if to.reader.read(len(data) + 2) != data + b"\r\n":
                    sys.exit("value %d of generation %d is wrong" % (i, generation))
            to.expect(b"END")


def delete_all(keys):
    with Connection() as to:
        for batch in batches(keys):
            to.send(b"".join(b"delete %s\r\n" % key(i) for i in batch))
            for _ in batch:
                to.expect(b"DELETED")


def miss_all(keys):
    with Connection() as to:
        for batch in batches(keys):
            to.send(b"get " + b" ".join(key(i) for i in batch) + b"\r\n")
            to.expect(b"END")


def visit(i):
    """A short connection: its state is made and dropped by whichever thread it falls to."""
    with Connection() as to:
        to.send(b"incr counter 1\r\n")
        to.reader.readline()
        to.send(b"get nothing\r\nversion\r\n")
        to.expect(b"END")
        if not to.reader.readline().startswith(b"VERSION "):
            sys.exit("no version")


def in_parallel(pool, function, turn, *rest):
    """`function` for each share of the keys; a higher `turn` gives the shares to other threads."""
    shares = [list(range(c, KEYS, CONNECTIONS)) for c in range(CONNECTIONS)]
    shares = shares[turn:] + shares[:turn]
    for done in [pool.submit(function, share, *rest) for share in shares]:
        done.result()


def main():
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool, Connection() as control:
        in_parallel(pool, set_all, 0, 1)
        in_parallel(pool, get_all, 3, 1)
        in_parallel(pool, set_all, 5, 2)
        in_parallel(pool, get_all, 1, 2)
        stats = control.stats()
        for name, wanted in (("threads", 4), ("curr_items", KEYS), ("cmd_set", 2 * KEYS),
                             ("get_hits", 2 * KEYS), ("get_misses", 0), ("evictions", 0)):
            if int(stats[name]) != wanted:
                sys.exit("%s is %s, not %d" % (name, stats[name], wanted))
        if int(stats["hash_power_level"]) <= 13 or int(stats["hash_is_expanding"]):
            sys.exit("the hash table did not grow")

        in_parallel(pool, delete_all, 2)
        in_parallel(pool, miss_all, 4)
        control.send(b"set counter 0 0 1\r\n0\r\n")
        control.expect(b"STORED")
        for done in [pool.submit(visit, i) for i in range(600)]:
            done.result()
        control.send(b"get counter\r\n")
        control.expect(b"VALUE counter 0 3")
        control.expect(b"600")
        control.expect(b"END")
        if int(control.stats()["curr_items"]) != 1:
            sys.exit("deleted items are left")
    print("all values were right")


main()
