//! The text that a monitoring system reads, judged by hand and, where it is installed, by `promtool`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;

fn metrics() -> Metrics {
    Metrics::new("0.1.0", "unknown", WallTime::from_unix_nanos(1_700_000_000_500_000_000)).unwrap()
}

fn has(metrics: &Metrics, line: &str) {
    let text = metrics.text().unwrap();
    assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
}

/// A delivery in every setter.
fn delivered() -> Metrics {
    let metrics = metrics();
    metrics.set_delivered(Guard::Dose1, Dose::from_micro_mu(12_500_000), 10);
    metrics.set_delivered(Guard::Dose2, Dose::from_micro_mu(12_400_000), 10);
    metrics.set_planned(Dose::from_micro_mu(1_000_000_000), Dose::from_micro_mu(1_040_000_000));
    metrics.set_dose_rate(Dose::from_micro_mu(6_250_000));
    metrics.set_beam_charge(Some(Charge::from_picocoulombs(500_000)));
    metrics.set_beam_on(Span::from_millis(2_000), Span::from_secs(192));
    metrics.set_pulse_lease(Guard::Dose1, 11);
    metrics.set_pulse_lease(Guard::Time, beam_core::wire::NO_PULSE_LIMIT);
    metrics.set_session_state(State::Delivering);
    metrics.set_gate_state(Bus::A, Some(GateState::Open));
    metrics.count_delivery(EndedBy::Operator);
    metrics.count_fault(Fault::ALL[0]);
    metrics.set_frames(Guard::Dose1, FrameCounts { fresh: 100, lost: 1, repeated: 2, distrusted: 3 });
    metrics.observe_lateness(Guard::Time, Span::from_micros(40));
    metrics.observe_lateness(Guard::Time, Span::from_micros(20));
    metrics.observe_frame_to_permit(Guard::Dose2, Span::from_millis(3));
    metrics.set_page_faults(Guard::Interlock, 4);
    metrics.set_context_switches(Guard::Time, [9, 1]);
    metrics.count_trouble(Guard::Dose1, Trouble::ReceiveOverflow { lost: 7 });
    metrics.count_trouble(Guard::Dose1, Trouble::ReceiveOverflow { lost: 1 });
    metrics.count_trouble(Guard::Dose1, Trouble::ControllerOverrun);
    metrics.set_ring_full(Guard::Interlock, 5);
    metrics.set_records_lost(6);
    metrics.set_realtime_refusals(2);
    metrics.set_mode(20, true, true);
    metrics.set_resident_memory(20 << 20);
    metrics
}

#[test]
fn every_series_exists_from_the_start() {
    let metrics = metrics();
    for line in [
        "beamsup_delivered_monitor_units{chamber=\"2\"} 0",
        "beamsup_session_state{state=\"inhibited\"} 1",
        "beamsup_session_state{state=\"delivering\"} 0",
        "beamsup_gate_state{bus=\"B\",state=\"unknown\"} 1",
        "beamsup_frames_total{guard=\"interlock\",result=\"distrusted\"} 0",
        "beamsup_build_info{revision=\"unknown\",version=\"0.1.0\"} 1",
        "beamsup_period_scale 1",
        "process_start_time_seconds 1700000000.5",
    ] {
        has(&metrics, line);
    }
    for fault in Fault::ALL {
        has(&metrics, &format!("beamsup_faults_total{{code=\"{}\"}} 0", fault.code()));
    }
}

#[test]
fn setters_show_base_units() {
    let metrics = delivered();
    for line in [
        "beamsup_delivered_monitor_units{chamber=\"1\"} 12.5",
        "beamsup_delivered_pulses{chamber=\"2\"} 10",
        "beamsup_planned_monitor_units{chamber=\"2\"} 1040",
        "beamsup_dose_rate_monitor_units_per_second 6.25",
        "beamsup_beam_charge_coulombs 0.0000005",
        "beamsup_beam_on_seconds 2",
        "beamsup_pulse_lease{guard=\"dose 1\"} 11",
        "beamsup_pulse_lease{guard=\"time\"} 16777215",
        "beamsup_session_state{state=\"delivering\"} 1",
        "beamsup_session_state{state=\"inhibited\"} 0",
        "beamsup_gate_state{bus=\"A\",state=\"open\"} 1",
        "beamsup_gate_state{bus=\"A\",state=\"unknown\"} 0",
        "beamsup_deliveries_total{ended_by=\"operator\"} 1",
        "beamsup_frames_total{guard=\"dose 1\",result=\"fresh\"} 100",
        "beamsup_guard_lateness_seconds_count{guard=\"time\"} 2",
        "beamsup_guard_lateness_seconds_bucket{guard=\"time\",le=\"0.000025\"} 1",
        "beamsup_guard_lateness_max_seconds{guard=\"time\"} 0.00004",
        "beamsup_frame_to_permit_max_seconds{guard=\"dose 2\"} 0.003",
        "beamsup_guard_context_switches_total{guard=\"time\",kind=\"voluntary\"} 9",
        "beamsup_guard_context_switches_total{guard=\"time\",kind=\"involuntary\"} 1",
        "beamsup_guard_page_faults_total{guard=\"interlock\"} 4",
        "beamsup_frames_dropped_total{guard=\"dose 1\"} 8",
        "beamsup_controller_overruns_total{guard=\"dose 1\"} 1",
        "beamsup_realtime_refusals 2",
        "beamsup_period_scale 20",
        "beamsup_observe 1",
        "process_resident_memory_bytes 20971520",
    ] {
        has(&metrics, line);
    }
}

#[test]
fn totals_go_on_over_deliveries_and_never_fall() {
    let metrics = delivered();
    metrics.set_delivered(Guard::Dose1, Dose::from_micro_mu(-100), 0);
    metrics.set_delivered(Guard::Dose1, Dose::from_micro_mu(2_500_000), 2);
    has(&metrics, "beamsup_pulses_total{chamber=\"1\"} 12");
    let total = metrics.delivery.dose_ever[0].get();
    assert!((total - 15.0001).abs() < 1e-9, "{total}");
    metrics.set_records_lost(2);
    has(&metrics, "beamsup_records_lost_total 6");
}

#[test]
fn counts_of_frames_go_on_over_their_wrap() {
    let metrics = metrics();
    for fresh in [u32::MAX, 4, 4, 10] {
        metrics.set_frames(Guard::Time, FrameCounts { fresh, ..FrameCounts::default() });
    }
    has(&metrics, &format!("beamsup_frames_total{{guard=\"time\",result=\"fresh\"}} {}", (1_u64 << 32) + 10));
}

fn ask(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_port_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = Arc::new(delivered());
    let seen = metrics.clone();
    let health = move || {
        if seen.service.records_lost.get() == 6 {
            Ok("delivering".to_owned())
        } else {
            Err("records are lost".to_owned())
        }
    };
    serve(listener, router(metrics.clone(), health)).unwrap();
    let answer = ask(address, "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("beamsup_delivered_monitor_units{chamber=\"1\"} 12.5"), "{answer}");
    let resident = metrics.service.resident.get();
    assert!(resident > 1 << 20, "{resident}");
    let answer = ask(address, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("delivering\n"), "{answer}");
    metrics.set_records_lost(7);
    let answer = ask(address, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("records are lost\n"), "{answer}");
    assert!(ask(address, "/").starts_with("HTTP/1.1 404"));
}

#[test]
fn promtool_finds_nothing_to_correct() {
    let started =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut promtool) = started else { return };
    promtool.stdin.take().unwrap().write_all(delivered().text().unwrap().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
