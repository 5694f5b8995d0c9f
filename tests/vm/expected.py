#!/usr/bin/env python3
"""Holds the service's own verdict on a delivery that ended badly, or must never begin, against what the treatment unit was
asked to do wrong: the faults that its record names, its exit status, and the mark of the unclean end."""

import argparse
import glob
import json
import re
import sys

STRAY, COUNTS, DOSE_STALE, PROOF_FAILED = "F-101", "F-105", "F-609", "F-801"
# Every fault of a bus has such a code, and every beam that nobody asked for, a pulse through a closed gate among them.
BUS_GROUP, BEAM_GROUP = "F-6", "F-1"
NOT_AS_PLANNED = 3                # the exit status of a delivery that did not go as planned
VERDICT_AFTER_MS = 1000           # for so long a beam is watched after its end before the verdict is given
ROOM_MS = 20                      # within which a treatment unit that has much to do fires its stray pulses


class Case:
    """One delivery's results, and what must hold of them."""

    def __init__(self, results):
        def load(name):
            with open(f"{results}/{name}.json") as file:
                return json.load(file)
        self.results, self.failed = results, 0
        self.peer, self.judge = load("peer"), load("judge")
        reports = [json.load(open(path)) for path in glob.glob(f"{results}/records/records/*/report.json")]
        self.record = reports[0] if len(reports) == 1 else sys.exit(f"FAIL: {len(reports)} reports, not one")
        self.codes = [f["code"] for f in self.record["faults"]]
        self.broken = self.judge["broken"]

    def must(self, holds, text):
        self.failed += not holds
        print(f"{'ok' if holds else 'FAIL'}: {text}")

    def read(self, name):
        try:
            with open(f"{self.results}/{name}") as file:
                return file.read().strip()
        except FileNotFoundError:
            return None

    def told(self):
        """What a person reads of it in one line."""
        faults = [f"{f['code']} {f['name']} by {f['found_by']}" for f in self.record["faults"]]
        final = self.peer["final"]
        print(f"record: {self.record['state']}, ended by {self.record['ended_by']}, faults {faults}, counts "
              f"{self.record['pulses_counted']}, monitors told {self.record['delivered_mu']} MU; gate {final['state']}, "
              f"{final['cause']}, by {final['closed_by']}, {final['pulses']} pulses")

    def not_as_planned(self):
        """What must follow from every fault of a delivery."""
        self.must(not self.record["as_planned"], f"the report says that it was not as planned: {self.record['shortfalls']}")
        status = self.read("exit-status.txt")
        self.must(status == str(NOT_AS_PLANNED), f"the service's exit status is {status}")
        mark = self.read("records/unclean-end")
        self.must(mark == str(self.record["delivery_id"]), f"the mark of the unclean end is kept for delivery {mark}")

    def no_rule_broken(self):
        self.must(not self.broken, f"{len(self.broken)} rules broken on the buses {self.broken[:3]}")
        self.must(self.peer["pulses_after_tripped"] == self.peer["pulses_beyond_lease"] == 0,
                  "the unit fired no pulse after a TRIPPED or beyond a lease")


def after_the_end(case, args):
    """Pulses through the latched gate are found as such, whenever they come and whatever ended the beam."""
    peer, record = case.peer, case.record
    fired, count = peer["stray_ms"], len(peer["stray_ms"])
    lawful = peer["pulses"] - count
    case.must(count == args.strays, f"{count} pulses of {args.strays} through the latched gate, {fired[:1]} to {fired[-1:]} ms after it latched")
    case.must(fired and args.after_ms <= fired[0] <= args.after_ms + ROOM_MS, f"the first of them about {args.after_ms:g} ms after it latched")
    case.must(peer["final"]["state"] == "LATCHED" and peer["final"]["pulses"] == peer["pulses"], "the gate counted them and stayed latched")
    shown = sum(d["fired_after_trip"] for d in case.judge["with_beam"])
    case.must(shown == count, f"the buses show {shown} pulses after a TRIPPED")
    before = [line for line in case.broken if int((re.search(r"pulse (\d+) fired", line) or [0, 0])[1]) <= lawful]
    case.must(not before, f"no rule was broken before the gate latched, after {lawful} pulses {before[:3]}")
    case.must(STRAY in case.codes, f"the record names {STRAY}: {case.codes}")
    if args.door:
        case.must(case.codes[:1] == ["F-706"], f"the door ended the beam: {case.codes[:1]}")
    else:
        case.must(record["ended_by"] == "dose 1" and record["preset_reached"], f"ended by {record['ended_by']}, the preset was reached")
    case.must(peer["pulses"] in record["pulses_counted"], f"the record counts all {peer['pulses']} pulses: {record['pulses_counted']}")
    amended = any(notice.startswith("amended:") for notice in record["notices"])
    late = bool(fired) and fired[0] > VERDICT_AFTER_MS
    case.must(amended == late, f"the pulse came {'after' if late else 'before'} the verdict, and the report was {'' if amended else 'not '}amended")
    again = json.loads(case.read("replay.json"))["report"]
    codes = [f["code"] for f in again["faults"]]
    status = case.read("replay-status.txt")
    case.must(STRAY in codes and status == str(NOT_AS_PLANNED),
              f"the recording of the buses replays to the same verdict: {codes}, exit status {status}")
    case.not_as_planned()


