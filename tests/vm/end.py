#!/usr/bin/env python3
"""Does one thing to the supervisor and prints the moment, in seconds since 1970, just before it.

    end.py SIGNAL PID               a signal to the process: KILL, STOP, ...
    end.py panic:THREAD PID         SIGABRT from one thread, which is what a panic in it comes to in a release build
    end.py pull:INTERFACE PID       the interface goes down

One process does it all, because starting another takes half a second in the emulated machine."""

import ctypes
import fcntl
import os
import pathlib
import signal
import socket
import struct
import sys
import time

TGKILL = 234                    # x86-64
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def thread_named(process, name):
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        if (task / "comm").read_text().strip() == name[:15]:
            return int(task.name)
    sys.exit(f"the service has no thread {name}")


def main():
    how, process = sys.argv[1], int(sys.argv[2])
    kind, _, name = how.partition(":")
    if kind == "panic":
        thread = thread_named(process, name)
        act = lambda: ctypes.CDLL(None).syscall(TGKILL, process, thread, int(signal.SIGABRT))
    elif kind == "pull":
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        request = struct.pack("16sh14x", name.encode(), 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        down = struct.pack("16sh14x", name.encode(), flags & ~IFF_UP)
        act = lambda: fcntl.ioctl(control, SIOCSIFFLAGS, down)
    else:
        act = lambda: os.kill(process, signal.Signals[f"SIG{how}"])
    moment = time.time()
    act()
    print(f"{moment:.6f}")


main()
