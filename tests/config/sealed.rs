//! The configuration as it was when it was read: whatever of it changes afterwards is found, whichever file it stands in.

use std::fs;
use std::path::{Path, PathBuf};

use beam_supervisor::config::{Seal, load_sealed};

use super::configs;

/// A site in a folder of its own: the service's file, a profile with two electrometers, their DBC file, a plan, the air.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    const FILES: [&str; 5] = ["supervisor.toml", "machine.toml", "electrometer.dbc", "plan.toml", "air.toml"];

    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |path: &str| fs::read_to_string(configs().join(path)).expect("readable");
        let texts = [
            text("supervisor.toml").replace("machines/mobetron.toml", "machine.toml"),
            text("machines/example-electrometer.toml").replace("../can/example-electrometer.dbc", "electrometer.dbc"),
            text("can/example-electrometer.dbc"),
            text("plans/example-electrometer-10gy.toml"),
            "taken = \"2026-03-02T07:30:00Z\"\n".to_owned(),
        ];
        let site = Self { folder };
        for (name, text) in Self::FILES.iter().zip(texts) {
            fs::write(site.path(name), text).expect("written");
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sealed(&self) -> Seal {
        let others = ["plan.toml", "air.toml"].map(|name| self.path(name));
        let (site, profile, seal) =
            load_sealed(&self.path("supervisor.toml"), &others.each_ref().map(PathBuf::as_path)).expect("it is good");
        assert_eq!((site.profile, profile.name.as_str()), (self.path("machine.toml"), "example-electrometer"));
        seal
    }
}

/// The name of the file that is no longer what it was.
fn broken(seal: &Seal) -> Option<&str> {
    seal.broken().and_then(Path::file_name).and_then(|name| name.to_str())
}

#[test]
fn trips_a_change_of_any_file_that_was_read_and_holds_when_it_is_as_before() {
    let site = Site::new();
    let seal = site.sealed();
    assert_eq!(broken(&seal), None);
    for name in Site::FILES {
        let before = fs::read_to_string(site.path(name)).expect("readable");
        fs::write(site.path(name), format!("{before} ")).expect("written");
        assert_eq!(broken(&seal), Some(name));
        fs::remove_file(site.path(name)).expect("removed");
        assert_eq!(broken(&seal), Some(name), "gone");
        fs::write(site.path(name), before).expect("written");
        assert_eq!(broken(&seal), None, "{name} is as before");
    }
}

#[test]
fn holds_a_change_of_a_file_that_nobody_read() {
    let site = Site::new();
    let seal = site.sealed();
    fs::write(site.path("other.dbc"), "VERSION \"\"").expect("written");
    assert_eq!(broken(&seal), None);
}

#[test]
fn what_is_sealed_is_read_like_any_other_configuration() {
    let site = Site::new();
    fs::remove_file(site.path("electrometer.dbc")).expect("removed");
    let problems = load_sealed(&site.path("supervisor.toml"), &[]).expect_err("the profile names a file that is gone");
    assert!(problems.iter().all(|problem| problem.what.contains("`electrometer.dbc` cannot be read")), "{problems:?}");
    assert_eq!(problems.len(), 2, "once for each chamber");
}
