"""The same script of commands for beanstalkd and for tide-jobd: the answers must be the same.

conformance.txt is the script. A line is
  A: TEXT     connection A (made when it is first named) sends TEXT, CR and LF, and one answer is read
  A= TEXT     it sends TEXT, where \\r, \\n, \\xNN and so on stand for bytes; * N behind it repeats it
  A?          one answer is read; A? end: the connection was ended by the server
  A| and A-   it ends its sending side; it is closed
  sleep S     for S seconds
  signal X    to the server
A line that starts with # is a comment. Of statistics, what can't be the same is left out.
"""
import difflib
import os
import re
import signal
import sys
import time

from jobd import Client, beanstalkd, check, fail, tide_jobd

# The server's own: process, machine, log. And what only tide-jobd has.
OWN = re.compile(r"(pid|version|rusage-[us]time|uptime|id|hostname|os|platform|binlog-.*|log-state|store-.*): ")


def shown(answer, command):
    line, data = answer
    if data is None:
        return [line.decode("latin-1")]
    text = data.decode("latin-1")
    if command.strip() == "stats":
        text = "\n".join(row for row in text.split("\n") if not OWN.match(row))
        line = b"OK"
    return [line.decode("latin-1")] + text.split("\n")


def play(server, script):
    transcript = []
    try:
        play_steps(server, script, transcript)
    except OSError as error:
        fail("%s after:\n%s" % (error, "\n".join(transcript[-10:])))
    return transcript


def play_steps(server, script, transcript):
    clients = {}
    for number, step in enumerate(script, 1):
        step = step.rstrip("\n")
        if not step or step.startswith("#"):
            continue
        transcript.append("%d> %s" % (number, step))
        word, _, rest = step.partition(" ")
        if word == "sleep":
            time.sleep(float(rest))
            continue
        if word == "signal":
            os.kill(server.process.pid, getattr(signal, "SIG" + rest))
            continue
        name, action = word[0], word[1:]
        if name not in clients:
            clients[name] = Client(server)
        client = clients[name]
        if action == ":":
            client.send(rest.encode() + b"\r\n")
            transcript += shown(client.answer(), rest)
        elif action == "=":
            text, _, times = rest.partition(" * ")
            client.send(text.encode().decode("unicode_escape").encode("latin-1") *
                        int(times or 1))
        elif action == "?":
            transcript += [repr(client.reader.read(1))] if rest == "end" else \
                shown(client.answer(), "")
        elif action == "|":
            client.socket.shutdown(1)
        elif action == "-":
            clients.pop(name).close()
        else:
            fail("line %d of the script: %s" % (number, step))
    for client in clients.values():
        client.close()


folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "conformance.txt")) as lines:
    script = lines.readlines()
with beanstalkd() as server:
    expected = play(server, script)
for threads in 1, 3:
    with tide_jobd("-t", threads) as server:
        got = play(server, script)
        server.end()
    difference = list(difflib.unified_diff(expected, got, "beanstalkd", "tide-jobd", lineterm="", n=4))
    check(not difference, "with %d threads:\n%s" % (threads, "\n".join(difference)))
check(len(expected) > len(script), "the script was not played")
sys.exit(0)
