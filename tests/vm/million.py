#!/usr/bin/env python3
"""Whether every frame of a flood is accounted for: sent = taken by the controllers + lost there, and for each guard
received = counted + dropped by the kernel. Prints a table, keeps it as million.json."""

import argparse
import json
import re
import sys

LINE = re.compile(r'(\w+)\{guard="([^"]+)"(?:,\w+="(\w+)")?\} (\S+)')
# The time guard takes a reading for a sign of beam only, and counts none.
HEARS = {"dose 1": "A", "dose 2": "B", "time": "", "interlock": "AB"}
SIDES = {"A": ("can2", "can0"), "B": ("can3", "can1")}


def metrics(path):
    told = {}
    for line in open(path):
        if found := LINE.match(line):
            told[found[1], found[2], found[3]] = float(found[4])
        elif line.startswith("process_resident_memory_bytes"):
            told["resident"] = float(line.split()[1])
    return told


def interfaces(path):
    told = {}
    for line in open(path):
        name, rest = line.split()
        counter, value = rest.split(":")
        told[name, counter] = int(value)
    return told


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("results")
    p.add_argument("--frames", type=int, required=True)
    p.add_argument("--seconds", type=float, required=True)
    args = p.parse_args()
    (m0, m1), (i0, i1) = ([read(f"{args.results}/{when}-{what}.txt") for when in ("before", "after")]
                          for what, read in (("metrics", metrics), ("interfaces", interfaces)))
    failed = 0

    def must(holds, text):
        nonlocal failed
        failed += not holds
        print(f"{'ok' if holds else 'FAIL'}: {text}")

    def grew(counts, before, *key):
        return counts.get(key, 0) - before.get(key, 0)

    buses, guards, received = {}, {}, {}
    for bus, (sender, receiver) in SIDES.items():
        sent, taken = grew(i1, i0, sender, "tx_packets"), grew(i1, i0, receiver, "rx_packets")
        lost = sum(grew(i1, i0, receiver, c) for c in ("rx_over_errors", "rx_dropped"))
        buses[bus], received[bus] = dict(sent=sent, taken=taken, lost_by_controller=lost), taken
        must(sent == args.frames // 2, f"bus {bus}: {sent} frames were sent")
        must(sent == taken + lost, f"bus {bus}: {taken} taken by {receiver} + {lost} lost there")
    for guard, hears in HEARS.items():
        counted = sum(grew(m1, m0, "beamsup_frames_total", guard, kind) for kind in ("fresh", "repeated", "distrusted"))
        dropped = grew(m1, m0, "beamsup_frames_dropped_total", guard, None)
        heard = sum(received[bus] for bus in hears)
        faults = grew(m1, m0, "beamsup_guard_page_faults_total", guard, None)
        late = m1.get(("beamsup_guard_lateness_max_seconds", guard, None), 0)
        guards[guard] = dict(heard=heard, counted=counted, dropped=dropped, page_faults=faults, lateness_max_s=late)
        if hears:
            must(heard == counted + dropped, f"{guard}: {heard} heard = {counted:.0f} counted + {dropped:.0f} dropped by the kernel")
        must(faults == 0, f"{guard}: {faults:.0f} page faults meanwhile, latest wake-up {1000 * late:.2f} ms")
    rate = args.frames / args.seconds
    print(f"{args.frames} frames in {args.seconds:.1f} s: {rate:.0f} a second on both buses together")
    must(m1["resident"] <= 24 * 2**20, f"resident memory {m1['resident'] / 2**20:.1f} MiB")
    with open(f"{args.results}/million.json", "w") as out:
        json.dump(dict(frames=args.frames, seconds=args.seconds, per_second=rate, buses=buses, guards=guards,
                       resident_bytes=m1["resident"]), out, indent=1)
    return 1 if failed else 0


sys.exit(main())
