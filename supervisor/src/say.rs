//! Printing for whoever reads: a reader who has left (`| head`) or a full disk is no reason to die, because the exit code
//! tells the outcome all the same. `println!` would panic.

/// A line on standard output.
macro_rules! say {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _nobody_may_read_it = writeln!(std::io::stdout(), $($part)*);
    }};
}

/// Text on standard output that brings its own line ends.
macro_rules! say_text {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _nobody_may_read_it = write!(std::io::stdout(), $($part)*);
    }};
}
