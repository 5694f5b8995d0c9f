//! The port that the metrics are read from: one ordinary thread with a small runtime of its own.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use beam_drivers::realtime::{ThreadWish, spawn};

use super::Metrics;

/// Stack of the thread, in bytes: answering takes more than a guard does.
const STACK_BYTES: usize = 512 << 10;

/// The pages `/metrics` and `/healthz`. `health` says `Ok` with a line about the service, or `Err` with what is wrong
/// with it, which is answered with status 503.
pub fn router(
    metrics: Arc<Metrics>,
    health: impl Fn() -> Result<String, String> + Clone + Send + Sync + 'static,
) -> Router {
    let text = move || async move {
        metrics.set_resident_memory(resident_memory());
        match metrics.text() {
            Ok(text) => Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)),
            Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        }
    };
    let health = move || async move {
        match health() {
            Ok(line) => (StatusCode::OK, line + "\n"),
            Err(line) => (StatusCode::SERVICE_UNAVAILABLE, line + "\n"),
        }
    };
    Router::new().route("/metrics", get(text)).route("/healthz", get(health))
}

/// Answers callers of `listener` with `pages`, in a thread of its own, until the process ends.
///
/// # Errors
/// What the kernel says when the thread or its runtime cannot be made.
pub fn serve(listener: TcpListener, pages: Router) -> io::Result<JoinHandle<io::Result<()>>> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let wish = ThreadWish { stack_bytes: STACK_BYTES, ..ThreadWish::default() };
    spawn("metrics", wish, move |_| {
        runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, pages).await })
    })
}

/// Resident memory of this process in bytes, 0 when the kernel does not say.
#[must_use]
pub fn resident_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    kilobytes.and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1024
}
