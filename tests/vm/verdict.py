#!/usr/bin/env python3
"""Holds the unit's own truth (peer.json) and the judge's view of the buses (judge.json) against the plan."""

import argparse
import csv
import glob
import json
import math
import re
import statistics
import sys

# A session that stops is missed by the guards after session-silence-ms, not by the gate.
SESSION_SILENCE_S = {"hold:session": 0.5}
# The bit by which the gate names each guard, and the name by which the record does.
STARVED = {"starve:guard-dose1": (1, "dose 1"), "starve:guard-dose2": (2, "dose 2"),
           "starve:guard-time": (4, "time"), "starve:guard-interlock": (8, "interlock")}


def unclean_end(results):
    """The delivery that the mark of the unclean end names, if there is one."""
    try:
        with open(f"{results}/records/unclean-end") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def after_end(args, peer, judge):
    """When the gate closed after that moment, the pulses that came before and after it did, and what the service knew later."""
    closed = [peer["started"] + h["t"] for h in peer["history"] if h["state"] != "OPEN"]
    closed = min((t for t in closed if t >= args.killed_at), default=None)
    shown = [t / 1e6 for d in judge["with_beam"] for t in d["pulse_times"]]
    slack = 0.005                                  # a pulse's first sign on the bus comes after it was fired
    return dict(closed_after_ms=None if closed is None else round(1000 * (closed - args.killed_at), 1),
                pulses_between=sum(args.killed_at < t and (closed is None or t <= closed + slack) for t in shown),
                pulses_after=0 if closed is None else sum(t > closed + slack for t in shown),
                unclean_end=unclean_end(args.results))


def starved_alone(args, peer, records, must):
    """That the one guard starved and no other, by the gate, and that the record says so."""
    bit, name = STARVED[args.how]
    first = next((h for h in peer["history"] if h["state"] != "OPEN" and peer["started"] + h["t"] >= args.killed_at), None)
    first = first and (first["state"], first["cause"], first["closed_by"])
    must(first == ("CLOSED", "PERMIT_STALE", bit), f"the gate missed {name} and no other guard first: {first}")
    told = [(f["code"], f["found_by"]) for record in records for f in record["faults"]]
    must(("F-803", name) in told, f"the record says that {name} turned too late (F-803): {told}")


def page_faults(metrics):
    return re.findall(r'^beamsup_guard_page_faults_total\{guard="(.*)"\} (\d+)', open(metrics).read(), re.MULTILINE)


def undisturbed(results, must):
    """What a delivery to which nothing happened must show besides."""
    begun, ended = (page_faults(f"{results}/{name}.txt") for name in ("metrics-begun", "metrics"))
    must(len(begun) == 4 and begun == ended, f"no guard has faulted a page since the delivery was taken up: {dict(ended)}")
    for path in glob.glob(f"{results}/records/**/arrivals.csv", recursive=True):
        ages = [1000 * (float(row["read_s"]) - float(row["kernel_s"] or "nan")) for row in csv.DictReader(open(path))]
        must(ages and 0 <= statistics.median(ages) < 5 and min(ages) > -1,
             f"{len(ages)} frames stamped by the kernel, read after {statistics.median(ages):.3f} ms (median), at worst {max(ages):.3f} ms")


def trip_reasons(judge):
    return sorted({r for d in judge["with_beam"] for r in d["trip_reasons"].values()})


def kept_promises(args, peer, judge, must):
    """What holds whatever happens: no pulse without its leases, and the buses tell the same as the unit."""
    late, final = peer["lateness_ms"], peer["final"]
    print(f"peer: scale {peer['period_scale']}, {peer['cycles']} cycles, {100 * peer['kept_share']:.2f} % kept; late ms: median "
          f"{late['median']}, 99.9 % {late['p99_9']}, max {late['max']}; {peer['pulses']} pulses in {peer['beam_on_s']} s of beam")
    if args.killed_at is None:
        must((final["state"], final["cause"]) == ("LATCHED", "PERMIT_TRIPPED"),
             f"the gate ended {final['state']}, {final['cause']}, by {final['closed_by']}")
    must(peer["pulses_beyond_lease"] == 0, f"{peer['pulses_beyond_lease']} pulses beyond a lease")
    must(peer["pulses_after_tripped"] == 0, f"{peer['pulses_after_tripped']} pulses after a TRIPPED")
    must(len(judge["with_beam"]) == 1, f"beam in {len(judge['with_beam'])} of {judge['deliveries']} deliveries on the buses")
    must(sum(d["pulses"] for d in judge["with_beam"]) == peer["pulses"], "the buses and the unit count the same pulses")
    must(not judge["broken"], f"{len(judge['broken'])} rules broken on the buses (judge.json)")


