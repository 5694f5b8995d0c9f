//! Four guards that only observe, in their threads, and the observer in the session's: running, until they are stopped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use beam_core::machine::Machine;
use beam_core::note::FrameCounts;
use beam_core::wire::Guard;
use beam_drivers::clock;
use beam_drivers::observing::ObservingPort;
use beam_drivers::realtime::{Refusal, ThreadWish, spawn};
use beam_drivers::{Listen, Port};
use crossbeam::channel::Receiver;

use crate::conductor::Entry;
use crate::crew::{self, Crew};
use crate::desk::View;
use crate::hot::Ports;
use crate::prepared::Prepared;
use crate::wiring::seat_guards;

use super::{Observer, Told, as_observed};

/// How often an observer turns. The gate's opening is all that tells it of a beam to come, so it looks more often than a
/// session that leads.
const TURN: Duration = Duration::from_millis(1);

/// Guards and observer of one delivery.
pub struct Watching {
    /// What the observer tells.
    pub told: Receiver<Told>,
    crew: Crew,
    session: JoinHandle<[FrameCounts; 4]>,
    stop: Arc<AtomicBool>,
    asked_to_end: Arc<AtomicBool>,
}

impl Watching {
    /// Starts four guards of the machine that was prepared, over ends of the buses that cannot send, and an observer for
    /// delivery `number` that shows itself in `view`. `counted` is what guards before these counted of frames; every entry of
    /// the delivery goes to `sink`.
    ///
    /// # Errors
    /// When the kernel starts no thread.
    pub fn start<L: Listen + 'static>(
        prepared: &Prepared,
        ports: [Ports<ObservingPort<L>>; 4],
        wishes: [ThreadWish; 4],
        (number, counted): (u16, [FrameCounts; 4]),
        view: Arc<View>,
        mut sink: impl FnMut(&Entry) + Send + 'static,
    ) -> io::Result<Self>
    where
        ObservingPort<L>: Port,
    {
        let machine: Machine = as_observed(&prepared.machine);
        let (seats, lines) = seat_guards(&machine);
        let crew = crew::start(seats, ports, wishes)?;
        let (mut observer, told, asked_to_end) = Observer::new(&machine, &prepared.order, lines, number, counted);
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        view.begin_anew();
        let session = spawn("session", ThreadWish::default(), move |_refusals| {
            while !stopping.load(Ordering::Relaxed) {
                observer.turn(clock::now(), &mut |entry| {
                    view.add(entry);
                    sink(entry);
                });
                view.has_turned(clock::now(), observer.lost());
                std::thread::sleep(TURN);
            }
            observer.counted()
        })?;
        Ok(Self { told, crew, session, stop, asked_to_end })
    }

    /// What the kernel refused the guards' threads.
    #[must_use]
    pub fn refusals(&self) -> &[(Guard, Refusal)] {
        &self.crew.refusals
    }

    /// Asks for the account of a delivery that is not over.
    pub fn ask_to_end(&self) {
        self.asked_to_end.store(true, Ordering::Relaxed);
    }

    /// Stops it all; what the guards' ears have counted.
    #[must_use]
    pub fn stop(self) -> [FrameCounts; 4] {
        self.stop.store(true, Ordering::Relaxed);
        // a panic ends the process first
        let counted = self.session.join().unwrap_or_default();
        self.crew.join();
        counted
    }
}
