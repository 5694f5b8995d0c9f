//! The permit protocol, model-checked: every order of events within stated bounds, with the product's own senders
//! (`beam_core::permit`), its frames and their protection, and the simulated gate.
//!
//! A step is one permit period. In it the session may ask all guards to take up the next delivery, deliver, withhold or
//! end; each guard does so at once or later, or hangs, dies, trips or falls silent by itself; its frame reaches the gate, is
//! lost, broken, late or refused by the transmit queue; a pulse is fired if the gate lets it; the gate may lose its power; the
//! process may die and another begin. The promises ([`beam_models::Promise`]) are judged by notes that know nothing of the
//! code under test. Beside them some things must be possible: a model in which nothing happens keeps every promise.
//!
//! What the model leaves out, and why that is sound:
//! - Moments are kept as ages and alive counters as distances from what the gate saw last; sender and gate compare nothing
//!   else, so that two states that differ only in these are one.
//! - What nothing can depend on any more is dropped: the content of a stale or invalid permit, the lease of a tripped one, the
//!   age of a PERMIT that is neither at the gate nor on its way to it.
//! - The guards other than the time guard are interchangeable. Within a step they turn in one order; another order is one of
//!   them a step late, which is among the things that happen.
//! - Stale-after is 3 periods (5 in the product); a frame waits at most as many steps as the bounds say; at most 4
//!   frames of a guard are lost in a row, and a longer loss is a loss and a hang. A repeated frame is not modelled: the gate
//!   drops it, and its own tests show that.
//! - A frame that is left over from a dead process waits no longer than others, so that within these bounds it does not
//!   reach a gate that has taken up the next delivery; the gate's own tests try that. The sender's giving up of an echo at
//!   rest is tried by its own tests too.
//! - How many guards are at odds with the rest at once is bounded; over time each may be, any number of times.
//!
//! `cargo test -p beam-models --test permit_protocol -- --nocapture` prints the counts. Wider bounds soon need more memory
//! than a computer has: two guards at odds at once are explored without late frames and resumes, because with late frames
//! they need over 20 GB. `tests/defects/run-model` shows that each defect of a list is found.

use std::time::Instant;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use beam_models::Bounds;

/// One delivery of two pulses, one guard at odds with the others in every way.
const ONE_GUARD: Bounds = Bounds {
    pulses: 2,
    deliveries: 1,
    late: 1,
    free: 0b0001,
    out_of_step: 1,
    resumes: true,
    hushes: true,
    process_restarts: false,
    gate_restarts: false,
};

/// Explores everything within `bounds` and fails with the events that lead to a broken promise.
fn explore(what: &str, bounds: Bounds) {
    let begun = Instant::now();
    let checker = bounds.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, transitions, depth) = (checker.unique_state_count(), checker.state_count(), checker.max_depth());
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what}: {states} states, {transitions} transitions, depth {depth}, {seconds:.1} s");
    let mut found = checker.discoveries();
    for property in bounds.properties() {
        let path = found.remove(property.name);
        match (property.expectation, path) {
            (Expectation::Always, Some(path)) => {
                let events: Vec<String> = path.into_actions().iter().map(ToString::to_string).collect();
                let events = events.join("\n");
                panic!("{what}: broken: {} (depth {depth}, {seconds:.1} s)\n{events}", property.name);
            }
            (Expectation::Sometimes, None) => panic!("{what}: impossible: {} ({seconds:.1} s)", property.name),
            _ => {}
        }
    }
}

#[test]
fn holds_every_promise_with_one_guard_at_odds() {
    explore("one guard at odds", ONE_GUARD);
}

#[test]
fn holds_every_promise_with_the_time_guard_at_odds() {
    explore("the time guard at odds", Bounds { free: 0b0100, ..ONE_GUARD });
}

#[test]
fn holds_every_promise_when_the_gate_loses_its_power() {
    let bounds = Bounds { pulses: 1, gate_restarts: true, hushes: false, ..ONE_GUARD };
    explore("the gate's power", bounds);
}

#[test]
fn holds_every_promise_from_one_delivery_and_process_to_the_next() {
    let bounds =
        Bounds { pulses: 1, deliveries: 2, resumes: false, hushes: false, process_restarts: true, ..ONE_GUARD };
    explore("two deliveries, two processes", bounds);
}

#[test]
fn holds_every_promise_with_two_guards_at_odds_at_once() {
    let bounds =
        Bounds { pulses: 1, late: 0, free: 0b0101, out_of_step: 2, resumes: false, hushes: false, ..ONE_GUARD };
    explore("two guards at odds at once", bounds);
}

#[test]
fn holds_every_promise_with_each_guard_at_odds_in_turn() {
    let bounds = Bounds { pulses: 1, free: 0b1111, gate_restarts: true, hushes: false, ..ONE_GUARD };
    explore("each guard at odds in turn", bounds);
}
