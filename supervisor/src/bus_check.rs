//! `beam-supervisor check --bus`: looks at a CAN bus before it is trusted, and says in words for whoever holds the cable what
//! is wrong with it. It only listens; not one frame is sent.
//!
//! [`survey`] reads: how the interface is set up, and what comes over it for some seconds. [`judge`](judge::judge) finds what
//! is wrong with that, from what was read alone. [`tell`] says it.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use beam_core::frame::{Arrival, Bus, Distrust, Frame, Origin, Receiver, Trouble};
use beam_core::machine::Machine;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{BEAM_CHARGE, GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS};
use beam_drivers::interface::{InterfaceFacts, interface_facts};
use beam_drivers::socketcan::{OpenError, SocketCanListener};
use beam_drivers::wait::wait;
use beam_drivers::{Event, Listen, clock};

use crate::config::bus_load::frame_bits;

pub mod judge;
pub mod tell;

/// `ARPHRD_CAN` of `linux/if_arp.h`: what the kernel calls a CAN interface.
const CAN_TYPE: &str = "280";
/// Bits a second of the bus contract.
const BIT_RATE: f64 = 1e6;

/// A frame that the bus contract and the profile want to hear on a bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Its identifier.
    pub id: u16,
    /// Its name in the bus contract.
    pub name: &'static str,
    /// Longest time from one to the next.
    pub period: Span,
    /// Whether it carries the contract's protection, so that CRC and alive counter can be judged.
    pub is_protected: bool,
}

/// What `machine` wants to hear on `bus`, permits apart.
#[must_use]
pub fn expected(machine: &Machine, bus: Bus) -> Vec<Expected> {
    let timing = &machine.timing;
    let frame = |id, name, period, is_protected| Expected { id, name, period, is_protected };
    let mut all = vec![frame(GATE_STATUS, "GATE_STATUS", timing.gate, true)];
    for (monitor, at, dose, status) in
        [(1, Bus::A, "MON1_DOSE", "MON1_STATUS"), (2, machine.second_bus(), "MON2_DOSE", "MON2_STATUS")]
    {
        if bus == at {
            let is_contract = machine.electrometer(monitor).is_none();
            let status_id = if monitor == 1 { MON1_STATUS } else { MON2_STATUS };
            all.push(frame(machine.dose_id(monitor), dose, machine.dose_period(monitor), is_contract));
            all.push(frame(status_id, status, timing.status, is_contract));
        }
    }
    if bus == machine.linac_bus {
        all.push(frame(LINAC_STATUS, "LINAC_STATUS", timing.status, true));
    }
    if machine.beam_charge.is_some_and(|sensor| sensor.bus == bus) {
        all.push(frame(BEAM_CHARGE, "BEAM_CHARGE", timing.dose, true));
    }
    all
}

/// What an identifier is called in the bus contract, where it is one of its.
#[must_use]
pub fn name_of(id: u16) -> Option<&'static str> {
    let known = [
        (GATE_STATUS, "GATE_STATUS"),
        (MON1_DOSE, "MON1_DOSE"),
        (MON2_DOSE, "MON2_DOSE"),
        (BEAM_CHARGE, "BEAM_CHARGE"),
        (MON1_STATUS, "MON1_STATUS"),
        (MON2_STATUS, "MON2_STATUS"),
        (LINAC_STATUS, "LINAC_STATUS"),
        (Guard::Dose1.permit_id(), "PERMIT_DOSE1"),
        (Guard::Dose2.permit_id(), "PERMIT_DOSE2"),
        (Guard::Time.permit_id(), "PERMIT_TIME"),
        (Guard::Interlock.permit_id(), "PERMIT_INTERLOCK"),
    ];
    known.into_iter().find(|(known, _)| *known == id).map(|(_, name)| name)
}

/// What was heard under one identifier.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// How many frames.
    pub count: u32,
    /// Frames whose CRC or length is not the contract's.
    pub broken: u32,
    /// Alive counters that jumped: more than two frames lost, or two senders.
    pub jumps: u32,
    /// Frames whose alive counter is that of the one before.
    pub repeats: u32,
    /// Frames that are missing by their alive counters, jumps apart.
    pub lost: u32,
    /// Frames that this computer sent.
    pub own: u32,
    /// Longest time from one frame to the next.
    longest_gap: Span,
    first: Option<Ticks>,
    last: Option<Ticks>,
    receiver: Receiver,
}

impl Heard {
    fn hear(&mut self, at: Ticks, frame: &Frame, origin: Origin) {
        self.count += 1;
        self.own += u32::from(origin != Origin::Wire);
        match self.receiver.accept(frame) {
            Arrival::Distrusted(Distrust::Crc | Distrust::Length) => self.broken += 1,
            Arrival::Distrusted(Distrust::Alive) => self.jumps += 1,
            Arrival::Fresh { lost } => self.lost += u32::from(lost),
            Arrival::Repeat => self.repeats += 1,
        }
        if let Some(last) = self.last {
            self.longest_gap = self.longest_gap.longer(at.since(last));
        }
        self.first = self.first.or(Some(at));
        self.last = Some(at);
    }

