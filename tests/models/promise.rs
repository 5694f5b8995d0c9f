//! What the permit protocol promises, one sentence each: the properties that the model is checked for.

/// A promise of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Promise {
    /// A pulse is fired only while each guard's PERMIT for its delivery, sent no longer ago than stale-after and the
    /// longest delay, reached it.
    PaidFor,
    /// A pulse is fired only while each guard's last permit at the gate is no older than stale-after: so none is fired
    /// later after a guard died or its bus was cut.
    Fresh,
    /// The gate is open only while four valid, fresh PERMIT for the delivery held are there: a left-over frame of an
    /// older delivery opens nothing.
    OpenOnFour,
    /// After TRIPPED for the delivery held has reached the gate it stays shut for this delivery.
    Latched,
    /// After an outage the gate opens again only once each lost guard sent a valid WITHHELD.
    ReopensOnWithheld,
    /// A delivery is taken up only on four valid, fresh WITHHELD with lease 0.
    TakenUpOnFour,
    /// A delivery is never taken up again once a guard's PERMIT for it has reached the gate, whatever happens to the
    /// gate's power.
    TakenUpOnce,
    /// WITHHELD with lease 0 is sent only before the first PERMIT of a delivery.
    LeaseZeroOnlyBefore,
    /// A guard that tripped sends TRIPPED and nothing else until the next delivery.
    TripStays,
    /// A delivery begins WITHHELD with lease 0, also after a trip.
    BeginsWithheld,
    /// No lease goes beyond what the guard asked for.
    LeaseAsAsked,
    /// No TRIPPED and no unnamed value that no guard asked for.
    SaysWhatWasAsked,
    /// At most one permit of each guard waits for the bus.
    OneWaits,
    /// A guard that lives and is not silent renews its permit when it is due, also after the bus refused one.
    Renews,
    /// A guard that was asked to be silent sends nothing.
    Hushed,
    /// A sender takes the echo of the frame that it waits for, once, and no other.
    HearsItself,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::PaidFor,
        Self::Fresh,
        Self::OpenOnFour,
        Self::Latched,
        Self::ReopensOnWithheld,
        Self::TakenUpOnFour,
        Self::TakenUpOnce,
        Self::LeaseZeroOnlyBefore,
        Self::TripStays,
        Self::BeginsWithheld,
        Self::LeaseAsAsked,
        Self::SaysWhatWasAsked,
        Self::OneWaits,
        Self::Renews,
        Self::Hushed,
        Self::HearsItself,
    ];
}
