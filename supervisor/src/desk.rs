//! The session thread: turns the conductor in real time, carries the operator's acts to it and the entries to whoever
//! wants them. It is no guard: it may lock, allocate and log; when it falls silent, the interlock guard ends the beam.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use beam_core::fault::{Fault, FaultSet};
use beam_core::session::Act;
use beam_core::state::{Refused, State};
use beam_core::units::Ticks;
use beam_drivers::clock;
use beam_drivers::realtime::{ThreadWish, spawn};
use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};

use crate::conductor::{Conductor, Entry, SESSION_PERIOD};
use crate::progress::Progress;
use crate::recorder::Recorder;

/// How often the session turns when nobody acts: as often as in virtual time, so that what is simulated is what runs.
const TURN: Duration = Duration::from_nanos(SESSION_PERIOD.nanos());

enum Request {
    Act(Box<Act>, Sender<Result<(), Refused>>),
    Record(Recorder, Sender<()>),
    StopRecording(Sender<Option<Recorder>>),
}

/// What other threads see of the session.
#[derive(Debug, Default)]
pub struct View {
    progress: Mutex<Progress>,
    lost_records: Mutex<[u64; 4]>,
    turned: Mutex<Ticks>,
    unrecorded: OnceLock<String>,
    check_due: AtomicBool,
}

impl View {
    /// The progress as it stands.
    #[must_use]
    pub fn progress(&self) -> Progress {
        lock(&self.progress).clone()
    }

    /// Records that each guard's ring lost.
    #[must_use]
    pub fn lost_records(&self) -> [u64; 4] {
        *lock(&self.lost_records)
    }

    /// When each guard told something last.
    #[must_use]
    pub fn heard(&self) -> [Ticks; 4] {
        lock(&self.progress).heard
    }

    /// When the session turned last.
    #[must_use]
    pub fn turned(&self) -> Ticks {
        *lock(&self.turned)
    }

    /// Why something that belongs on the disk is not there, the first time it happened.
    #[must_use]
    pub fn unrecorded(&self) -> Option<&str> {
        self.unrecorded.get().map(String::as_str)
    }

    /// Tells that something could not be written. It stands against the next arming as F-810, until a restart; it ends no beam,
    /// because a patient who is left half treated is worse off than a record.
    pub fn cannot_record(&self, why: String) {
        let _the_first_reason_stays = self.unrecorded.set(why);
    }

    /// An output check is due: it stands against every beam until a person has done it and the service was started again.
    pub fn output_check_is_due(&self) {
        self.check_due.store(true, Ordering::Relaxed);
    }

    /// Whether [`View::output_check_is_due`] was said.
    #[must_use]
    pub fn is_output_check_due(&self) -> bool {
        self.check_due.load(Ordering::Relaxed)
    }

    /// One entry more, from whoever turns a session: the desk, or an observer.
    pub(crate) fn add(&self, entry: &Entry) {
        lock(&self.progress).add(entry);
    }

    /// The session turned, and `lost` is what the guards' rings have lost.
    pub(crate) fn has_turned(&self, now: Ticks, lost: [u64; 4]) {
        *lock(&self.lost_records) = lost;
        *lock(&self.turned) = now;
    }

    /// New guards have nothing to do with what the ones before told, but were heard as lately.
    pub(crate) fn begin_anew(&self) {
        let mut progress = lock(&self.progress);
        *progress = Progress { heard: progress.heard, ..Progress::default() };
    }

    /// What stands against a beam by the service itself, shown with what the guards found.
    fn stand(&self, service: FaultSet) -> FaultSet {
        let standing = if self.unrecorded().is_some() { service.with(Fault::RecordUnwritable) } else { service };
        let due = self.check_due.load(Ordering::Relaxed);
        let standing = if due { standing.with(Fault::OutputCheckDue) } else { standing };
        lock(&self.progress).service_standing = standing;
        standing
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a panic aborts the process, so nobody can have left it half written
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The session's thread and the way to it.
#[derive(Debug)]
pub struct Desk {
    requests: Sender<Request>,
    view: Arc<View>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// The session no longer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Desk {
    /// Starts the session thread. `watch` sees every entry; `service_standing` are faults of the service itself.
    ///
    /// # Errors
    /// When the kernel starts no thread.
    pub fn start(
        mut conductor: Conductor,
        service_standing: FaultSet,
        mut watch: impl FnMut(&Entry) + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, incoming) = bounded(16);
        let view = Arc::new(View::default());
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopping) = (Arc::clone(&view), Arc::clone(&stop));
        let thread = spawn("session", ThreadWish::default(), move |_refusals| {
            let mut recorder = None;
            while !stopping.load(Ordering::Relaxed) {
                serve(&incoming, &mut conductor, &seen, &mut recorder, &mut watch);
                if let Some(why) = recorder.as_ref().and_then(Recorder::failed) {
                    seen.cannot_record(why);
                }
                conductor.set_service_standing(seen.stand(service_standing));
                conductor.turn(clock::now(), &mut |entry| tell(entry, &seen, &mut recorder, &mut watch));
                seen.has_turned(clock::now(), conductor.lost());
            }
        })?;
        Ok(Self { requests, view, stop, thread })
    }

