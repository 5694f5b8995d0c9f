//! What may change around an observer in weeks, looked at while no delivery is followed: an adapter that was unplugged and
//! plugged in again, whose old sockets stay deaf; and the air in vented chambers, which somebody reads and writes into a file.

use std::path::PathBuf;

use beam_core::units::{Span, Ticks};
use nix::net::if_::if_nametoindex;

use crate::air_file;
use crate::fault_history::wall_seconds;
use crate::prepared::Prepared;

/// How often the interfaces are looked at.
const INTERFACES_EVERY: Span = Span::from_secs(1);
/// How often the air is read.
const AIR_EVERY: Span = Span::from_secs(60);

/// The air of vented chambers.
#[derive(Debug)]
pub struct Air {
    /// Machine and plan before the charge is corrected.
    pub uncorrected: Prepared,
    /// The file that the site writes.
    pub file: PathBuf,
    /// The site's usual pressure in kPa.
    pub site_kpa: f64,
}

impl Air {
    /// Machine and plan in the air of now.
    fn corrected(&self) -> Result<Prepared, String> {
        let now = i64::try_from(wall_seconds()).unwrap_or(i64::MAX);
        air_file::read(&self.file, self.site_kpa, now).map(|factor| self.uncorrected.in_air(factor))
    }
}

/// What has changed.
#[derive(Debug)]
pub enum Change {
    /// An interface is another one under the same name.
    Interface(String),
    /// The chambers' air was read; machine and plan in it.
    Air(Box<Prepared>),
    /// The chambers' air is not known any more.
    AirUnknown(String),
}

/// The surroundings.
#[derive(Debug)]
pub struct Surroundings {
    interfaces: Vec<(String, Option<u32>)>,
    air: Option<Air>,
    next_look: Ticks,
    next_air: Ticks,
}

impl Surroundings {
    /// The surroundings as they are `now`.
    #[must_use]
    pub fn new(interfaces: &[&str], air: Option<Air>, now: Ticks) -> Self {
        let indexed = interfaces.iter().map(|name| ((*name).to_owned(), if_nametoindex(*name).ok()));
        Self { interfaces: indexed.collect(), air, next_look: now, next_air: now.after(AIR_EVERY) }
    }

    /// One thing that has changed since the last look, if it is time for one.
    pub fn look(&mut self, now: Ticks) -> Option<Change> {
        if now < self.next_look {
            return None;
        }
        self.next_look = now.after(INTERFACES_EVERY);
        for (name, index) in &mut self.interfaces {
            // while there is none, the old one is waited for
            let Ok(current) = if_nametoindex(name.as_str()) else { continue };
            if index.replace(current) != Some(current) {
                return Some(Change::Interface(name.clone()));
            }
        }
        let air = self.air.as_ref().filter(|_| now >= self.next_air)?;
        self.next_air = now.after(AIR_EVERY);
        Some(air.corrected().map_or_else(Change::AirUnknown, |prepared| Change::Air(Box::new(prepared))))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::shipped;

    fn at(seconds: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_secs(seconds))
    }

    #[test]
    fn tells_of_an_interface_that_is_another_one_and_of_no_other() {
        let mut around = Surroundings::new(&["lo"], None, at(0));
        assert!(around.look(at(0)).is_none());
        around.interfaces[0].1 = Some(u32::MAX);
        assert!(around.look(at(0)).is_none(), "not so often");
        assert!(matches!(around.look(at(1)), Some(Change::Interface(name)) if name == "lo"));
        assert!(around.look(at(2)).is_none());
        around.interfaces[0].0 = "no-such-interface".to_owned();
        assert!(around.look(at(3)).is_none(), "there is nothing to listen to");
    }

    #[test]
    fn reads_the_air_again_and_tells_when_it_is_not_known_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("air.toml");
        let write = |taken: jiff::Timestamp, kpa: f64| {
            let sensor = format!("[[sensors]]\ntemperature-c = 21.5\npressure-kpa = {kpa:?}\n");
            fs::write(&file, format!("taken = \"{taken}\"\n{sensor}{sensor}")).unwrap();
        };
        let profile = shipped::profile("liac").unwrap();
        let uncorrected = Prepared::new(&profile, &shipped::plan("liac").unwrap()).unwrap();
        let site_kpa = 100.0;
        let mut around = Surroundings::new(&[], Some(Air { uncorrected, file: file.clone(), site_kpa }), at(0));
        let calibration = |change: Option<Change>| match change {
            Some(Change::Air(prepared)) => prepared.machine.monitors[0].dose_per_charge.fixed(),
            other => panic!("{other:?}"),
        };
        write(jiff::Timestamp::now(), 99.8);
        assert!(around.look(at(59)).is_none());
        let before = calibration(around.look(at(60)));
        write(jiff::Timestamp::now(), 98.8);
        assert!(around.look(at(61)).is_none() && calibration(around.look(at(120))) > before);
        write(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(5), 98.8);
        let unknown = around.look(at(180));
        assert!(matches!(&unknown, Some(Change::AirUnknown(why)) if why.contains("F-714")), "{unknown:?}");
    }
}
