//! How the service stands in its operating system: what it tells systemd, the socket it is handed, and what its exit
//! codes mean. Outside systemd every message goes nowhere and is no error.
//!
//! The watchdog of systemd is housekeeping: it starts a hung service again. The beam has stopped long before that,
//! because a hung service renews no permit.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use beam_core::units::Span;
use beam_drivers::inherited;
use sd_notify::NotifyState;

/// What the program's exit codes mean; from 64 on they are those of `sysexits.h`.
pub mod exit {
    /// Done: delivered as planned, stopped when asked to, nothing found.
    pub const DONE: u8 = 0;
    /// Not done; the message says why.
    pub const FAILED: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// The delivery, or its simulation or replay, ended by a fault.
    pub const TRIPPED: u8 = 3;
    /// A bus, a socket or a folder that the configuration names is not there.
    pub const UNAVAILABLE: u8 = 69;
    /// Another supervisor is on the same buses.
    pub const SECOND_INSTANCE: u8 = 75;
    /// The configuration, a profile or a plan is wrong. systemd does not start the service again.
    pub const CONFIGURATION: u8 = 78;
}

/// The name that the socket unit gives to the port of the metrics.
const METRICS_SOCKET: &str = "metrics";

/// Says that the service is set up: it hears its buses, and its guards turn.
///
/// # Errors
/// When systemd asked to be told and cannot be reached.
pub fn ready(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)])
}

/// Shows one line about what the service does, as `systemctl status` prints it.
///
/// # Errors
/// When systemd asked to be told and cannot be reached.
pub fn status(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Status(status)])
}

/// Says that the service stops because it was asked to.
///
/// # Errors
/// When systemd asked to be told and cannot be reached.
pub fn stopping(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(status)])
}

/// Feeds the watchdog. Call it only when every guard has turned and the record was written since the last call.
///
/// # Errors
/// When systemd asked to be told and cannot be reached.
pub fn feed_watchdog() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Watchdog])
}

/// How often the watchdog is to be fed: half the time after which systemd ends the service. `None` when it does not.
#[must_use]
pub fn watchdog_period() -> Option<Span> {
    sd_notify::watchdog_enabled().map(half)
}

fn half(limit: Duration) -> Span {
    Span::from_nanos(u64::try_from(limit.as_nanos() / 2).unwrap_or(u64::MAX))
}

/// The listening socket for the metrics that systemd opened; `None` when the service was not started with one.
///
/// # Errors
/// What was handed over is not one listening TCP socket.
pub fn metrics_listener() -> io::Result<Option<TcpListener>> {
    let mut handed = sd_notify::listen_fds_with_names()?;
    // systemd calls a socket "unknown" where its unit gives it no name.
    let metrics = handed.find(|(_, name)| name == METRICS_SOCKET || name == "unknown" || name.ends_with(".socket"));
    metrics.map(|(descriptor, _)| inherited::tcp_listener(descriptor)).transpose()
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
