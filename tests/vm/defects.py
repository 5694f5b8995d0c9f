"""What a test may ask the treatment unit to do wrong besides its chambers: a gate that takes one permit wrongly, pulses through
a gate that has latched, and a bus that is unplugged for a moment."""

import argparse

from gate import GUARDS

NAMES = [name for name, _ in GUARDS]
SLOW = 4                              # times stale-after, for a timer that is too slow
AWAY_NS = 100_000_000                 # how long an unplugged bus is away
BUSES_AWAY = ("bus-a-away", "bus-b-away")


class Strays:
    """Pulses through the gate after it has latched behind a beam: so many, at a rate of their own."""

    def __init__(self, count, after_ms, hz):
        self.count, self.after_ns, self.period_ns = count, round(after_ms * 1e6), round(1e9 / hz)
        self.fired = []                   # how long after the gate latched, in nanoseconds

    def next_at(self, gate):
        """When the next one is due; None while there is no beam to come after, and after the last one."""
        if gate.latched_at is None or not gate.pulses or len(self.fired) >= self.count:
            return None
        return gate.latched_at + self.after_ns + len(self.fired) * self.period_ns

    def fire(self, now, gate):
        self.fired.append(now - gate.latched_at)
        gate.fire_closed(now)


def strays(text):
    """COUNT@MS, or COUNT@MS:HZ."""
    count, _, when = text.partition("@")
    after_ms, _, hz = when.partition(":")
    try:
        count, after_ms, hz = int(count), float(after_ms), float(hz or 20)
    except ValueError:
        count = 0
    if count < 1 or after_ms < 0 or hz <= 0:
        raise argparse.ArgumentTypeError(f"expected COUNT@MS or COUNT@MS:HZ, such as 20@5:400, not {text}")
    return Strays(count, after_ms, hz)


def slow_timer(permit):
    permit.stale_after *= SLOW


def deaf_to_trips(permit):
    permit.ignores_trips = True


GATE_DEFECTS = {"slow-timer": slow_timer, "deaf-to-trips": deaf_to_trips}


def gate_defect(text):
    """DEFECT:PERMIT."""
    defect, _, permit = text.partition(":")
    if defect not in GATE_DEFECTS or permit not in NAMES:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(GATE_DEFECTS)}, a colon and one of {', '.join(NAMES)}")
    return defect, permit


def put_into(gate, asked):
    """Puts the (defect, permit) pairs into the gate."""
    for defect, name in asked:
        GATE_DEFECTS[defect](gate.permits[NAMES.index(name)])
