#!/usr/bin/env python3
"""Judges a delivery from what stood on the two buses, and from nothing else.

It reads candump logs (-L), decodes them by the DBC with cantools and autosar-e2e, and asks of every pulse: were the ones
before it reported by both chambers, did four leases cover it, had nobody tripped? And of every lease of the interlock
guard: does it stay within the window of what both chambers had reported? A pulse counts from its first sign on either bus.
Take the logs at the treatment unit's interfaces: there a permit is stamped when it arrives, and a report after it was sent.
The slack is the time that a unit needs from firing to that first sign: a permit that fell meanwhile came too late for it.
"""

import argparse
import json
import re
import sys

from bus import Contract, crc_right
from gate import GUARDS, NO_LIMIT

LINE = re.compile(r"\((\d+)\.(\d+)\) +(\S+) +([0-9A-Fa-f]{3})#([0-9A-Fa-f]*)")

STEP_US = 600_000_000         # no log is silent for ten minutes


class Frames:
    """The log's frames in order of time, decoded, with what E2E says of each."""

    def __init__(self, contract, logs, buses):
        self.messages = {m.frame_id: m for m in contract.database.messages}
        self.rows, self.unknown = [], 0
        for log in logs:
            before, stepped = None, 0
            for line in open(log):
                found = LINE.match(line)
                if not found or found[3] not in buses:
                    continue
                time_us = int(found[1]) * 1_000_000 + int(found[2])
                if before is not None and abs(time_us - before) > STEP_US:     # the wall clock was set; the beam's was not
                    stepped += time_us - before
                before = time_us
                self.rows.append((time_us - stepped, len(self.rows), buses[found[3]],
                                  int(found[4], 16), bytes.fromhex(found[5])))
        self.rows.sort()
        self.counts = {}
        self.alive = {}

    def __iter__(self):
        for time_us, _, bus, identifier, data in self.rows:
            message = self.messages.get(identifier)
            if message is None:
                self.unknown += 1
                continue
            count = self.counts.setdefault(f"{bus} {message.name}", dict(frames=0, wrong=0, lost=0, repeats=0))
            count["frames"] += 1
            if len(data) != message.length or not crc_right(identifier, data):
                count["wrong"] += 1
                continue
            signals = message.decode(data, decode_choices=False, scaling=False)
            before = self.alive.get((bus, identifier))
            self.alive[bus, identifier] = signals["Alive"]
            step = 1 if before is None else (signals["Alive"] - before) % 15
            if step == 0:
                count["repeats"] += 1
                continue
            count["lost"] += step - 1 if step <= 3 else 0
            count["wrong"] += step > 3
            yield time_us, bus, message.name, signals


class Delivery:
    def __init__(self, ident):
        self.id, self.pulses, self.tripped_at, self.fired_after_trip = ident, 0, None, 0
        self.reasons, self.pulse_times, self.last_given = {}, [], {}


