//! Sockets that were open before the process started: systemd opens the port of the metrics and hands it over, so that
//! the service itself needs no right to open an Internet socket.

use std::io;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt};

/// A listening TCP socket from a descriptor that this process was started with. The descriptor itself stays open.
///
/// # Errors
/// The kernel's, when there is no such descriptor; `InvalidInput` when it is not a listening TCP socket.
pub fn tcp_listener(descriptor: RawFd) -> io::Result<TcpListener> {
    // SAFETY: `fcntl` takes three integers here; a descriptor that is not open is an error and nothing else.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    Errno::result(copy)?;
    // SAFETY: the kernel made `copy` just now, so nobody else owns it.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    let listens = getsockopt(&copy, sockopt::AcceptConn).unwrap_or(false);
    let family = getsockname::<SockaddrStorage>(std::os::fd::AsRawFd::as_raw_fd(&copy))?.family();
    if !listens || !matches!(family, Some(AddressFamily::Inet | AddressFamily::Inet6)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a listening TCP socket"));
    }
    let listener = TcpListener::from(copy);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::socketpair::pair;

    #[test]
    fn a_listening_socket_goes_on_listening() {
        let original = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = original.local_addr().unwrap();
        let inherited = tcp_listener(original.as_raw_fd()).unwrap();
        drop(original);
        let _caller = TcpStream::connect(address).unwrap();
        assert!(inherited.accept().is_ok());
        assert_eq!(inherited.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(tcp_listener(-1).is_err());
        let (other, _end) = pair().unwrap();
        assert_eq!(tcp_listener(other.as_raw_fd()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
