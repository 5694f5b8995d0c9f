//! The line that shows a delivery while it runs: a bar with the dose on both monitors, the time left, the rate and the lease.

use std::io::Write as _;

use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::NO_PULSE_LIMIT;

use crate::describe::{close_cause, gate_state, mu};
use crate::progress::Progress;
use crate::report::Planned;

/// Cells of the bar.
const CELLS: usize = 24;
/// How often a terminal is drawn, and how often a line is written where there is none.
const TERMINAL: Span = Span::from_millis(100);
const LOG: Span = Span::from_secs(5);

/// The line.
#[derive(Debug)]
pub struct LiveLine {
    wanted: bool,
    terminal: bool,
    next: Ticks,
    state: Option<State>,
}

impl LiveLine {
    /// A line on standard error; redrawn in place on a terminal, else written anew every five seconds.
    #[must_use]
    pub const fn new(wanted: bool, terminal: bool) -> Self {
        Self { wanted, terminal, next: Ticks::ZERO, state: None }
    }

    /// Shows `progress` if it is time to.
    pub fn show(&mut self, now: Ticks, planned: &Planned, progress: &Progress) {
        let changed = self.state != Some(progress.state);
        if !self.wanted || (now < self.next && !changed) {
            return;
        }
        self.state = Some(progress.state);
        self.next = now.after(if self.terminal { TERMINAL } else { LOG });
        let line = text(planned, progress);
        let mut out = std::io::stderr().lock();
        // somebody who closed standard error does not want to see it
        let _ = if self.terminal { write!(out, "\r\x1b[K{line}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }

    /// Leaves the line standing.
    pub fn end(&mut self) {
        if self.wanted && self.terminal {
            let _ = writeln!(std::io::stderr());
        }
    }
}

/// The line for `progress`.
#[must_use]
pub fn text(planned: &Planned, progress: &Progress) -> String {
    let [first, second] = progress.delivered.map(mu);
    let rate = mu(progress.dose_per_second);
    let left = if rate > 0.0 {
        format!("{:5.1} s left", ((planned.planned_mu - first) / rate).max(0.0))
    } else {
        "   -  s left".to_owned()
    };
    let lease = progress.leases.iter().copied().min().unwrap_or(0);
    let lease = if lease == NO_PULSE_LIMIT { "no pulses".to_owned() } else { format!("lease {lease}") };
    let gate = progress.gates[0].map_or_else(
        || "gate unseen".to_owned(),
        |gate| format!("gate {} {}", gate_state(gate.state), close_cause(gate.cause)),
    );
    if progress.state == State::Proving {
        let proven = progress.proven.count_ones();
        return format!("proving     {proven} of 4 guards shown to hold the gate | {gate}");
    }
    format!(
        "{:<11} [{}] MU 1 {first:8.2}  MU 2 {second:8.2} of {:.2} | {left} | {:6.1} MU/min | {lease} | {gate}",
        progress.state.name(),
        bar(first / planned.planned_mu),
        planned.planned_mu,
        rate * 60.0,
    )
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a bar of two dozen cells"
)]
fn bar(share: f64) -> String {
    let full = (share.clamp(0.0, 1.0) * CELLS as f64).round() as usize;
    format!("{}{}", "#".repeat(full), "-".repeat(CELLS - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_from_the_left_and_never_overflows() {
        assert_eq!(bar(0.0), "-".repeat(CELLS));
        assert_eq!(bar(0.5), format!("{}{}", "#".repeat(12), "-".repeat(12)));
        assert_eq!(bar(7.0), "#".repeat(CELLS));
    }
}
