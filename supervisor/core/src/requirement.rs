//! What the supervisor promises, one sentence each. A fault names the requirement that it serves, and tests come in
//! pairs for each: `trips_…` shows that the promise is kept, `holds_…` that nothing trips without need.

macro_rules! requirements {
    ($($variant:ident = $id:literal, $sentence:literal;)*) => {
        /// A safety requirement.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Requirement {
            $(#[doc = $sentence] $variant,)*
        }

        impl Requirement {
            /// All of them, in the order of their ids.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The id; it never changes its meaning.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The promise in one sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

requirements! {
    PrimaryDose = "SR-01", "Dose guard 1 ends the beam at the pulse that lands nearest to the preset on monitor 1.";
    BackupDose = "SR-02", "Dose guard 2 ends the beam when monitor 2 reaches its own limit, made from the independent calculation alone.";
    BeamTime = "SR-03", "The time guard ends the beam when the beam-on time is over, when the gate has counted more pulses than the plan can take, and when the gate's clock and its own differ.";
    PulseByPulse = "SR-04", "No pulse is fired that was not leased, and none is leased before the window's pulses were judged.";
    BeamUnasked = "SR-05", "Beam that nobody asked for is a fault, whatever state the supervisor is in.";
    ChamberHonest = "SR-06", "A chamber that saturates, falls silent, reads low, high or backwards is a fault and never a low dose.";
    ChambersAgree = "SR-07", "Two chambers that disagree end the beam.";
    DoseRate = "SR-08", "A dose rate far from the nominal one ends the beam.";
    BusTrusted = "SR-09", "A frame counts only when its sender, bus, length, CRC, alive counter and age are right.";
    SetUp = "SR-10", "The beam is on only with the planned energy, applicator and docking and with every interlock closed.";
    OwnHealth = "SR-11", "The supervisor's own lateness, loss or death ends the beam.";
    Latched = "SR-12", "A fault stays until a person entitled to it has cleared it; a tripped delivery never fires again.";
    Operator = "SR-13", "The operator can interrupt or terminate at any time; resuming is limited and never possible after a dosimetry fault.";
    Proven = "SR-14", "Before every beam each guard's silence, withdrawal and lease are shown to hold the gate.";
}
