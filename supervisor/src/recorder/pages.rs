//! What the recorder writes, without the thread and the disk: a page of frames, one of events and one of arrivals, each in the
//! order of time although every guard tells its own story.

use std::io::{self, Write};

use beam_core::frame::{Bus, Frame, Origin};
use beam_core::record::{Body, Record, Stamps};
use beam_core::units::{Span, Ticks};

use crate::conductor::Entry;
use crate::describe::{candump_line, entry_json};

/// Entries of different guards are put in order within this time.
const ORDERING: Span = Span::from_millis(500);

/// The names of the pages as files, in their order.
pub const NAMES: [&str; 3] = ["frames.log", "events.jsonl", "arrivals.csv"];

/// The pages of one delivery.
pub struct Pages<W> {
    interfaces: [String; 2],
    frames: W,
    events: W,
    arrivals: W,
    /// Whether anything was written there: the first line names the columns.
    has_arrivals: bool,
    waiting: Vec<(Ticks, Entry)>,
    /// What turns the monotonic clock into wall time, in nanoseconds.
    wall_offset: u64,
    since: Ticks,
}

impl<W: Write> Pages<W> {
    /// Empty pages, in the order of [`NAMES`]. `interfaces` are the names of bus A and bus B, `wall_offset` turns the entries' clock
    /// into wall time in nanoseconds, `since` is the moment from which events count.
    #[must_use]
    pub fn new([frames, events, arrivals]: [W; 3], interfaces: [String; 2], wall_offset: u64, since: Ticks) -> Self {
        Self {
            interfaces,
            frames,
            events,
            arrivals,
            has_arrivals: false,
            waiting: Vec::with_capacity(4096),
            wall_offset,
            since,
        }
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
    pub fn close(&mut self) -> io::Result<[&W; 3]> {
        self.write_until(None)?;
        self.frames.flush()?;
        self.events.flush()?;
        self.arrivals.flush()?;
        Ok([&self.frames, &self.events, &self.arrivals])
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
            self.write_arrival(at, &entry)?;
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

    /// When a frame was read, beside when kernel and controller say that it came. Where nobody stamped it, as in virtual time,
    /// there is nothing to write.
    fn write_arrival(&mut self, at: Ticks, entry: &Entry) -> io::Result<()> {
        let Entry::Guard(Record { body: Body::Received { bus, frame, stamps, .. }, .. }) = entry else { return Ok(()) };
        if *stamps == Stamps::NONE {
            return Ok(());
        }
        if !self.has_arrivals {
            self.has_arrivals = true;
            writeln!(self.arrivals, "read_s,interface,identifier,kernel_s,controller_s")?;
        }
        let read = seconds(self.wall_offset.saturating_add(at.nanos()));
        let interface = &self.interfaces[usize::from(*bus == Bus::B)];
        let [kernel, controller] = [stamps.kernel_nanos, stamps.controller_nanos].map(seconds);
        writeln!(self.arrivals, "{read},{interface},{:03X},{kernel},{controller}", frame.id)
    }
}

/// Nanoseconds as seconds; nothing where there is no stamp.
fn seconds(nanos: u64) -> String {
    if nanos == 0 { String::new() } else { format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000) }
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

#[cfg(test)]
mod tests {
    use beam_core::wire::{GATE_STATUS, Guard};

    use super::*;

    fn received(millis: u64, bus: Bus, stamps: Stamps) -> Entry {
        let frame = Frame { id: GATE_STATUS, length: 8, data: [0; 8] };
        let body = Body::Received { bus, origin: Origin::Wire, frame, stamps };
        Entry::Guard(Record { at: at(millis), guard: Guard::Interlock, serial: 0, body })
    }

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    #[test]
    fn arrivals_are_written_with_both_stamps_and_an_empty_field_is_none() {
        let names = ["can0".to_owned(), "can1".to_owned()];
        let mut pages = Pages::new([Vec::new(), Vec::new(), Vec::new()], names, 1_700_000_000_000_000_000, Ticks::ZERO);
        let kernel = Stamps { kernel_nanos: 1_700_000_000_002_000_001, ..Stamps::NONE };
        for entry in [
            received(3, Bus::B, Stamps { controller_nanos: 42, ..kernel }),
            received(2, Bus::A, kernel),
            received(1, Bus::A, Stamps::NONE),
        ] {
            pages.take(entry).unwrap();
        }
        let [frames, _events, arrivals] = pages.close().unwrap();
        assert_eq!(String::from_utf8_lossy(frames).lines().count(), 3);
        assert_eq!(
            String::from_utf8_lossy(arrivals),
            "read_s,interface,identifier,kernel_s,controller_s\n\
             1700000000.002000000,can0,020,1700000000.002000001,\n\
             1700000000.003000000,can1,020,1700000000.002000001,0.000000042\n"
        );
    }
}
