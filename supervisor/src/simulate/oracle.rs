//! The oracle of a campaign: it looks on, knows the true dose of every pulse, and holds what it sees against what the
//! supervisor promises, for each delivery of a run. It is simpler than the guards and shares no code with them: it reads bytes
//! itself, computes limits by itself ([`second_order`](super::second_order)), and never asks a guard for its reasons.
//!
//! | file | watches |
//! | --- | --- |
//! | `dose` | true dose and pulses, after every pulse |
//! | `permits` | what each guard sends, frame by frame |
//! | `ages` | who heard what when: no pulse before the last one was seen, no open gate on old news |
//! | `strikes` | which mishaps can have touched a delivery |
//! | `way` | how the session goes from state to state, and who acknowledges what |
//! | `verdict` | how a delivery ended, and what the record says |
//! | `found` | that a fault of the unit that must be found is found |
//! | `planned` | whether *as planned* was true where it was said |
//! | `explained` | whether each fault that was told was one that happened |

use beam_core::frame::Bus;
use beam_core::session::SessionNote;
use beam_core::state::State;
use beam_core::units::Ticks;
use beam_core::wire::GateState;
use serde::Serialize;

use crate::conductor::Entry;
use crate::course::{Course, Given};
use crate::progress::Progress;
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::Drawn;
use crate::world::Seen;

mod ages;
mod bytes;
mod dose;
mod explained;
mod found;
mod permits;
mod planned;
mod strikes;
mod verdict;
mod way;

use ages::Ages;
use dose::DoseWatch;
use permits::Permits;
use strikes::Strikes;
use verdict::Closing;
pub use verdict::Story;
use way::Way;

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

/// A delivery that was armed and not judged yet.
#[derive(Clone, Debug)]
struct UnderWay {
    given: Given,
    /// How many processes had ended before it was armed.
    process: usize,
    armed_at: Ticks,
    began: bool,
    /// When it ended, and how many pulses there had been by then.
    ended: Option<(Ticks, u64)>,
    /// What had been told of it when it was acknowledged.
    told: Option<Progress>,
    /// What each chamber's own counter said when the end was judged, in MU.
    measured: Option<[f64; 2]>,
}

/// The onlooker.
pub struct Oracle<'d> {
    drawn: &'d Drawn,
    strikes: Strikes,
    /// The circumstances of the delivery under way.
    circumstances: Circumstances,
    findings: Findings,
    dose: DoseWatch,
    permits: Permits,
    ages: Ages,
    way: Way,
    book: Book,
    under_way: Option<UnderWay>,
    /// What was told of the delivery under way when the next one was armed.
    closing: Option<Progress>,
    stories: Vec<Story>,
    /// Processes that have ended.
    processes: usize,
}

impl<'d> Oracle<'d> {
    /// An oracle for a run that has not begun.
    #[must_use]
    pub fn new(drawn: &'d Drawn) -> Self {
        let circumstances = Circumstances::of(drawn);
        Self {
            drawn,
            strikes: Strikes::new(&drawn.mishaps),
            findings: Findings::default(),
            dose: DoseWatch::new(drawn, &circumstances),
            permits: Permits::default(),
            ages: Ages::new(&drawn.model.numbers),
            way: Way::default(),
            book: Book::default(),
            under_way: None,
            closing: None,
            stories: Vec::new(),
            processes: 0,
            circumstances,
        }
    }

    /// Takes an entry of the record as it passes; `told` is what was told before it.
    pub fn read(&mut self, now: Ticks, entry: &Entry, told: &Progress) {
        if let Entry::Session(_, SessionNote::State(state)) = entry {
            let has_ended = matches!(told.state, State::Complete | State::Tripped);
            match (state, &mut self.under_way) {
                (State::Proving, _) => self.closing = Some(told.clone()),
                (State::Inhibited, Some(under_way)) if has_ended => under_way.told = Some(told.clone()),
                _ => {}
            }
        }
        self.way.read(now, entry, &mut self.findings);
    }

