"""The memory limit, refusing and dropping, in each way of counting; the lifetime of jobs; the longest
job; how many tubes, watches and connections; options that can't be used."""
import sys

from jobd import Client, check, refused, tide_jobd, until

KIB = 1024
BODY = b"b" * KIB


def fill(client, body, most):
    """Put until refused; the ids."""
    ids = []
    while len(ids) < most:
        answer = client.put(body)
        if answer == "OUT_OF_MEMORY":
            return ids
        check(isinstance(answer, int), "a put was answered with %r" % answer)
        ids.append(answer)
    return ids


def refuses_at_the_boundary():
    with tide_jobd("-m", "1M", "--counts", "bodies", "-z", "2M") as server:
        client = Client(server)
        ids = fill(client, BODY, 2000)
        check(len(ids) == 1024, "%d bodies of 1 KiB fit into 1 MiB" % len(ids))
        check(client.put(b"x") == "OUT_OF_MEMORY", "one byte more was taken")
        check(isinstance(client.put(b""), int), "nothing more was refused")
        check(client.ask_line("delete %d" % ids[500]) == "DELETED", "delete")
        check(isinstance(client.put(BODY), int), "there was room and it was refused")
        check(client.put(b"x") == "OUT_OF_MEMORY", "one byte more was taken")
        check(client.put(b"x" * 1024 * KIB + b"x") == "OUT_OF_MEMORY", "more than the limit")
        for i in ids[:500] + ids[501:]:
            check(client.ask("peek %d" % i)[1] == BODY, "job %d is not what was put" % i)
        server.end()


def drops_the_oldest():
    with tide_jobd("-m", "1M", "--counts", "bodies", "--policy", "drop") as server:
        client = Client(server)
        worker = Client(server)
        first = client.put(BODY)
        check(worker.ask("reserve")[0] == b"RESERVED %d %d" % (first, KIB), "reserve")
        client.ask("use other")
        ids = [client.put(BODY) for _ in range(3000)]
        check(all(isinstance(i, int) for i in ids), "a put was refused")
        stats = client.stats()
        check(stats["store-dropped"] == str(3001 - 1024), stats["store-dropped"] + " dropped")
        check(stats["current-jobs-ready"] == "1024", stats["current-jobs-ready"] + " ready")
        check(stats["current-jobs-reserved"] == "0", "the reserved one is still counted")
        check(worker.ask_line("delete %d" % first) == "NOT_FOUND", "the oldest is still there")
        check(client.ask_line("peek %d" % ids[-1025]) == "NOT_FOUND", "one too many is there")
        check(client.ask("peek-ready")[0] == b"FOUND %d %d" % (ids[-1024], KIB), "peek-ready")
        worker.ask("watch other")
        for i in ids[-1024:]:
            line, body = worker.ask("reserve-with-timeout 0")
            check(line == b"RESERVED %d %d" % (i, KIB) and body == BODY, "%r for %d" % (line, i))
            check(worker.ask_line("delete %d" % i) == "DELETED", "delete %d" % i)
        check(worker.ask_line("reserve-with-timeout 0") == "TIMED_OUT", "one more is there")
        check(client.stats()["store-entries"] == "0", "entries are left")
        server.end()


