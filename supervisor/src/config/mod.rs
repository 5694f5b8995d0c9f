//! The configuration: machine profiles, plans and the service's own file, read from TOML and turned into the integers
//! that the guards judge by. Every error of a file is reported at once, with its line and what to do.
//!
//! | file | holds |
//! | --- | --- |
//! | `load` | the front door: [`load_profile`], [`load_plan`], [`load_site`] |
//! | `seal` | the files as they were when they were checked |
//! | `check` | what `beam-supervisor check` says about any files |
//! | `profile`, `profile_notices`, `timing`, `monitors`, `beams` | the machine profile, up to [`Machine`](beam_core::machine::Machine) |
//! | `electrometer`, `electrometer_charge`, `electrometer_surroundings`, `dbc`, `exact`, `feed` | a chamber whose electrometer is read by a DBC file |
//! | `plan`, `order` | the plan, up to [`Order`](beam_core::machine::Order) |
//! | `site` | the service's own file |
//! | `bus_load` | the worst load of each bus |
//! | `shipped` | the profiles and plans that the program carries with it |
//! | `document`, `reader`, `wording`, `spelling`, `problem`, `counts` | how a file is read, judged and rounded |

mod beam_charge;
mod beams;
pub(crate) mod bus_load;
mod check;
mod counts;
mod dbc;
mod document;
mod electrometer;
mod electrometer_charge;
mod electrometer_surroundings;
mod exact;
mod feed;
mod load;
mod monitors;
mod order;
mod plan;
mod problem;
mod profile;
mod profile_notices;
mod reader;
mod seal;
pub mod shipped;
mod site;
mod spelling;
mod timing;
mod wording;

pub use beams::{NominalBeam, Output};
pub use bus_load::{BusLoad, bus_load};
pub use check::{Checked, Ends, Kind, Report, check_files, check_texts};
pub use dbc::Wrong;
pub use document::Document;
pub use electrometer::{Found, Library, parse_electrometer};
pub use electrometer_surroundings::Surroundings;
pub use feed::Feed;
pub use load::{load_plan, load_profile, load_sealed, load_site, text_of};
pub use order::{Expectation, expectation, independent_dose, order, own_pulse_limit, own_time_limit};
pub use plan::{Places, Plan, parse_plan};
pub use problem::Problem;
pub use profile::{Profile, Readback, RealTime, parse_profile, parse_profile_with};
pub use seal::Seal;
pub use site::{Site, ThreadChoice, parse_site};
