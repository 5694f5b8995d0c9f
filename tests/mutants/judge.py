"""Compares the changes that survived with those that may: every survivor must be listed, with the reason why it changes
nothing, and whatever is listed must still exist and survive. Prints how many changes of each file were noticed.

    judge.py SURVIVORS.toml TREE OUT

TREE is the source that was changed; OUT holds all.json and scope.json (what could be changed, in all and in this run) and
outcomes-*.json (what became of it), as cargo-mutants writes them.
"""

import collections
import json
import pathlib
import sys
import tomllib


def key(mutant, tree):
    """What a change is, wherever its line has moved to: file, function, change, and the line of code."""
    file, function = mutant["file"], (mutant["function"] or {}).get("function_name", "")
    change = mutant["name"].split(": ", 1)[1].removesuffix(f" in {function}")
    line = mutant["span"]["start"]["line"]
    code = (tree / file).read_text(encoding="utf-8").splitlines()[line - 1].strip()
    return file, function, change, code


def place(mutant):
    """Where a change is in this very tree."""
    start = mutant["span"]["start"]
    return mutant["file"], start["line"], start["column"], mutant["name"]


def outcomes(out):
    """What became of each change: the change, and one of Caught, Missed, Unviable, Timeout."""
    found = {}
    for path in sorted(out.glob("outcomes-*.json")):
        for outcome in json.loads(path.read_text(encoding="utf-8"))["outcomes"]:
            if outcome["scenario"] != "Baseline":
                mutant = outcome["scenario"]["Mutant"]
                word = {"CaughtMutant": "caught", "MissedMutant": "missed", "Unviable": "unviable", "Timeout": "timeouts"}
                found[place(mutant)] = (mutant, word[outcome["summary"]])
    return list(found.values())


def table(results, in_scope):
    words = ["caught", "missed", "timeouts", "unviable"]
    counts = collections.defaultdict(collections.Counter)
    for mutant, word in results:
        counts[pathlib.Path(mutant["file"]).name][word] += 1
    print(f"{'file':<20}" + "".join(f"{word:>10}" for word in words))
    total = collections.Counter()
    for file, row in sorted(counts.items()):
        print(f"{file:<20}" + "".join(f"{row[word]:>10}" for word in words))
        total += row
    print(f"{'all':<20}" + "".join(f"{total[word]:>10}" for word in words))
    viable = total["caught"] + total["missed"] + total["timeouts"]
    if viable:
        noticed = total["caught"] + total["timeouts"]
        print(f"noticed: {noticed} of {viable} ({100 * noticed / viable:.1f} %)")
    left_out = in_scope - len(results)
    if left_out > 0:
        print(f"left out because the time was over: {left_out} of {in_scope}")


def main():
    survivors, tree, out = (pathlib.Path(argument) for argument in sys.argv[1:])
    listed = collections.Counter()
    wrong = []
    for entry in tomllib.loads(survivors.read_text(encoding="utf-8")).get("survivor", []):
        file = f"supervisor/core/src/{entry['file']}"
        listed[file, entry["function"], entry["change"], entry["code"]] += 1
        if not entry["why"].strip():
            wrong.append(f"no reason is given: {entry}")
    everything = [json.loads((out / name).read_text(encoding="utf-8")) for name in ("all.json", "scope.json")]
    possible = collections.Counter(key(mutant, tree) for mutant in everything[0])
    results = outcomes(out)
    table(results, len(everything[1]))

    missed = collections.Counter(key(mutant, tree) for mutant, word in results if word == "missed")
    noticed = collections.Counter(key(mutant, tree) for mutant, word in results if word in ("caught", "timeouts"))
    tell = " | ".join
    for change, times in missed.items():
        if times > listed[change]:
            wrong.append(f"survived, and is not listed: {tell(change)}")
    for change, times in listed.items():
        if times > possible[change]:
            wrong.append(f"listed, and no longer there: {tell(change)}")
        elif noticed[change] > possible[change] - times:
            wrong.append(f"listed, and noticed by a test: {tell(change)}")
    for line in wrong:
        print(line)
    if wrong:
        print(f"{survivors.parent.name}/{survivors.name}: {len(wrong)} to be put right. A survivor wants a test that notices"
              " it, simpler code, or an entry that says why it changes nothing.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
