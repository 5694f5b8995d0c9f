//! What of the guards' records is worth a line of the log, written in the session's thread: guards write records, never logs.
//!
//! A bus in trouble may say so thousands of times a second, and every guard that hears it does. It is logged when it begins
//! and from time to time while it lasts, with how often; the metrics count each one.

use beam_core::frame::{Bus, Trouble};
use beam_core::note::Note;
use beam_core::record::Body;
use beam_core::session::SessionNote;
use beam_core::units::{Span, Ticks};
use tracing::{info, warn};

use crate::conductor::Entry;
use crate::describe::fault_json;
use crate::report::fault_line;

/// The same trouble of the same bus is logged again after this, if it lasts.
const AGAIN: Span = Span::from_secs(10);

/// A trouble that was logged.
#[derive(Clone, Copy, Debug)]
struct Lasting {
    bus: Bus,
    /// In what is said of it, how many frames were lost does not matter.
    what: &'static str,
    logged: Ticks,
    unsaid: u64,
}

/// The log of one session.
#[derive(Debug, Default)]
pub struct Logged {
    lasting: Vec<Lasting>,
}

impl Logged {
    /// Logs an entry, where it is worth a line.
    pub fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Guard(record) => match &record.body {
                Body::Note(Note::Fault(report)) => warn!("{}", fault_line(report, record.guard.name())),
                Body::Note(Note::Warning(report)) => warn!("warning: {}", fault_json(report, record.guard.name())),
                Body::Trouble { bus, trouble } => {
                    if let Some(line) = self.trouble(record.at, *bus, *trouble) {
                        warn!("{line}");
                    }
                }
                _ => {}
            },
            Entry::Session(_, SessionNote::State(state)) => info!("{}", state.name()),
            Entry::Session(_, SessionNote::Ended(by)) => info!("ended by {}", by.name()),
            Entry::Session(_, SessionNote::Fault(report)) => warn!("{}", fault_line(report, "session")),
            Entry::Session(_, SessionNote::Warning(guard, report)) => {
                warn!("warning: {}", fault_json(report, guard.name()));
            }
            Entry::Session(_, SessionNote::ProofFailed(guard, step)) => {
                warn!("proof of {} failed: {}", guard.name(), step.name());
            }
            Entry::Session(_, SessionNote::Proven(guard)) => info!("{} is proven", guard.name()),
            Entry::NotSent(_) => {}
        }
    }

    /// The line that a trouble is worth now, if any.
    fn trouble(&mut self, at: Ticks, bus: Bus, trouble: Trouble) -> Option<String> {
        let what = words(trouble);
        let Some(lasting) = self.lasting.iter_mut().find(|lasting| (lasting.bus, lasting.what) == (bus, what)) else {
            self.lasting.push(Lasting { bus, what, logged: at, unsaid: 0 });
            return Some(format!("bus {bus:?}: {what}"));
        };
        if at.since(lasting.logged) < AGAIN {
            lasting.unsaid += 1;
            return None;
        }
        let unsaid = std::mem::take(&mut lasting.unsaid);
        lasting.logged = at;
        let more = if unsaid > 0 { format!(", {unsaid} reports more since it was said last") } else { String::new() };
        Some(format!("bus {bus:?}: {what}{more}"))
    }
}

/// A bus's trouble as a technician would say it.
const fn words(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Malformed => "a frame that is no classic data frame with an 11-bit identifier",
        Trouble::BusError => "an error on the line that CAN repaired by itself",
        Trouble::ErrorWarning => "the controller counts errors (error-warning)",
        Trouble::ErrorPassive => "the controller is error-passive",
        Trouble::BusOff => "the controller left the bus (bus-off)",
        Trouble::ControllerOverrun => "the controller lost frames before the kernel saw them",
        Trouble::ReceiveOverflow { .. } => "the kernel dropped frames that were not read in time",
        Trouble::InterfaceDown => "the interface is down or gone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    #[test]
    fn trouble_that_lasts_is_said_once_and_then_counted() {
        let mut logged = Logged::default();
        let said: Vec<_> =
            (0..20_001).filter_map(|ms| logged.trouble(at(ms), Bus::B, Trouble::ReceiveOverflow { lost: 3 })).collect();
        let first = "bus B: the kernel dropped frames that were not read in time";
        let later = format!("{first}, 9999 reports more since it was said last");
        assert_eq!(said, [first, &later, &later]);
    }

    #[test]
    fn another_bus_and_another_trouble_are_said_at_once() {
        let mut logged = Logged::default();
        for (bus, trouble) in
            [(Bus::A, Trouble::BusOff), (Bus::B, Trouble::BusOff), (Bus::A, Trouble::ControllerOverrun)]
        {
            assert!(logged.trouble(at(1), bus, trouble).is_some(), "{bus:?} {trouble:?}");
        }
        assert_eq!(logged.trouble(at(2), Bus::A, Trouble::BusOff), None);
        assert_eq!(
            logged.trouble(at(20_000), Bus::B, Trouble::BusOff).as_deref(),
            Some("bus B: the controller left the bus (bus-off)")
        );
    }
}
