//! What a CAN interface is set to, so that the service can refuse a bus that is set up otherwise than the contract says.
//! Setting it up is left to systemd-networkd; here it is only read, through netlink and `/sys`.

use std::fs;
use std::io;

use ::socketcan::nl::{CanCtrlMode, CanInterface, CanState, InterfaceDetails};

/// State of a CAN controller, from good to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ControllerState {
    /// Takes part in everything.
    ErrorActive,
    /// Counts over 95 errors.
    ErrorWarning,
    /// Counts over 127 errors and may no longer signal them.
    ErrorPassive,
    /// Counts over 255 errors and has left the bus.
    BusOff,
    /// Stopped or asleep, as when the interface is down.
    Stopped,
}

/// What a CAN interface is set to. What its driver does not say is `None`: a virtual interface says almost nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InterfaceFacts {
    /// The kernel's number for the interface.
    pub index: u32,
    /// Whether it is up.
    pub up: bool,
    /// Bit rate in bit/s.
    pub bitrate: Option<u32>,
    /// Sample point in thousandths of a bit.
    pub sample_point: Option<u32>,
    /// State of the controller.
    pub state: Option<ControllerState>,
    /// Milliseconds after which the kernel restarts the controller after bus-off by itself; 0 is never.
    pub restart_after_ms: Option<u32>,
    /// Error counters, of transmission and of reception.
    pub errors: Option<(u16, u16)>,
    /// Whether the controller only listens, acknowledges nothing and sends nothing.
    pub listen_only: Option<bool>,
    /// Whether it receives what it sends without a bus.
    pub loopback: Option<bool>,
    /// Whether it sends each frame once only, also when the bus did not take it.
    pub one_shot: Option<bool>,
    /// Whether it takes CAN FD frames.
    pub flexible_data: Option<bool>,
    /// Whether an echo says that a frame was sent. Otherwise the kernel makes it up as the frame is queued.
    pub echoes: bool,
}

/// Reads what `interface` is set to.
///
/// # Errors
/// What the kernel says: there is no such interface, or no netlink socket is allowed.
pub fn interface_facts(interface: &str) -> io::Result<InterfaceFacts> {
    let details = CanInterface::open(interface).and_then(|netlink| netlink.details()).map_err(|error| match error {
        ::socketcan::Error::Io(error) => error,
        error => io::Error::other(error),
    })?;
    Ok(facts(&details, flags(interface)?))
}

/// The interface's flags, which the details leave out.
fn flags(interface: &str) -> io::Result<u32> {
    let text = fs::read_to_string(format!("/sys/class/net/{interface}/flags"))?;
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).map_err(io::Error::other)
}

fn facts(details: &InterfaceDetails, flags: u32) -> InterfaceFacts {
    /// `IFF_ECHO` of `linux/if.h`: the driver gives frames back once they were sent.
    const ECHO: u32 = 1 << 18;
    let can = &details.can;
    let mode = |mode| can.ctrl_mode.map(|modes| modes.has_mode(mode));
    InterfaceFacts {
        index: details.index,
        up: details.is_up,
        bitrate: can.bit_timing.map(|timing| timing.bitrate),
        sample_point: can.bit_timing.map(|timing| timing.sample_point),
        state: can.state.map(|state| match state {
            CanState::ErrorActive => ControllerState::ErrorActive,
            CanState::ErrorWarning => ControllerState::ErrorWarning,
            CanState::ErrorPassive => ControllerState::ErrorPassive,
            CanState::BusOff => ControllerState::BusOff,
            CanState::Stopped | CanState::Sleeping => ControllerState::Stopped,
        }),
        restart_after_ms: can.restart_ms,
        errors: can.berr_counter.map(|counter| (counter.txerr, counter.rxerr)),
        listen_only: mode(CanCtrlMode::ListenOnly),
        loopback: mode(CanCtrlMode::Loopback),
        one_shot: mode(CanCtrlMode::OneShot),
        flexible_data: mode(CanCtrlMode::Fd),
        echoes: flags & ECHO != 0,
    }
}

/// The bit rate of the bus contract in bit/s.
const BIT_RATE: u32 = 1_000_000;

