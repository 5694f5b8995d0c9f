//! Every input that fuzzing found worth keeping (`tests/fuzz/corpus`) goes through the very bodies of the fuzz targets, so that what
//! held when it was found holds today.

#[path = "fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpora().join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect()
}

#[test]
fn every_committed_input_still_holds() {
    let mut replayed = 0;
    for (name, target) in fuzz::TARGETS {
        let inputs = inputs(name);
        let bytes: usize = inputs.iter().map(|(_, bytes)| bytes.len()).sum();
        println!("{name}: {} inputs, {bytes} bytes", inputs.len());
        // small enough to be read by people and kept by git
        assert!(
            (20..=300).contains(&inputs.len()) && bytes <= 150_000,
            "{name}: {} inputs, {bytes} bytes",
            inputs.len()
        );
        for (path, bytes) in inputs {
            // the panic's own message says which property; this one says which input
            assert!(catch_unwind(|| target(&bytes)).is_ok(), "tests/fuzz/run {name}: {}", path.display());
            replayed += 1;
        }
    }
    println!("{replayed} inputs replayed");
}

#[test]
fn every_corpus_has_its_target_and_every_target_its_binary() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").path().file_stem().unwrap_or_default().to_string_lossy().into())
            .collect()
    };
    let targets: BTreeSet<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(corpora()), targets);
    assert_eq!(names(corpora().join("../fuzz_targets")), targets);
    let script = fs::read_to_string(corpora().join("../run")).expect("the script");
    assert!(targets.iter().all(|name| script.contains(&format!("    \"{name}\": ("))), "the script knows every target");
}
