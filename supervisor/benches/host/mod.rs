//! What else the computer does while something is measured: a figure without it says little.

use std::fs;

/// Processes that run or want to, as means of 1, 5 and 15 minutes (proc(5), `loadavg`).
pub fn load_average() -> String {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let means: Vec<&str> = told.split_whitespace().take(3).collect();
    if means.len() == 3 { means.join(" ") } else { "unknown".to_owned() }
}
