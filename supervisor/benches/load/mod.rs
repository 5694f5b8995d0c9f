//! What keeps a computer busy while something is measured: `stress-ng` with processors, disk and memory, a socket pair that is
//! flooded with frames, and a metrics page that is fetched a hundred times a second.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use beam_core::units::Span;
use beam_drivers::clock;
use beam_drivers::socketpair::pair;
use beam_supervisor::metrics::{self, Metrics};

/// From one fetch of the page to the next.
const FETCH_EVERY: Span = Span::from_millis(10);
/// Frames that are written at once by the flood before it lets others run.
const BURST: usize = 64;

/// The load; it ends when this is dropped.
pub struct Load {
    stress: Child,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Load {
    /// Starts everything.
    pub fn start() -> io::Result<Self> {
        let stress = Command::new("stress-ng")
            .args(["--cpu", "2", "--iomix", "1", "--vm", "1", "--vm-bytes", "128M", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("stress-ng: {error}\n    fix: install Debian's stress-ng")))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let pages = metrics::router(Arc::new(Metrics::for_this_build()?), || Ok("a benchmark runs".to_owned()));
        let _it_ends_with_the_process = metrics::serve(listener, pages)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (fetching, flooding) = (Arc::clone(&stop), Arc::clone(&stop));
        let threads = vec![
            thread::spawn(move || fetch(address, &fetching)),
            thread::spawn(move || flood(&flooding).unwrap_or(0)),
        ];
        Ok(Self { stress, stop, threads })
    }

    /// Ends it and says what it came to: pages fetched and frames flooded.
    pub fn end(mut self) -> Done {
        self.stop.store(true, Ordering::Relaxed);
        let mut counts = self.threads.drain(..).map(|thread| thread.join().unwrap_or(0));
        Done { pages: counts.next().unwrap_or(0), frames: counts.next().unwrap_or(0) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // its children end with it
        let _asked = Command::new("kill").arg(self.stress.id().to_string()).status();
        let _ended = self.stress.wait();
    }
}

/// What a load came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pages: u64,
    frames: u64,
}

impl fmt::Display for Done {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "stress-ng, {} pages of metrics fetched, {} frames flooded", self.pages, self.frames)
    }
}

/// Fetches the page over and over; how often it came.
fn fetch(address: SocketAddr, stop: &AtomicBool) -> u64 {
    let mut fetched = 0;
    let mut page = Vec::with_capacity(64 << 10);
    let mut due = clock::now();
    while !stop.load(Ordering::Relaxed) {
        let got = TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
            page.clear();
            stream.read_to_end(&mut page)
        });
        fetched += u64::from(got.is_ok_and(|bytes| bytes > 0));
        // by the clock, so that a slow answer does not make fewer of them
        due = due.after(FETCH_EVERY);
        thread::sleep(Duration::from_nanos(due.since(clock::now()).nanos()));
    }
    fetched
}

/// Sends frames over a socket pair as fast as somebody reads them; how many.
fn flood(stop: &AtomicBool) -> io::Result<u64> {
    let (ours, theirs) = pair()?;
    let (mut sent, frame) = (0, [0_u8; 16]);
    let mut read = [0_u8; 16];
    while !stop.load(Ordering::Relaxed) {
        let mut waiting = 0;
        while waiting < BURST && nix::unistd::write(&ours, &frame).is_ok() {
            waiting += 1;
        }
        for _ in 0..waiting {
            nix::unistd::read(&theirs, &mut read)?;
        }
        sent += waiting as u64;
        thread::yield_now();
    }
    Ok(sent)
}
