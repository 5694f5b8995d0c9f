//! The program `beam-supervisor`: reads the command line, does what it asks, and answers with an exit code.

use std::process::ExitCode;

use beam_supervisor::cli::{Cli, Command};
use beam_supervisor::commands;
use clap::Parser;

fn main() -> ExitCode {
    // usage errors end here, with exit code 2
    let cli = Cli::parse();
    let code = match cli.command {
        Command::Demo(arguments) => commands::demo(&arguments),
        Command::Run(arguments) => commands::run(&arguments),
        Command::Check(arguments) => commands::check(&arguments),
        Command::Simulate(arguments) => commands::simulate(&arguments),
        Command::Replay(arguments) => commands::replay(&arguments),
        Command::Latency(arguments) => commands::latency(&arguments),
        Command::Faults(arguments) => commands::faults(&arguments),
    };
    ExitCode::from(code)
}
