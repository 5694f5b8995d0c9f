//! Every fault of the simulated treatment unit in one line each: its name, what it does, what happens, and what ought to
//! end the beam.

use beam_core::frame::Bus;
use beam_core::units::Span;
use beam_core::wire::{Guard, interlock_bit};

use crate::sim::chamber::Spoil;
use crate::sim::effect::{ChamberFault, Effect, GateFault, LinacFault, Monitor};
use crate::sim::linac::RequestTold;
use crate::sim::stray::Stray;

injections! {
    Mon1Stuck "mon1-stuck" [Chamber(Monitor::First, ChamberFault::Stuck)]
        "the charge of monitor 1 stands still while its pulse count goes on"
        => "interlock: chamber lies, counter stands still while pulses come";
    Mon1Frozen "mon1-frozen" [Chamber(Monitor::First, ChamberFault::Frozen)]
        "monitor 1 repeats its last reading in fresh frames"
        => "interlock: pulse counts of gate and chambers disagree";
    Mon1Silent "mon1-silent" [Chamber(Monitor::First, ChamberFault::Silent)]
        "monitor 1 sends nothing any more"
        => "dose 1 and interlock: bus, stale";
    Mon1Saturated "mon1-saturated" [Chamber(Monitor::First, ChamberFault::Saturated)]
        "monitor 1 sets SATURATED and reads 60 %"
        => "dose 1 and interlock: chamber lies, saturated";
    Mon1Overrange "mon1-overrange" [Chamber(Monitor::First, ChamberFault::Overrange)]
        "monitor 1 sets OVERRANGE"
        => "dose 1 and interlock: chamber lies, over range";
    Mon1FullScale "mon1-full-scale" [Chamber(Monitor::First, ChamberFault::FullScale)]
        "each pulse reads full scale on monitor 1, without a flag"
        => "dose 1 and interlock: chamber lies, at full scale";
    Mon1Low "mon1-low" [Chamber(Monitor::First, ChamberFault::Reads(40))]
        "monitor 1 reads 40 %"
        => "interlock: chamber lies, low, at the 3rd pulse";
    Mon1NoSignal "mon1-no-signal" [Chamber(Monitor::First, ChamberFault::Reads(2))]
        "monitor 1 reads 2 %"
        => "interlock: chamber lies, no signal, at the 2nd pulse";
    Mon1High "mon1-high" [Chamber(Monitor::First, ChamberFault::ThreefoldOnce)]
        "one pulse reads threefold on monitor 1"
        => "interlock: chamber lies, high, at once";
    Mon1Falls "mon1-falls" [Chamber(Monitor::First, ChamberFault::Falls)]
        "the charge counter of monitor 1 falls by two pulses"
        => "interlock: chamber lies, counter falls";
    Mon1ChargeWithoutPulses "mon1-charge-without-pulses" [Chamber(Monitor::First, ChamberFault::StrayCurrent)]
        "monitor 1 collects 30 % of the beam's rate with no beam"
        => "interlock: charge with the beam off above leakage, or chambers disagree";
    Mon1StatusFault "mon1-status-fault" [Chamber(Monitor::First, ChamberFault::ReportsFault)]
        "monitor 1 reports a fault of its electronics"
        => "interlock: chamber lies, it says so itself";
    Mon1Voltage "mon1-voltage" [Chamber(Monitor::First, ChamberFault::Voltage)]
        "the polarising voltage of monitor 1 falls by 10 %"
        => "interlock: set-up, polarising voltage";
    Mon1Leakage "mon1-leakage" [Chamber(Monitor::First, ChamberFault::Leakage)]
        "monitor 1 leaks 1 MU/min"
        => "interlock: set-up, leakage; at proving";
    Mon1MissesPulse "mon1-misses-pulse" [Chamber(Monitor::First, ChamberFault::ReadsOnce(0))]
        "monitor 1 counts one pulse and measures nothing of it"
        => "nothing at once; chambers disagree at the end, where a pulse is more than that allows";
    Mon1HalfPulse "mon1-half-pulse" [Chamber(Monitor::First, ChamberFault::ReadsOnce(50))]
        "monitor 1 measures half of one pulse"
        => "nothing at once; chambers disagree at the end, where a pulse is more than that allows";
    Mon1SkipsPulse "mon1-skips-pulse" [Chamber(Monitor::First, ChamberFault::SkipsOnce)]
        "monitor 1 neither measures nor counts one pulse"
        => "interlock: pulse counts of gate and chambers disagree";
    Mon1Restart "mon1-restart" [Chamber(Monitor::First, ChamberFault::Restart)]
        "monitor 1 loses its power for a moment, and every counter begins anew at 0"
        => "dose 1 and interlock: bus, alive counter, or chamber lies, counter falls; at rest, no arming before an output check";
    Mon2Stuck "mon2-stuck" [Chamber(Monitor::Second, ChamberFault::Stuck)]
        "the charge of monitor 2 stands still while its pulse count goes on"
        => "interlock: chamber lies, counter stands still while pulses come";
    Mon2Frozen "mon2-frozen" [Chamber(Monitor::Second, ChamberFault::Frozen)]
        "monitor 2 repeats its last reading in fresh frames"
        => "interlock: pulse counts of gate and chambers disagree";
    Mon2Silent "mon2-silent" [Chamber(Monitor::Second, ChamberFault::Silent)]
        "monitor 2 sends nothing any more"
        => "dose 2 and interlock: bus, stale";
    Mon2Saturated "mon2-saturated" [Chamber(Monitor::Second, ChamberFault::Saturated)]
        "monitor 2 sets SATURATED and reads 60 %"
        => "dose 2 and interlock: chamber lies, saturated";
    Mon2Overrange "mon2-overrange" [Chamber(Monitor::Second, ChamberFault::Overrange)]
        "monitor 2 sets OVERRANGE"
        => "dose 2 and interlock: chamber lies, over range";
    Mon2FullScale "mon2-full-scale" [Chamber(Monitor::Second, ChamberFault::FullScale)]
        "each pulse reads full scale on monitor 2, without a flag"
        => "dose 2 and interlock: chamber lies, at full scale";
    Mon2Low6Percent "mon2-low-6-percent" [Chamber(Monitor::Second, ChamberFault::Reads(94))]
        "monitor 2 reads 94 %"
        => "interlock: chambers disagree, once the difference outgrows its limit";
    Mon2NoSignal "mon2-no-signal" [Chamber(Monitor::Second, ChamberFault::Reads(2))]
        "monitor 2 reads 2 %"
        => "interlock: chamber lies, no signal, at the 2nd pulse";
    Mon2High "mon2-high" [Chamber(Monitor::Second, ChamberFault::ThreefoldOnce)]
        "one pulse reads threefold on monitor 2"
        => "interlock: chamber lies, high, at once";
    Mon2Falls "mon2-falls" [Chamber(Monitor::Second, ChamberFault::Falls)]
        "the charge counter of monitor 2 falls by two pulses"
        => "interlock: chamber lies, counter falls";
    Mon2StatusFault "mon2-status-fault" [Chamber(Monitor::Second, ChamberFault::ReportsFault)]
        "monitor 2 reports a fault of its electronics"
        => "interlock: chamber lies, it says so itself";
    Mon2Voltage "mon2-voltage" [Chamber(Monitor::Second, ChamberFault::Voltage)]
        "the polarising voltage of monitor 2 falls by 10 %"
        => "interlock: set-up, polarising voltage";
    Mon2Leakage "mon2-leakage" [Chamber(Monitor::Second, ChamberFault::Leakage)]
        "monitor 2 leaks 1 MU/min"
        => "interlock: set-up, leakage; at proving";
    Mon2MissesPulse "mon2-misses-pulse" [Chamber(Monitor::Second, ChamberFault::ReadsOnce(0))]
        "monitor 2 counts one pulse and measures nothing of it"
        => "nothing at once; chambers disagree at the end, where a pulse is more than that allows";
    Mon2HalfPulse "mon2-half-pulse" [Chamber(Monitor::Second, ChamberFault::ReadsOnce(50))]
        "monitor 2 measures half of one pulse"
        => "nothing at once; chambers disagree at the end, where a pulse is more than that allows";
    Mon2SkipsPulse "mon2-skips-pulse" [Chamber(Monitor::Second, ChamberFault::SkipsOnce)]
        "monitor 2 neither measures nor counts one pulse"
        => "interlock: pulse counts of gate and chambers disagree";
    Mon2Restart "mon2-restart" [Chamber(Monitor::Second, ChamberFault::Restart)]
        "monitor 2 loses its power for a moment, and every counter begins anew at 0"
        => "dose 2 and interlock: bus, alive counter, or chamber lies, counter falls; at rest, no arming before an output check";
    BothZero "both-zero" [BothChambers(ChamberFault::Reads(0))]
        "both monitors collect nothing while the beam is on"
        => "interlock: chamber lies, no signal; without it, time";
    BothLow6 "both-low-6" [BothChambers(ChamberFault::Reads(94))]
        "both monitors read 94 %"
        => "interlock: ratio to beam charge, where one is fitted; otherwise nothing can see it";
    BeamChargeSilent "beam-charge-silent" [Chamber(Monitor::BeamCharge, ChamberFault::Silent)]
        "the sensor of the beam's charge, where one is fitted, sends nothing any more"
        => "interlock: bus, stale";
    BeamChargeSaturated "beam-charge-saturated" [Chamber(Monitor::BeamCharge, ChamberFault::Saturated)]
        "the sensor of the beam's charge, where one is fitted, sets SATURATED and reads 60 %"
        => "interlock: chamber lies, saturated";
    BeamChargeLow6 "beam-charge-low-6" [Chamber(Monitor::BeamCharge, ChamberFault::Reads(94))]
        "the sensor of the beam's charge, where one is fitted, reads 94 %"
        => "interlock: ratio to beam charge";
    BeamChargeZero "beam-charge-zero" [Chamber(Monitor::BeamCharge, ChamberFault::Reads(0))]
        "the sensor of the beam's charge, where one is fitted, collects nothing"
        => "interlock: ratio to beam charge, at once";
    BeamChargeHigh "beam-charge-high" [Chamber(Monitor::BeamCharge, ChamberFault::ThreefoldOnce)]
        "one pulse reads threefold on the sensor of the beam's charge, where one is fitted"
        => "interlock: ratio to beam charge, at once";
    BeamChargeFrozen "beam-charge-frozen" [Chamber(Monitor::BeamCharge, ChamberFault::Frozen)]
        "the sensor of the beam's charge, where one is fitted, repeats its last reading in fresh frames"
        => "interlock: pulse counts of gate and chambers disagree";
    BeamChargeCrc "beam-charge-crc" [Chamber(Monitor::BeamCharge, ChamberFault::Spoil(Spoil::Crc))]
        "one reading of the sensor of the beam's charge, where one is fitted, has a wrong CRC"
        => "interlock: bus, CRC";
    BeamChargeMissesPulse "beam-charge-misses-pulse" [Chamber(Monitor::BeamCharge, ChamberFault::ReadsOnce(0))]
        "the sensor of the beam's charge, where one is fitted, counts one pulse and measures nothing of it"
        => "interlock: ratio to beam charge, at once";
    BeamChargeHalfPulse "beam-charge-half-pulse" [Chamber(Monitor::BeamCharge, ChamberFault::ReadsOnce(50))]
        "the sensor of the beam's charge, where one is fitted, measures half of one pulse"
        => "interlock: ratio to beam charge, by the mean of 20 pulses, a warning";
    BeamChargeSkipsPulse "beam-charge-skips-pulse" [Chamber(Monitor::BeamCharge, ChamberFault::SkipsOnce)]
        "the sensor of the beam's charge, where one is fitted, neither measures nor counts one pulse"
        => "interlock: pulse counts of gate and chambers disagree";
    BeamChargeRestart "beam-charge-restart" [Chamber(Monitor::BeamCharge, ChamberFault::Restart)]
        "the sensor of the beam's charge, where one is fitted, loses its power for a moment, and every counter begins anew at 0"
        => "interlock: bus, alive counter, or pulse counts of gate and chambers disagree";
    Crc "crc" [Chamber(Monitor::First, ChamberFault::Spoil(Spoil::Crc))]
        "one reading of monitor 1 has a wrong CRC"
        => "dose 1 and interlock: bus, CRC";
    AliveJump "alive-jump" [Chamber(Monitor::First, ChamberFault::Spoil(Spoil::AliveJump))]
        "the alive counter of monitor 1's readings leaps by five, once"
        => "dose 1 and interlock: bus, alive counter";
    AliveStuck "alive-stuck" [Chamber(Monitor::First, ChamberFault::AliveStuck)]
        "the alive counter of monitor 1's readings stands still, so all are repeats"
        => "dose 1 and interlock: bus, stale";
    ShortFrame "short-frame" [Chamber(Monitor::First, ChamberFault::Spoil(Spoil::Short))]
        "one reading of monitor 1 has seven bytes"
        => "dose 1 and interlock: bus, length";
    DuplicateFrame "duplicate-frame" [Chamber(Monitor::First, ChamberFault::Spoil(Spoil::Twice))]
        "one reading of monitor 1 arrives twice"
        => "nothing: a repeat is dropped and counted";
    LostFrame "lost-frame" [Chamber(Monitor::First, ChamberFault::Spoil(Spoil::Lost))]
        "one reading of monitor 1 does not arrive"
        => "nothing: the charge is cumulative, the loss is counted";
    GateSilentA "gate-silent-a" [Gate(GateFault::Silent(Bus::A))]
        "the gate reports nothing on bus A"
        => "dose 1 and time: bus, stale";
    GateSilentB "gate-silent-b" [Gate(GateFault::Silent(Bus::B))]
        "the gate reports nothing on bus B"
        => "dose 2 and interlock: bus, stale";
    GateFrozenA "gate-frozen-a" [Gate(GateFault::Frozen(Bus::A))]
        "the gate repeats its last report on bus A in fresh frames"
        => "interlock: pulse counts of gate and chambers disagree";
    GateOneMoreA "gate-one-more-a" [Gate(GateFault::Miscounts(Bus::A, 1))]
        "the gate shows one pulse more on bus A than it fired"
        => "interlock: pulse counts of gate and chambers disagree";
    GateOneFewerA "gate-one-fewer-a" [Gate(GateFault::Miscounts(Bus::A, -1))]
        "the gate shows one pulse fewer on bus A than it fired"
        => "interlock: pulse counts of gate and chambers disagree";
    GateTellsLateA "gate-tells-late-a" [Gate(GateFault::TellsLate(Bus::A, 100))]
        "the gate goes on saying OPEN on bus A for 100 ms after it closed"
        => "not armed: the proof; later interlock: gate open without our permits";
    GateFrozenB "gate-frozen-b" [Gate(GateFault::Frozen(Bus::B))]
        "the gate repeats its last report on bus B in fresh frames"
        => "interlock: pulse counts of gate and chambers disagree";
    GateOneMoreB "gate-one-more-b" [Gate(GateFault::Miscounts(Bus::B, 1))]
        "the gate shows one pulse more on bus B than it fired"
        => "interlock: pulse counts of gate and chambers disagree";
    GateOneFewerB "gate-one-fewer-b" [Gate(GateFault::Miscounts(Bus::B, -1))]
        "the gate shows one pulse fewer on bus B than it fired"
        => "interlock: pulse counts of gate and chambers disagree";
    GateTellsLateB "gate-tells-late-b" [Gate(GateFault::TellsLate(Bus::B, 100))]
        "the gate goes on saying OPEN on bus B for 100 ms after it closed"
        => "not armed: the proof; later interlock: gate open without our permits";
    GateLeaks "gate-leaks" [Gate(GateFault::Leaks)]
        "pulses pass while the gate should hold them, and the gate does not count them"
        => "interlock: pulses while the gate should be closed; the latched gate does not stop them";
    GateFiresClosed "gate-fires-closed" [Gate(GateFault::Stray(Stray { pulses: 20, after: Span::from_millis(0), counted: true }))]
        "20 pulses pass the gate as soon as it closes after a beam, and it counts them"
        => "interlock: pulses while the gate should be closed";
    GateFiresClosedOnce "gate-fires-closed-once" [Gate(GateFault::Stray(Stray { pulses: 1, after: Span::from_millis(40), counted: true }))]
        "one pulse passes the gate 40 ms or more after it closed on a beam, and it counts it"
        => "interlock: pulses while the gate should be closed";
    GateLeaksBriefly "gate-leaks-briefly" [Gate(GateFault::Stray(Stray { pulses: 3, after: Span::from_millis(0), counted: false }))]
        "three pulses pass the gate as soon as it closes after a beam, and it does not count them"
        => "interlock: pulses while the gate should be closed";
    GateExtraPulseCount "gate-extra-pulse-count" [Gate(GateFault::CountsTwiceOnce)]
        "the gate counts one pulse twice"
        => "interlock: pulse counts of gate and chambers disagree";
    GateClockSlow "gate-clock-slow" [Gate(GateFault::ClockSlow)]
        "the gate's clock is 10 % slow"
        => "time: host clock and BeamOnTime differ";
    GateClockStopped "gate-clock-stopped" [Gate(GateFault::BeamOnStopped)]
        "BeamOnTime of the gate stands still"
        => "time: host clock and BeamOnTime differ";
    GateRestart "gate-restart" [Gate(GateFault::Restart)]
        "the gate loses its power for a moment, and the delivery held with it"
        => "interlock: CLOSED while it sends PERMIT; the gate holds no delivery";
    GateStaleTimerDeadDose1 "gate-stale-timer-dead-dose1" [Gate(GateFault::StaleTimerDead(Guard::Dose1))]
        "PERMIT_DOSE1 never grows stale in the gate"
        => "not armed: proving of dose 1, its silence";
    GateStaleTimerDeadDose2 "gate-stale-timer-dead-dose2" [Gate(GateFault::StaleTimerDead(Guard::Dose2))]
        "PERMIT_DOSE2 never grows stale in the gate"
        => "not armed: proving of dose 2, its silence";
    GateStaleTimerDeadTime "gate-stale-timer-dead-time" [Gate(GateFault::StaleTimerDead(Guard::Time))]
        "PERMIT_TIME never grows stale in the gate"
        => "not armed: proving of time, its silence";
    GateStaleTimerDeadInterlock "gate-stale-timer-dead-interlock" [Gate(GateFault::StaleTimerDead(Guard::Interlock))]
        "PERMIT_INTERLOCK never grows stale in the gate"
        => "not armed: proving of interlock, its silence";
    GateStaleTimerDoubleDose1 "gate-stale-timer-double-dose1" [Gate(GateFault::StaleTimerSlow(Guard::Dose1, 2))]
        "PERMIT_DOSE1 grows stale in the gate after twice stale-after"
        => "not armed: proving of dose 1, its silence";
    GateStaleTimerSlowDose1 "gate-stale-timer-slow-dose1" [Gate(GateFault::StaleTimerSlow(Guard::Dose1, 4))]
        "PERMIT_DOSE1 grows stale in the gate after four times stale-after"
        => "not armed: proving of dose 1, its silence";
    GateStaleTimerDoubleDose2 "gate-stale-timer-double-dose2" [Gate(GateFault::StaleTimerSlow(Guard::Dose2, 2))]
        "PERMIT_DOSE2 grows stale in the gate after twice stale-after"
        => "not armed: proving of dose 2, its silence";
    GateStaleTimerSlowDose2 "gate-stale-timer-slow-dose2" [Gate(GateFault::StaleTimerSlow(Guard::Dose2, 4))]
        "PERMIT_DOSE2 grows stale in the gate after four times stale-after"
        => "not armed: proving of dose 2, its silence";
    GateStaleTimerDoubleTime "gate-stale-timer-double-time" [Gate(GateFault::StaleTimerSlow(Guard::Time, 2))]
        "PERMIT_TIME grows stale in the gate after twice stale-after"
        => "not armed: proving of time, its silence";
    GateStaleTimerSlowTime "gate-stale-timer-slow-time" [Gate(GateFault::StaleTimerSlow(Guard::Time, 4))]
        "PERMIT_TIME grows stale in the gate after four times stale-after"
        => "not armed: proving of time, its silence";
    GateStaleTimerDoubleInterlock "gate-stale-timer-double-interlock" [Gate(GateFault::StaleTimerSlow(Guard::Interlock, 2))]
        "PERMIT_INTERLOCK grows stale in the gate after twice stale-after"
        => "not armed: proving of interlock, its silence";
    GateStaleTimerSlowInterlock "gate-stale-timer-slow-interlock" [Gate(GateFault::StaleTimerSlow(Guard::Interlock, 4))]
        "PERMIT_INTERLOCK grows stale in the gate after four times stale-after"
        => "not armed: proving of interlock, its silence";
    GateLeaseDeadDose1 "gate-lease-dead-dose1" [Gate(GateFault::LeaseDead(Guard::Dose1))]
        "the lease of PERMIT_DOSE1 stops nothing in the gate"
        => "not armed: proving of dose 1, its lease 0";
    GateLeaseDeadDose2 "gate-lease-dead-dose2" [Gate(GateFault::LeaseDead(Guard::Dose2))]
        "the lease of PERMIT_DOSE2 stops nothing in the gate"
        => "not armed: proving of dose 2, its lease 0";
    GateLeaseDeadTime "gate-lease-dead-time" [Gate(GateFault::LeaseDead(Guard::Time))]
        "the lease of PERMIT_TIME stops nothing in the gate"
        => "not armed: proving of time, its lease 0";
    GateLeaseDeadInterlock "gate-lease-dead-interlock" [Gate(GateFault::LeaseDead(Guard::Interlock))]
        "the lease of PERMIT_INTERLOCK stops nothing in the gate"
        => "not armed: proving of interlock, its lease 0";
    GateStateDeadDose1 "gate-state-dead-dose1" [Gate(GateFault::StateDead(Guard::Dose1))]
        "WITHHELD of PERMIT_DOSE1 reads as PERMIT in the gate"
        => "not armed: proving of dose 1, its WITHHELD";
    GateStateDeadDose2 "gate-state-dead-dose2" [Gate(GateFault::StateDead(Guard::Dose2))]
        "WITHHELD of PERMIT_DOSE2 reads as PERMIT in the gate"
        => "not armed: proving of dose 2, its WITHHELD";
    GateStateDeadTime "gate-state-dead-time" [Gate(GateFault::StateDead(Guard::Time))]
        "WITHHELD of PERMIT_TIME reads as PERMIT in the gate"
        => "not armed: proving of time, its WITHHELD";
    GateStateDeadInterlock "gate-state-dead-interlock" [Gate(GateFault::StateDead(Guard::Interlock))]
        "WITHHELD of PERMIT_INTERLOCK reads as PERMIT in the gate"
        => "not armed: proving of interlock, its WITHHELD";
    GateTripDeadDose1 "gate-trip-dead-dose1" [Gate(GateFault::TripDead(Guard::Dose1))]
        "TRIPPED of PERMIT_DOSE1 closes the gate and does not latch it"
        => "not armed: proving of dose 1, its TRIPPED";
    GateTripDeadDose2 "gate-trip-dead-dose2" [Gate(GateFault::TripDead(Guard::Dose2))]
        "TRIPPED of PERMIT_DOSE2 closes the gate and does not latch it"
        => "not armed: proving of dose 2, its TRIPPED";
    GateTripDeadTime "gate-trip-dead-time" [Gate(GateFault::TripDead(Guard::Time))]
        "TRIPPED of PERMIT_TIME closes the gate and does not latch it"
        => "not armed: proving of time, its TRIPPED";
    GateTripDeadInterlock "gate-trip-dead-interlock" [Gate(GateFault::TripDead(Guard::Interlock))]
        "TRIPPED of PERMIT_INTERLOCK closes the gate and does not latch it"
        => "not armed: proving of interlock, its TRIPPED";
    GateLeaseOffByOne "gate-lease-off-by-one" [Gate(GateFault::LeaseOffByOne(Guard::Dose1))]
        "the gate lets one pulse more pass than dose guard 1 leased"
        => "not armed: proving of dose 1, its lease 0";
    HardwareInterlock "hardware-interlock" [Gate(GateFault::HardwareInterlock)]
        "a hardware interlock of the treatment unit opens in the gate"
        => "the gate by itself, HARDWARE_INTERLOCK; then interlock: Interrupted";
    RateHigh "rate-high" [Linac(LinacFault::Rate(250))]
        "the pulse rate (without pulses: the dose rate) is 2.5 times what it should be"
        => "interlock: rate, above 2 x";
    RateLow "rate-low" [Linac(LinacFault::Rate(40))]
        "the pulse rate (without pulses: the dose rate) is 40 % of what it should be"
        => "interlock: rate, below 0.5 x";
    RateSlow "rate-slow" [Linac(LinacFault::Rate(65))]
        "the pulse rate (without pulses: the dose rate) is 65 % of what it should be"
        => "interlock: a warning only; time, where the plan is long enough";
    RateFast "rate-fast" [Linac(LinacFault::Rate(150))]
        "the pulse rate (without pulses: the dose rate) is 1.5 times what it should be"
        => "interlock: a warning only";
    RateHalf "rate-half" [Linac(LinacFault::Rate(52))]
        "the pulse rate (without pulses: the dose rate) is 52 % of what it should be"
        => "interlock: a warning only; time, where the plan is long enough";
    OutputHigh "output-high" [Linac(LinacFault::Output(250))]
        "each pulse really is 2.5 times what it should be"
        => "interlock: chamber lies, high; dose 1 and dose 2 in any case";
    Energy "energy" [Linac(LinacFault::Energy)]
        "the sensed energy is 3 MeV higher"
        => "interlock: set-up, energy";
    Applicator "applicator" [Linac(LinacFault::Applicator)]
        "another applicator's code is read"
        => "interlock: set-up, applicator";
    ApplicatorUnread "applicator-unread" [Linac(LinacFault::Interlock(interlock_bit::APPLICATOR_UNREAD))]
        "the applicator's code is not read"
        => "interlock: set-up, applicator";
    Docking "docking" [Linac(LinacFault::Docking)]
        "the applicator comes off the head"
        => "interlock: set-up, docking";
    Door "door" [Linac(LinacFault::Interlock(interlock_bit::DOOR))]
        "the door opens"
        => "interlock: set-up, door";
    EmergencyStop "emergency-stop" [Linac(LinacFault::Interlock(interlock_bit::EMERGENCY_STOP))]
        "the emergency stop is pressed"
        => "interlock: set-up, emergency stop";
    ServiceMode "service-mode" [Linac(LinacFault::Interlock(interlock_bit::SERVICE_MODE))]
        "the linac is in service mode"
        => "interlock: set-up, service mode";
    NotReady "not-ready" [Linac(LinacFault::Interlock(interlock_bit::NOT_READY))]
        "the linac is not ready"
        => "interlock: set-up, linac not ready";
    ViewLost "view-lost" [Linac(LinacFault::Interlock(interlock_bit::VIEW_LOST))]
        "the view of the patient is lost"
        => "interlock: set-up, view system";
    Cooling "cooling" [Linac(LinacFault::Interlock(interlock_bit::COOLING))]
        "the cooling fails"
        => "interlock: set-up, cooling";
    HighVoltage "high-voltage" [Linac(LinacFault::Interlock(interlock_bit::HIGH_VOLTAGE))]
        "the high voltage fails"
        => "interlock: set-up, high voltage";
    LinacSilent "linac-silent" [Linac(LinacFault::Silent)]
        "the linac reports nothing any more"
        => "interlock: bus, stale";
    BeamRequestedEarly "beam-requested-early" [Linac(LinacFault::RequestedEarly)]
        "the console asks for beam before anybody asked it to, and goes on"
        => "not armed: beam requested during proving";
    RequestNeverTold "request-never-told" [Linac(LinacFault::RequestTold(RequestTold::Stuck(false)))]
        "the linac's status says that no beam is requested, whatever the console does"
        => "interlock: beam that nobody requested";
    RequestAlwaysTold "request-always-told" [Linac(LinacFault::RequestTold(RequestTold::Stuck(true)))]
        "the linac's status says that beam is requested, whatever the console does"
        => "not armed: beam requested during proving; in a beam nobody can see it";
    RequestFlickers "request-flickers" [Linac(LinacFault::RequestTold(RequestTold::Flickering))]
        "each status of the linac says the opposite of the one before about the request"
        => "not armed: beam requested during proving; in a beam interlock: beam that nobody requested, where two pulses fall under none";
}