def last_pulse(case, args):
    """What fails with the last pulse is found, although the delivery has ended with it."""
    record, last = case.record, case.peer["pulses"]
    case.must(record["pulses_counted"] == [last, last - 1, last], f"monitor 1, monitor 2 and the gate count {record['pulses_counted']}")
    reasons = {r for d in case.judge["with_beam"] for r in d["trip_reasons"].values()}
    case.must(record["ended_by"] == "dose 1" and reasons == {1}, f"ended by {record['ended_by']}, the reasons on the buses were {sorted(reasons)}")
    expected = COUNTS if args.frozen else DOSE_STALE
    found = [(f["code"], f["monitor"]) for f in record["faults"]]
    case.must(found == [(expected, 2)], f"the record names {expected} of monitor 2 and nothing else: {found}")
    case.no_rule_broken()
    case.not_as_planned()


def bus_away(case, args):
    """A bus that was away for a moment is a fault of that bus, and no beam that nobody asked for: what was heard on it last says
    nothing of the gate as it is."""
    first = case.record["fault"] or {}
    code, bus = first.get("code") or "none", first.get("bus")
    case.must(code.startswith(BUS_GROUP) and bus == args.bus, f"the first fault is one of bus {args.bus}: {code}, bus {bus}")
    case.must(not [c for c in case.codes if c.startswith(BEAM_GROUP)], f"nothing is said of beam that nobody asked for: {case.codes}")
    pulses, final = case.peer["pulses"], case.peer["final"]
    if args.last:
        case.must(pulses == args.last, f"it was the last pulse: {pulses} were fired")
    else:
        case.must(0 < pulses < args.planned, f"it ended the beam: {pulses} pulses of {args.planned}")
        case.must(final["state"] != "OPEN", f"the gate ended {final['state']}, {final['cause']}")
    case.no_rule_broken()
    case.not_as_planned()


def refused(case, args):
    """A gate that takes one guard's permit wrongly is not proven, and nothing is armed."""
    record, peer = case.record, case.peer
    step = f"{args.guard.replace('-', ' ')}: {args.step}"
    case.must(record["proof_failed"] == step, f"the proof failed at '{record['proof_failed']}', as it must at '{step}'")
    case.must(case.codes == [PROOF_FAILED], f"the record names {PROOF_FAILED}: {case.codes}")
    case.must(peer["deliveries"] == 1 and case.judge["deliveries"] == 1, f"only the proof was taken up: {peer['deliveries']} by the gate, "
              f"{case.judge['deliveries']} on the buses")
    opened = [h for h in peer["history"] if h["state"] == "OPEN" and h["cause"] != "LEASE_USED"]
    case.must(peer["pulses"] == 0 and not opened, f"{peer['pulses']} pulses, and the gate never stood open with all leases")
    case.must(peer["final"]["state"] != "OPEN", f"the gate ended {peer['final']['state']}, {peer['final']['cause']}")
    case.must(not case.broken, f"{len(case.broken)} rules broken on the buses")
    status = case.read("exit-status.txt")
    case.must(status == str(NOT_AS_PLANNED) and not record["as_planned"], f"the service's exit status is {status}, not as planned")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("results")
    kinds = p.add_subparsers(dest="kind", required=True)
    def kind(act, *options):
        sub = kinds.add_parser(act.__name__.replace("_", "-"))
        for name, more in options:
            sub.add_argument(name, **more)
        sub.add_argument("--killed-at", help="when the service or its machine suffered something; not judged here")
        sub.set_defaults(act=act)
    number = dict(type=int, required=True)
    kind(after_the_end, ("--strays", number), ("--after-ms", dict(type=float, required=True)), ("--door", dict(action="store_true")))
    kind(last_pulse, ("--frozen", dict(action="store_true")))
    kind(bus_away, ("--bus", dict(required=True)), ("--last", dict(type=int)), ("--planned", dict(type=int)))
    kind(refused, ("--guard", dict(required=True)), ("--step", dict(required=True)))
    args = p.parse_args()
    case = Case(args.results)
    case.told()
    args.act(case, args)
    return 1 if case.failed else 0


if __name__ == "__main__":
    sys.exit(main())
