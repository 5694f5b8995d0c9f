#!/usr/bin/env python3
"""Holds what a service that only observed says of a delivery against what the supervisor that governed it says, the treatment
unit's own truth, and the buses as the unit saw them."""

import glob
import json
import re
import sys

PERMITS = ("011", "012", "013", "014")      # identifiers of the four guards' permits
STOP_MS = 1000                              # within which a service that observes has written its record and gone


def one_report(folder):
    reports = [json.load(open(path)) for path in glob.glob(f"{folder}/records/*/report.json")]
    return reports[0] if len(reports) == 1 else sys.exit(f"FAIL: {len(reports)} reports in {folder}")


def permits_out_of_turn(log):
    """Permits on the buses, and those whose alive counter did not go up by one (0 to 14): a second sender would show."""
    last, seen, wrong = {}, 0, 0
    for line in open(log):
        found = re.match(r"\(.*\) \S+ ([0-9A-F]{3})#..(.)(.)", line)
        if not found or found[1] not in PERMITS:
            continue
        seen += 1
        alive = int(found[3], 16)
        wrong += found[1] in last and alive != (last[found[1]] + 1) % 15
        last[found[1]] = alive
    return seen, wrong


def main():
    results, log = sys.argv[1:]
    peer = json.load(open(f"{results}/peer.json"))
    governed, observed = one_report(f"{results}/records"), one_report(f"{results}/observed")
    failed = 0

    def must(holds, text):
        nonlocal failed
        failed += not holds
        print(f"{'ok' if holds else 'FAIL'}: {text}")

    happened, would = observed["happened"], observed["would_have"]
    must(observed["observed"] == "no permit was sent", "the report says that no permit was sent")
    must(happened["pulses_counted"] == [peer["pulses"]] * 3 and happened["seen_to_its_end"],
         f"pulses observed {happened['pulses_counted']}, fired {peer['pulses']}")
    apart = [abs(a - b) for a, b in zip(happened["delivered_mu"], governed["delivered_mu"])]
    must(max(apart) < 0.0005, f"delivered: observed {happened['delivered_mu']}, governed {governed['delivered_mu']} MU")
    must(would["ended_by"] == governed["ended_by"] and would["fault"] is None and not would["inhibited_by"],
         f"would have been ended by {would['ended_by']}, was ended by {governed['ended_by']}; faults {would['faults']}")
    must(observed["is_the_same"] and not observed["doubts"], f"{observed['verdict']} Doubts: {observed['doubts']}")
    must(would["pulses"] == peer["pulses"], f"would have been ended after pulse {would['pulses']} of {peer['pulses']}")
    seen, wrong = permits_out_of_turn(log)
    must(seen > 0 and wrong == 0, f"{seen} permits on the buses, {wrong} out of turn")
    metrics = open(f"{results}/observer-metrics.txt").read()
    must("\nbeamsup_observe 1\n" in metrics, "the metrics say that it observes")
    unit = dict(line.strip().split("=", 1) for line in open(f"{results}/observer-unit.txt"))
    must(unit == {"Result": "success", "NRestarts": "0", "ExecMainStatus": "0"}, f"the observer's service: {unit}")
    stopped = int(open(f"{results}/observer-stop-ms.txt").read())
    must(stopped <= STOP_MS, f"stopped {stopped} ms after it was asked to")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