def after_the_act(args, peer, judge, told, must):
    """A delivery in which the service or its machine suffered something at a known moment."""
    mu, each, final = peer["truth"]["mu"], peer["mu_per_pulse"], peer["final"]
    kind = args.how.partition(":")[0]
    outlived = args.how == "hold:metrics" or kind == "clock"         # must not end the beam
    may_outlive = outlived or kind in ("flood", "disk") or args.how == "hold:recorder"
    reasons = trip_reasons(judge)
    if outlived or may_outlive and abs(mu - args.mu) <= each:
        must(abs(mu - args.mu) <= each, f"the beam went on to the planned MU: {mu:.3f} of {args.mu:g}")
        must(reasons == [1], f"every guard that tripped gave the reason dose reached ({reasons})")
        if kind == "disk":
            said = open(f"{args.results}/service.txt").read()
            must("F-810" in said, "the service said that its record cannot be written (F-810)")
            must(told["unclean_end"] is not None, f"the delivery is marked as not ended cleanly ({told['unclean_end']})")
    elif may_outlive:
        must(set(reasons) - {0, 1}, f"who ended the beam told a reason ({reasons})")
        must(told["pulses_after"] == 0, f"{told['pulses_after']} pulses after the gate closed")
    else:
        # The promise: leases run out by themselves. What the service does when it comes back must bring no beam.
        closed = [peer["started"] + h["t"] for h in peer["history"] if h["state"] != "OPEN"]
        after = min((t - args.killed_at for t in closed if t >= args.killed_at), default=math.inf)
        limit = 0.025 * peer["period_scale"] + 0.010 + SESSION_SILENCE_S.get(args.how, 0) * peer["period_scale"]
        must(after <= limit, f"the gate closed {1000 * after:.1f} ms after the kill")
        must(final["state"] != "OPEN", f"the gate ended {final['state']}, {final['cause']}, by {final['closed_by']}")
        must(told["pulses_after"] == 0, f"{told['pulses_after']} pulses after the gate closed")
        must(told["unclean_end"] is not None, f"started again, it knows of the unclean end ({told['unclean_end']})")
        must(0 < mu < args.mu - each, f"the kill ended the beam: {mu:.3f} MU of {args.mu:g}")


def dose_of_the_unit(args, peer, judge, must):
    """What the unit gave to a delivery that ended as planned, or by a fault of the unit's."""
    mu, each, pulses = peer["truth"]["mu"], peer["mu_per_pulse"], peer["pulses"]
    reasons = trip_reasons(judge)
    if args.fault is None:
        # Half a pulse, three standard deviations of the last pulse, and what the chamber's own noise adds up to.
        room = each * (0.5 + 3 * args.noise + 3 * args.chamber_noise * math.sqrt(max(1, pulses)))
        must(abs(mu - args.mu) <= room, f"delivered {mu:.3f} MU of {args.mu:g} planned, {mu - args.mu:+.3f} within {room:.3f}")
        must(reasons == [1], f"every guard that tripped gave the reason dose reached ({reasons})")
    else:
        at = int(args.fault.split("@")[1])
        must(pulses >= at, f"the fault {args.fault} came into force ({pulses} pulses)")
        must(mu < args.mu - each, f"the fault ended the beam: {mu:.3f} MU of {args.mu:g}, {pulses - at} pulses after it")
        must(3 in reasons, f"a guard tripped for a fault ({reasons})")


