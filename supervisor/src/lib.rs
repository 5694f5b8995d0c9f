//! The shell around the decision: threads, rings, files, sockets and the command line. It decides nothing about a beam; that
//! is all in `beam-core`. What may run in a real-time thread is in [`hot`] and nowhere else.

#[macro_use]
mod say;

pub mod accident;
pub mod air_file;
pub mod autopilot;
pub mod bus_check;
pub mod cli;
pub mod commands;
pub mod conductor;
pub mod config;
pub mod course;
pub mod crew;
pub mod delivery_ids;
pub mod demo;
pub mod describe;
pub mod desk;
pub mod dose_journal;
pub mod fault_history;
pub mod hot;
mod kept_counts;
pub mod last_counts;
pub mod latency;
pub mod live;
pub mod logged;
pub mod metrics;
pub mod mishap;
pub mod observe;
pub mod prepared;
pub mod progress;
pub mod publish;
pub mod recorder;
pub mod replay;
pub mod report;
pub mod rest;
pub mod run;
pub mod run_error;
pub mod scenario;
pub mod service;
pub mod simulate;
pub mod slow_disk;
pub mod treatment_unit;
pub mod unclean_end;
pub mod watch;
pub mod wiring;
pub mod world;
