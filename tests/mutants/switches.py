"""A copy of the source in which every statement that can be deleted has a switch, so that one build serves every deletion.

`statement;` becomes `if crate::deleted::keeps(17) { statement; }`, and the run of a test with DELETED=17 leaves it out. With
REACHED=FILE a run writes down which switches it comes to. A statement that may run while the compiler works (`const fn`), or
whose switch does not compile, has none.
"""

import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess

# What a deletion is called, by the word of the program that lists them.
CHANGES = {"statement": "delete the statement", "arm": "empty the arm", "returned": "return without doing this"}

MODULE = """//! Which statement is left out of this run.

extern crate std as outside;
use outside::io::Write;
use outside::sync::LazyLock;
use outside::sync::atomic::{AtomicBool, Ordering};
use outside::{env, fs, format};

static DELETED: LazyLock<Option<usize>> = LazyLock::new(|| env::var("DELETED").ok()?.parse().ok());
static REACHED: LazyLock<Option<outside::string::String>> = LazyLock::new(|| env::var("REACHED").ok());
static SEEN: [AtomicBool; SWITCHES] = [const { AtomicBool::new(false) }; SWITCHES];

/// Whether a statement is there in this run.
pub fn keeps(number: usize) -> bool {
    if let Some(path) = &*REACHED
        && !SEEN[number].swap(true, Ordering::Relaxed)
        && let Ok(mut file) = fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = file.write_all(format!("{number}\\n").as_bytes());
    }
    *DELETED != Some(number)
}
"""


class Deletion:
    """One statement that can be deleted. `code` is the line that it begins on, `text` all of it on one line."""

    def __init__(self, number, line, source):
        file, self.kind, start, end, when, self.function = line.split("\t")
        self.number, self.file, self.is_const = number, file, when == "const"
        self.start, self.end = int(start), int(end)
        before = source[: self.start]
        self.line = before.count(b"\n") + 1
        begin = before.rfind(b"\n") + 1
        rest = source.find(b"\n", self.start)
        self.code = source[begin : rest if rest >= 0 else len(source)].decode().strip()
        self.text = " ".join(source[self.start : self.end].decode().split())

    def key(self):
        """What it is, wherever its line has moved to."""
        return self.file, self.function, CHANGES[self.kind], self.code

    def alone(self, source):
        """The source without it."""
        instead = b"{}" if self.kind == "arm" else b""
        return source[: self.start] + instead + source[self.end :]

    def switched(self):
        """What stands before it and after it when it has a switch."""
        before, after = f"if crate::deleted::keeps({self.number}) {{ ", " }"
        if self.kind == "arm":
            before, after = "{ " + before, after + " }"
        return before.encode(), after.encode()


