//! Who answers: each contender is a process of its own whose standard input is its end of the bus.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;
use std::{env, thread};

use beam_core::frame::Bus;
use beam_core::note::Command;
use beam_core::wire::{Guard, MON1_DOSE};
use beam_drivers::realtime::{self, ProcessWish, ThreadWish};
use beam_drivers::socketpair::{PairPort, pair};
use beam_supervisor::hot::{self, Ports};
use beam_supervisor::wiring::seat_guards;

use super::kilohertz::{machine, order};
use super::sender::Setting;

/// The word by which this program is the guard and not the one who measures.
const AS_GUARD: &str = "--as-guard";
/// Id of the delivery.
const DELIVERY: u16 = 7;

/// A contender that runs, and our end of its bus.
pub struct Contender {
    process: Child,
    /// Our end.
    pub bus: PairPort,
    /// Its permits say whether they are given, and how many pulses they lease.
    pub is_guard: bool,
}

impl Contender {
    /// Dose guard 1, in a delivery that never ends.
    pub fn guard(setting: &Setting) -> Result<Self, String> {
        let program = env::current_exe().map_err(|error| error.to_string())?;
        Self::start(Process::new(program).arg(AS_GUARD).args(setting.words()), true)
    }

    /// The bare loop.
    pub fn bare(program: &PathBuf, setting: &Setting) -> Result<Self, String> {
        let ids = [MON1_DOSE, Guard::Dose1.permit_id()].map(|id| id.to_string());
        Self::start(Process::new(program).args(setting.words()).args(ids), false)
    }

    fn start(process: &mut Process, is_guard: bool) -> Result<Self, String> {
        let (ours, theirs): (OwnedFd, OwnedFd) = pair().map_err(|error| error.to_string())?;
        let bus = PairPort::new(ours, None).map_err(|error| error.to_string())?;
        let process = match process.stdin(Stdio::from(theirs)).spawn() {
            Ok(process) => process,
            Err(error) => return Err(format!("{}: {error}", process.get_program().display())),
        };
        Ok(Self { process, bus, is_guard })
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _it_may_have_ended_by_itself = self.process.kill();
        let _its_status_says_nothing = self.process.wait();
    }
}

/// Builds the bare loop with the system's C compiler.
pub fn compile() -> Result<PathBuf, String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/frame_to_permit/bare_loop.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bare_loop");
    let status = Process::new("cc").args(["-O2", "-Wall", "-o"]).arg(&program).arg(source).status();
    match status {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("cc could not build {source} ({status})")),
        Err(error) => Err(format!("cc is missing ({error}): install build-essential")),
    }
}

/// What the guard's thread wishes for, when this process is to be the guard.
pub fn as_guard() -> Option<ThreadWish> {
    let mut words = env::args().skip_while(|word| word != AS_GUARD).skip(1);
    let (priority, cpu) = (words.next()?.parse::<i32>().ok()?, words.next()?.parse::<i32>().ok()?);
    let fifo_priority = u8::try_from(priority).ok().filter(|priority| *priority > 0);
    Some(ThreadWish { fifo_priority, ..ThreadWish::guard(1, usize::try_from(cpu).ok()) })
}

/// Dose guard 1 with its rings, in a thread set up as in the service; never returns while the bus lives.
pub fn run_guard(wish: ThreadWish) {
    let _refused = realtime::prepare_process(ProcessWish { lock_memory: true });
    let socket = io::stdin().as_fd().try_clone_to_owned().expect("standard input is the bus");
    let ([mut seat, ..], [mut line, ..]) = seat_guards(&machine());
    for command in [Command::Arm { delivery: DELIVERY, order: order() }, Command::Deliver] {
        line.commands.push(command).expect("an empty ring");
    }
    let port = PairPort::new(socket, Some(Guard::Dose1.permit_id())).expect("an eventfd");
    let mut ports = Ports { own: (Bus::A, port), other: None };
    let _thread =
        realtime::spawn("guard-dose1", wish, move |_refused| hot::run(&mut seat, &mut ports)).expect("a thread");
    // the session's part: records are taken out, ten times a second here
    loop {
        thread::sleep(Duration::from_millis(100));
        while line.records.pop().is_ok() {}
    }
}
