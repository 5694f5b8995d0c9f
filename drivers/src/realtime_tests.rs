//! Whether granted or refused, nothing here may fail: tests run as any user on any machine.

use super::*;

#[test]
fn a_guard_thread_runs_whether_its_wishes_are_granted_or_not() {
    let thread = spawn("guard", ThreadWish::guard(50, Some(0)), |refusals| {
        for refusal in &refusals {
            assert!(refusal.to_string().contains("refused"), "{refusal}");
        }
        // SAFETY: 0 means the calling thread; nothing is written.
        let policy = unsafe { libc::sched_getscheduler(0) };
        let fifo_refused = refusals.iter().any(|refusal| refusal.what.starts_with("SCHED_FIFO"));
        assert_eq!(policy == libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, !fifo_refused);
        std::thread::current().name().map(str::to_owned)
    });
    assert_eq!(thread.unwrap().join().unwrap().as_deref(), Some("guard"));
}

#[test]
fn what_nobody_can_grant_is_refused_with_advice() {
    let impossible = ThreadWish { fifo_priority: Some(100), cpu: Some(1_000), ..ThreadWish::default() };
    let refusals = spawn("impossible", impossible, |refusals| refusals).unwrap().join().unwrap();
    let texts: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("core 1000 refused") && texts[0].contains("CPUAffinity"), "{}", texts[0]);
    assert!(texts[1].contains("priority 100 refused") && texts[1].contains("LimitRTPRIO"), "{}", texts[1]);
}

#[test]
fn an_ordinary_thread_wishes_for_nothing() {
    let refusals = spawn("ordinary", ThreadWish::default(), |refusals| refusals).unwrap().join().unwrap();
    assert_eq!(refusals, []);
}

#[test]
fn memory_is_locked_or_the_refusal_says_how_to_grant_it() {
    let refusals = prepare_process();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    let locked: u64 = locked.trim().trim_end_matches(" kB").parse().unwrap();
    let refused = refusals.iter().map(ToString::to_string).find(|refusal| refusal.contains("LimitMEMLOCK"));
    assert_eq!(locked == 0, refused.is_some(), "{refusals:?}");
}

#[test]
fn processors_are_told_to_wake_at_once() {
    let device = tempfile::NamedTempFile::new().unwrap();
    let held = wake_at_once(device.path()).unwrap();
    assert!(held.is_some());
    assert_eq!(fs::read(device.path()).unwrap(), 0_i32.to_ne_bytes());
}

#[test]
fn a_machine_without_the_device_refuses_nothing_and_a_closed_device_says_how_to_open_it() {
    let folder = tempfile::tempdir().unwrap();
    assert!(wake_at_once(&folder.path().join("none")).unwrap().is_none());
    // a folder can be written by nobody, root included
    let refusal = wake_at_once(folder.path()).unwrap_err().to_string();
    assert!(refusal.contains("wake at once refused") && refusal.contains("DeviceAllow"), "{refusal}");
}

#[test]
fn a_prepared_stack_faults_no_more() {
    let wish = ThreadWish::default();
    let (before, after) = spawn("faults", wish, |_| {
        let _ = thread_faults();
        let before = thread_faults();
        let mut stack = [0_u8; 64 << 10];
        black_box(&mut stack);
        (before, thread_faults())
    })
    .unwrap()
    .join()
    .unwrap();
    assert!(after.minor <= before.minor + 1, "{before:?} {after:?}");
}

#[test]
fn context_switches_of_a_thread_are_read_by_its_name() {
    let (asks, asked) = std::sync::mpsc::channel::<()>();
    let thread = spawn("a-name-of-many-bytes", ThreadWish::default(), move |_| asked.iter().count()).unwrap();
    let switches = || context_switches("a-name-of-many-bytes").map(|[voluntary, _]| voluntary);
    asks.send(()).unwrap();
    let before = loop {
        // the thread has its name a moment after it was started
        if let Some(count) = switches() {
            break count;
        }
    };
    for _ in 0..20 {
        asks.send(()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(switches().unwrap() > before);
    drop(asks);
    thread.join().unwrap();
    assert_eq!(context_switches("nobody"), None);
}
