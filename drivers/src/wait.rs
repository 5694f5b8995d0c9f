//! Waiting until a bus has something to say or a moment has come, whichever is first.

use std::os::fd::BorrowedFd;

use beam_core::units::Ticks;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::{TimeSpec, TimeValLike};

use crate::clock;

/// Waits until one of `ports` is readable or in error, or `until` has come; says which of `ports` are.
///
/// Nothing is allocated, and the deadline is kept to the nanosecond that the thread's timer slack allows. All `false`
/// means that the deadline came, or that a signal arrived before it: the caller looks at the clock anyway. A deadline
/// that lies in the past looks at the ports and returns at once.
#[must_use]
pub fn wait<const N: usize>(ports: [BorrowedFd<'_>; N], until: Ticks) -> [bool; N] {
    let mut polled = ports.map(|port| PollFd::new(port, PollFlags::POLLIN));
    let remaining = i64::try_from(until.since(clock::now()).nanos()).unwrap_or(i64::MAX);
    match ppoll(&mut polled, Some(TimeSpec::nanoseconds(remaining)), None) {
        // An error or a hang-up is read, too: that is how the port finds out.
        Ok(ready) if ready > 0 => polled.map(|port| port.any().unwrap_or(true)),
        _ => [false; N],
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use beam_core::units::Span;

    use super::*;
    use crate::socketpair::pair;

    #[test]
    fn keeps_the_deadline_when_nothing_comes() {
        let (ours, _theirs) = pair().unwrap();
        let start = clock::now();
        assert_eq!(wait([ours.as_fd()], start.after(Span::from_micros(5_500))), [false]);
        let waited = clock::now().since(start);
        assert!(waited >= Span::from_micros(5_500) && waited < Span::from_secs(2), "{waited:?}");
    }

    #[test]
    fn returns_at_once_for_a_deadline_in_the_past() {
        let (ours, _theirs) = pair().unwrap();
        let start = clock::now();
        assert_eq!(wait([ours.as_fd()], Ticks::ZERO), [false]);
        assert!(clock::now().since(start) < Span::from_secs(1));
    }

    #[test]
    fn says_which_of_several_has_something() {
        let (first, _other_end) = pair().unwrap();
        let (second, theirs) = pair().unwrap();
        nix::unistd::write(&theirs, &[0; 16]).unwrap();
        let until = clock::now().after(Span::from_secs(10));
        assert_eq!(wait([first.as_fd(), second.as_fd()], until), [false, true]);
        assert!(clock::now() < until);
    }
}
