#!/usr/bin/env python3
"""Prints what became of each fault as one table, and keeps it as faults.json beside their results."""

import json
import sys

HEADS = ("fault", "gate closed after ms", "pulses until then", "pulses after", "MU", "gate ended", "unclean end kept", "passed")
KEYS = ("how", "closed_after_ms", "pulses_between", "pulses_after", "mu", "ended_by", "unclean_end", "passed")


def row(folder, name):
    place = name.replace("/", "_")
    try:
        with open(f"{folder}/{place}/verdict.json") as file:
            return dict(json.load(file), how=name)
    except FileNotFoundError:
        return dict(how=name, passed=False, ended_by="no verdict was reached")


def main():
    folder, names = sys.argv[1], sys.argv[2:]
    rows = [row(folder, name) for name in names]
    with open(f"{folder}/faults.json", "w") as out:
        json.dump(rows, out, indent=1)
    print("", *HEADS, "", sep=" | ")
    for told in rows:
        print("", *("-" if told.get(key) is None else told[key] for key in KEYS), "", sep=" | ")


main()
