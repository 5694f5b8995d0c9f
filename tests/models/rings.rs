//! What runs side by side without a lock, under loom: every order in which the threads may step, and every value that an
//! atomic may show within its memory ordering.
//!
//! A guard has two rings: commands come in, records go out. The rings themselves are `rtrb`'s and not checked here; they
//! stand here as a bounded queue with the same promise (one writer, one reader, `push` fails when it is full, an end that
//! was dropped shows at the other). What is ours is how they are used: the writer never waits and numbers every record,
//! written or not; the reader may lag and counts what is missing by the numbers; a guard takes the last commands and
//! then sees that the session has gone.
//!
//! The atomics of our own, all of them (`grep -rn Atomic supervisor drivers`):
//! - `desk.rs`, the session's stop flag: set once, read until it is seen, carries no other data; the join after it orders
//!   what the session left behind. Checked below.
//! - `sim/realtime.rs`, `stop`: the same. `request`: the console's last wish, taken by `swap`, which in any ordering reads
//!   the newest value of the one order that an atomic has: a wish is taken once, the last one is never lost, an earlier one
//!   may be overwritten. (loom lets a relaxed `swap` read an older value, which the memory model forbids, so it is not asked.)
//!   `dropped`: a counter that only grows and that nothing depends on.
//! - `simulate.rs`, the next run's number, and `commands/simulate.rs`, how many are done: `fetch_add` gives each number
//!   once in any ordering; the results come back through the join. Nothing to check.

use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A bounded queue with the promise of an `rtrb` ring.
struct Ring<T> {
    places: usize,
    waiting: Mutex<Vec<T>>,
    abandoned: AtomicBool,
}

impl<T> Ring<T> {
    fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, waiting: Mutex::new(Vec::new()), abandoned: AtomicBool::new(false) })
    }

    fn push(&self, item: T) -> bool {
        let mut waiting = self.waiting.lock().expect("no thread of a model panics");
        let has_room = waiting.len() < self.places;
        if has_room {
            waiting.push(item);
        }
        has_room
    }

    fn pop(&self) -> Option<T> {
        let mut waiting = self.waiting.lock().expect("no thread of a model panics");
        if waiting.is_empty() { None } else { Some(waiting.remove(0)) }
    }

    fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

/// As `Conductor::count`: what is missing before this record.
fn missing(before: &mut Option<u32>, serial: u32) -> u32 {
    let step = before.map_or(1, |before| serial.wrapping_sub(before));
    *before = Some(serial);
    step.saturating_sub(1)
}

#[test]
fn holds_that_every_record_is_read_or_counted_as_lost_whatever_the_reader_does() {
    const RECORDS: u32 = 4;
    loom::model(|| {
        let ring = Ring::new(2);
        let records = Arc::clone(&ring);
        let guard = thread::spawn(move || {
            let mut refused = 0;
            // the numbers wrap in the middle
            for serial in (0..RECORDS).map(|index| index.wrapping_sub(2)) {
                refused += u32::from(!records.push(serial));
            }
            refused
        });
        let (mut before, mut read, mut lost) = (None, 0, 0);
        let mut take = |ring: &Ring<u32>| {
            if let Some(serial) = ring.pop() {
                read += 1;
                lost += missing(&mut before, serial);
            }
        };
        take(&ring);
        take(&ring);
        let refused = guard.join().expect("the writer ends: it waits for nobody");
        for _ in 0..RECORDS {
            take(&ring);
        }
        // a loss shows as soon as the next record comes through: the guard's sign of life, at the latest
        assert!(ring.push(RECORDS.wrapping_sub(2)));
        take(&ring);
        assert_eq!(lost, refused, "what the ring refused is what the numbers show");
        assert_eq!(read + lost, RECORDS + 1);
    });
}

#[test]
fn holds_that_a_guard_takes_the_last_command_before_it_sees_that_the_session_has_gone() {
    loom::model(|| {
        let ring = Ring::new(4);
        let commands = Arc::clone(&ring);
        let session = thread::spawn(move || {
            assert!(commands.push("deliver"));
            assert!(commands.push("end"));
            commands.abandon();
        });
        let mut taken = Vec::new();
        // as `hot::run`: looks whether the session has gone, then takes what is there
        for _ in 0..2 {
            if ring.is_abandoned() {
                break;
            }
            while let Some(command) = ring.pop() {
                taken.push(command);
            }
        }
        session.join().expect("the session ends");
        assert!(["deliver", "end"].starts_with(&taken), "in order, none twice: {taken:?}");
    });
}

#[test]
fn holds_that_a_stopped_session_ends_and_leaves_everything_behind() {
    loom::model(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(AtomicU8::new(0));
        let (stopping, writing) = (Arc::clone(&stop), Arc::clone(&written));
        let session = thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            writing.store(1, Ordering::Relaxed);
        });
        stop.store(true, Ordering::Relaxed);
        session.join().expect("the flag is seen");
        assert_eq!(written.load(Ordering::Relaxed), 1, "the join orders what the thread did before it");
    });
}
