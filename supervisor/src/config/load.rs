//! The front door of the configuration: a path in, a value or every problem out.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::Path;

use super::dbc::Wrong;
use super::plan::{Plan, parse_plan};
use super::problem::Problem;
use super::profile::{Profile, parse_profile};
use super::seal::Seal;
use super::site::{Site, parse_site};

/// Reads the machine profile at `path`.
///
/// # Errors
/// Everything that is wrong with it, or that it cannot be read.
pub fn load_profile(path: &Path) -> Result<Profile, Vec<Problem>> {
    let text = read_text(path).map_err(|problem| vec![problem])?;
    parse_profile(&path.display().to_string(), &text)
}

/// Reads the plan at `path`.
///
/// # Errors
/// Everything that is wrong with it, or that it cannot be read.
pub fn load_plan(path: &Path) -> Result<Plan, Vec<Problem>> {
    let text = read_text(path).map_err(|problem| vec![problem])?;
    parse_plan(&path.display().to_string(), &text)
}

/// Reads the service's file at `path` and the profile that it names.
///
/// # Errors
/// Everything that is wrong with both and between them, or that one cannot be read.
pub fn load_site(path: &Path) -> Result<(Site, Profile), Vec<Problem>> {
    load_site_by(path, &|path| fs::read(path))
}

/// The same, and the seal over every file that was read for it: the service's own, the profile and the DBC files that it
/// names. `others` are sealed beside them, as they are now; they are to be read for use afterwards.
///
/// # Errors
/// Those of [`load_site`].
pub fn load_sealed(path: &Path, others: &[&Path]) -> Result<(Site, Profile, Seal), Vec<Problem>> {
    let seal = RefCell::new(Seal::of(others.iter().copied()));
    let (site, profile) = load_site_by(path, &|path| seal.borrow_mut().read(path))?;
    Ok((site, profile, seal.into_inner()))
}

/// Gives what is in a file.
pub(super) type Read<'r> = &'r dyn Fn(&Path) -> io::Result<Vec<u8>>;

fn load_site_by(path: &Path, read: Read<'_>) -> Result<(Site, Profile), Vec<Problem>> {
    let text = text_by(path, read).map_err(|problem| vec![problem])?;
    let site = parse_site(&path.display().to_string(), &text)?;
    let profile = site.load_profile(read)?;
    let problems = site.against(&profile);
    if problems.is_empty() { Ok((site, profile)) } else { Err(problems) }
}

/// The text of the DBC file that the profile `file` names by `path`. DBC files are older than UTF-8: what is not UTF-8 is
/// taken for Latin-1.
pub(super) fn beside(file: &str, path: &str) -> Result<String, Wrong> {
    beside_by(file, path, &|path| fs::read(path))
}

/// The same, read by `read`.
pub(super) fn beside_by(file: &str, path: &str, read: Read<'_>) -> Result<String, Wrong> {
    let whole = Path::new(file).parent().unwrap_or(Path::new("")).join(path);
    let bytes = read(&whole).map_err(|error| Wrong {
        what: format!("the DBC file `{path}` cannot be read: {error}"),
        fix: "check the path, which is taken from the place of the profile, and the rights of the file".to_owned(),
    })?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect()))
}

/// The text of the file at `path`.
pub(super) fn read_text(path: &Path) -> Result<String, Problem> {
    text_by(path, &|path| fs::read(path))
}

/// The same, read by `read`.
pub(super) fn text_by(path: &Path, read: Read<'_>) -> Result<String, Problem> {
    let file = path.display().to_string();
    let bytes = read(path).map_err(|error| {
        Problem::of_file(&file, format!("cannot be read: {error}"), "check the path and the rights of the file")
    })?;
    text_of(&file, bytes)
}

/// The text in `bytes`, read from `file`.
///
/// # Errors
/// Where the bytes are not UTF-8.
pub fn text_of(file: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let fix = "save the file as UTF-8; TOML knows no other encoding";
        Problem::at(file, (line, good - line_start + 1), "not UTF-8", fix)
    })
}