    /// Longest time without such a frame, from the beginning of a survey to its end.
    #[must_use]
    pub fn longest_silence(&self, begun: Ticks, ended: Ticks) -> Span {
        let first = self.first.map_or(Span::ZERO, |first| first.since(begun));
        let last = self.last.map_or(Span::ZERO, |last| ended.since(last));
        self.longest_gap.longer(first).longer(last)
    }

    /// Mean time from one frame to the next, where two came.
    #[must_use]
    pub fn mean_period(&self) -> Option<Span> {
        let (first, last) = self.first.zip(self.last)?;
        let gaps = u64::from(self.count.checked_sub(1)?);
        last.since(first).nanos().checked_div(gaps).map(Span::from_nanos)
    }
}

/// What was read of one bus.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// How the interface was set up, before and after listening.
    pub facts: [InterfaceFacts; 2],
    /// When listening began.
    pub begun: Ticks,
    /// For how long it was listened to.
    pub listened: Span,
    /// Frames by identifier.
    pub heard: BTreeMap<u16, Heard>,
    /// Frames that are no classic data frames with an 11-bit identifier.
    pub malformed: u32,
    /// Frames that the controller or the kernel lost before they could be read.
    pub lost: u32,
    /// Error frames of the controller that only tell of errors on the line or count them.
    pub warnings: u32,
    /// The controller said that it is error-passive.
    pub went_passive: bool,
    /// The controller left the bus.
    pub went_off: bool,
    /// The interface went down meanwhile.
    pub went_down: bool,
    /// Bits of all frames at their longest.
    pub bits: f64,
}

impl Survey {
    /// Load in percent of 1 Mbit/s, every frame taken as long as stuffing can make it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people to read")]
    pub fn load_percent(&self) -> f64 {
        let seconds = self.listened.nanos().max(1) as f64 / 1e9;
        self.bits / BIT_RATE / seconds * 100.0
    }

    /// Takes one event as it comes.
    pub fn take(&mut self, at: Ticks, event: &Event) {
        match *event {
            Event::Frame { frame, origin, .. } => {
                self.bits += frame_bits(frame.length);
                self.heard.entry(frame.id).or_default().hear(at, &frame, origin);
            }
            Event::Trouble(trouble) => match trouble {
                Trouble::Malformed => self.malformed += 1,
                Trouble::BusError | Trouble::ErrorWarning => self.warnings += 1,
                Trouble::ErrorPassive => self.went_passive = true,
                Trouble::BusOff => self.went_off = true,
                Trouble::ControllerOverrun => self.lost += 1,
                Trouble::ReceiveOverflow { lost } => self.lost = self.lost.saturating_add(lost),
                Trouble::InterfaceDown => self.went_down = true,
            },
        }
    }
}

/// Why a bus could not be listened to.
#[derive(Debug)]
pub enum Unheard {
    /// It cannot be opened; the text says what to do.
    Unopened(OpenError),
    /// There is such an interface, and it is no CAN interface.
    NotCan(String),
    /// The kernel says something else.
    Unread(String, io::Error),
}

impl std::fmt::Display for Unheard {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unopened(error) => error.fmt(text),
            Self::NotCan(name) => write!(text, "interface {name} is not a CAN interface: correct the name"),
            Self::Unread(name, error) => write!(text, "interface {name}: its state cannot be read ({error})"),
        }
    }
}

/// Reads how `interface` is set up and listens to it for `span`.
///
/// # Errors
/// [`Unheard`] when there is nothing to listen to.
pub fn survey(interface: &str, span: Span) -> Result<Survey, Unheard> {
    let kind = fs::read_to_string(format!("/sys/class/net/{interface}/type")).unwrap_or_default();
    if !kind.is_empty() && kind.trim() != CAN_TYPE {
        return Err(Unheard::NotCan(interface.to_owned()));
    }
    let facts = || interface_facts(interface).map_err(|error| Unheard::Unread(interface.to_owned(), error));
    let mut port = SocketCanListener::open_for_all(interface).map_err(Unheard::Unopened)?;
    let before = facts()?;
    let begun = clock::now();
    let mut survey = Survey { facts: [before; 2], begun, ..Survey::default() };
    let until = begun.after(span);
    while clock::now() < until {
        let _readable = wait([port.descriptor()], until);
        while let Some(event) = port.receive() {
            survey.take(clock::now(), &event);
            if survey.went_down || clock::now() >= until {
                break;
            }
        }
        if survey.went_down {
            break;
        }
    }
    survey.listened = clock::now().since(begun);
    survey.facts[1] = facts()?;
    Ok(survey)
}
