"""Do the core's tests notice a statement that is missing? Deletes every statement of the core, one at a time, and runs
the core's own tests without it. A deletion that no test notices survives: each must stand in DELETIONS.toml with the
reason why nothing is lost with it, at most 2 % may survive in all, and what stands there must still exist and survive.
cargo-mutants changes operators and values and deletes nothing; this stands beside it.

    tests/mutants/run --deletions                  every statement of the core, and a table of them
    tests/mutants/run --deletions --minutes 5      stop after five minutes and say how many were left out, drawn at random
    tests/mutants/run --deletions --changed main   only files that differ from the commit `main`
    tests/mutants/run --deletions --file dose.rs   only this file of the core, or of the service with --rest
    tests/mutants/run --deletions --rest --sample 300 --seed 1
        a sample of the service's statements, against its own tests and the quick system tests; what survives is told,
        and nothing is demanded

One build serves all of them: each statement has a switch (see switches.py). Those that cannot have one are built alone.
What became of each deletion is left in target/deletions/core.json or rest.json.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

import switches

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "target" / "deletions"
LIST = HERE / "DELETIONS.toml"
CORE = "supervisor/core/src"
PERCENT = 2
WORDS = ["noticed", "survived", "does not compile", "not tried"]

# The files of the service that decide how it behaves; the rest shows, writes and simulates.
SERVICE = ["hot", "conductor", "wiring", "desk", "run", "watch", "unclean_end", "delivery_ids", "fault_history",
           "dose_journal", "replay"]
# System tests that take a few seconds and trap no allocation, which the first look at a switch makes.
QUICK = ["config", "deliveries", "proving", "operator", "resume", "refusals", "faults", "each_guard_alone"]


def options():
    parser = argparse.ArgumentParser(prog="tests/mutants/run --deletions", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="stop after so many minutes")
    parser.add_argument("--changed", metavar="COMMIT", help="only files that differ from this commit")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file; may be said again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many run at once")
    parser.add_argument("--rest", action="store_true", help="the service in place of the core")
    parser.add_argument("--sample", type=int, default=300, help="how many statements of the service")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    parser.add_argument("--list", action="store_true", help="only list what can be deleted, and check DELETIONS.toml")
    return parser.parse_args()


def lister():
    """The program that lists what can be deleted, built when it has to be."""
    built = OUT / "lister"
    manifest = HERE / "deletions" / "Cargo.toml"
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest, "--target-dir", built]
    subprocess.run(command, check=True)
    return built / "release" / "deletions"


def sources(folder):
    """The files of a folder and the folders in it, but for those that hold tests only."""
    found = (path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.rs"))
    return sorted(file for file in found if not file.endswith("tests.rs"))


def in_scope(arguments, files):
    """Those of the files that are asked for."""
    if arguments.changed:
        changed = []
        for command in (["diff", "--name-only", "--diff-filter=d", arguments.changed, "--"],
                        ["ls-files", "--others", "--exclude-standard"]):
            said = subprocess.run(["git", *command, *files], cwd=ROOT, capture_output=True, text=True)
            if said.returncode:
                raise SystemExit(f'git does not know "{arguments.changed}": {said.stderr.strip()}')
            changed += said.stdout.splitlines()
        files = [file for file in files if file in changed]
    if arguments.file:
        for name in arguments.file:
            if not any(pathlib.PurePath(file).match(name) for file in files):
                raise SystemExit(f'no file "{name}" is tried here; one of: {" ".join(files)}')
        files = [file for file in files if any(pathlib.PurePath(file).match(name) for name in arguments.file)]
    return files


class Trial:
    """The test programs of one build, the quickest first, and which switches each of them comes to."""

    def __init__(self, programs, all_must_pass):
        self.programs = []
        for program, folder in programs:
            with tempfile.NamedTemporaryFile("r") as reached:
                began = time.monotonic()
                passed = self.once(program, folder, {"REACHED": reached.name}, 900)
                took = time.monotonic() - began
                if passed == "survived":
                    self.programs.append((took, program, folder, {int(line) for line in reached}))
                elif all_must_pass:
                    raise SystemExit(f"{program} fails with nothing deleted: nothing can be said of what it notices")
                else:
                    print(f"left aside, because it fails with nothing deleted: {program}", flush=True)
        self.programs.sort(key=lambda program: program[0])

    @staticmethod
    def once(program, folder, more, seconds):
        """Runs one test program: `survived` when all tests pass, `noticed` when one fails, or `never ends`."""
        # one thread each: the deletions themselves run side by side
        environment = {**os.environ, "RUST_TEST_THREADS": "1", "RUST_BACKTRACE": "0", **more}
        code, _, _ = switches.finished([program], folder, environment, seconds)
        return {0: "survived", None: "never ends"}.get(code, "noticed")

    def deleted(self, number):
        """What becomes of one deletion, and the remark to it."""
        fitting = [program for program in self.programs if number in program[3]]
        if not fitting:
            return "survived", "no test comes to it"
        runs = ((program, folder, {"DELETED": str(number)}, took) for took, program, folder, _ in fitting)
        return self.first_to_notice(runs)

    def built_alone(self, programs):
        """What becomes of a deletion that has its own build."""
        took = sum(program[0] for program in self.programs)
        return self.first_to_notice((program, folder, {}, took) for program, folder in programs)

    def first_to_notice(self, runs):
        for program, folder, more, took in runs:
            word = self.once(program, folder, more, 10 + 10 * took)
            if word != "survived":
                return "noticed", "a test never ends" if word == "never ends" else ""
        return "survived", ""


def tried(arguments, build, package, library, deletions, deadline):
    """Every deletion with what became of it and a remark. Those for which no time was left are not in it."""
    kept = build.switch(package, library, deletions)
    print(f"{len(kept)} of {len(deletions)} statements have a switch; the tests are built", flush=True)
    programs = build.tests()
    if not programs:
        raise SystemExit(f"the tests of the copy in {build.tree} do not compile")
    trial = Trial(programs, not arguments.rest)
    results = {}
    if arguments.minutes:
        random.shuffle(kept)

    def one(deletion):
        if time.monotonic() < deadline:
            results[deletion.number] = trial.deleted(deletion.number)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for count, _ in enumerate(pool.map(one, kept), 1):
            if count % 100 == 0:
                print(f"{count} of {len(kept)} tried", flush=True)
    without = [one for one in deletions if one not in kept]
    if arguments.rest:
        results.update({one.number: ("not tried", "its switch does not compile") for one in without})
    else:
        results.update(alone(build, package, trial, without, deadline))
    return [(one, *results[one.number]) for one in deletions if one.number in results]


def alone(build, package, trial, deletions, deadline):
    """Those that have no switch, each with a build of its own: of the same copy, where all others stay switched on."""
    results = {}
    plain = switches.Build(build.tree.with_name(f"{build.tree.name}-alone"), build.cargo)
    names = [name for name in ("Cargo.toml", "Cargo.lock", "supervisor/core") if (build.tree / name).exists()]
    switches.copied(ROOT, plain.tree, names)
    narrowed(plain.tree)
    for one in deletions:
        if time.monotonic() > deadline:
            break
        source = (ROOT / one.file).read_bytes()
        switches.write(plain.tree / one.file, one.alone(source))
        programs = plain.tests() if plain.compiles(package) else []
        results[one.number] = trial.built_alone(programs) if programs else ("does not compile", "")
        switches.write(plain.tree / one.file, source)
    return results


def narrowed(tree):
    """Makes the core the only member of the workspace, so that a change builds one crate and nothing else."""
    manifest = tree / "Cargo.toml"
    lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    narrow = ['members = ["supervisor/core"]\n' if line.startswith("members = ") else line for line in lines]
    manifest.write_text("".join(narrow), encoding="utf-8")


def table(arguments, results, in_all):
    counts = collections.defaultdict(collections.Counter)
    for one, word, _ in results:
        counts[one.file.removeprefix(f"{CORE}/").removeprefix("supervisor/src/")][word] += 1
    print(f"\n{'file':<24}{'deleted':>10}" + "".join(f"{word:>18}" for word in WORDS))
    total = collections.Counter()
    for file, row in [*sorted(counts.items()), ("all", total)]:
        print(f"{file:<24}{sum(row.values()):>10}" + "".join(f"{row[word]:>18}" for word in WORDS))
        if row is not total:
            total.update(row)
    viable = total["noticed"] + total["survived"]
    if viable:
        print(f"noticed: {total['noticed']} of {viable} that compile ({100 * total['noticed'] / viable:.1f} %)")
    if in_all > len(results):
        print(f"left out because the time was over: {in_all - len(results)} of {in_all}")
    for one, word, remark in results:
        if word == "not tried" or (arguments.rest and word == "survived"):
            print(told(word, one, remark))


def told(word, one, remark=""):
    """A deletion as one line for a person."""
    tail = f" ({remark})" if remark else ""
    return f"{word}: {one.file}:{one.line}, {one.function}, {switches.CHANGES[one.kind]}: {one.text[:160]}{tail}"


def judged(everything, results):
    """What is to be put right: survivors that are not listed or too many, and what is listed without need."""
    listed, wrong = collections.Counter(), []
    for entry in tomllib.loads(LIST.read_text(encoding="utf-8")).get("survivor", []):
        listed[f"{CORE}/{entry['file']}", entry["function"], entry["change"], entry["code"]] += 1
        if not entry["why"].strip():
            wrong.append(f"no reason is given: {entry}")
    possible = collections.Counter(one.key() for one in everything)
    missed = collections.Counter(one.key() for one, word, _ in results if word == "survived")
    over = collections.Counter(one.key() for one, word, _ in results if word != "survived")
    tell = " | ".join
    for one, word, remark in results:
        if word == "survived" and missed[one.key()] > listed[one.key()]:
            wrong.append(told("survived, and is not listed", one, remark))
    for key, times in listed.items():
        if times > possible[key]:
            wrong.append(f"listed, and no longer there: {tell(key)}")
        elif over[key] > possible[key] - times:
            wrong.append(f"listed, and noticed by a test: {tell(key)}")
    viable = sum(word in ("noticed", "survived") for _, word, _ in results)
    if len(results) == len(everything) and sum(missed.values()) * 100 > viable * PERCENT:
        wrong.append(f"{sum(missed.values())} of {viable} survived: more than {PERCENT} %")
    return wrong


def main():
    arguments = options()
    # whoever ends this ends what it started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    deadline = time.monotonic() + arguments.minutes * 60 if arguments.minutes else float("inf")
    if arguments.rest:
        folders = ["supervisor", "drivers", "configs", "tests", "systemd"]
        folders += ["FAULTS.md", "STATES.md", "SAFETY.md", "README.md"]
        files = [f"supervisor/src/{name}.rs" for name in SERVICE]
        files += sources("supervisor/src/config")
        package, library = "beam-supervisor", "supervisor/src/lib.rs"
        cargo = ["-p", "beam-supervisor", "--lib", "-p", "beam-tests"]
        cargo += [word for test in QUICK for word in ("--test", test)]
    else:
        folders, package, library = ["supervisor/core"], "beam-core", f"{CORE}/lib.rs"
        files = sources(CORE)
        cargo = ["-p", "beam-core", "--lib", "--tests"]
    tree = OUT / ("rest" if arguments.rest else "core")
    if not arguments.list:
        switches.copied(ROOT, tree, ["Cargo.toml", "Cargo.lock", *folders])
        if not arguments.rest:
            narrowed(tree)
    everything = switches.listed(lister(), ROOT if arguments.list else tree, files)
    scope = in_scope(arguments, files)
    chosen = [one for one in everything if one.file in scope]
    if arguments.rest:
        drawn = random.Random(arguments.seed).sample(chosen, min(arguments.sample, len(chosen)))
        print(f"seed {arguments.seed}: {len(drawn)} of {len(chosen)} statements")
        chosen = sorted(drawn, key=lambda one: one.number)
    results = []
    if arguments.list:
        for one in chosen:
            print(told("can be deleted", one))
    elif chosen:
        results = tried(arguments, switches.Build(tree, cargo), package, library, chosen, deadline)
        table(arguments, results, len(chosen))
        kept = [
            {"file": one.file, "line": one.line, "function": one.function, "change": switches.CHANGES[one.kind],
             "code": one.code, "statement": one.text, "result": word, "remark": remark}
            for one, word, remark in results
        ]
        tree.with_suffix(".json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    else:
        print("no statement to delete")
    wrong = [] if arguments.rest else judged(everything, results)
    for line in wrong:
        print(line)
    if wrong:
        print(f"{LIST.parent.name}/{LIST.name}: {len(wrong)} to be put right. A survivor wants a test that notices it,"
              " simpler code, or an entry that says why nothing is lost with it.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
