//! What two states of the model are told apart by. The less, the fewer states there are; what is left out must be what
//! nothing that follows can depend on.

use std::hash::{DefaultHasher, Hash, Hasher};

use beam_core::units::Span;
use beam_core::wire::Permit;
use beam_drivers::sim::ChannelMemory;

use super::post::{Notes, bare};
use super::promise::Promise;
use super::world::{Moment, Wish, World};

/// What two states are told apart by: all that decides what can follow, with moments as ages and alive counters as
/// distances from what the gate saw last. The three guards that lease pulses are interchangeable.
#[derive(PartialEq, Eq, Hash)]
struct View {
    moment: Moment,
    wish: Wish,
    leasing: [u64; 3],
    time: u64,
    held: u16,
    pulses: u32,
    fired: (u16, u32),
    latched: (bool, bool),
    flags: (bool, bool, bool, Option<Promise>),
}

/// The part of [`View`] that is one guard's.
#[derive(Hash)]
struct PostView {
    permit: Permit,
    sender: (bool, bool, bool, bool, bool),
    ahead: u8,
    flights: Vec<(Option<Permit>, u8, u8, bool)>,
    channel: ChannelMemory,
    turn: (bool, bool, bool),
    notes: Notes,
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.view().hash(state);
    }
}

impl World {
    fn view(&self) -> View {
        let memory = self.gate.memory(self.now);
        let [first, second, time, fourth] = [0, 1, 2, 3].map(|index| self.post_key(index, memory[index]));
        let mut leasing = [first, second, fourth];
        leasing.sort_unstable();
        View {
            moment: self.moment,
            wish: self.wish,
            leasing,
            time,
            held: self.gate.held(),
            pulses: self.gate.status().pulses,
            fired: self.fired,
            latched: (self.gate.tripped_by() != 0, self.posts.iter().any(|post| post.notes.latches)),
            flags: (self.process_restarted, self.gate_restarted, self.was_latched, self.broken),
        }
    }

    fn post_key(&self, index: usize, channel: ChannelMemory) -> u64 {
        let post = &self.posts[index];
        let sender = post.sender.memory(self.now);
        let flights = post.flights.iter().map(|flight| {
            let alive = post.ahead(flight.frame.data[1] & 0x0F);
            (Permit::decode(&flight.frame).ok().map(bare), alive, flight.age, flight.own)
        });
        let is_due = sender.due_in == Span::ZERO;
        let view = PostView {
            permit: bare(sender.permit),
            sender: (
                sender.permitted && !post.sender.is_tripped(),
                sender.silent,
                // a frame that is due is sent whether or not something changed
                sender.changed && !(is_due && sender.awaiting.is_none() && !sender.silent),
                is_due,
                sender.awaiting.is_some(),
            ),
            ahead: post.ahead(sender.alive),
            flights: flights.collect(),
            channel: ChannelMemory {
                // as a distance from what the model saw
                alive: channel.alive.map(|alive| post.ahead(u8::try_from(alive).unwrap_or(u8::MAX)).into()),
                // the next believed frame replaces it, and until then it counts for nothing
                heard: channel
                    .heard
                    .filter(|_| !(channel.stale || channel.invalid))
                    .map(|(age, permit)| (age, bare(permit))),
                stale: channel.stale && !channel.invalid,
                ..channel
            },
            turn: (post.obeyed, post.done, post.in_step),
            notes: post.notes_that_matter(),
        };
        let mut hasher = DefaultHasher::new();
        view.hash(&mut hasher);
        hasher.finish()
    }
}
