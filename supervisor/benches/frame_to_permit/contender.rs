//! Who answers: each contender is a process of its own whose standard input is its end of the bus.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;
use std::{env, fmt, io, thread};

use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::Command;
use beam_core::units::Span;
use beam_core::wire::{Guard, MON1_DOSE};
use beam_drivers::realtime::{self, ThreadWish};
use beam_drivers::socketpair::{PairPort, pair};
use beam_supervisor::config::shipped;
use beam_supervisor::hot::{self, Ports};
use beam_supervisor::latency::endless;
use beam_supervisor::latency::peer::{Answers, End, Peer, Shared};
use beam_supervisor::wiring::seat_guards;

/// The word by which this program is the guard and not the one who measures.
const AS_GUARD: &str = "--as-guard";
/// From one frame to the next, in the mean.
const PERIOD: Span = Span::from_millis(1);

/// Where everybody runs.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Fixed priority of the contenders; none where it was refused.
    priority: Option<u8>,
    /// The contenders' processor, where there are two.
    cpu: Option<usize>,
}

impl Setting {
    /// Fits this thread for sending, one priority above the contenders, and says where those shall run.
    pub fn take_place(priority: u8) -> Self {
        let _refused = realtime::prepare_process();
        let two = thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
        let wish = ThreadWish::guard(priority.saturating_add(1).min(99), two.then_some(0));
        let granted = realtime::prepare_thread(wish).is_empty();
        Self { priority: granted.then_some(priority), cpu: two.then_some(1) }
    }

    /// Priority and processor as a contender's command line has them; -1 for none.
    fn words(self) -> [String; 2] {
        let number = |value: Option<usize>| value.map_or_else(|| "-1".to_owned(), |value| value.to_string());
        [number(self.priority.map(usize::from)), number(self.cpu)]
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.priority {
            Some(priority) => write!(text, "SCHED_FIFO {priority}")?,
            None => write!(text, "a fixed priority was refused, all run as ordinary threads")?,
        }
        match self.cpu {
            Some(cpu) => write!(text, ", processor {cpu}, the sender on processor 0"),
            None => write!(text, ", one processor for all"),
        }
    }
}

/// A contender that runs, and our end of its bus.
pub struct Contender {
    process: Child,
    bus: OwnedFd,
}

impl Contender {
    /// Dose guard 1, in a delivery that never ends.
    pub fn guard(setting: Setting) -> io::Result<Self> {
        Self::start(Process::new(env::current_exe()?).arg(AS_GUARD).args(setting.words()))
    }

    /// The bare loop.
    pub fn bare(program: &Path, setting: Setting) -> io::Result<Self> {
        let ids = [MON1_DOSE, Guard::Dose1.permit_id()].map(|id| id.to_string());
        Self::start(Process::new(program).args(setting.words()).args(ids))
    }

    fn start(process: &mut Process) -> io::Result<Self> {
        let (bus, theirs) = pair()?;
        Ok(Self { process: process.stdin(Stdio::from(theirs)).spawn()?, bus })
    }

    /// Sends so many frames, and what came of them.
    pub fn answers(&self, frames: u64) -> io::Result<Answers> {
        let mut others = Vec::new();
        let mut silent = || {
            let (ours, theirs) = pair()?;
            others.push(theirs);
            PairPort::new(ours, None)
        };
        let peer = Peer {
            permits: [silent()?, silent()?, silent()?],
            dose: End::Pair(PairPort::new(self.bus.try_clone()?, None)?),
            hears_dose: [false; 3],
            quiet: Vec::new(),
            period: PERIOD,
            frames,
            shared: Shared::default().into(),
        };
        let (_peer, answers) = peer.run();
        answers.ended.map_or(Ok(answers), |why| Err(io::Error::other(why)))
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _it_may_have_ended_by_itself = self.process.kill();
        let _its_status_says_nothing = self.process.wait();
    }
}

/// Builds the bare loop with the system's C compiler.
pub fn compile() -> io::Result<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/frame_to_permit/bare_loop.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bare_loop");
    match Process::new("cc").args(["-O2", "-Wall", "-o"]).arg(&program).arg(source).status() {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(io::Error::other(format!("cc could not build {source} ({status})"))),
        Err(error) => Err(io::Error::other(format!("cc is missing ({error})\n    fix: install build-essential"))),
    }
}

/// What the guard's thread wishes for, when this process is to be the guard.
pub fn as_guard() -> Option<ThreadWish> {
    let mut words = env::args().skip_while(|word| word != AS_GUARD).skip(1);
    let (priority, cpu) = (words.next()?.parse::<i32>().ok()?, words.next()?.parse::<i32>().ok()?);
    let fifo_priority = u8::try_from(priority).ok().filter(|priority| *priority > 0);
    Some(ThreadWish { fifo_priority, ..ThreadWish::guard(1, usize::try_from(cpu).ok()) })
}

fn machine() -> Machine {
    endless::machine(&shipped::profile("mobetron").expect("a shipped profile").machine)
}

/// Dose guard 1 with its rings, in a thread set up as in the service; never returns while the bus lives.
pub fn run_guard(wish: ThreadWish) {
    let _refused = realtime::prepare_process();
    let socket = io::stdin().as_fd().try_clone_to_owned().expect("standard input is the bus");
    let ([mut seat, ..], [mut line, ..]) = seat_guards(&machine());
    for command in [Command::Arm { delivery: 1, order: endless::order() }, Command::Deliver] {
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
