//! What people at the treatment unit do between two deliveries, which is no mishap.

use beam_drivers::sim::Signal;

use super::bus::Sender;
use super::{World, index};

impl World {
    /// Somebody sets the treatment unit up: each signal takes the place of the one before of its kind.
    pub fn set_up(&mut self, signals: &[Signal]) {
        let (now, wires) = (self.now, &mut self.wires);
        for &signal in signals {
            self.unit.change(now, signal, &mut |bus, frame| wires[index(bus)].put(now, Sender::Outside, frame));
        }
    }
}
