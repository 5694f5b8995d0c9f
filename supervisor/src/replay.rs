//! `beam-supervisor replay`: judges a candump recording again. Same input, same verdict, bit for bit.
//!
//! The unmodified guards and session hear the recorded frames at the recorded times; their own permits go nowhere. A
//! recording cannot answer a proof, so it is judged from Armed on: from its beginning, or where the recording itself holds
//! permits, from the moment at which its last delivery was taken up; the operator's begin and resume are then those of the
//! recording. A recording without permits is judged to the end of the delivery, not beyond.

use std::fmt;
use std::path::Path;

use beam_core::agreement::Agreement;
use beam_core::clearance::Role;
use beam_core::fault::Fault;
use beam_core::frame::{Bus, Frame, Origin, Trouble};
use beam_core::machine::{Machine, Order};
use beam_core::note::Input;
use beam_core::outcome::End;
use beam_core::record::Stamps;
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{Guard, PERMIT_DOSE1, Permit, PermitState};
use beam_drivers::candump::{self, Line};

use crate::conductor::{Conductor, Entry, SESSION_PERIOD};
use crate::hot::Seat;
use crate::prepared::Prepared;
use crate::progress::Progress;
use crate::report::Report;
use crate::wiring::{hears, seat_guards};

/// The recording begins here on the virtual clock: nothing may be older than the clock itself.
const START: Ticks = Ticks::from_nanos(1_000_000_000);
/// Turns in which everything that waits in a guard comes out.
const SETTLING_TURNS: usize = 8;

/// Longest silence that is judged, in ns: by then every guard has long ended whatever was under way, and what the guards do
/// meanwhile is computed 5 ms at a time.
const LONGEST_SILENCE: u64 = 3_600_000_000_000;

/// Why a recording cannot be judged.
#[derive(Debug)]
pub enum ReplayError {
    /// The file cannot be read.
    Io(std::io::Error),
    /// A line is no candump line.
    Line(usize, String),
    /// It holds no frame of either bus.
    Empty([String; 2]),
    /// Nothing came for more than an hour.
    Silence {
        /// How long after the recording's first frame, in s.
        after_s: u64,
        /// How long nothing came, in s.
        silence_s: u64,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => {
                write!(text, "{error}\n    fix: give a recording made by `candump -L` or by this program")
            }
            Self::Line(number, what) => write!(text, "line {number}: {what}\n    fix: record with `candump -L`"),
            Self::Empty([a, b]) => {
                write!(
                    text,
                    "no frame of {a} or {b}\n    fix: name the recording's interfaces as bus A and bus B in the configuration"
                )
            }
            Self::Silence { after_s, silence_s } => {
                write!(
                    text,
                    "nothing came for {silence_s} s, {after_s} s after the first frame\n    fix: cut the recording there; each part is judged by itself"
                )
            }
        }
    }
}

/// Said of a recording that holds less than the end of its delivery.
const ENDS_EARLY: &str =
    "the recording ends before the end of the delivery can be judged: it is judged by what it holds";

/// What a recording comes to.
#[derive(Debug)]
pub struct Verdict {
    /// The report.
    pub report: Report,
    /// Every note in order, as JSON lines: the verdict log.
    pub log: Vec<serde_json::Value>,
    /// Frames judged.
    pub frames: usize,
}

/// Judges the recording in `path` by `prepared`; `interfaces` are the names of bus A and bus B in it.
///
/// # Errors
/// [`ReplayError`] when it cannot be read.
pub fn replay(path: &Path, prepared: &Prepared, interfaces: &[String; 2]) -> Result<Verdict, ReplayError> {
    let lines = candump::read(path).map_err(|error| match error {
        candump::ReadError::Io(error) => ReplayError::Io(error),
        candump::ReadError::Line { number, what } => ReplayError::Line(number, what),
    })?;
    judge(&lines, prepared, interfaces)
}

