"""Ports of servers under test.

port.py free                   print a TCP port of 127.0.0.1 that nobody uses
port.py wait PID PORT SECONDS  until process PID itself listens on 127.0.0.1:PORT

Exit of wait: 0 it listens; 3 it ended and somebody else has the port; 1 it ended, or time is up.
Asking the kernel who listens, rather than connecting, can't be fooled by a stranger on the port.
"""
import os
import socket
import sys
import time


def listening_inode(port):
    local = "0100007F:%04X" % port
    with open("/proc/net/tcp") as table:
        for line in table:
            field = line.split()
            if field[1] == local and field[3] == "0A":
                return field[9]
    return None


def holds_socket(pid, inode):
    folder = "/proc/%d/fd" % pid
    for fd in os.listdir(folder):
        try:
            if os.readlink(os.path.join(folder, fd)) == "socket:[%s]" % inode:
                return True
        except FileNotFoundError:
            pass  # closed meanwhile
    return False


def has_ended(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait(pid, port, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended = has_ended(pid)
        inode = listening_inode(port)
        if ended:
            return 3 if inode else 1
        if inode and holds_socket(pid, inode):
            return 0
        time.sleep(0.02)
    return 1


if sys.argv[1] == "free":
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        print(probe.getsockname()[1])
else:
    sys.exit(wait(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
