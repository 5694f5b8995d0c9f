//! The four guard threads: each gets its ports, its priority and its core, and turns until the session has gone.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::wire::Guard;
use beam_drivers::Port;
use beam_drivers::realtime::{Refusal, ThreadWish, spawn};
use crossbeam::channel::bounded;

use crate::hot::{Ports, Seat, run};
use crate::wiring::{hears, permit_bus};

/// How long the threads may take to fit themselves.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of a guard's thread, as the kernel and its tools show it.
#[must_use]
pub fn thread_name(guard: Guard) -> String {
    format!("guard-{}", guard.name().replace(' ', ""))
}

/// The running guards.
#[derive(Debug)]
pub struct Crew {
    threads: Vec<JoinHandle<()>>,
    /// What the kernel refused them.
    pub refusals: Vec<(Guard, Refusal)>,
}

/// Opens the ports of `guard`: `open` is asked once for each bus that it hears, with the identifiers that it hears there
/// and its own among them, if its permit goes out there.
///
/// # Errors
/// The first error of `open`.
pub fn ports<P, E>(
    guard: Guard,
    machine: &Machine,
    mut open: impl FnMut(Bus, &[u16], Option<u16>) -> Result<P, E>,
) -> Result<Ports<P>, E> {
    let own = permit_bus(guard, machine);
    let other = match own {
        Bus::A => Bus::B,
        Bus::B => Bus::A,
    };
    let own_port = open(own, &hears(guard, own, machine), Some(guard.permit_id()))?;
    let heard = hears(guard, other, machine);
    let other_port = if heard.is_empty() { None } else { Some((other, open(other, &heard, None)?)) };
    Ok(Ports { own: (own, own_port), other: other_port })
}

/// Starts the four threads. `wishes` are theirs in the order of [`Guard::ALL`].
///
/// # Errors
/// When the kernel starts no thread.
pub fn start<P: Port + 'static>(seats: [Seat; 4], ports: [Ports<P>; 4], wishes: [ThreadWish; 4]) -> io::Result<Crew> {
    let (ready, readies) = bounded(4);
    let mut threads = Vec::with_capacity(4);
    for ((mut seat, mut ports), wish) in seats.into_iter().zip(ports).zip(wishes) {
        let ready = ready.clone();
        let who = seat.who();
        threads.push(spawn(&thread_name(who), wish, move |refusals| {
            let _nobody_waits_any_more = ready.send((who, refusals));
            drop(ready);
            run(&mut seat, &mut ports);
        })?);
    }
    drop(ready);
    let mut refusals = Vec::new();
    for _ in 0..threads.len() {
        match readies.recv_timeout(PATIENCE) {
            Ok((who, refused)) => refusals.extend(refused.into_iter().map(|refusal| (who, refusal))),
            Err(_) => return Err(io::Error::other("a guard thread did not start within 10 s")),
        }
    }
    Ok(Crew { threads, refusals })
}

impl Crew {
    /// Waits for the threads to end, which they do when the session has gone.
    pub fn join(self) {
        for thread in self.threads {
            let _a_panic_aborts_the_process_first = thread.join();
        }
    }
}
