//! Where connections come from: a TCP address or a Unix socket, opened here or passed on by the process that started
//! this one.
//!
//! Under `reuse_port` a socket is taken over: while two processes listen on the same port, new connections go to the
//! one that came last, and a Unix socket's path is replaced at once. What the kernel has already given to the older
//! one is still there to be accepted when that stops ([`Listener::rest`]), so none is lost.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use socket2::{Domain, Type};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio_util::either::Either;

/// What may wait to be accepted; the system lowers it to a limit of its own.
const BACKLOG: i32 = 4096;
const UNIX: &str = "unix:";

/// A connection's socket.
#[cfg(unix)]
pub(super) type Socket = Either<TcpStream, UnixStream>;
/// A connection's socket.
#[cfg(not(unix))]
pub(super) type Socket = Either<TcpStream, TcpStream>;

/// Where to listen: `127.0.0.1:8080` or `unix:/run/edgewit.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// An address and a port; 0 takes a free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix(UNIX).filter(|path| !path.is_empty()) {
            return Ok(Address::Unix(path.into()));
        }
        let wrong = |_| format!("expected an address with a port, or unix: and a path, got `{text}`");
        text.parse().map(Address::Tcp).map_err(wrong)
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Address, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// A socket that the starting process passed on (`LISTEN_FDS`, as systemd does). Connections wait in it while no
/// process accepts them.
pub struct Inherited(Opened);

enum Opened {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl Inherited {
    /// The socket, if there is one. Changes the environment, so it comes before any thread is started.
    ///
    /// # Errors
    /// More than one, or one that cannot be listened on.
    pub fn take() -> io::Result<Option<Inherited>> {
        let mut passed = listenfd::ListenFd::from_env();
        match passed.len() {
            0 => return Ok(None),
            1 => {}
            more => return Err(io::Error::other(format!("expected one socket in LISTEN_FDS, got {more}"))),
        }
        #[cfg(unix)]
        if let Ok(Some(socket)) = passed.take_unix_listener(0) {
            return Ok(Some(Inherited(Opened::Unix(socket))));
        }
        Ok(passed.take_tcp_listener(0)?.map(|socket| Inherited(Opened::Tcp(socket))))
    }
}

/// A socket that accepts connections. Dropping it closes it, and removes its path if that is still its own.
pub struct Listener {
    kind: Kind,
    address: Address,
    /// The file that was made, by its number: another process may have put its own in its place.
    file: Option<(PathBuf, u64)>,
}

enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
    Closed,
}

impl Listener {
    /// Listens on `address`; under `reuse_port` even where another process does, whose place it takes.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(address: &Address, reuse_port: bool) -> io::Result<Listener> {
        match address {
            Address::Tcp(address) => Listener::new(Opened::Tcp(tcp(*address, reuse_port)?), None),
            #[cfg(unix)]
            Address::Unix(path) => {
                let (socket, file) = unix(path, reuse_port)?;
                Listener::new(Opened::Unix(socket), Some((path.clone(), file)))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::Error::other("this system has no Unix sockets")),
        }
    }

    /// Accepts from a socket that was passed on.
    ///
    /// # Errors
    /// What the system says.
    pub fn inherit(Inherited(socket): Inherited) -> io::Result<Listener> {
        Listener::new(socket, None)
    }

    fn new(socket: Opened, file: Option<(PathBuf, u64)>) -> io::Result<Listener> {
        let (kind, address) = match socket {
            Opened::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                let address = Address::Tcp(socket.local_addr()?);
                (Kind::Tcp(TcpListener::from_std(socket)?), address)
            }
            #[cfg(unix)]
            Opened::Unix(socket) => {
                socket.set_nonblocking(true)?;
                let path = match &file {
                    Some((path, _)) => path.clone(),
                    None => socket.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default(),
                };
                (Kind::Unix(UnixListener::from_std(socket)?), Address::Unix(path))
            }
        };
        Ok(Listener { kind, address, file })
    }

    /// Where it listens, with the port that was taken.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(super) async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.kind {
            Kind::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Socket::Left(stream), Some(address)))
            }
            #[cfg(unix)]
            Kind::Unix(socket) => Ok((Socket::Right(socket.accept().await?.0), None)),
            Kind::Closed => Err(io::Error::other("the socket is closed")),
        }
    }

    /// Closes the socket, and returns the connections that were waiting in it: closing alone would reset them. They are
    /// asked of the system itself, which has them before the runtime is told.
    pub(super) fn rest(mut self) -> Vec<(Socket, Option<SocketAddr>)> {
        let mut rest: Vec<(Socket, Option<SocketAddr>)> = Vec::new();
        match std::mem::replace(&mut self.kind, Kind::Closed) {
            Kind::Tcp(socket) => {
                let Ok(socket) = socket.into_std() else { return rest };
                while let Ok((stream, address)) = socket.accept() {
                    let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
                    if let Ok(stream) = ready.and_then(|()| TcpStream::from_std(stream)) {
                        rest.push((Socket::Left(stream), Some(address)));
                    }
                }
            }
            #[cfg(unix)]
            Kind::Unix(socket) => {
                let Ok(socket) = socket.into_std() else { return rest };
                while let Ok((stream, _)) = socket.accept() {
                    let ready = stream.set_nonblocking(true);
                    if let Ok(stream) = ready.and_then(|()| UnixStream::from_std(stream)) {
                        rest.push((Socket::Right(stream), None));
                    }
                }
            }
            Kind::Closed => {}
        }
        rest
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some((path, file)) = &self.file
            && file_number(path).is_ok_and(|now| now == *file)
        {
            // It may be gone since; there is nobody to tell.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn tcp(address: SocketAddr, reuse_port: bool) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)]
    {
        // Else a port could not be listened on while connections of the process before are still closing.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(reuse_port)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    #[cfg(target_os = "linux")]
    if reuse_port {
        prefer_the_second(&socket)?;
    }
    Ok(socket.into())
}

/// Of the sockets that listen on a port together, gives new connections to the second, which is the newest of two.
///
/// By itself the kernel spreads them over both, and resets those that have not been accepted, or are just being
/// opened, when the older is closed. With one socket the number is out of range, and the kernel takes that one.
#[cfg(target_os = "linux")]
fn prefer_the_second(socket: &socket2::Socket) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let mut second = libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 1 };
    let program = libc::sock_fprog { len: 1, filter: &raw mut second };
    // SAFETY: the kernel copies the program, one instruction long, out of `program`, whose size is given, before the
    // call returns.
    #[allow(unsafe_code, reason = "socket2 has every other option, but not this one")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Listens beside the path and moves the socket there, so that no connection finds none. What a process that was
/// killed has left there goes.
#[cfg(unix)]
fn unix(path: &Path, replace: bool) -> io::Result<(std::os::unix::net::UnixListener, u64)> {
    use std::os::unix::net;

    if !replace && net::UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let socket = net::UnixListener::bind(&beside)?;
    let file = file_number(Path::new(&beside))?;
    std::fs::rename(&beside, path)?;
    Ok((socket, file))
}

#[cfg(unix)]
fn file_number(path: &Path) -> io::Result<u64> {
    Ok(std::os::unix::fs::MetadataExt::ino(&std::fs::symlink_metadata(path)?))
}

#[cfg(not(unix))]
fn file_number(_: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_is_a_port_or_a_path() {
        for text in ["127.0.0.1:80", "[::1]:0", "unix:/run/edgewit.sock", "unix:here"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "unix:", "80", "localhost", "/run/edgewit.sock"] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains("expected an address with a port") && error.contains(text), "{error}");
        }
    }
}