def listed(lister, tree, files):
    """Every deletion of `files`, numbered in their order."""
    lines = subprocess.run([lister, *files], cwd=tree, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    sources = {file: (tree / file).read_bytes() for file in files}
    return [Deletion(number, line, sources[line.split("\t")[0]]) for number, line in enumerate(lines)]


def switched(source, deletions):
    """The source with a switch around each of its deletions, and from which to which byte each of them then reaches."""
    marks = []
    for one in deletions:
        before, after = one.switched()
        # at one place what ends comes before what begins; of two that begin, or end, the wider one lies outside
        marks.append((one.start, 1, -one.end, before, one, 0))
        marks.append((one.end, 0, -one.start, after, one, 1))
    text, last, ranges = bytearray(), 0, collections.defaultdict(lambda: [0, 0])
    for place, _, _, mark, one, is_end in sorted(marks, key=lambda mark: mark[:3]):
        text += source[last:place]
        if is_end:
            text += mark
        ranges[one.number][is_end] = len(text)
        if not is_end:
            text += mark
        last = place
    text += source[last:]
    return bytes(text), dict(ranges)


def write(path, text):
    """Writes a file only if that changes it, so that cargo builds no more than it must."""
    if not path.is_file() or path.read_bytes() != text:
        path.write_bytes(text)


def copied(root, tree, names):
    """Brings the copy `tree` up to date with what is named of `root`, by content."""
    wanted = set()
    for name in names:
        for path in [root / name, *(root / name).rglob("*")]:
            place = path.relative_to(root)
            if path.is_file() and "target" not in place.parts:
                wanted.add(tree / place)
                (tree / place).parent.mkdir(parents=True, exist_ok=True)
                write(tree / place, path.read_bytes())
                shutil.copymode(path, tree / place)
    for path in tree.rglob("*") if tree.is_dir() else []:
        if path.is_file() and path not in wanted:
            path.unlink()


def finished(command, folder, environment, seconds):
    """Runs a program to its end, or ends it with all that it started: its exit code (none when its time was over), what it
    said and what it complained of."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True,
    )
    try:
        told, errors = process.communicate(timeout=seconds)
        return process.returncode, told, errors
    except subprocess.TimeoutExpired:
        return None, "", f"{command[0]} did not end in {seconds:.0f} s"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


class Build:
    """A copy of the source and what cargo makes of it. `cargo` holds what is asked of cargo: packages and targets."""

    def __init__(self, tree, cargo):
        self.tree, self.cargo = tree, cargo
        self.environment = {**os.environ, "CARGO_TARGET_DIR": str(tree.parent / f"{tree.name}-built"), "RUST_BACKTRACE": "0"}

    def messages(self, command, arguments):
        """Runs cargo; what it says, and whether it went well. A build that takes twenty minutes never ends."""
        code, told, errors = finished(
            ["cargo", command, "--quiet", "--message-format=json", *arguments], self.tree, self.environment, 1200
        )
        lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        return lines, code == 0, errors

    def tests(self):
        """Builds the tests: the programs, or nothing when they do not compile."""
        said, went_well, _ = self.messages("test", ["--no-run", *self.cargo])
        programs = [
            (message["executable"], pathlib.Path(message["manifest_path"]).parent)
            for message in said
            if message["reason"] == "compiler-artifact" and message.get("executable") and message["profile"]["test"]
        ]
        return programs if went_well else []

    def compiles(self, package):
        return self.messages("check", ["--package", package, "--lib"])[1]

    def switch(self, package, library, deletions):
        """Writes switches around the deletions and takes away those that do not compile; gives back those that stay."""
        sources = {one.file: (self.tree / one.file).read_bytes() for one in deletions}
        root = self.tree / library
        write(root.with_name("deleted.rs"), f"{MODULE}\nconst SWITCHES: usize = {deletions[-1].number + 1};\n".encode())
        write(root, (root.read_bytes() + b"\n/// Switches.\npub mod deleted;\n"))
        kept = [one for one in deletions if not one.is_const]
        while True:
            ranges = {}
            for file, source in sources.items():
                text, ranges[file] = switched(source, [one for one in kept if one.file == file])
                write(self.tree / file, text)
            said, went_well, errors = self.messages("check", ["--package", package, "--lib"])
            if went_well:
                return kept
            wrong = set().union(*(self.blamed(message["message"], kept, ranges) for message in said if "message" in message))
            if not wrong:
                raise SystemExit(f"the copy with switches in {self.tree} does not compile, and no switch is to blame:\n{errors}")
            kept = [one for one in kept if one.number not in wrong]

    @staticmethod
    def blamed(message, kept, ranges):
        """The switches that an error of the compiler speaks of: the innermost around it, the last inside it, or all of the
        function that it is in."""
        if message["level"] != "error":
            return set()
        near = None
        for span in sorted(message["spans"], key=lambda span: not span["is_primary"]):
            begin, end = span["byte_start"], span["byte_end"]
            inside = [one for one in kept if one.file == span["file_name"]]
            reach = {one.number: ranges[one.file][one.number] for one in inside}
            around = [(last - first, number) for number, (first, last) in reach.items() if first <= begin and end <= last]
            if around:
                return {min(around)[1]}
            # a block that must not come to its end: what it ends with
            ending = [(last, -first, number) for number, (first, last) in reach.items() if begin <= first and last <= end]
            if ending:
                return {min(ending, key=lambda one: (-one[0], one[1]))[2]}
            before = [one for one in inside if reach[one.number][0] <= begin]
            if before:
                near = before[-1]
        return {one.number for one in kept if near and (one.file, one.function) == (near.file, near.function)}
