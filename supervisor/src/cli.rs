//! The command line: what can be asked for, in the words of `--help`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Supervises the beam of an intraoperative electron linac: two monitor chambers, a clock and every interlock, each of
/// which ends the beam by itself. Research software, not a medical device; it replaces no hardware interlock.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deliver a plan on a simulated treatment unit: no hardware, no configuration, real guards.
    Demo(Demo),
    /// Run the service on real CAN buses.
    Run(Run),
    /// Validate configurations, machine profiles and plans: every error at once, with file, line and the fix.
    Check(Check),
    /// Deliver thousands of seeded plans in virtual time, with faults, and judge each by the true dose.
    Simulate(Simulate),
    /// Judge a candump recording again.
    Replay(Replay),
    /// Measure how late guards wake and how long a permit takes on this computer, and say what it is fit for. Exit code 0 when
    /// it is fit for the profile's machine, 1 when not.
    Latency(Latency),
    /// The fault catalogue: what happened, what the operator does, who clears it.
    Faults(Faults),
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Machine: mobetron, novac7 or intrabeam.
    #[arg(long, default_value = "mobetron")]
    pub machine: String,
    /// Plan to deliver instead of the machine's own 10 Gy.
    #[arg(long)]
    pub plan: Option<PathBuf>,
    /// Fault to put in, as NAME@PULSE; `list` names the faults.
    #[arg(long, value_name = "NAME@PULSE")]
    pub fault: Option<String>,
    /// Accident to replay instead, as A01 or A01-m1-only; `list` names them. It brings its own machine, plan and seed.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["machine", "plan", "fault", "seed", "records"])]
    pub accident: Option<String>,
    /// In virtual time: the same delivery in under a second.
    #[arg(long)]
    pub fast: bool,
    /// Seed of the simulated noise.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder to keep the record in.
    #[arg(long)]
    pub records: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `run`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("purpose").multiple(true))]
pub struct Run {
    /// The service's configuration.
    #[arg(long)]
    pub config: PathBuf,
    /// Plan to arm, or to judge by; needs --arm-now or --observe.
    #[arg(long, requires = "purpose")]
    pub plan: Option<PathBuf>,
    /// Do everything but send permits: judge by the plan what somebody else delivers, and record what would have been done
    /// beside what happened. No frame leaves, and no beam hangs on it.
    #[arg(long, group = "purpose")]
    pub observe: bool,
    /// Arm and begin at once, without an operator: refused unless the profile says bench = true.
    #[arg(long, requires = "plan", group = "purpose")]
    pub arm_now: bool,
    /// The output check after this delivery, which did not end cleanly, was done: arming is allowed again.
    #[arg(long, value_name = "ID")]
    pub output_check_done: Option<u16>,
    /// Deliver what remains of that delivery, and no more: so many MU, as the refusal named them. Without it the plan is
    /// delivered whole.
    #[arg(long, value_name = "MU", requires = "output_check_done", requires = "plan")]
    pub accept_remaining: Option<f64>,
    /// Readings of thermometers and barometers, for a machine with vented chambers.
    #[arg(long)]
    pub air: Option<PathBuf>,
    /// The physicist found the cause of the dosimetry fault that came twice in 30 days.
    #[arg(long)]
    pub repeated_fault_cleared: bool,
    /// The next delivery id, entered by a person who knows which ids were used; only where no counter is left. Such a start
    /// arms nothing.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(1..))]
    pub next_delivery_id: Option<u16>,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// Files to check: configurations, machine profiles, plans. With --bus: service configurations, or CAN interfaces.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Listen to the buses and say what is wrong with them, instead of checking the files. Nothing is sent.
    #[arg(long)]
    pub bus: bool,
    /// For how many seconds each bus is listened to.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `simulate`
#[derive(Debug, Args)]
pub struct Simulate {
    /// How many runs. Each is the life of one process with one to four deliveries of differing plans, one after the other, so
    /// that there are nearly twice as many deliveries.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub deliveries: u64,
    /// Seed of the first run; the others count up from it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// `all` (nothing, one mishap or two of every kind), `none`, or kinds with commas between them, one of which befalls
    /// each run, in any of its deliveries or between them; `list` names them.
    #[arg(long, default_value = "all")]
    pub faults: String,
    /// Machines to draw from, with commas between them; all shipped machines and the campaign's own (`unlike-monitors`,
    /// `one-bus`, `at-or-above`) if not given.
    #[arg(long)]
    pub machines: Option<String>,
    /// Write one line for each run into this file, in the order of seeds: the same seeds give the same bytes.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Make this many of the runs that break a promise smaller, and tell them as scenarios.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub shrink: usize,
    /// Keep those scenarios in this folder instead of printing them.
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// End as soon as a promise is broken.
    #[arg(long)]
    pub stop_at_first: bool,
    /// Print the campaign as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `replay`
#[derive(Debug, Args)]
pub struct Replay {
    /// The recording, as `candump -L` or this program writes it.
    pub log: PathBuf,
    /// The service's configuration, or a machine profile.
    #[arg(long)]
    pub config: PathBuf,
    /// The plan that was delivered.
    #[arg(long)]
    pub plan: PathBuf,
    /// Print report and verdict log as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `latency`
#[derive(Debug, Args)]
pub struct Latency {
    /// The service's configuration, for the guards' priorities and cores and for the profile.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Machine to judge for: a name or a profile's file; the configuration's, or mobetron.
    #[arg(long, value_name = "PROFILE")]
    pub machine: Option<String>,
    /// CAN interface to measure over instead of socket pairs. It sends frames of a monitor chamber and permits there, so no
    /// treatment unit may be on it; nobody has to answer, but a real controller needs one other node that acknowledges.
    #[arg(long, value_name = "INTERFACE")]
    pub bus: Option<String>,
    /// How long to measure, in s.
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub seconds: u64,
    /// End earlier, as soon as so many frames are answered; 10000 are enough for the percentile that is judged.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Write the histogram into this file as a picture, in SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Print every bucket of the histograms, too.
    #[arg(long, conflicts_with = "json")]
    pub histogram: bool,
    /// Print the measurement as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `faults`
#[derive(Debug, Args)]
pub struct Faults {
    /// Code or name of one fault.
    pub code: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}
