//! What the recorder writes, without the thread and the disk: two pages, one of frames and one of events, each in the order
//! of time although every guard tells its own story.

use std::io::{self, Write};

use beam_core::frame::{Bus, Frame, Origin};
use beam_core::record::Body;
use beam_core::units::{Span, Ticks};

use crate::conductor::Entry;
use crate::describe::{candump_line, entry_json};

/// Entries of different guards are put in order within this time.
const ORDERING: Span = Span::from_millis(500);

/// The two pages of one delivery.
pub struct Pages<W> {
    interfaces: [String; 2],
    frames: W,
    events: W,
    waiting: Vec<(Ticks, Entry)>,
    /// What turns the monotonic clock into wall time, in nanoseconds.
    wall_offset: u64,
    since: Ticks,
}

impl<W: Write> Pages<W> {
    /// Empty pages: frames and events. `interfaces` are the names of bus A and bus B, `wall_offset` turns the entries' clock
    /// into wall time in nanoseconds, `since` is the moment from which events count.
    #[must_use]
    pub fn new([frames, events]: [W; 2], interfaces: [String; 2], wall_offset: u64, since: Ticks) -> Self {
        Self { interfaces, frames, events, waiting: Vec::with_capacity(4096), wall_offset, since }
    }

    /// Takes an entry.
    ///
    /// # Errors
    /// When something could not be written.
    pub fn take(&mut self, entry: Entry) -> io::Result<()> {
        let at = entry.at();
        self.waiting.push((at, entry));
        let oldest = self.waiting.first().map_or(at, |(at, _)| *at);
        if at.since(oldest) > ORDERING.times(2) { self.write_until(Some(at)) } else { Ok(()) }
    }

    /// Writes what still waits; the pages as they are then.
    ///
    /// # Errors
    /// When something could not be written.
    pub fn close(&mut self) -> io::Result<[&W; 2]> {
        self.write_until(None)?;
        self.frames.flush()?;
        self.events.flush()?;
        Ok([&self.frames, &self.events])
    }

    /// Writes what is older than [`ORDERING`] before `newest`, or everything, in the order of time.
    fn write_until(&mut self, newest: Option<Ticks>) -> io::Result<()> {
        self.waiting.sort_by_key(|(at, _)| *at);
        let old = match newest {
            Some(newest) => self.waiting.partition_point(|(at, _)| newest.since(*at) > ORDERING),
            None => self.waiting.len(),
        };
        let entries: Vec<_> = self.waiting.drain(..old).collect();
        for (at, entry) in entries {
            match frame_of(&entry) {
                Some((bus, frame)) => {
                    let interface = &self.interfaces[usize::from(bus == Bus::B)];
                    let line = candump_line(self.wall_offset.saturating_add(at.nanos()), interface, &frame);
                    writeln!(self.frames, "{line}")?;
                }
                None => {
                    if let Some(value) = entry_json(&entry, self.since) {
                        writeln!(self.events, "{value}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn frame_of(entry: &Entry) -> Option<(Bus, Frame)> {
    match entry {
        Entry::Guard(record) => match record.body {
            Body::Received { bus, origin, frame, .. } => {
                // the interlock guard's own permit is recorded when it is sent, like everybody's
                (!matches!(origin, Origin::Echo)).then_some((bus, frame))
            }
            Body::Sent { bus, frame, .. } => Some((bus, frame)),
            Body::Note(_) | Body::Unsent { .. } | Body::Trouble { .. } | Body::Loop { .. } => None,
        },
        // what was not sent was on no bus, and has its place among the events
        Entry::Session(..) | Entry::NotSent(_) => None,
    }
}