class Judge:
    def __init__(self, contract, window, slack_us):
        self.window, self.slack_us = window, slack_us
        self.tripped = contract.choices("PERMIT_DOSE1", "State")["TRIPPED"]
        self.permit = contract.choices("PERMIT_DOSE1", "State")["PERMIT"]
        self.state_names = {v: k for k, v in contract.choices("GATE_STATUS", "State").items()}
        self.cause_names = {v: k for k, v in contract.choices("GATE_STATUS", "CloseCause").items()}
        self.guards = {name: bit for name, bit in GUARDS}
        self.permits = {}                          # name: signals of the last valid frame
        self.before = {}                           # name: (when it ended, signals) of the last permit that said otherwise
        self.ahead = []                            # leases that seemed to run ahead of the chambers, until the slack is over
        self.chambers = {"MON1_DOSE": None, "MON2_DOSE": None}
        self.base = {}                             # chamber counts and charges where this delivery began
        self.cleared = set()                       # buses on which the gate reported 0 pulses since this delivery began
        self.gate = {}                             # bus: signals of the last report
        self.delivery = None
        self.deliveries, self.broken, self.told = [], [], set()

    def frame(self, time_us, bus, name, s):
        while self.ahead and time_us > self.ahead[0][0] + self.slack_us:
            _, delivery, lease = self.ahead.pop(0)
            if delivery is self.delivery and lease > min(self.seen().values()) + self.window:
                self.breaks("lease", lease, f"PERMIT_INTERLOCK leased {lease}, the chambers had reported {self.seen()}")
        if name in self.guards:
            self.take_permit(time_us, name, s)
        elif name in self.chambers:
            self.chambers[name] = s
            if self.delivery is not None and name in self.base:
                self.sign(time_us, (s["PulseCount"] - self.base[name]["PulseCount"]) % 65536, name)
        elif name == "GATE_STATUS":
            self.gate[bus] = s
            if not s["PulseCount"]:
                self.cleared.add(bus)     # until then it counts for the delivery before
            if self.delivery is not None and bus in self.cleared:
                self.sign(time_us, s["PulseCount"], name)

    def breaks(self, rule, pulse, text):
        """A broken rule, told once for each pulse that it concerns."""
        if (self.delivery, rule, pulse) not in self.told:
            self.told.add((self.delivery, rule, pulse))
            self.broken.append(f"delivery {self.delivery.id}: {text}")

    def seen(self):
        """Pulses of this delivery that each chamber has reported; -1 for one that was never heard."""
        return {n: (c["PulseCount"] - self.base[n]["PulseCount"]) % 65536 if n in self.base else -1
                for n, c in self.chambers.items()}

    def covers(self, name, time_us, pulse):
        """Whether this guard's permit covers the pulse, or did until just before its first sign."""
        ended, before = self.before.get(name, (0, None))
        for p in (self.permits[name], before if time_us - ended <= self.slack_us else None):
            if p and p["DeliveryId"] == self.delivery.id and p["State"] == self.permit and (
                    p["PulseLease"] == NO_LIMIT or p["PulseLease"] >= pulse):
                return True
        return False

    def take_permit(self, time_us, name, s):
        old = self.permits.get(name)
        if old and (old["State"], old["PulseLease"]) != (s["State"], s["PulseLease"]):
            self.before[name] = time_us, old
        self.permits[name] = s
        if self.delivery and s["State"] == self.permit and s["DeliveryId"] == self.delivery.id:
            self.delivery.last_given[name] = time_us
        if s["State"] == self.tripped and self.delivery and s["DeliveryId"] == self.delivery.id:
            self.delivery.reasons[name] = s["Reason"]
            if self.delivery.tripped_at is None:
                self.delivery.tripped_at = time_us
        ids = {p["DeliveryId"] for p in self.permits.values()}
        if len(self.permits) == 4 and len(ids) == 1:
            ident = ids.pop()
            if ident and (self.delivery is None or ident != self.delivery.id):
                self.delivery = Delivery(ident)
                self.deliveries.append(self.delivery)
                self.cleared.clear()
                self.base = {n: c for n, c in self.chambers.items() if c is not None}
        if (name == "PERMIT_INTERLOCK" and self.delivery and s["State"] == self.permit
                and s["DeliveryId"] == self.delivery.id and s["PulseLease"] > min(self.seen().values()) + self.window):
            self.ahead.append((time_us, self.delivery, s["PulseLease"]))

    def sign(self, time_us, pulses, source):
        """`source` shows that pulse number `pulses` of this delivery was fired."""
        d = self.delivery
        if pulses > d.pulses + 100:
            self.breaks("jump", pulses, f"{source} jumps from {d.pulses} to {pulses} pulses")
            d.pulses = pulses
        for pulse in range(d.pulses + 1, pulses + 1):
            seen = self.seen()
            seen[source] = d.pulses if source in seen else None          # its own frame is the pulse's sign, no excuse for it
            for n in self.chambers:
                if seen[n] < pulse - self.window:
                    self.breaks(n, pulse, f"pulse {pulse} fired, {n} had reported only {seen[n]}")
            for n in self.guards:
                if not self.covers(n, time_us, pulse):
                    self.breaks(n, pulse, f"pulse {pulse} fired, but {n} said {self.permits[n]}")
            if d.tripped_at is not None and time_us > d.tripped_at + self.slack_us:
                d.fired_after_trip += 1
                self.breaks("tripped", pulse, f"pulse {pulse} fired after a TRIPPED was on the bus")
            d.pulses = pulse
            d.pulse_times.append(time_us)

    def report(self, frames, pc_per_mu, gain2):
        beam = [d for d in self.deliveries if d.pulses]
        told = {}
        for n, scale in (("MON1_DOSE", pc_per_mu), ("MON2_DOSE", pc_per_mu * gain2)):
            if n in self.base and self.chambers[n]:
                charge = (self.chambers[n]["Charge"] - self.base[n]["Charge"]) % 2**32
                told[n] = round((charge - 2**32 if charge >= 2**31 else charge) / scale, 4)
        return dict(
            deliveries=len(self.deliveries), with_beam=[dict(id=d.id, pulses=d.pulses, fired_after_trip=d.fired_after_trip,
                                                            trip_reasons=d.reasons, pulse_times=d.pulse_times, last_given=d.last_given,
                                                            shortest_pulse_gap_ms=gap(d.pulse_times)) for d in beam],
            told_mu=told,
            final={bus: dict(state=self.state_names[s["State"]], cause=self.cause_names[s["CloseCause"]], closed_by=s["ClosedBy"],
                             pulses=s["PulseCount"], beam_on_s=s["BeamOnTime"] / 100) for bus, s in self.gate.items()},
            frames=frames.counts, unknown_frames=frames.unknown, broken=self.broken)


def gap(times):
    return round(min(b - a for a, b in zip(times, times[1:])) / 1000, 3) if len(times) > 1 else None


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("dbc")
    p.add_argument("logs", nargs="+")
    p.add_argument("--bus-a", default="can2", help="the name of bus A in the logs")
    p.add_argument("--bus-b", default="can3")
    p.add_argument("--window", type=int, default=1, help="pulses that may be fired ahead of the chambers' reports")
    p.add_argument("--slack-ms", type=float, default=5)
    p.add_argument("--pc-per-mu", type=float, default=5000.0)
    p.add_argument("--gain2", type=float, default=1.002)
    p.add_argument("--json", default=None)
    args = p.parse_args()
    contract = Contract(args.dbc)
    wrong = contract.self_test()
    if wrong:
        sys.exit(f"judge: {wrong}")
    frames = Frames(contract, args.logs, {args.bus_a: "A", args.bus_b: "B"})
    judge = Judge(contract, args.window, args.slack_ms * 1000)
    for row in frames:
        judge.frame(*row)
    report = judge.report(frames, args.pc_per_mu, args.gain2)
    if args.json:
        with open(args.json, "w") as out:
            json.dump(report, out, indent=1)
    total = sum(c["frames"] for c in frames.counts.values())
    pulses = sum(d.pulses for d in judge.deliveries)
    print(f"judge: {total} frames, {len(judge.deliveries)} deliveries, {pulses} pulses, {len(judge.broken)} rules broken")
    for line in judge.broken[:20]:
        print(f"judge: {line}")
    return 1 if judge.broken or not total else 0


if __name__ == "__main__":
    sys.exit(main())