    /// What other threads see.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view)
    }

    /// Asks the session for an act.
    ///
    /// # Errors
    /// The session's refusal, or [`Gone`].
    pub fn act(&self, act: Act) -> Result<Result<(), Refused>, Gone> {
        let (answer, answers) = bounded(1);
        self.requests.send(Request::Act(Box::new(act), answer)).map_err(|_| Gone)?;
        answers.recv_timeout(Duration::from_secs(5)).map_err(|_| Gone)
    }

    /// Lets `recorder` have every entry from now on.
    ///
    /// # Errors
    /// [`Gone`] when the session no longer answers.
    pub fn record(&self, recorder: Recorder) -> Result<(), Gone> {
        let (done, waits) = bounded(1);
        self.requests.send(Request::Record(recorder, done)).map_err(|_| Gone)?;
        waits.recv_timeout(Duration::from_secs(5)).map_err(|_| Gone)
    }

    /// Takes the recorder back.
    ///
    /// # Errors
    /// [`Gone`] when the session no longer answers.
    pub fn stop_recording(&self) -> Result<Option<Recorder>, Gone> {
        let (answer, answers) = bounded(1);
        self.requests.send(Request::StopRecording(answer)).map_err(|_| Gone)?;
        answers.recv_timeout(Duration::from_secs(5)).map_err(|_| Gone)
    }

    /// Waits until the session is in one of `states`, at most for `patience`; says where it stands then.
    #[must_use]
    pub fn wait_for(&self, states: &[State], patience: Duration) -> State {
        let until = std::time::Instant::now() + patience;
        loop {
            let state = lock(&self.view.progress).state;
            if states.contains(&state) || std::time::Instant::now() >= until {
                return state;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the session; the guards, who then have nobody to command them, end too.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _a_panic_aborts_the_process_first = self.thread.join();
    }
}

fn serve(
    incoming: &Receiver<Request>,
    conductor: &mut Conductor,
    view: &View,
    recorder: &mut Option<Recorder>,
    watch: &mut impl FnMut(&Entry),
) {
    // who asks waits a turn at most; a channel that is waited on spins before it sleeps, which costs more than the turn itself
    match incoming.try_recv() {
        Ok(Request::Act(act, answer)) => {
            let result = conductor.act(clock::now(), &act, &mut |entry| tell(entry, view, recorder, watch));
            let _nobody_waits_any_more = answer.send(result);
        }
        Ok(Request::Record(new, done)) => {
            *recorder = Some(new);
            let _nobody_waits_any_more = done.send(());
        }
        Ok(Request::StopRecording(answer)) => {
            let _nobody_waits_any_more = answer.send(recorder.take());
        }
        // even where nobody can ask any more, the guards want their heartbeat until `stop` says otherwise
        Err(TryRecvError::Empty | TryRecvError::Disconnected) => std::thread::sleep(TURN),
    }
}

fn tell(entry: &Entry, view: &View, recorder: &mut Option<Recorder>, watch: &mut impl FnMut(&Entry)) {
    view.add(entry);
    if let Some(recorder) = recorder {
        recorder.take(entry);
    }
    watch(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shipped;
    use crate::hot::Seat;
    use crate::wiring::seat_guards;

    fn desk() -> (Desk, [Seat; 4]) {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let (seats, lines) = seat_guards(&machine);
        (Desk::start(Conductor::new(&machine, lines), FaultSet::EMPTY, |_| {}).unwrap(), seats)
    }

    #[test]
    fn trips_what_could_not_be_written_as_a_fault_that_stands_until_a_restart() {
        let (desk, _guards_that_never_turn) = desk();
        let view = desk.view();
        let stands = || {
            std::thread::sleep(Duration::from_millis(50));
            view.progress().standing().contains(&Fault::RecordUnwritable)
        };
        assert!(!stands());
        view.cannot_record("the disk is full".to_owned());
        view.cannot_record("something later".to_owned());
        assert_eq!(view.unrecorded(), Some("the disk is full"));
        assert!(stands());
        desk.stop();
    }

    #[test]
    fn trips_a_recorder_that_fails_while_it_writes_as_a_fault_that_outlives_it() {
        let (desk, _guards_that_never_turn) = desk();
        let view = desk.view();
        desk.record(Recorder::that_has_failed()).unwrap();
        for _ in 0..1000 {
            if view.unrecorded().is_some() {
                break;
            }
            std::thread::sleep(TURN);
        }
        assert!(desk.stop_recording().unwrap().is_some());
        std::thread::sleep(Duration::from_millis(50));
        assert!(view.progress().standing().contains(&Fault::RecordUnwritable));
        desk.stop();
    }
}