/// Judges lines of a recording.
///
/// # Errors
/// [`ReplayError::Empty`] when there is nothing to judge, [`ReplayError::Silence`] when it is more than one recording.
pub fn judge(lines: &[Line], prepared: &Prepared, interfaces: &[String; 2]) -> Result<Verdict, ReplayError> {
    let bus_of = |line: &Line| match &line.interface {
        name if *name == interfaces[0] => Some(Bus::A),
        name if *name == interfaces[1] => Some(Bus::B),
        _ => None,
    };
    let first = lines.iter().find(|line| bus_of(line).is_some());
    let Some(first) = first else { return Err(ReplayError::Empty(interfaces.clone())) };
    let begin = first.nanos;
    let mut before = begin;
    for line in lines.iter().filter(|line| bus_of(line).is_some()) {
        let silence = line.nanos.saturating_sub(before);
        if silence > LONGEST_SILENCE {
            let after = before.saturating_sub(begin);
            return Err(ReplayError::Silence { after_s: after / 1_000_000_000, silence_s: silence / 1_000_000_000 });
        }
        before = before.max(line.nanos);
    }
    let acts = Acts::of(lines);
    let mut player = Player::new(&prepared.machine);
    let mut armed = false;
    for (index, line) in lines.iter().enumerate() {
        let Some(bus) = bus_of(line) else { continue };
        // the clock that stamps frames may be set back; the guards' own never goes back
        let stamp = START.after(Span::from_nanos(line.nanos.saturating_sub(begin)));
        player.pass_time(stamp.max(player.now));
        if !armed && index >= acts.arm_at {
            armed = true;
            player.forget_the_proof();
            player.conductor.arm_unproven(acts.delivery, prepared.order);
            player.pass_commands();
        }
        if armed {
            player.act_as(acts.at(index));
        }
        player.hear(bus, line);
        if !acts.recorded && player.progress.is_over() && player.has_told_its_end() {
            break;
        }
    }
    player.settle();
    let judged = player.judge_by_what_it_holds(&prepared.order);
    let mut report = Report::new(prepared, acts.delivery, &player.progress);
    report.notices.extend(prepared.notices.iter().cloned());
    if acts.recorded && !judged && player.progress.is_over() {
        report.notices.push(ENDS_EARLY.to_owned());
    }
    if !player.progress.is_over() {
        report.notices.push(format!("the recording ended while the session was {}", player.progress.state.name()));
    }
    // the rings are emptied one after the other; people read by time
    let moment = |line: &serde_json::Value| line["t_s"].as_f64().unwrap_or(0.0);
    player.log.sort_by(|one, other| moment(one).total_cmp(&moment(other)));
    Ok(Verdict { report, log: player.log, frames: player.frames })
}

/// What the operator of the recording did, by the permits in it.
struct Acts {
    /// Whether the recording holds permits at all.
    recorded: bool,
    delivery: u16,
    arm_at: usize,
    /// Lines at which a permit of this delivery was given again.
    given: Vec<usize>,
}

impl Acts {
    fn of(lines: &[Line]) -> Self {
        let permits: Vec<(usize, Permit)> = lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| Some((index, line.frame.filter(|frame| frame.id == PERMIT_DOSE1)?)))
            .filter_map(|(index, frame)| Some((index, Permit::decode(&frame).ok()?)))
            .collect();
        let Some(delivery) = permits.last().map(|(_, permit)| permit.delivery) else {
            return Self { recorded: false, delivery: 1, arm_at: 0, given: vec![0] };
        };
        let own: Vec<_> = permits.iter().filter(|(_, permit)| permit.delivery == delivery).collect();
        let is_given = |permit: &Permit| permit.state == PermitState::Permit;
        let mut given = Vec::new();
        let mut before = false;
        for (index, permit) in &own {
            if is_given(permit) && !before {
                given.push(*index);
            }
            before = is_given(permit);
        }
        Self { recorded: true, delivery, arm_at: own.first().map_or(0, |(index, _)| *index), given }
    }

    fn at(&self, index: usize) -> bool {
        self.given.contains(&index)
    }
}

/// The guards and the session, hearing a recording.
struct Player {
    seats: [Seat; 4],
    heard: [[Vec<u16>; 4]; 2],
    machine: Machine,
    conductor: Conductor,
    progress: Progress,
    log: Vec<serde_json::Value>,
    session_due: Ticks,
    now: Ticks,
    frames: usize,
}

impl Player {
    fn new(machine: &Machine) -> Self {
        let (seats, lines) = seat_guards(machine);
        Self {
            seats,
            heard: [Bus::A, Bus::B].map(|bus| Guard::ALL.map(|guard| hears(guard, bus, machine))),
            machine: *machine,
            conductor: Conductor::new(machine, lines),
            progress: Progress::default(),
            log: Vec::new(),
            session_due: START,
            now: START,
            frames: 0,
        }
    }