def counts_what_is_held(policy):
    limit = 16 * 1024 * KIB
    with tide_jobd("-m", limit, "--counts", "held", "--policy", policy) as server:
        client = Client(server)
        ids = fill(client, BODY * 4, 8000)
        stats = client.stats()
        check(int(stats["store-counted-bytes"]) <= limit, "counted: " + stats["store-counted-bytes"])
        if policy == "drop":
            check(len(ids) == 8000, "a put was refused")
            check(int(stats["store-dropped"]) > 0, "nothing was dropped")
            check(int(stats["store-entries"]) > 1000, "only %s are left" % stats["store-entries"])
        else:
            check(1000 < len(ids) < limit // (4 * KIB), "%d jobs of 4 KiB fit" % len(ids))
            check(client.stats()["store-entries"] == str(len(ids)), "some are missing")
        for i in ids:
            client.ask("delete %d" % i)
        until("room again", lambda: isinstance(client.put(BODY * 4), int))
        server.end()


def counts_what_is_charged():
    """Bodies on their way in count as well, and are let go of when they don't come."""
    with tide_jobd("-m", "4M", "--counts", "charged", "-z", "2M") as server:
        client = Client(server)
        size = 1000 * KIB
        senders = [Client(server) for _ in range(8)]
        for sender in senders:
            sender.send(b"put 0 0 60 %d\r\n" % size)
        until("all have begun", lambda: client.stats()["cmd-put"] == "8")
        check(client.stats()["store-charged-bytes"] == "0", "charged before it came")
        some = size // 4
        for sender in senders[:6]:
            sender.send(b"c" * some)
        until("what came is charged",
              lambda: client.stats()["store-charged-bytes"] == str(6 * some))
        for sender in senders[:6]:
            sender.send(b"c" * (size - some))
        # Four bodies fill the limit; one that is refused is let go of, with all that came of it.
        until("all have come or are refused", lambda: int(
            client.stats()["store-charged-bytes"]) % size == 0)
        check(int(client.stats()["store-charged-bytes"]) <= 4096 * KIB, "above the limit")
        for sender in senders[:6]:
            sender.send(b"\r\n")
        answers = [sender.answer()[0].split()[0] for sender in senders[:6]]
        check(set(answers) <= {b"OUT_OF_MEMORY", b"INSERTED"} and
              answers.count(b"OUT_OF_MEMORY") >= 2, "answers: %s" % answers)
        for sender in senders[6:]:
            sender.send(b"c" * (size // 2))
            sender.close()
        until("nothing is charged", lambda: client.stats()["store-charged-bytes"] == "0")
        for i in range(1, 10):
            client.ask("delete %d" % i)
        until("room again", lambda: isinstance(client.put(b"c" * size), int))
        server.end()


def announcing_drops_nothing():
    """No job goes for a body of which nothing has come."""
    with tide_jobd("-m", "4M", "--counts", "charged", "--policy", "drop", "-z", "4M") as server:
        client = Client(server)
        ids = [client.put(b"j" * 64 * KIB) for _ in range(40)]
        check(client.stats()["store-dropped"] == "0", "the jobs are too many")
        size = 3000 * KIB
        senders = [Client(server) for _ in range(4)]
        for sender in senders:
            sender.send(b"put 0 0 60 %d\r\n" % size)
        until("all have begun", lambda: client.stats()["cmd-put"] == "44")
        check(client.stats()["store-dropped"] == "0", "jobs were dropped for an announcement")
        check(client.ask("peek %d" % ids[0])[1] == b"j" * 64 * KIB, "the oldest job")
        senders[0].send(b"c" * (size // 2))
        until("jobs are dropped for what came", lambda: client.stats()["store-dropped"] != "0")
        senders[0].close()
        until("nothing is charged", lambda: client.stats()["store-charged-bytes"] == "0")
        check(client.ask_line("peek %d" % ids[0]) == "NOT_FOUND", "it was not the oldest")
        check(client.ask("peek %d" % ids[-1])[1] == b"j" * 64 * KIB, "the youngest job")
        server.end()


def lifetime():
    with tide_jobd("--lifetime", 1, "-t", 2) as server:
        client = Client(server)
        client.ask("use short")
        client.ask("watch short")
        for _ in range(100):
            check(isinstance(client.put(BODY), int), "put")
            check(isinstance(client.put(BODY, delay=1000), int), "put")
        for i in range(50):
            line = client.ask("reserve")[0]
            if i % 2:
                client.ask("bury %s 1" % line.split()[1].decode())
        waiter = Client(server)
        waiter.ask("watch later")
        waiter.ask("ignore default")
        waiter.send(b"reserve\r\n")
        until("all are gone", lambda: client.stats()["store-expired"] == "200")
        stats = client.stats()
        for state in "ready", "delayed", "buried", "reserved", "urgent":
            check(stats["current-jobs-" + state] == "0", state + " jobs are left")
        check(stats["job-timeouts"] == "0", "a lifetime's end is no timeout")
        client.ask("use later")
        late = client.put(b"in time")
        check(waiter.answer() == (b"RESERVED %d 7" % late, b"in time"), "the waiter")
        until("its end", lambda: client.ask_line("peek %d" % late) == "NOT_FOUND")
        check(waiter.ask_line("delete %d" % late) == "NOT_FOUND", "it was still there")
        client.ask("use default")
        client.ask("ignore short")
        check(b"short" not in client.ask("list-tubes")[1], "its tube is left")
        server.end()


def longest_job():
    with tide_jobd("-z", 100) as server:
        client = Client(server)
        check(client.put(b"x" * 101) == "JOB_TOO_BIG", "101 bytes were taken")
        check(client.put(b"x" * 100) == 1, "100 bytes were refused")
        check(client.stats()["max-job-size"] == "100", "max-job-size")
    with tide_jobd("-z", "64M") as server:
        client = Client(server)
        body = bytes(range(256)) * (4096 * 64)
        check(client.put(body) == 1, "64 MiB were refused")
        check(client.ask("reserve")[1] == body, "64 MiB came back as something else")
        server.end()


def tubes_and_watches():
    with tide_jobd("--tubes", 5, "--watches", 3) as server:
        client, other = Client(server), Client(server)
        check(client.ask_line("use a") == "USING a", "use")
        for count, tube in enumerate("bc"):
            check(client.ask_line("watch " + tube) == "WATCHING %d" % (count + 2), "watch")
        check(client.ask_line("watch d") == "OUT_OF_MEMORY", "a fourth tube was watched")
        check(client.ask_line("watch b") == "WATCHING 3", "watch again")
        check(other.ask_line("use d") == "USING d", "use")
        for command in "use e", "watch e":
            check(other.ask_line(command) == "OUT_OF_MEMORY", "a sixth tube was made")
        check(other.ask_line("list-tube-used") == "USING d", "another one is used")
        check(isinstance(other.put(b"x"), int), "put")
        check(other.ask_line("watch a") == "WATCHING 2", "a tube that is there")
        check(client.stats()["current-tubes"] == "5", "tubes")
        check(client.ask_line("ignore c") == "WATCHING 2", "ignore")
        check(other.ask_line("use e") == "USING e", "a tube less, and none was made")
        check(client.ask_line("watch e") == "WATCHING 3", "watch")
        server.end()


def connections():
    with tide_jobd("--connections", 3, "-t", 2) as server:
        first = Client(server)
        until("the test's own first one is gone",
              lambda: first.stats()["current-connections"] == "1")
        clients = [first] + [Client(server) for _ in range(2)]
        for client in clients:
            check(client.ask_line("use a") == "USING a", "use")
        for _ in range(5):
            check(Client(server).answer() == (b"OUT_OF_MEMORY", None), "a fourth one was let in")
        check(first.stats()["total-connections"] == "4", "connections")
        clients[1].close()
        until("one is gone", lambda: first.stats()["current-connections"] == "2")
        check(Client(server).ask_line("use a") == "USING a", "a place was not given again")
        server.end()


def options():
    for wrong, text in (
            (("-p", "65536"), "-p 65536: not a port, 0 to 65535"),
            (("-t", "0"), "-t 0: not a number from 1 to 64"),
            (("-z", "2G"), "-z 2G: not a number of bytes from 1 to 1G"),
            (("-m", "1"), "-m 1: not a number of bytes from 1M"),
            (("-f", "x"), "-f x: not a number of milliseconds, 0 to 3600000"),
            (("-s", "1"), "-s 1: not a number of bytes from 4K to 1024G"),
            (("--counts", "jobs"), "--counts jobs: not bodies, held or charged"),
            (("--policy", "x"), "--policy x: not refuse or drop"),
            (("--connections", "0"), "--connections 0: not a number from 1 to 1000000000"),
            (("--tubes", "x"), "--tubes x: not a number from 1 to 1000000000"),
            (("--watches", "1G"), "--watches 1G: not a number from 1 to 1000000000"),
            (("--lifetime", "0"), "--lifetime 0: not a number of seconds, 1 to 4294967295"),
            (("-l", "nowhere"), "-l nowhere: not a numeric address"),
            (("-x",), "-x: no such option, or not used so; see --help"),
            (("-b",), "-b: a value is missing"),
            (("here",), "here: not an option; see --help")):
        status, said = refused(*wrong)
        check(status in (1, 2) and said.strip() == "tide-jobd: " + text, "%s: %s" % (wrong, said))


refuses_at_the_boundary()
drops_the_oldest()
counts_what_is_held("refuse")
counts_what_is_held("drop")
counts_what_is_charged()
announcing_drops_nothing()
lifetime()
longest_job()
tubes_and_watches()
connections()
options()
sys.exit(0)
