//! The eighteen checks that follow from the accidents of sixty years, and the accidents themselves: which faults each check
//! comes to, who makes it, and which tests show it. `SAFETY.md` is made from these tables; the test that makes it refuses a
//! test that does not exist.

use beam_core::fault::Fault as F;

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its id.
    pub id: &'static str,
    /// What is checked.
    pub what: &'static str,
    /// Who makes it.
    pub who: &'static str,
    /// What it comes to.
    pub faults: &'static [F],
    /// Tests that show it, in `tests/` or beside the code.
    pub tests: &'static [&'static str],
}

const DOSE_AND_LOCK: &str = "its dose guard, and interlock";
const EVERY: &str = "every guard";

/// All eighteen.
pub const CHECKS: [Check; 18] = [
    Check {
        id: "C1",
        what: "the charge of a pulse is too high",
        who: DOSE_AND_LOCK,
        faults: &[F::PulseHigh],
        tests: &["trips_when_a_chamber_lies"],
    },
    Check {
        id: "C2",
        what: "the charge of a pulse is too low",
        who: DOSE_AND_LOCK,
        faults: &[F::PulseLow, F::NoSignal],
        tests: &["trips_when_a_chamber_lies"],
    },
    Check {
        id: "C3",
        what: "a chamber is saturated, which is never a low reading",
        who: DOSE_AND_LOCK,
        faults: &[F::Saturated, F::OverRange, F::FullScale],
        tests: &["trips_when_a_chamber_lies", "trips_when_the_sensor_cannot_be_trusted"],
    },
    Check {
        id: "C4",
        what: "pulses without a signal",
        who: DOSE_AND_LOCK,
        faults: &[F::NoSignal, F::ChargeStandsStill, F::BeamChargeRatio],
        tests: &["trips_when_a_chamber_lies", "trips_at_the_first_pulse_that_no_chamber_sees"],
    },
    Check {
        id: "C5",
        what: "a signal without pulses",
        who: "interlock",
        faults: &[F::PulsesWhileClosed, F::ChargeWhileClosed, F::GateOpenUnasked],
        tests: &["trips_on_beam_that_nobody_asked_for"],
    },
    Check {
        id: "C6",
        what: "both monitors against the charge of the beam, pulse by pulse and in the mean",
        who: "interlock, where the sensor is fitted",
        faults: &[F::BeamChargeRatio],
        tests: &[
            "trips_when_both_chambers_drift_alike",
            "trips_at_one_pulse_that_is_three_times_off",
            "holds_with_a_sensor_that_is_right",
            "holds_at_two_percent_and_says_so_at_four",
        ],
    },
    Check {
        id: "C7",
        what: "monitor 1 against monitor 2, in MU and in percent",
        who: "interlock",
        faults: &[F::ChambersDisagree, F::EndDisagreement],
        tests: &["trips_when_the_chambers_disagree", "holds_on_every_machine_over_many_seeds"],
    },
    Check {
        id: "C8",
        what: "the preset on monitor 1",
        who: "dose 1",
        faults: &[],
        tests: &["trips_at_the_preset_by_dose_guard_1_alone", "holds_on_every_machine_over_many_seeds"],
    },
    Check {
        id: "C9",
        what: "the backup on monitor 2",
        who: "dose 2",
        faults: &[F::BackupReached],
        tests: &["trips_at_the_backup_by_dose_guard_2_alone", "holds_the_backup_back_while_the_preset_ends_the_beam"],
    },
    Check {
        id: "C10",
        what: "the beam-on time, by two clocks",
        who: "time",
        faults: &[F::TimeLimit, F::ClocksDisagree],
        tests: &["trips_at_its_limit_by_the_time_guard_alone", "trips_when_the_clocks_differ"],
    },
    Check {
        id: "C11",
        what: "gate, chambers and beam charge count the same pulses, and none beyond a lease",
        who: "interlock; dose 1 and dose 2 the lease",
        faults: &[F::CountsDisagree, F::PulseBeyondLease],
        tests: &["trips_on_beam_that_nobody_asked_for"],
    },
    Check {
        id: "C12",
        what: "a counter jumps, falls or stands still",
        who: DOSE_AND_LOCK,
        faults: &[F::ChargeFalls, F::ChargeStandsStill, F::ChamberRestarted, F::GateRestarted],
        tests: &["trips_when_a_chamber_lies"],
    },
    Check {
        id: "C13",
        what: "age, CRC, alive counter, length and sender of every frame",
        who: EVERY,
        faults: &[F::Crc, F::Alive, F::Length, F::DoseStale, F::GateStale, F::StatusStale, F::LocalChamber],
        tests: &["trips_when_a_frame_cannot_be_trusted", "holds_what_is_no_fault_and_what_nobody_can_see"],
    },
    Check {
        id: "C14",
        what: "voltage, energy, applicator, docking, mode, service key, interlocks",
        who: "interlock",
        faults: &[F::Voltage, F::Energy, F::Applicator, F::Docking, F::ServiceMode, F::Leakage, F::TemperaturePressure],
        tests: &["trips_when_the_set_up_changes"],
    },
    Check {
        id: "C15",
        what: "a forced fault of every guard before every beam",
        who: "session",
        faults: &[F::ProofFailed, F::GateNotTakenUp, F::RequestedEarly],
        tests: &["trips_in_the_proof_on_what_a_beam_would_not_show"],
    },
    Check {
        id: "C16",
        what: "a fault stays, and who may clear it",
        who: "every guard, and session",
        faults: &[F::ResumeLimit, F::FaultRepeated, F::OperatorStop],
        tests: &[
            "trips_and_stays_tripped_whatever_is_asked",
            "trips_whoever_is_no_physicist_and_clears_a_dosimetry_fault",
            "trips_on_the_second_time_within_thirty_days",
            "trips_on_the_same_fault_twice_over_a_restart_until_it_is_cleared",
            "trips_the_physicists_word_on_a_fault_that_came_after_it",
        ],
    },
    Check {
        id: "C17",
        what: "what was delivered is the largest of all counts, and is kept",
        who: "dose 1, session and service",
        faults: &[F::OutputCheckDue, F::RecordUnwritable],
        tests: &[
            "trips_at_the_preset_less_the_largest_count_after_a_resume",
            "trips_up_to_the_live_counter_that_went_on_after_the_death",
            "holds_the_recorded_dose_when_every_counter_began_anew",
            "trips_the_next_start_until_a_person_takes_the_mark_away",
            "trips_the_next_start_after_whatever_was_not_as_planned",
            "trips_a_start_that_speaks_for_a_person_who_is_not_there",
            "trips_a_recorder_that_fails_while_it_writes_as_a_fault_that_outlives_it",
            "trips_on_a_full_disk_while_it_writes_and_says_where",
            "trips_what_could_not_be_written_as_a_fault_that_stands_until_a_restart",
        ],
    },
    Check {
        id: "C18",
        what: "the supervisor's own life, lateness and clock",
        who: "the gate (stale permits), every guard",
        faults: &[F::GuardLate, F::GuardSilent, F::SessionSilent, F::PermitUnsent, F::ClockStalled],
        tests: &[
            "trips_whichever_part_dies_and_whenever",
            "trips_every_guard_alone_when_its_clock_stands_still",
            "trips_every_guard_alone_when_its_clock_steps_back",
            "holds_reports_at_once_however_many_they_are",
        ],
    },
];