    /// Lets everything happen that is due before `until`.
    fn pass_time(&mut self, until: Ticks) {
        loop {
            let (seat, due) = self
                .seats
                .iter()
                .enumerate()
                .map(|(index, seat)| (index, seat.due().max(START)))
                .min_by_key(|(_, due)| *due)
                .unwrap_or((0, until));
            if due.min(self.session_due) >= until {
                self.now = until;
                return;
            }
            if self.session_due <= due {
                self.now = self.session_due;
                self.session_due = self.now.after(SESSION_PERIOD);
                self.turn_session();
            } else {
                self.now = due;
                self.turn(seat, &Input::Tick);
            }
        }
    }

    /// Lets the guards tell what the end of the delivery made them tell.
    fn settle(&mut self) {
        for _ in 0..SETTLING_TURNS {
            self.turn_session();
            for index in 0..self.seats.len() {
                self.turn(index, &Input::Tick);
            }
        }
        self.turn_session();
    }

    /// A proof opens the gate, and guards that take no part in it find that nobody asked for it. That and nothing else is
    /// put away: beam before the delivery stands against it here, too.
    fn forget_the_proof(&mut self) {
        self.turn_session();
        let faults = &self.progress.faults;
        if faults.is_empty() || faults.iter().any(|(.., report)| report.fault != Fault::GateOpenUnasked) {
            return;
        }
        let acknowledge = Act::Acknowledge { by: Role::Physicist };
        let _the_physicist_may_clear_it = self.conductor.act(self.now, &acknowledge, &mut |_| {});
        self.pass_commands();
        self.progress = Progress::default();
        self.log.clear();
    }

    /// Whether there is nothing more to learn of a recording without permits after our end. Whoever made it was not held by
    /// them: what its gate did later says nothing.
    fn has_told_its_end(&self) -> bool {
        let [first, second] = self.progress.pulses;
        let ended_at = self.progress.ended_at.unwrap_or(self.now);
        let equal = first == second && second == self.progress.gate_pulses;
        equal || self.now.since(ended_at) > self.machine.timing.stale_after
    }

    /// Judges the end by what the recording holds, where it holds too little for the guards; whether these judged it.
    fn judge_by_what_it_holds(&mut self, order: &Order) -> bool {
        let Progress { pulses: [first, second], gate_pulses: gate, delivered, end, .. } = self.progress;
        if end.is_none() && self.progress.is_over() {
            let agrees = first == second && second == gate;
            self.progress.end = Some(End { pulses: [gate, first, second, first], doses: delivered, agrees });
            let mut agreement = Agreement::new(&self.machine);
            agreement.begin(order);
            let [first_dose, second_dose] = delivered;
            if let Some(report) = agreement.doses_at_end(first_dose, second_dose).filter(|_| first == second) {
                self.progress.warnings.push((self.now, Guard::Interlock, report));
            }
        }
        end.is_some()
    }

    fn act_as(&mut self, given: bool) {
        let act = match self.conductor.session().state() {
            State::Armed if given => Act::Begin,
            State::Interrupted if given => Act::Resume,
            _ => return,
        };
        let (progress, log, now) = (&mut self.progress, &mut self.log, self.now);
        let _the_act_fits_the_state = self.conductor.act(now, &act, &mut |entry| note(progress, log, entry));
        self.pass_commands();
    }

    fn hear(&mut self, bus: Bus, line: &Line) {
        let table = usize::from(bus == Bus::B);
        for index in 0..self.seats.len() {
            let input = match line.frame {
                // the recording's own permits were sent by another process
                Some(Frame { id, .. }) if Guard::ALL.iter().any(|guard| guard.permit_id() == id) => return,
                Some(frame) if self.heard[table][index].contains(&frame.id) => {
                    Input::Frame { bus, origin: Origin::Wire, frame }
                }
                Some(_) => continue,
                None if line.id.is_none_or(|id| self.heard[table][index].contains(&id)) => {
                    Input::Trouble { bus, trouble: Trouble::Malformed }
                }
                None => continue,
            };
            self.turn(index, &input);
        }
        self.frames += 1;
    }

    fn turn(&mut self, index: usize, input: &Input) {
        let now = self.now;
        let mut sent = None;
        let bus = Bus::A;
        self.seats[index].turn(
            now,
            input,
            Stamps::NONE,
            &mut |frame: &Frame| {
                sent = Some(*frame);
                Ok(())
            },
            &|| now,
        );
        // nothing carries the permit, so its echo comes at once
        if let Some(frame) = sent {
            let echo = Input::Frame { bus, origin: Origin::Echo, frame };
            self.seats[index].turn(now, &echo, Stamps::NONE, &mut |_: &Frame| Ok(()), &|| now);
        }
    }

    fn pass_commands(&mut self) {
        for index in 0..self.seats.len() {
            while let Some(input) = self.seats[index].command() {
                self.turn(index, &input);
            }
        }
    }

