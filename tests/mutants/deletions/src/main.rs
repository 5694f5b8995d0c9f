//! Lists every statement of Rust sources that can be deleted, one a line, for `tests/mutants/deletions.py`.
//!
//! ```text
//! deletions FILE...
//! ```
//!
//! Each line has, parted by tabs: the file as it was named, what is deleted (see `find::Kind`), the first byte and the byte
//! after the last, `const` or `run` (whether the function may run while it is compiled), and the name of the function.

use std::process::ExitCode;
use std::{env, fs};

mod find;

fn main() -> ExitCode {
    let files: Vec<String> = env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("which files? Name at least one: deletions FILE...");
        return ExitCode::from(2);
    }
    for file in files {
        let parsed = fs::read_to_string(&file)
            .map_err(|error| error.to_string())
            .and_then(|source| syn::parse_file(&source).map_err(|error| error.to_string()));
        match parsed {
            Ok(parsed) => {
                for found in find::deletable(&parsed) {
                    println!("{file}\t{found}");
                }
            }
            Err(error) => {
                eprintln!("{file}: {error}. Only Rust that compiles can be listed.");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
