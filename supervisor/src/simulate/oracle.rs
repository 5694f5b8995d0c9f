//! The oracle of a campaign: it looks on, knows the true dose of every pulse, and holds what it sees against what the
//! supervisor promises. It is simpler than the guards and shares no code with them: it reads bytes itself, and never asks a
//! guard for its reasons.
//!
//! | file | watches |
//! | --- | --- |
//! | `dose` | true dose and pulses, after every pulse |
//! | `permits` | what each guard sends, frame by frame |
//! | `ages` | who heard what when: no pulse before the last one was seen, no open gate on old news |
//! | `verdict` | how it ended, and what the record says |

use beam_core::frame::Bus;
use beam_core::units::Ticks;
use beam_core::wire::GateState;
use serde::Serialize;

use crate::conductor::Entry;
use crate::course::Course;
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::Drawn;
use crate::world::Seen;

mod ages;
mod bytes;
mod dose;
mod permits;
mod verdict;

use ages::Ages;
use dose::DoseWatch;
use permits::Permits;
pub use verdict::Story;

/// A promise that was broken.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    /// Which promise.
    pub promise: &'static str,
    /// The numbers.
    pub detail: String,
    /// When, in milliseconds since power-up.
    pub at_ms: f64,
}

/// What is broken so far; each promise once.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Broken>);

impl Findings {
    /// Notes a broken promise when `holds` is false.
    #[expect(clippy::cast_precision_loss, reason = "a time for people to read")]
    fn demand(&mut self, now: Ticks, holds: bool, promise: &'static str, detail: impl FnOnce() -> String) {
        if !holds && self.0.iter().all(|broken| broken.promise != promise) {
            let at_ms = now.nanos() as f64 / 1e6;
            self.0.push(Broken { promise, detail: detail(), at_ms });
        }
    }
}

/// The onlooker.
pub struct Oracle {
    circumstances: Circumstances,
    findings: Findings,
    dose: DoseWatch,
    permits: Permits,
    ages: Ages,
    story: Story,
}

impl Oracle {
    /// An oracle for a run that has not begun.
    #[must_use]
    pub fn new(drawn: &Drawn) -> Self {
        let circumstances = Circumstances::of(drawn);
        Self {
            findings: Findings::default(),
            dose: DoseWatch::new(drawn, &circumstances),
            permits: Permits::default(),
            ages: Ages::new(drawn, &circumstances),
            story: Story::new(drawn),
            circumstances,
        }
    }

    /// Takes an entry of the record as it passes.
    pub fn read(&mut self, now: Ticks, entry: &Entry) {
        self.story.read(now, entry, &mut self.findings);
    }

    /// Looks at what the last event left behind.
    pub fn look(&mut self, course: &mut Course) {
        let Self { circumstances, findings, dose, permits, ages, .. } = self;
        let now = course.world.now();
        let open = course.world.unit().gate_state() == GateState::Open;
        let held = course.world.unit().held();
        // a pulse that was fired in this event was fired before anything that the event let arrive
        if dose.look(now, &course.world, circumstances, findings) {
            ages.pulse(now, course.world.unit().pulses(), circumstances, findings);
        }
        course.world.look_on(|seen| match seen {
            Seen::Carried(_, Some(guard), frame) => {
                permits.carried(now, guard, &frame, findings);
                ages.permit(now, guard, bytes::permit(&frame), circumstances, findings);
            }
            Seen::Carried(Bus::A, None, frame) => ages.carried(now, &frame, (open, held), circumstances, findings),
            Seen::Carried(Bus::B, None, _) => {}
            Seen::Gate(frame) => dose.gate_received(&frame),
            Seen::Guard(guard, bus, frame) => ages.heard(now, guard, bus, &frame),
        });
    }

    /// Looks at how it ended.
    #[must_use]
    pub fn finish(mut self, course: &Course) -> (Vec<Broken>, Story) {
        let now = course.world.now();
        self.dose.finish(now, &course.world, &self.circumstances, &mut self.findings);
        self.story.finish(course, &self.dose, &self.circumstances, &mut self.findings);
        (self.findings.0, self.story)
    }
}