impl InterfaceFacts {
    /// Everything in which this set-up is not what the bus contract wants, each with what to do.
    #[must_use]
    pub fn objections(&self) -> Vec<String> {
        let mut objections = Vec::new();
        let mut object = |wrong: bool, what: String| {
            if wrong {
                objections.push(what);
            }
        };
        let rate = self.bitrate.unwrap_or(BIT_RATE);
        object(rate != BIT_RATE, format!("runs at {rate} bit/s, the contract says {BIT_RATE}: set BitRate=1M"));
        let restart = self.restart_after_ms.unwrap_or(0);
        object(
            restart != 0,
            format!("restarts by itself {restart} ms after bus-off, which hides a fault: set RestartSec=0"),
        );
        object(self.listen_only == Some(true), "only listens, so no permit leaves it: set ListenOnly=no".to_owned());
        object(self.loopback == Some(true), "receives what it sends without a bus: set Loopback=no".to_owned());
        object(!self.echoes, "its driver makes echoes up before a frame is sent: use another adapter".to_owned());
        objections
    }

    /// Everything in which this set-up is not what an observer wants, each with what to do. An observer sends no frame, but
    /// a controller that is not in listen-only mode still acknowledges frames and signals errors by itself.
    #[must_use]
    pub fn objections_to_observing(&self) -> Vec<String> {
        let mut objections = Vec::new();
        let rate = self.bitrate.unwrap_or(BIT_RATE);
        if rate != BIT_RATE {
            objections.push(format!("runs at {rate} bit/s, the contract says {BIT_RATE}: set BitRate=1M"));
        }
        if self.listen_only != Some(true) {
            let what = "is not known to only listen, so its controller may acknowledge frames and signal errors: set \
                        ListenOnly=yes";
            objections.push(what.to_owned());
        }
        objections
    }
}

#[cfg(test)]
mod tests {
    use ::socketcan::nl::{CanBitTiming, CanCtrlModes};

    use super::*;

    #[test]
    fn details_become_facts() {
        let mut details = InterfaceDetails::new(4);
        details.is_up = true;
        details.can.bit_timing =
            Some(CanBitTiming { bitrate: 1_000_000, sample_point: 750, ..CanBitTiming::default() });
        details.can.state = Some(CanState::Sleeping);
        details.can.restart_ms = Some(100);
        details.can.ctrl_mode = Some(CanCtrlModes::from_mode(CanCtrlMode::ListenOnly, true));
        let facts = facts(&details, 0x4_00C1);
        assert_eq!((facts.index, facts.up, facts.echoes), (4, true, true));
        assert_eq!((facts.bitrate, facts.sample_point), (Some(1_000_000), Some(750)));
        assert_eq!((facts.state, facts.restart_after_ms), (Some(ControllerState::Stopped), Some(100)));
        assert_eq!((facts.listen_only, facts.one_shot, facts.errors), (Some(true), Some(false), None));
    }

    #[test]
    fn a_driver_that_says_nothing_gives_no_facts() {
        assert_eq!(facts(&InterfaceDetails::new(0), 0), InterfaceFacts::default());
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        assert!(interface_facts("nosuchcan0").is_err());
    }

    #[test]
    fn a_bus_set_up_otherwise_is_objected_to() {
        let good =
            InterfaceFacts { bitrate: Some(BIT_RATE), restart_after_ms: Some(0), echoes: true, ..Default::default() };
        assert!(good.objections().is_empty());
        let slow = InterfaceFacts { bitrate: Some(500_000), restart_after_ms: Some(100), ..good };
        assert_eq!(slow.objections().len(), 2);
        assert_eq!(InterfaceFacts { listen_only: Some(true), echoes: false, ..good }.objections().len(), 2);
    }

    #[test]
    fn an_observer_wants_a_controller_that_only_listens() {
        let good = InterfaceFacts { bitrate: Some(BIT_RATE), listen_only: Some(true), ..Default::default() };
        assert!(good.objections_to_observing().is_empty());
        for listen_only in [Some(false), None] {
            let objections = InterfaceFacts { listen_only, ..good }.objections_to_observing();
            assert!(objections.iter().any(|what| what.contains("ListenOnly=yes")), "{listen_only:?}: {objections:?}");
        }
        assert_eq!(InterfaceFacts { bitrate: Some(500_000), ..good }.objections_to_observing().len(), 1);
    }
}
