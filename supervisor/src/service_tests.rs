//! The environment of a process is given before it starts, so these tests start themselves again as a child that systemd
//! might have started.

use std::io::Read;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use super::*;

/// Set in the environment of the child only.
const CHILD: &str = "BEAM_SUPERVISOR_TEST_CHILD";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The named test of this file, alone in a process of its own, with standard input as descriptor 3 as well.
fn child(test: &str) -> Command {
    let mut command = Command::new("sh");
    let name = format!("service::tests::{test}");
    command.args(["-c", "exec 3<&0; LISTEN_PID=$$ WATCHDOG_PID=$$ exec \"$0\" --exact --nocapture \"$1\""]);
    command.arg(std::env::current_exe().unwrap()).arg(name).env(CHILD, "1").stdout(Stdio::piped());
    command
}

#[test]
fn outside_systemd_nothing_happens() {
    if !is_child() {
        let mut command = child("outside_systemd_nothing_happens");
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("LISTEN_FDS");
        assert!(command.stdin(Stdio::null()).status().unwrap().success());
        return;
    }
    assert!(ready("ready").and(status("on")).and(feed_watchdog()).and(stopping("off")).is_ok());
    assert_eq!(watchdog_period(), None);
    assert!(metrics_listener().unwrap().is_none());
}

#[test]
fn systemd_is_told_and_its_watchdog_fed_twice_a_period() {
    if is_child() {
        assert_eq!(watchdog_period(), Some(Span::from_millis(1_000)));
        ready("bus A and bus B").unwrap();
        status("armed").unwrap();
        feed_watchdog().unwrap();
        stopping("asked to").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    let mut command = child("systemd_is_told_and_its_watchdog_fed_twice_a_period");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000");
    assert!(command.stdin(Stdio::null()).status().unwrap().success());
    systemd.set_nonblocking(true).unwrap();
    let mut told = Vec::new();
    let mut message = [0; 200];
    while let Ok(length) = systemd.recv(&mut message) {
        told.push(String::from_utf8_lossy(&message[..length]).into_owned());
    }
    assert_eq!(
        told,
        ["READY=1\nSTATUS=bus A and bus B\n", "STATUS=armed\n", "WATCHDOG=1\n", "STOPPING=1\nSTATUS=asked to\n"]
    );
}

#[test]
fn the_metrics_socket_is_taken_over() {
    if is_child() {
        let listener = metrics_listener().unwrap().unwrap();
        listener.set_nonblocking(false).unwrap();
        std::io::Write::write_all(&mut listener.accept().unwrap().0, b"here").unwrap();
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut command = child("the_metrics_socket_is_taken_over");
    command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", METRICS_SOCKET).stdin(OwnedFd::from(listener));
    assert!(command.status().unwrap().success());
    let mut answer = String::new();
    caller.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "here");
}

#[test]
fn a_period_is_half_of_the_limit() {
    assert_eq!(half(Duration::from_millis(500)), Span::from_millis(250));
    assert_eq!(half(Duration::MAX), Span::from_nanos(u64::MAX));
}
