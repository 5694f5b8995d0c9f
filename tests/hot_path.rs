//! A guard at work asks nobody for memory and cannot panic. While each guard takes its turn, an allocator stands by that
//! ends the process at the first request; whole deliveries pass it on every kind of machine. And the decision code, built
//! as it is shipped, refers to no routine for panics or memory at all: its symbols are read to show it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;

use beam_core::note::Note;
use beam_core::requirement::Requirement;
use beam_core::units::Span;
use beam_tests::{Bench, trial_machines, verifies};

/// The system's allocator, with a trap.
struct Trapped;

thread_local! {
    /// Whether this thread may not allocate now.
    static ARMED: Cell<bool> = const { Cell::new(false) };
    /// Requests of this thread that fell into the trap while it was only counting.
    static CAUGHT: Cell<Option<u64>> = const { Cell::new(None) };
}

fn look() {
    if ARMED.get() {
        match CAUGHT.get() {
            Some(caught) => CAUGHT.set(Some(caught + 1)),
            None => {
                ARMED.set(false);
                eprintln!("a guard's turn asked for memory");
                std::process::abort();
            }
        }
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Trapped {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        look();
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        look();
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Trapped = Trapped;

fn trapped(turn: &mut dyn FnMut()) {
    ARMED.set(true);
    turn();
    ARMED.set(false);
}

#[test]
fn holds_without_memory_for_whole_deliveries() {
    verifies(Requirement::OwnHealth);
    for trial in trial_machines() {
        let order = trial.order(60);
        let mut bench = Bench::new(&trial, &order, 5, &[], 15);
        bench.surround(trapped);
        bench.deliver(&order, Span::from_secs(60));
        let reached = bench.notes().iter().any(|(.., note)| *note == Note::Reached);
        let faulty = bench.notes().iter().find(|(.., note)| matches!(note, Note::Fault(_)));
        assert!(reached && faulty.is_none(), "{}: {faulty:?}", trial.name);
        println!("{}: {} turns without a request for memory", trial.name, bench.turns());
        assert!(bench.turns() > 3000);
    }
}

#[test]
fn trips_at_the_first_request_for_memory() {
    verifies(Requirement::OwnHealth);
    CAUGHT.set(Some(0));
    trapped(&mut || drop(std::hint::black_box(Box::new(1))));
    assert_eq!(CAUGHT.get(), Some(2), "one request and one return");
    CAUGHT.set(None);
}

/// Routines that the decision code must not refer to.
const FORBIDDEN: [&str; 8] = [
    "panicking",
    "panic_bounds",
    "unwrap_failed",
    "expect_failed",
    "__rust_alloc",
    "__rust_dealloc",
    "alloc::",
    "std::",
];

#[test]
fn holds_no_panic_and_no_memory_in_the_symbols() {
    verifies(Requirement::OwnHealth);
    if Command::new("nm").arg("--version").output().is_err() {
        println!("SKIPPED: `nm` of binutils is not installed, so the symbols of the core were not read");
        return;
    }
    let (undefined, defined) = symbols_of_core();
    let bad: Vec<_> = undefined.iter().filter(|name| FORBIDDEN.iter().any(|word| name.contains(word))).collect();
    assert!(bad.is_empty(), "the decision code refers to {bad:?}");
    assert!(defined.iter().any(|name| name.contains("guard::Guard::step")), "Guard::step is not there: {defined:?}");
    println!("{} functions; from outside only {undefined:?}", defined.len());
}

/// Symbols that the release build of the core takes from outside, and those that it brings.
fn symbols_of_core() -> (Vec<String>, Vec<String>) {
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/symbols");
    // without link-time optimisation, so that the library holds machine code and no intermediate one
    let built = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--offline", "-p", "beam-core", "--release", "--lib", "--target-dir", target])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the core builds");
    let listed = Command::new("nm").arg("-C").arg(format!("{target}/release/libbeam_core.rlib")).output().expect("nm");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let named = |kinds: &str| -> Vec<String> {
        let mut names: Vec<String> = listed.lines().filter_map(|line| name_of(line, kinds)).collect();
        names.sort();
        names.dedup();
        names
    };
    let defined = named("TtWw");
    let undefined = named("U").into_iter().filter(|name| !defined.contains(name)).collect();
    (undefined, defined)
}

/// The name in a line of `nm`, where its kind is one of `kinds`.
fn name_of(line: &str, kinds: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let kind = words.find(|word| word.len() == 1)?;
    kinds.contains(kind).then(|| words.collect::<Vec<_>>().join(" "))
}
