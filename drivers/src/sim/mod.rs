//! The simulated treatment unit: what hangs on the two buses beside the supervisor, in virtual or in real time.
//!
//! ```text
//!            permits                     GATE_STATUS on both buses
//!   guards ──────────▶ gate ───────────────────────────────────────▶ guards
//!                       │ lets a pulse pass
//!   console ─ asks ─▶ linac ─ true dose of the pulse ─▶ chamber 1 ── MON1_DOSE, MON1_STATUS on bus A
//!                       │                          ├──▶ chamber 2 ── MON2_DOSE, MON2_STATUS on bus B
//!                       └── LINAC_STATUS           └──▶ beam charge sensor, where one is fitted
//! ```
//!
//! | file | simulates |
//! | --- | --- |
//! | `gate` | the gate in hardware, rule by rule; `channel` is what it makes of one permit |
//! | `chamber` | a monitor chamber with its electrometer; the beam charge sensor |
//! | `electrometer` | how a reading becomes a frame: by the bus contract, or as another electrometer sends it |
//! | `linac` | pulse train or kV beam, set-up as sensed; `console` is the beam request |
//! | `fault` | faults by name; `effect` is what each does; `signal` is what changes by a number |
//! | `stray` | pulses through a gate that says it is closed |
//! | `unit` | all of it on virtual time: [`Unit`] |
//! | `realtime` | a [`Unit`] in a thread behind socket pairs: [`RealTimeUnit`] |
//!
//! What is not simulated: the time that a frame takes on the bus and its arbitration, the latency of an electrometer,
//! the physics of a chamber (recombination, air density), the patient. Frames leave at the moment of their cause; who
//! wants a delay puts it between the unit and the guards. Floating point is used freely here: nothing in this folder
//! decides about a beam.

mod chamber;
mod channel;
mod config;
mod console;
mod effect;
mod electrometer;
mod fault;
mod gate;
mod linac;
mod noise;
mod realtime;
mod signal;
mod stray;
mod unit;

pub use chamber::{Chamber, ChamberConfig, ChamberDefects, ChamberFrames, Spoil};
pub use config::{BeamCharge, Periods, UnitConfig};
pub use effect::Lie;
pub use electrometer::Speaks;
pub use fault::{Injection, UnknownFault};
pub use gate::{ChannelMemory, Channels, Gate, GateConfig, GateDefects, ReportDefects, permit_bus};
pub use linac::{Beam, Linac, RequestTold, SetUp};
pub use noise::Noise;
pub use realtime::{Handle, RealTimeUnit};
pub use signal::{Instrument, Share, Signal};
pub use stray::Stray;
pub use unit::{Truth, Unit};
