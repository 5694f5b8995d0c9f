//! The console as an operator works it: beam is asked for once the gate has stood open for a while with every lease
//! above 0 (never during proving, where one lease is 0), and no longer asked for when the gate has closed.

use beam_core::units::{Span, Ticks};

/// The console's beam request.
#[derive(Clone, Debug)]
pub(super) struct Console {
    request_after: Span,
    request_hold: Span,
    requested: bool,
    /// It asks whatever the gate does: a fault.
    forced: bool,
    /// Nobody asks again until the gate has been closed: somebody took the request back.
    barred: bool,
    /// Since when beam could be asked for.
    ready_since: Option<Ticks>,
    /// Since when the gate is closed on a request that had found it open.
    closed_since: Option<Ticks>,
    was_open: bool,
}

impl Console {
    pub(super) const fn new(request_after: Span, request_hold: Span) -> Self {
        Self {
            request_after,
            request_hold,
            requested: false,
            forced: false,
            barred: false,
            ready_since: None,
            closed_since: None,
            was_open: false,
        }
    }

    /// When the console next changes its mind if the gate stays as it is.
    pub(super) fn next(&self) -> Option<Ticks> {
        if self.requested {
            self.closed_since.map(|since| since.after(self.request_hold))
        } else {
            self.ready_since.map(|since| since.after(self.request_after))
        }
    }

    /// Looks at the gate, `open` and `leased` (every lease above 0), and answers whether beam is asked for.
    pub(super) fn look(&mut self, now: Ticks, open: bool, leased: bool) -> bool {
        if open {
            self.closed_since = None;
            self.was_open = true;
        } else {
            self.barred = false;
            if self.requested && self.was_open && !self.forced {
                self.closed_since.get_or_insert(now);
            }
        }
        if !open || !leased || self.requested || self.barred {
            self.ready_since = None;
        } else {
            self.ready_since.get_or_insert(now);
        }
        if self.next().is_some_and(|due| due <= now) {
            self.set(!self.requested);
        }
        self.requested
    }

    /// Somebody asks for beam, or takes the request back.
    pub(super) const fn request(&mut self, on: bool) {
        self.barred = !on;
        self.set(on);
    }

    /// The request sticks.
    pub(super) const fn force(&mut self) {
        self.forced = true;
        self.set(true);
    }

    const fn set(&mut self, on: bool) {
        self.requested = on || self.forced;
        self.was_open = false;
        self.ready_since = None;
        self.closed_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Console {
        Console::new(Span::from_millis(200), Span::from_millis(100))
    }

    fn at(millis: u64) -> Ticks {
        Ticks::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn asks_after_the_gate_stood_open_and_leased() {
        let mut console = console();
        assert!(!console.look(at(0), true, true));
        assert_eq!(console.next(), Some(at(200)));
        assert!(!console.look(at(199), true, true));
        assert!(console.look(at(200), true, true));
        assert_eq!(console.next(), None);
    }

    #[test]
    fn never_asks_while_a_lease_is_zero_or_the_gate_closed() {
        let mut console = console();
        assert!(!console.look(at(0), true, true));
        assert!(!console.look(at(150), true, false));
        assert!(!console.look(at(160), true, true));
        assert!(!console.look(at(300), false, true));
        assert!(!console.look(at(310), true, true));
        assert!(!console.look(at(509), true, true));
        assert!(console.look(at(510), true, true));
    }

    #[test]
    fn stops_asking_once_the_gate_has_been_closed() {
        let mut console = console();
        console.request(true);
        assert!(console.look(at(0), false, false), "asked for while closed, it stays asked for");
        assert!(console.look(at(10), true, true));
        assert!(console.look(at(20), false, true));
        assert!(console.look(at(119), false, true));
        assert!(!console.look(at(120), false, true));
    }

    #[test]
    fn a_request_taken_back_stays_back_until_the_gate_closed() {
        let mut console = console();
        assert!(!console.look(at(0), true, true));
        assert!(console.look(at(200), true, true));
        console.request(false);
        assert!(!console.look(at(900), true, true));
        assert!(!console.look(at(910), false, true));
        assert!(!console.look(at(920), true, true));
        assert!(console.look(at(1120), true, true));
    }

    #[test]
    fn a_forced_request_never_ends() {
        let mut console = console();
        console.force();
        assert!(console.look(at(0), true, true));
        assert!(console.look(at(10), false, true));
        console.request(false);
        assert!(console.look(at(900), false, true));
    }
}
