//! A profile's file read for its numbers alone, and a plan's for what it asks. The program's own reader has judged both before;
//! here a key that is missing is simply named.

use beam_core::frame::Bus;
use beam_core::wire::Docking;
use toml::{Table, Value};

use super::{BeamNumbers, Foreign, MonitorNumbers, Numbers, PeriodNumbers, Wanted};

/// What could not be read: the key that is missing or has another kind of value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread(pub String);

impl Numbers {
    /// The numbers of the profile in `text`; `dbc` is the DBC file that its electrometers are described in.
    ///
    /// # Errors
    /// The first key that is missing.
    pub fn read(text: &str, dbc: &str) -> Result<Self, Unread> {
        let table = parse(text)?;
        let is_pulsed = word(&table, "beam")? == "pulsed";
        let single_bus = word(&table, "buses")? == "one";
        let scale = table.get("period-scale").and_then(as_f64).unwrap_or(1.0);
        let stretch = if is_pulsed { 1.0 } else { scale };
        let linac_bus = bus(word(&table, "linac-bus")?);
        let sensor = table.get("beam-charge").and_then(Value::as_table);
        let beam_charge = match sensor {
            Some(sensor) if is_pulsed => Some((bus(word(sensor, "bus")?), number(sensor, "full-scale-pc")?)),
            Some(_) | None => None,
        };
        let applicators = sub(&table, "applicators")?;
        let code = |(name, code): (&String, &Value)| Some((name.clone(), u8::try_from(code.as_integer()?).ok()?));
        Ok(Self {
            name: word(&table, "name")?.to_owned(),
            beams: beams(&table)?,
            monitors: [monitor(&table, "monitor-1", stretch, dbc)?, monitor(&table, "monitor-2", stretch, dbc)?],
            periods: periods(sub(&table, "timing")?, scale)?,
            window: if is_pulsed { whole(&table, "window-pulses")? } else { 0 },
            lands_at_or_above: is_pulsed && word(&table, "landing")? == "at-or-above",
            knows_lease: !is_pulsed || table.get("pulse-lease").and_then(Value::as_bool) == Some(true),
            is_modulated: word(&table, "rate")? == "modulated",
            single_bus,
            linac_bus,
            beam_charge,
            applicators: applicators.iter().filter_map(code).collect(),
        })
    }
}

impl Wanted {
    /// What the plan in `text` asks for.
    ///
    /// # Errors
    /// The first key that is missing.
    pub fn read(text: &str) -> Result<Self, Unread> {
        let table = parse(text)?;
        Ok(Self {
            energy_mev: number(&table, "energy-mev")?,
            monitor_units: number(&table, "monitor-units")?,
            monitor_units_check: number(&table, "monitor-units-check")?,
            time_limit_s: table.get("time-limit-s").and_then(as_f64),
            applicator: word(&table, "applicator")?.to_owned(),
            docking: match word(&table, "docking")? {
                "hard" => Docking::HardDocked,
                "soft" => Docking::SoftDocked,
                _ => Docking::None,
            },
        })
    }
}

fn parse(text: &str) -> Result<Table, Unread> {
    text.parse::<Table>().map_err(|error| Unread(error.message().to_owned()))
}

fn beams(table: &Table) -> Result<Vec<BeamNumbers>, Unread> {
    let all = table.get("beams").and_then(Value::as_array).ok_or_else(|| Unread("beams".to_owned()))?;
    let one = |beam: &Value| {
        let beam = beam.as_table().ok_or_else(|| Unread("beams".to_owned()))?;
        let rate_hz = beam.get("pulse-rate-hz").and_then(as_f64);
        let (pulse_mu, mu_per_second) = match rate_hz {
            Some(rate_hz) => {
                let pulse_mu = number(beam, "mu-per-pulse")?;
                (pulse_mu, pulse_mu * rate_hz)
            }
            None => {
                let mu_per_second = number(beam, "mu-per-minute")? / 60.0;
                (mu_per_second / 10.0, mu_per_second)
            }
        };
        let energy_mev = number(beam, "energy-mev")?;
        let beam_charge_pc_per_mu = beam.get("beam-charge-pc-per-mu").and_then(as_f64);
        Ok(BeamNumbers { energy_mev, rate_hz, pulse_mu, mu_per_second, beam_charge_pc_per_mu })
    };
    all.iter().map(one).collect()
}

fn monitor(table: &Table, name: &str, stretch: f64, dbc: &str) -> Result<MonitorNumbers, Unread> {
    let monitor = sub(table, name)?;
    let electrometer = monitor.get("electrometer").and_then(Value::as_table);
    let foreign = match electrometer {
        None => None,
        Some(electrometer) => {
            let signal = |key: &str| electrometer.get(key).and_then(Value::as_str);
            let found = Foreign::read(dbc, word(electrometer, "message")?, signal("pulses"), signal("new-pulse"));
            Some(found.ok_or_else(|| Unread(format!("{name}.electrometer in the DBC file")))?)
        }
    };
    Ok(MonitorNumbers {
        pc_per_mu: number(monitor, "pc-per-mu")?,
        full_scale_pc: number(monitor, "full-scale-pc")? * stretch,
        volts: number(monitor, "polarising-volts")?,
        foreign,
    })
}

fn periods(timing: &Table, scale: f64) -> Result<PeriodNumbers, Unread> {
    let stretched = |key| number(timing, key).map(|millis| millis * scale);
    Ok(PeriodNumbers {
        permit: stretched("permit-period-ms")?,
        gate: stretched("gate-period-ms")?,
        dose: stretched("dose-period-ms")?,
        status: stretched("status-period-ms")?,
        stale_after: stretched("stale-after-ms")?,
    })
}

fn sub<'t>(table: &'t Table, key: &str) -> Result<&'t Table, Unread> {
    table.get(key).and_then(Value::as_table).ok_or_else(|| Unread(key.to_owned()))
}

fn word<'t>(table: &'t Table, key: &str) -> Result<&'t str, Unread> {
    table.get(key).and_then(Value::as_str).ok_or_else(|| Unread(key.to_owned()))
}

fn number(table: &Table, key: &str) -> Result<f64, Unread> {
    table.get(key).and_then(as_f64).ok_or_else(|| Unread(key.to_owned()))
}

fn whole(table: &Table, key: &str) -> Result<u32, Unread> {
    let found = table.get(key).and_then(Value::as_integer).and_then(|number| u32::try_from(number).ok());
    found.ok_or_else(|| Unread(key.to_owned()))
}

#[expect(clippy::cast_precision_loss, reason = "numbers that people write")]
fn as_f64(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

fn bus(word: &str) -> Bus {
    if word == "b" { Bus::B } else { Bus::A }
}