def record_tells_the_same(args, peer, record, must):
    """The service's own record, and the replay of the recorded buses, against the machine's other side."""
    truth, pulses, each = peer["truth"], peer["pulses"], peer["mu_per_pulse"]
    for n in (1, 2):
        heard, wrote = truth[f"mon{n}"]["told_mu"], record["delivered_mu"][n - 1]
        if (args.fault or "").startswith("chambers@"):        # the pulse at which they fell silent was never told
            must(-0.01 <= heard - wrote <= each * (1 + 3 * args.noise + 3 * args.chamber_noise),
                 f"monitor {n} collected {heard:.3f} MU, the record says {wrote:.3f}: one pulse untold")
        elif not (args.fault or "").startswith(f"mon{n}-"):     # of a chamber that lies, the guard believes what it can
            must(abs(wrote - heard) <= 0.01, f"monitor {n} told {heard:.3f} MU, the record says {wrote:.3f}")
    must(record["pulses_counted"][2] == pulses, f"the record counts {record['pulses_counted'][2]} pulses at the gate")
    fault = record["fault"] and f"{record['fault']['code']}, {record['fault']['cause']}"
    print(f"record: {record['state']}, ended by {record['ended_by']}, fault {fault}, worst guard lateness "
          f"{1000 * record['worst_guard_lateness_s']:.3f} ms, frame to permit {1000 * record['worst_frame_to_permit_s']:.3f} ms")
    with open(f"{args.results}/replay.json") as replay:
        again = json.load(replay)["report"]
    code = [r["fault"] and r["fault"]["code"] for r in (again, record)]
    mu = max(abs(x - y) for x, y in zip(again["delivered_mu"], record["delivered_mu"]))
    same = all(again[key] == record[key] for key in ("state", "ended_by", "pulses_counted"))
    must(same and code[0] == code[1] and mu <= 0.01,
         f"the recording of the buses replays to the same end: {again['state']}, by {again['ended_by']}, fault {code[0]}")
    planned, status = record["as_planned"], int(open(f"{args.results}/exit-status.txt").read())
    must(planned == (args.fault is None) and status == (0 if planned else 3),
         f"the record says {'' if planned else 'not '}as planned, the service's exit status is {status}")


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("results")
    p.add_argument("--mu", type=float, required=True, help="what the plan asked for")
    p.add_argument("--fault", default=None, metavar="NAME@PULSE", help="what the unit was told to do wrong")
    p.add_argument("--killed-at", type=float, default=None, help="when the service was killed, seconds since 1970")
    p.add_argument("--how", default=None, help="what end.py did at that moment")
    p.add_argument("--noise", type=float, default=0.01)
    p.add_argument("--chamber-noise", type=float, default=0.001)
    return p.parse_args()


def main():
    args = arguments()
    peer, judge = (json.load(open(f"{args.results}/{name}.json")) for name in ("peer", "judge"))
    failed = 0

    def must(holds, text):
        nonlocal failed
        failed += not holds
        print(f"{'ok' if holds else 'FAIL'}: {text}")

    if args.how == "memory":
        # The kernel tries for some tens of milliseconds to free what is locked, and the service runs on meanwhile. What
        # counts is when the first guard fell silent, by the stamp of its last permit.
        args.killed_at = max(args.killed_at, min(min(d["last_given"].values()) for d in judge["with_beam"]) / 1e6)
    kept_promises(args, peer, judge, must)
    final = peer["final"]
    told = dict(how=args.how or args.fault or "nothing", mu=peer["truth"]["mu"], pulses=peer["pulses"],
                ended_by=f"{final['state']}, {final['cause']}, by {final['closed_by']}")
    records = [json.load(open(path)) for path in glob.glob(f"{args.results}/records/**/report.json", recursive=True)]
    if args.killed_at is not None:
        told.update(after_end(args, peer, judge))
        after_the_act(args, peer, judge, told, must)
    else:
        dose_of_the_unit(args, peer, judge, must)
        must(len(records) == 1, f"{len(records)} delivery records with a report")
    if args.how in STARVED:
        starved_alone(args, peer, records, must)
    if args.killed_at is None and records:
        record_tells_the_same(args, peer, records[0], must)
    if args.killed_at is None and args.fault is None:
        must(unclean_end(args.results) is None, "the mark of the unclean end was taken away")
        undisturbed(args.results, must)
    told["passed"] = not failed
    with open(f"{args.results}/verdict.json", "w") as out:
        json.dump(told, out, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
