"""One CAN interface as the treatment unit holds it, and the one clock by which the unit runs and stamps what it hears."""

import socket
import struct
import time

import can

from bus import CAN_FRAME

SO_TIMESTAMPNS = 35                   # Linux; Python's socket module does not name it
ERROR_FRAME = 0x20000000
TIMESPEC = struct.Struct("=qq")
# The wall clock as it was at the start, because the kernel stamps frames with it and candump writes it: one clock for gate,
# log and judge. It runs on when the wall clock is set, because no gate's time is a matter of the hour.
WALL_AT_START = time.time_ns() - time.monotonic_ns()
STEP_NS = 60_000_000_000              # no slewing comes to this, and no frame waits so long


def now_ns():
    return WALL_AT_START + time.monotonic_ns()


def arrival(stamp, now):
    """The kernel's stamp on this clock; `now` when the wall clock was set between the two."""
    moved = time.time_ns() - now
    if abs(moved) >= STEP_NS:
        stamp -= moved
    return stamp if abs(now - stamp) < STEP_NS else now


class Bus:
    """One CAN interface, opened by python-can; then read and written as bare can_frames, without waiting."""

    def __init__(self, channel, hears):
        self.channel = channel
        self.bus = can.Bus(interface="socketcan", channel=channel,
                           can_filters=[dict(can_id=i, can_mask=0x7FF, extended=False) for i in hears])
        self.socket = self.bus.socket
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.fileno = self.socket.fileno
        self.sent = self.refused = self.errors = 0
        self.away_from = self.away_until = 0  # when it is unplugged, in nanoseconds

    def unplug(self, now, lasts_ns):
        """Nothing comes in or goes out for so long, as with a plug that was pulled at the unit."""
        self.away_from, self.away_until = now, now + lasts_ns

    def send(self, frame):
        if frame is None:
            return
        if now_ns() < self.away_until:
            self.refused += 1
            return
        try:
            self.socket.send(frame, socket.MSG_DONTWAIT)
            self.sent += 1
        except OSError:               # the transmit queue is full, or the interface is down: a real unit loses it too
            self.refused += 1

    def drain(self, into, most=64):
        """Adds (arrival, identifier, data) of each waiting frame. The kernel's arrival time counts, not ours."""
        for _ in range(most):
            try:
                frame, ancillary, _, _ = self.socket.recvmsg(CAN_FRAME.size, 64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                return
            stamp = now_ns()
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = TIMESPEC.unpack(value[:16])
                    stamp = arrival(seconds * 1_000_000_000 + nanoseconds, stamp)
            identifier, length, data = CAN_FRAME.unpack(frame)
            if identifier & ERROR_FRAME:  # the controller's own complaint, such as a frame lost in its buffer
                self.errors += 1
            elif not self.away_from <= stamp < self.away_until:
                into.append((stamp, identifier & 0x7FF, data[:length]))