    /// Looks at what the last event left behind.
    pub fn look(&mut self, course: &mut Course) {
        let now = course.world.now();
        course.world.states_seen(|state| self.strikes.entered(now, state));
        self.look_at_session(now, course);
        let Self { circumstances, findings, dose, permits, ages, drawn, book, strikes, .. } = self;
        let open = course.world.unit().gate_state() == GateState::Open;
        let held = course.world.unit().held();
        let expects = |id| book.errand(id).map(|errand| &drawn.legs[errand].expected);
        // a pulse that was fired in this event was fired before anything that the event let arrive
        if let Some(pulse) = dose.look(now, &course.world, circumstances, expects, findings) {
            ages.pulse(now, held, pulse, circumstances, findings);
        }
        strikes.fired(now, course.world.unit().pulses());
        course.world.look_on(|seen| match seen {
            Seen::Carried(_, Some(guard), frame) => {
                permits.carried(now, guard, &frame, findings);
                let said = bytes::permit(&frame);
                ages.permit(now, guard, said, book.is_proof(said.delivery), findings);
            }
            Seen::Carried(Bus::A, None, frame) => {
                ages.carried(now, &frame, (open, held, book.is_proof(held)), circumstances, findings);
            }
            Seen::Carried(Bus::B, None, _) => {}
            Seen::Gate(frame) => dose.gate_received(&frame),
            Seen::Guard(guard, bus, frame) => ages.heard(now, guard, bus, &frame),
        });
    }

    /// Looks at where the session stands: a delivery that was armed, one that ended, one that is over.
    fn look_at_session(&mut self, now: Ticks, course: &Course) {
        self.way.acknowledged(now, &course.acknowledged, &mut self.findings);
        if let Some(before) = course.before.get(self.processes) {
            self.processes += 1;
            self.closing = None;
            self.close(now, course, before);
        }
        let state = course.world.conductor().session().state();
        if let Some(told) = self.closing.take() {
            self.close(now, course, &told);
            self.book.copy(course.given());
            self.circumstances = Circumstances::under(self.drawn, &self.strikes.not_over(now));
            let given = self.book.last();
            self.under_way = given.map(|given| UnderWay {
                given,
                process: course.before.len(),
                armed_at: now,
                began: false,
                ended: None,
                told: None,
                measured: None,
            });
        }
        if let Some(under_way) = &mut self.under_way {
            under_way.began |= state == State::Delivering;
            if under_way.ended.is_none() && self.way.has_ended() {
                under_way.ended = Some((now, course.world.truth().pulses));
            }
            if under_way.measured.is_none() && course.progress.end.is_some() {
                under_way.measured = Some(self.dose.passed(under_way.given.delivery, &course.world).measured);
            }
        }
    }

    /// Judges the delivery under way, if there is one: it is over.
    fn close(&mut self, now: Ticks, course: &Course, latest: &Progress) {
        let Some(under_way) = self.under_way.take() else { return };
        let touched = Circumstances::under(self.drawn, &self.strikes.between(under_way.armed_at, now));
        let passed = self.dose.passed(under_way.given.delivery, &course.world);
        let closing = Closing {
            now,
            course,
            leg: &self.drawn.legs[under_way.given.errand],
            drawn: self.drawn,
            has_died: course.world.stopped().session || course.before.len() > under_way.process,
            struck_before: self.strikes.first_before(under_way.armed_at),
            told: under_way.told.as_ref().unwrap_or(latest),
            latest,
            under_way: &under_way,
            passed,
            around: &self.circumstances,
            touched: &touched,
            unheard: self.ages.unheard(),
        };
        self.stories.push(closing.judge(&mut self.findings));
    }

    /// Looks at how it all ended; `contradiction` is what the written record says otherwise.
    #[must_use]
    pub fn finish(mut self, course: &Course, contradiction: Option<String>) -> (Vec<Broken>, Vec<Story>) {
        let now = course.world.now();
        let agrees = contradiction.is_none();
        let detail = || contradiction.unwrap_or_default();
        self.findings.demand(now, agrees, "the written record says what the service knew", detail);
        self.dose.finish(now, &course.world, &mut self.findings);
        self.close(now, course, &course.progress);
        self.findings.demand(now, !course.is_endless(), "every session comes to an end", String::new);
        let (made, meant) = (self.stories.len(), self.drawn.legs.len());
        let is_kept = made >= meant || !Circumstances::of(self.drawn).is_harmless();
        self.findings.demand(now, is_kept, "nothing keeps a delivery from being made", || {
            format!("{made} of {meant}; {} with {:?}", course.progress.state.name(), course.progress.standing())
        });
        (self.findings.0, self.stories)
    }
}

/// Which delivery id was given for what.
#[derive(Debug, Default)]
struct Book(Vec<Given>);

impl Book {
    fn copy(&mut self, given: &[Given]) {
        self.0.clear();
        self.0.extend_from_slice(given);
    }

    fn last(&self) -> Option<Given> {
        self.0.last().copied()
    }

    /// Whether an id is that of a proof.
    fn is_proof(&self, id: u16) -> bool {
        self.0.iter().any(|given| given.proof == id)
    }

    /// The errand that a delivery's id was given for; none for a proof's.
    fn errand(&self, id: u16) -> Option<usize> {
        self.0.iter().find(|given| given.delivery == id).map(|given| given.errand)
    }
}