    fn turn_session(&mut self) {
        let (progress, log) = (&mut self.progress, &mut self.log);
        self.conductor.turn(self.now, &mut |entry| note(progress, log, entry));
        self.pass_commands();
    }
}

fn note(progress: &mut Progress, log: &mut Vec<serde_json::Value>, entry: &Entry) {
    progress.add(entry);
    let told = match entry {
        Entry::Guard(record) => matches!(
            record.body,
            beam_core::record::Body::Note(
                beam_core::note::Note::Fault(_)
                    | beam_core::note::Note::Warning(_)
                    | beam_core::note::Note::Reached
                    | beam_core::note::Note::Interrupted { .. }
            )
        ),
        Entry::Session(..) => true,
        Entry::NotSent(_) => false,
    };
    if told && let Some(value) = crate::describe::entry_json(entry, START) {
        log.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shipped;
    use beam_core::wire::{CloseCause, GateState, GateStatus, Reason};

    /// A gate's report this many milliseconds after the first one; its CRC is right or not.
    fn line(millis: u64, alive: u8, is_sound: bool) -> Line {
        let mut frame = gate(GateState::Closed, 0, alive);
        frame.data[0] ^= u8::from(!is_sound);
        line_of(millis, frame)
    }

    fn gate(state: GateState, pulses: u32, alive: u8) -> Frame {
        let cause = if state == GateState::Open { CloseCause::LeaseUsed } else { CloseCause::PermitWithheld };
        GateStatus { state, cause, closed_by: 0, pulses, beam_on_centiseconds: 0 }.encode(alive)
    }

    fn line_of(millis: u64, frame: Frame) -> Line {
        let nanos = 1_700_000_000_000_000_000 + millis * 1_000_000;
        Line { nanos, interface: "can0".to_owned(), id: Some(frame.id), frame: Some(frame) }
    }

    fn judged(lines: &[Line]) -> Result<Verdict, ReplayError> {
        let (profile, plan) = (shipped::profile("mobetron"), shipped::plan("mobetron"));
        let prepared = Prepared::new(&profile.expect("a profile"), &plan.expect("a plan")).expect("they fit");
        judge(lines, &prepared, &["can0".to_owned(), "can1".to_owned()])
    }

    #[test]
    fn time_does_not_go_back_where_the_stamps_do() {
        let verdict = judged(&[line(0, 0, true), line(12, 1, true), line(5, 2, false)]).expect("a verdict");
        let found: Vec<_> = verdict.log.iter().filter(|entry| entry.to_string().contains("F-604")).collect();
        assert!(!found.is_empty(), "{:?}", verdict.log);
        assert!(found.iter().all(|entry| entry["t_s"].as_f64().is_some_and(|at| at >= 0.012)), "{found:?}");
    }

    /// A second in which the gate is open for 80 ms, as in a proof, with so many pulses; then a delivery is taken up.
    fn faults_after_a_proof(pulses: u32) -> Vec<String> {
        let mut lines: Vec<Line> = (0..200)
            .map(|n| {
                let state = if (100..116).contains(&n) { GateState::Open } else { GateState::Closed };
                let pulses = if n < 150 { 0 } else { pulses };
                line_of(n * 5, gate(state, pulses, u8::try_from(n % 15).expect("below 15")))
            })
            .collect();
        let permit = Permit { state: PermitState::Withheld, reason: Reason::None, delivery: 7, lease: 0 };
        lines.push(line_of(1000, permit.encode(Guard::Dose1, 0)));
        let verdict = judged(&lines).expect("a verdict");
        let faults = verdict.log.iter().filter(|entry| entry["event"] == "fault");
        faults.filter_map(|entry| entry["fault"]["code"].as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn holds_a_gate_that_was_opened_for_a_proof() {
        assert!(!faults_after_a_proof(0).contains(&"F-102".to_owned()), "{:?}", faults_after_a_proof(0));
    }

    #[test]
    fn trips_pulses_that_came_before_the_delivery() {
        assert!(faults_after_a_proof(3).contains(&"F-101".to_owned()), "{:?}", faults_after_a_proof(3));
    }

    #[test]
    fn a_silence_of_days_is_refused_and_not_computed() {
        let lines = [line(0, 0, true), line(2_000, 1, true), line(200_000_000, 2, true)];
        assert!(matches!(judged(&lines), Err(ReplayError::Silence { after_s: 2, silence_s: 199_998 })));
        assert!(judged(&lines[..2]).is_ok());
    }
}