/// One accident or known weakness.
#[derive(Clone, Copy, Debug)]
pub struct Accident {
    /// Its id; a scenario's file begins with it.
    pub id: &'static str,
    /// What happened, and who tells of it.
    pub what: &'static str,
    /// The checks that stop it.
    pub checks: &'static str,
}

const fn accident(id: &'static str, what: &'static str, checks: &'static str) -> Accident {
    Accident { id, what, checks }
}

/// All eighteen.
pub const ACCIDENTS: [Accident; 18] = [
    accident(
        "A01",
        "Therac-25, Tyler, March 1986: both monitors saturated and showed 6 of 202 MU (Leveson and Turner 1993)",
        "C1 C3 C6 C16",
    ),
    accident(
        "A02",
        "Therac-25, Tyler, April 1986: the same fault again within a month (Leveson and Turner 1993)",
        "C1 C3 C16",
    ),
    accident("A03", "Therac-25, Yakima, January 1987: no chamber in the beam (Leveson and Turner 1993)", "C4 C6 C16"),
    accident(
        "A04",
        "Therac-25, Kennestone and Hamilton 1985: \"no dose\", and the operator went on (Leveson and Turner 1993)",
        "C4 C16",
    ),
    accident("A05", "Electrons under photon current, chamber saturated, 1996 (De Almeida 1998)", "C3 C12 C14"),
    accident("A06", "Wrong recorded dose after a cleared monitor fault (Siemens advisory 2020)", "C16 C17"),
    accident(
        "A07",
        "Bialystok, February 2001: power cut, then dose monitoring that did not work (IAEA 2004)",
        "C2 C4 C6 C14 C15 C17",
    ),
    accident("A08", "Zaragoza, December 1990: every energy ran as the highest (El Pais 1993)", "C6 C14 C15"),
    accident("A09", "Target or foil failure: both monitors blind in the same direction (Varian advisory 2014)", "C6"),
    accident(
        "A10",
        "Misplaced elements in the beam (Loyd 1989); only where their place is read back or C6 sees it",
        "C6 C14",
    ),
    accident("A11", "Open chambers drift with the weather", "C14"),
    accident("A12", "A rate check over a mean hides one bad pulse", "C1"),
    accident("A13", "Timers and counters wrap", "C10 C12"),
    accident("A14", "A 16-bit counter of dose wraps", "C12"),
    accident("A15", "One sender goes quiet and its last value stays", "C13"),
    accident("A16", "The kernel drops frames", "C13 C18"),
    accident("A17", "Record and counter of a partial delivery differ", "C17"),
    accident("A18", "The supervisor dies, hangs or starves", "C15 C17 C18"),
];
