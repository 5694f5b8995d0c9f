#!/usr/bin/env python3
"""Does one thing to the supervisor and prints the moment, in seconds since 1970, just before it.

    end.py SIGNAL PID               a signal to the process: KILL, STOP, ...
    end.py CONT PID                 SIGSTOP, and SIGCONT 300 ms later
    end.py panic:THREAD PID         SIGABRT from one thread, which is what a panic in it comes to in a release build
    end.py hold:THREAD PID          the one thread is stopped (ptrace) for 5 s; all others run on
    end.py starve:THREAD PID        a loop of a higher real-time priority takes the thread's processor for 300 ms
    end.py watchdog PID             the machine's watchdog device is armed for 2 s and never fed
    end.py memory PID               the service's memory limit falls below what it uses: it runs on until the kernel gives up
    end.py pull:INTERFACE PID       the interface goes down
    end.py down:INTERFACE PID       the interface goes down, and up again 500 ms later
    end.py away:INTERFACE PID       the interface goes down, and up again 100 ms later
    end.py busoff:INTERFACE PID     an error frame that says bus-off reaches everybody who listens on this interface
    end.py flood:INTERFACE PID      frames of identifier 0 through this interface, for 2 s
    end.py clock:SECONDS PID        the wall clock steps by so many seconds; the moment is that of the old clock
    end.py disk:FOLDER PID          the file system of the folder is filled to the last byte

What changes more than the one process is done in the rig's guest only. One process does it all, because starting another takes half a second in the emulated machine. What lasts goes on in a child
after the moment was printed."""

import contextlib
import ctypes
import errno
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
WDIOC_SETTIMEOUT = 0xC0045706
CAN_ERR_FLAG, CAN_ERR_BUSOFF = 0x20000000, 0x040
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
HELD_S, STARVED_S, FLOODED_S, FROZEN_S = 5.0, 0.3, 2.0, 0.3
DOWN_S = {"down": 0.5, "away": 0.1}
BELOW_THE_UNIT = 35                # real-time priority of the loop that starves; the treatment unit has 40
GUEST = pathlib.Path("/dev/virtio-ports/job")              # the port by which a job speaks to the host
THROTTLE = pathlib.Path("/proc/sys/kernel/sched_rt_runtime_us")
libc = ctypes.CDLL(None, use_errno=True)


def thread_named(process, name):
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        if (task / "comm").read_text().strip() == name[:15]:
            return int(task.name)
    sys.exit(f"the service has no thread {name}")


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def link(interface):
    """Two calls, ready to be made: the interface down, and up."""
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = struct.pack("16sh14x", interface.encode(), 0)
    flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
    down, up = (struct.pack("16sh14x", interface.encode(), f) for f in (flags & ~IFF_UP, flags | IFF_UP))
    return lambda: fcntl.ioctl(control, SIOCSIFFLAGS, down), lambda: fcntl.ioctl(control, SIOCSIFFLAGS, up)


def holding(thread):
    """The tracer is whoever seized: this process, which therefore lives on as long as the thread is to be held."""
    ptrace = libc.ptrace
    ptrace.argtypes, ptrace.restype = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p], ctypes.c_long
    checked(ptrace(PTRACE_SEIZE, thread, None, None))

    def hold():
        checked(ptrace(PTRACE_INTERRUPT, thread, None, None))
    return hold, lambda: time.sleep(HELD_S)


def starving(thread):
    """Takes the processor from one guard alone: it falls below a loop that stands below the treatment unit and the other guards.
    What has no real-time priority at all starves with it."""
    throttled = THROTTLE.read_text()
    THROTTLE.write_text("-1")                                   # throttling would give it a share after all
    processor = {max(os.sched_getaffinity(0))}
    os.sched_setaffinity(thread, processor)                     # and the scheduler would find it an idle processor
    os.sched_setaffinity(0, processor)
    os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(BELOW_THE_UNIT - 1))

    def take():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(BELOW_THE_UNIT))

    def spin():
        end = time.monotonic() + STARVED_S
        while time.monotonic() < end:
            pass
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        THROTTLE.write_text(throttled)
    return take, spin


