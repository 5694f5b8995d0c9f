#!/usr/bin/env python3
"""An independent treatment unit: gate, linac and both monitor chambers, on two real CAN buses.

It is the supervisor's counterpart in a test and shares nothing with it but the DBC and the words of the contract. It never
fires a pulse that the four leases do not cover, says what really left the machine, and how well it kept its own time.

Bus A: MON1_DOSE, MON1_STATUS, LINAC_STATUS, GATE_STATUS; hears PERMIT_DOSE1 and PERMIT_TIME.
Bus B: MON2_DOSE, MON2_STATUS, GATE_STATUS; hears PERMIT_DOSE2 and PERMIT_INTERLOCK.
"""

import argparse
import array
import ctypes
import gc
import json
import os
import select
import signal
import sys

from bus import Contract, Sender
from defects import AWAY_NS, BUSES_AWAY, GATE_DEFECTS, gate_defect, put_into, strays
from gate import GUARDS, Gate, NO_LIMIT
from interface import Bus, now_ns
from linac import BEAM_REQUESTED, DOOR, FAULTS, Beam, Chamber

STALE_AFTER_NS = 25_000_000


class Cycle:
    """A frame's period, against an absolute schedule that an at-once frame restarts."""

    def __init__(self, name, period, act, start):
        self.name, self.period, self.act = name, period, act
        self.next = start + period
        self.late = array.array("q")
        self.due = array.array("q")
        self.skipped = 0

    def run(self, now):
        late = now - self.next
        self.late.append(late)
        self.due.append(self.next)
        self.act(now)
        self.next += self.period
        if late >= self.period:       # the slots that passed meanwhile are not made up for
            missed = late // self.period
            self.skipped += missed
            self.next += missed * self.period

    def restart(self, now):
        self.next = now + self.period


