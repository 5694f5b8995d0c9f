//! What each guard sends: an id never comes back, TRIPPED stays, no delivery begins with PERMIT, and WITHHELD with lease 0
//! comes only before the first PERMIT.

use beam_core::frame::Frame;
use beam_core::units::Ticks;
use beam_core::wire::Guard;

use super::Findings;
use super::bytes::{PERMIT, PermitBytes, TRIPPED, WITHHELD, permit};

/// What one guard sent last, and what it has sent under this id.
#[derive(Clone, Debug, Default)]
struct Sent {
    last: Option<PermitBytes>,
    permitted: bool,
    /// Ids that it has left behind.
    left: Vec<u16>,
}

/// All four.
#[derive(Debug, Default)]
pub(super) struct Permits {
    sent: [Sent; 4],
}

impl Permits {
    pub fn carried(&mut self, now: Ticks, guard: Guard, frame: &Frame, findings: &mut Findings) {
        let sent = &mut self.sent[guard.index()];
        let said = permit(frame);
        if sent.last == Some(said) {
            return;
        }
        let mut demand = |holds, promise| {
            findings.demand(now, holds, promise, || format!("{}: {:?} after {:?}", guard.name(), said, sent.last));
        };
        match sent.last {
            Some(last) if last.delivery == said.delivery => {
                demand(last.state != TRIPPED || said.state == TRIPPED, "TRIPPED stays until the next delivery");
                let again = sent.permitted && said.state == WITHHELD && said.lease == 0;
                demand(!again, "WITHHELD with lease 0 comes only before the first PERMIT");
            }
            Some(last) => {
                sent.left.push(last.delivery);
                sent.permitted = false;
                // a process that was just started knows of no delivery: id 0
                let is_new = said.delivery == 0 || !sent.left.contains(&said.delivery);
                demand(is_new, "no delivery id comes back");
                // TRIPPED may be the first that the bus takes of it, and opens nothing
                demand(said.state != PERMIT, "no delivery begins with PERMIT");
            }
            None => demand(said.state == WITHHELD && said.delivery == 0, "a guard begins with WITHHELD of no delivery"),
        }
        sent.permitted |= said.state == PERMIT;
        sent.last = Some(said);
    }
}