def forgotten_watchdog():
    """Whoever closes the device without the word to stop it has forgotten it: it runs on."""
    def forget():
        with open("/dev/watchdog", "wb", buffering=0) as device:
            fcntl.ioctl(device, WDIOC_SETTIMEOUT, struct.pack("i", 2))
    return forget


def talking(interface):
    node = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    node.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, b"")     # it only talks
    node.bind((interface,))
    return node


def bus_off(interface):
    """An emulated controller is never off its bus, since nothing destroys its frames. But what one socket sends is given back
    to all others of its interface, error frames with their class of error as well: as the driver would tell them."""
    node, frame = talking(interface), struct.pack("=IB3x8s", CAN_ERR_FLAG | CAN_ERR_BUSOFF, 8, bytes(8))
    return lambda: node.send(frame), nothing


def flooding(interface):
    node = talking(interface)
    frame = struct.pack("=IB3x8s", 0, 8, bytes(8))

    def flood():
        sent, end = 0, time.monotonic() + FLOODED_S
        while time.monotonic() < end:
            try:
                sent += node.send(frame) > 0
            except OSError as error:      # the transmit queue is full: as fast as the controller takes them
                if error.errno != errno.ENOBUFS:
                    raise
                time.sleep(0.0005)
        pathlib.Path("/run/flooded").write_text(f"{sent}\n")
    return lambda: None, flood


def out_of_memory(process):
    group = pathlib.Path(f"/proc/{process}/cgroup").read_text().strip().rpartition("::")[2]
    limit = pathlib.Path(f"/sys/fs/cgroup{group}/memory.max")
    return lambda: limit.write_text("1M")


def fill(folder):
    with contextlib.suppress(OSError), open(f"{folder}/filler", "wb", buffering=0) as filler:
        for size in (65536, 512, 1):
            with contextlib.suppress(OSError):
                while filler.write(bytes(size)) == size:
                    pass


def nothing():
    pass


def what(how, process):
    """What to do at the moment, and what to do after it was printed."""
    kind, _, name = how.partition(":")
    if kind in ("starve", "watchdog", "busoff", "flood", "memory", "disk", "clock", "pull", *DOWN_S) and not GUEST.exists():
        sys.exit(f"{kind} is for the rig's guest: this machine is somebody's")
    if kind == "panic":
        thread = thread_named(process, name)
        return lambda: libc.syscall(TGKILL, process, thread, int(signal.SIGABRT)), nothing
    if kind == "hold":
        return holding(thread_named(process, name))
    if kind == "starve":
        return starving(thread_named(process, name))
    if kind == "watchdog":
        return forgotten_watchdog(), nothing
    if kind == "busoff":
        return bus_off(name)
    if kind == "flood":
        return flooding(name)
    if kind == "memory":
        return out_of_memory(process), nothing
    if kind == "disk":
        return lambda: fill(name), nothing
    if kind == "clock":
        return lambda: time.clock_settime(time.CLOCK_REALTIME, time.time() + float(name)), nothing
    if kind == "pull" or kind in DOWN_S:
        down, up = link(name)
        return down, nothing if kind == "pull" else lambda: (time.sleep(DOWN_S[kind]), up())
    if kind == "CONT":
        return lambda: os.kill(process, signal.SIGSTOP), lambda: (time.sleep(FROZEN_S), os.kill(process, signal.SIGCONT))
    return lambda: os.kill(process, signal.Signals[f"SIG{how}"]), nothing


def main():
    how, process = sys.argv[1], int(sys.argv[2])
    # A child does it and stays for what lasts; this process tells the moment and ends, so that nobody waits.
    hears, says = os.pipe()
    if os.fork():
        os.close(says)
        with open(hears) as told:
            moment = told.read()
        if not moment:
            sys.exit("it was not done")
        print(moment)
        return
    act, afterwards = what(how, process)
    moment = time.time()
    act()
    os.write(says, f"{moment:.6f}".encode())
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (says, 0, 1):
        os.dup2(null, descriptor)
    afterwards()


main()