class Unit:
    def __init__(self, args, contract, scheduling):
        self.args, self.contract, self.scheduling = args, contract, scheduling
        self.start = now = now_ns()
        scale = args.period_scale
        identifiers = [contract.message(name).frame_id for name, _ in GUARDS]
        self.a = Bus(args.bus_a, (identifiers[0], identifiers[2]))
        self.b = Bus(args.bus_b, (identifiers[1], identifiers[3]))
        self.gate = Gate(contract, STALE_AFTER_NS * scale, now)
        put_into(self.gate, args.gate_defect)
        self.gate_frames = [(bus, Sender(contract, "GATE_STATUS", State=0, CloseCause=0, ClosedBy=0,
                                         PulseCount=0, BeamOnTime=0.0)) for bus in (self.a, self.b)]
        self.beam = Beam(args.mu_per_pulse, args.noise, args.seed)
        self.chambers = Chamber(contract, 1, args), Chamber(contract, 2, args)
        self.linac = Sender(contract, "LINAC_STATUS", Docking=args.docking, Energy=args.energy, Applicator=args.applicator,
                            PulseRate=args.prf, Interlocks=0)
        self.door = 0

        def cycle(name, act):
            return Cycle(name, contract.period_ns(name) * scale, act, now)
        one, two = self.chambers
        self.gate_cycle = cycle("GATE_STATUS", self.send_gate)
        self.linac_cycle = cycle("LINAC_STATUS", self.send_linac)
        self.dose_cycles = (cycle("MON1_DOSE", lambda t: self.a.send(one.dose_frame(t))),
                            cycle("MON2_DOSE", lambda t: self.b.send(two.dose_frame(t))))
        self.cycles = [self.gate_cycle, *self.dose_cycles, self.linac_cycle,
                       cycle("MON1_STATUS", lambda t: self.a.send(one.status_frame())),
                       cycle("MON2_STATUS", lambda t: self.b.send(two.status_frame()))]
        self.pulse_period = round(1e9 / args.prf)
        self.slot = now + self.pulse_period
        self.requested = False
        self.ready_since = self.shut_since = None
        self.delivery_seen = None
        self.pulses = self.slots_skipped = self.slots_missed = self.after_tripped = self.beyond_lease = 0
        self.stop = False
        self.ended = False
        self.wakeups = 0

    # Frames

    def send_gate(self, now):
        gate = self.gate
        gate.report_due = False
        on = gate.beam_on_ns // 10_000_000 % 65536 / 100
        for bus, frame in self.gate_frames:
            frame.set(State=gate.state, CloseCause=gate.cause, ClosedBy=gate.closed_by, PulseCount=gate.pulses, BeamOnTime=on)
            bus.send(frame.next())

    def gate_at_once(self, now):
        if self.gate.report_due:
            self.send_gate(now)
            self.gate_cycle.restart(now)

    def send_linac(self, now):
        self.linac.set(Interlocks=self.door | (BEAM_REQUESTED if self.requested else 0))
        self.a.send(self.linac.next())

    def linac_at_once(self, now):
        self.send_linac(now)
        self.linac_cycle.restart(now)

    # The console and the beam

    def console(self, now):
        """The operator asks for beam once the gate stands open with something leased by all four, so never while the gate
        is being proven with a lease of 0; and lets go of the switch when it has been shut for a second, not at once."""
        gate = self.gate
        shut = gate.state != gate.states["OPEN"]
        if gate.held != self.delivery_seen:
            self.delivery_seen = gate.held
            self.shut_since = self.ready_since = None
            tell(self, now, f"delivery {gate.held} taken up")
            self.ask(now, False)
        if self.requested:
            if not shut:
                self.shut_since = None
            elif self.shut_since is None:
                self.shut_since = now
                tell(self, now, f"gate {gate.state_names[gate.state]}, {gate.cause_names[gate.cause]} "
                                f"after {gate.pulses} pulses, {self.beam.given_mu:.2f} MU")
            elif now - self.shut_since > 1_000_000_000:
                self.ask(now, False)
                self.shut_since = self.ready_since = None
                tell(self, now, "beam no longer requested")
                if gate.trippers:
                    self.ended = True
                    tell(self, now, "delivery ended")
        elif shut or gate.cause:
            self.ready_since = None
        elif self.ready_since is None:
            self.ready_since = now
        elif now - self.ready_since >= self.args.request_after_ms * 1_000_000:
            self.ask(now, True)
            tell(self, now, f"beam requested, gate open for delivery {gate.held}")

    def ask(self, now, requested):
        if requested != self.requested:
            self.requested = requested
            self.gate.request(now, requested)
            self.linac_at_once(now)

    def pulse_slot(self, now):
        late_slots = (now - self.slot) // self.pulse_period
        self.slots_missed += late_slots   # too late for these: the grid stands, nothing is made up for
        self.slot += (late_slots + 1) * self.pulse_period
        gate = self.gate
        if not gate.fire(now):
            self.slots_skipped += 1
            return
        # The promise, counted a second time without the gate's own reasoning.
        leases = [p.lease for p in gate.permits if p.lease != NO_LIMIT]
        self.beyond_lease = max(self.beyond_lease, gate.pulses - min(leases, default=gate.pulses))
        if gate.trippers:
            self.after_tripped += 1
        due = [name for name, at in self.args.fault if at == gate.pulses]
        for name in due:
            tell(self, now, f"fault {name} at pulse {gate.pulses}")
            for chamber in self.chambers:
                chamber.fault(name)
            if name in BUSES_AWAY:        # before the pulse is reported
                (self.a, self.b)[BUSES_AWAY.index(name)].unplug(now, AWAY_NS)
        self.give_pulse()
        self.report_pulses(now)
        if "door" in due:                 # opened during the pulse, so seen after it
            self.door = DOOR
            self.linac_at_once(now)
        if gate.pulses % 20 == 0:
            tell(self, now, f"{gate.pulses} pulses, {self.beam.given_mu:.2f} MU")

    def give_pulse(self):
        """The trigger was released: the beam goes through both chambers."""
        self.pulses += 1
        mu = self.beam.pulse()
        for chamber in self.chambers:
            chamber.collect(mu)

    def report_pulses(self, now):
        for cycle in self.dose_cycles:
            cycle.act(now)
            cycle.restart(now)
        self.gate_at_once(now)

    def stray_pulses(self, now):
        """What leaves the machine through a latched gate, because a test asks for it. Pulses that came while the last frames
        were being made share their report: the frames tell of all of them, as they must."""
        stray, before = self.args.stray, self.pulses
        while (at := stray.next_at(self.gate)) is not None and at <= now:
            stray.fire(now, self.gate)
            self.give_pulse()
            now = now_ns()
        if self.pulses > before:
            self.report_pulses(now)
            tell(self, now, f"{self.pulses - before} pulses through the latched gate")

    # The loop

    def run(self):
        gate, cycles, arrived = self.gate, self.cycles, []
        self.start = now_ns()
        for c in cycles:                  # the set-up took its time; the schedule begins here
            c.restart(self.start)
        end = self.start + int(self.args.duration * 1e9)
        wait_for = [self.a, self.b]
        while not self.stop:
            now = now_ns()
            if now >= end:
                break
            due = min(end, *[c.next for c in cycles])
            stale_at = gate.stale_at() + 1
            if now < stale_at < due:
                due = stale_at
            if self.requested and self.slot < due:
                due = self.slot
            if self.args.stray:
                due = min(due, self.args.stray.next_at(gate) or due)
            if due > now:
                select.select(wait_for, (), (), (due - now) / 1e9)
            self.wakeups += 1
            self.a.drain(arrived)
            self.b.drain(arrived)
            if arrived:
                arrived.sort()            # two buses, one gate: in the order of arrival
                for stamp, identifier, data in arrived:
                    gate.receive(stamp, identifier, data)
                arrived.clear()
            now = now_ns()
            gate.pass_time(now)
            self.gate_at_once(now)
            self.console(now)
            if now >= self.slot:
                if self.requested:
                    self.pulse_slot(now)
                else:
                    self.slot += ((now - self.slot) // self.pulse_period + 1) * self.pulse_period
            if self.args.stray:
                self.stray_pulses(now)
            for c in cycles:
                now = now_ns()
                if c.next <= now:
                    c.run(now)

    # What it tells at the end

    def report(self):
        gate, args = self.gate, self.args
        late = sorted(x / 1e6 for c in self.cycles for x in c.late)
        kept = sum(1 for c in self.cycles for x in c.late if x < c.period)
        half = sum(1 for c in self.cycles for x in c.late if x < c.period / 2)
        count = max(1, len(late))
        def at(share):
            return round(late[min(len(late) - 1, int(share * len(late)))], 3) if late else None
        return dict(
            started=self.start / 1e9, period_scale=args.period_scale, scheduling=self.scheduling, seconds=round((now_ns() - self.start) / 1e9, 3),
            cycles=len(late), kept_share=round(kept / count, 6), within_half_period_share=round(half / count, 6),
            skipped=sum(c.skipped for c in self.cycles),
            lateness_ms=dict(median=at(0.5), p99_9=at(0.999), max=at(1.0)),
            latest=[dict(t=round((due - self.start) / 1e9, 3), ms=round(x / 1e6, 3), frame=name) for x, due, name in sorted(
                ((x, due, c.name) for c in self.cycles for x, due in zip(c.late, c.due)), reverse=True)[:5]],
            wakeups=self.wakeups, frames_sent=self.a.sent + self.b.sent, frames_refused=self.a.refused + self.b.refused,
            error_frames=self.a.errors + self.b.errors,
            pulses=self.pulses, mu_per_pulse=args.mu_per_pulse, prf=args.prf,
            slots_without_lease=self.slots_skipped, slots_missed=self.slots_missed,
            truth=dict(mu=round(self.beam.given_mu, 4), mon1=self.chambers[0].report(), mon2=self.chambers[1].report()),
            stray_ms=[round(x / 1e6, 1) for x in args.stray.fired] if args.stray else [],
            pulses_after_tripped=self.after_tripped, pulses_beyond_lease=self.beyond_lease,
            beam_on_s=round(gate.beam_on_ns / 1e9, 3), ended=self.ended,
            permits={p.name: dict(taken=p.taken, lost=p.lost, repeats=p.repeats, faults=p.faults) for p in gate.permits},
            deliveries=gate.deliveries,
            final=dict(state=gate.state_names[gate.state], cause=gate.cause_names[gate.cause], closed_by=gate.closed_by,
                       pulses=gate.pulses, delivery=gate.held),
            history=gate.rows(self.start))


def tell(unit, now, text):
    print(f"peer {(now - unit.start) / 1e9:9.3f} s: {text}", file=sys.stderr, flush=True)


def be_punctual(priority, cpu):
    """SCHED_FIFO and locked memory where the system permits, and no collector pauses anywhere."""
    got = "normal"
    try:
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        if priority:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
            got = f"SCHED_FIFO {priority}"
        ctypes.CDLL(None, use_errno=True).mlockall(3)
    except OSError as error:
        got = f"normal ({error.strerror})"
    gc.collect()
    gc.freeze()
    gc.disable()
    return got


def fault(text):
    name, _, pulse = text.partition("@")
    names = (*FAULTS, *BUSES_AWAY)
    if name not in names or not pulse.isdigit() or int(pulse) < 1:
        raise argparse.ArgumentTypeError(f"expected NAME@PULSE, NAME one of {', '.join(names)}")
    return name, int(pulse)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("dbc", help="the bus contract, ioert-beam.dbc")
    p.add_argument("--self-test", action="store_true", help="check the contract's known frames and end")
    p.add_argument("--bus-a", default="can2")
    p.add_argument("--bus-b", default="can3")
    p.add_argument("--period-scale", type=int, default=1, choices=range(1, 21), metavar="1..20")
    p.add_argument("--duration", type=float, default=600, help="end after this many seconds")
    p.add_argument("--energy", type=float, default=9.0, help="MeV")
    p.add_argument("--applicator", type=int, default=17, help="code")
    p.add_argument("--docking", default="HARD_DOCKED")
    p.add_argument("--prf", type=float, default=10.0, help="pulses per second")
    p.add_argument("--mu-per-pulse", type=float, default=4.0)
    p.add_argument("--pc-per-mu", type=float, default=5000.0)
    p.add_argument("--gain2", type=float, default=1.002, help="chamber 2 collects this much more")
    p.add_argument("--noise", type=float, default=0.01, help="of the beam, relative, one standard deviation")
    p.add_argument("--chamber-noise", type=float, default=0.001, help="of each chamber's reading")
    p.add_argument("--voltage", type=float, default=300.0, help="polarising voltage, V")
    p.add_argument("--leakage", type=float, default=0.3, help="pA")
    p.add_argument("--charge-at-start", type=int, default=4_294_900_000, help="pC; the default lets the counter wrap early")
    p.add_argument("--pulses-at-start", type=int, default=65_530)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--request-after-ms", type=float, default=300, help="after the gate opened with a lease from all four")
    p.add_argument("--fault", type=fault, action="append", default=[], metavar="NAME@PULSE",
                   help=", ".join((*FAULTS, *BUSES_AWAY)))
    p.add_argument("--stray", type=strays, default=None, metavar="COUNT@MS[:HZ]",
                   help="pulses through the gate, the first so long after it latched behind a beam")
    p.add_argument("--gate-defect", type=gate_defect, action="append", default=[], metavar="DEFECT:PERMIT",
                   help="what the gate does wrong with one permit: " + ", ".join(GATE_DEFECTS))
    p.add_argument("--priority", type=int, default=40, help="SCHED_FIFO priority; 0: stay normal")
    p.add_argument("--cpu", type=int, default=None, help="stay on this processor")
    p.add_argument("--json", default="-", help="where the report goes")
    return p.parse_args()


def main():
    args = arguments()
    contract = Contract(args.dbc)
    wrong = contract.self_test()
    for line in wrong:
        print(f"peer: {line}", file=sys.stderr)
    if wrong:
        print("peer: the known frames do not match: this peer speaks to nobody", file=sys.stderr)
        return 1
    if args.self_test:
        print("peer: all known frames match")
        return 0
    scheduling = be_punctual(args.priority, args.cpu)
    unit = Unit(args, contract, scheduling)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(unit, "stop", True))
    tell(unit, now_ns(), f"running, period scale {args.period_scale}, {scheduling}")
    unit.run()
    unit.a.bus.shutdown()
    unit.b.bus.shutdown()
    text = json.dumps(unit.report(), indent=1)
    if args.json == "-":
        print(text)
    else:
        with open(args.json, "w") as out:
            out.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
