//! Clients that send one request after the other and forgive nothing: a connection that breaks is a failure, where
//! other clients would try again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// What a client connects to.
#[derive(Clone)]
pub enum Target {
    /// A port.
    Tcp(SocketAddr),
    /// A port, encrypted.
    Tls(SocketAddr, Arc<ClientConfig>),
    /// A Unix socket.
    Unix(PathBuf),
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// One connection.
pub struct Connection(BufReader<Box<dyn Stream>>);

/// An answer: its status, and whether the connection ends with it.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Whether it says `connection: close`.
    pub closes: bool,
}

impl Target {
    /// Connects.
    pub fn connect(&self) -> std::io::Result<Connection> {
        let stream: Box<dyn Stream> = match self {
            Target::Tcp(address) => Box::new(tcp(*address)?),
            Target::Tls(address, config) => Box::new(encrypted(*address, config)?),
            Target::Unix(path) => Box::new(UnixStream::connect(path)?),
        };
        Ok(Connection(BufReader::new(stream)))
    }
}

fn tcp(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    // A server that does not answer is a failure, too.
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

fn encrypted(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = address.ip().into();
    let client = ClientConnection::new(config.clone(), name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(client, tcp(address)?);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

/// The certificate that a server shows.
pub fn certificate(address: SocketAddr, config: &Arc<ClientConfig>) -> CertificateDer<'static> {
    let stream = encrypted(address, config).expect("TLS is agreed on");
    stream.conn.peer_certificates().expect("a certificate")[0].clone().into_owned()
}

impl Connection {
    /// Sends JSON to `path` and reads the answer.
    pub fn post(&mut self, path: &str, body: &str) -> std::io::Result<Reply> {
        let length = body.len();
        let head = "HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
        // One write, as two would wait for each other.
        let request = format!("POST {path} {head}\r\ncontent-length: {length}\r\n\r\n{body}");
        self.0.get_mut().write_all(request.as_bytes())?;
        self.0.get_mut().flush()?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut reply = Reply { status: status.ok_or(std::io::ErrorKind::InvalidData)?, closes: false };
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            reply.closes |= line == "connection: close";
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().map_err(std::io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(reply)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Clients at work until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Starts two kinds of clients, `each` of one: some keep their connection as long as they may, the others open
    /// one for each request. All send `body` to `/predict`.
    pub fn start(target: &Target, each: usize, body: &'static str) -> Load {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |keeps: bool| {
            let (target, stop, answered) = (target.clone(), stop.clone(), answered.clone());
            std::thread::spawn(move || run(&target, keeps, body, &stop, &answered))
        };
        let clients = (0..each * 2).map(|ix| client(ix % 2 == 0)).collect();
        Load { stop, answered, clients }
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Relaxed)
    }

    /// Stops, and says how many requests were answered with 200 and what failed.
    pub fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, Relaxed);
        let failures =
            self.clients.into_iter().flat_map(|client| client.join().expect("the client ends")).collect();
        (self.answered.load(Relaxed), failures)
    }
}

fn run(target: &Target, keeps: bool, body: &str, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut failures = Vec::new();
    let mut connection = None;
    // After some, the rest tells nothing new.
    while !stop.load(Relaxed) && failures.len() < 10 {
        let kept = connection.is_some();
        let result =
            connection.take().map_or_else(|| target.connect(), Ok).and_then(|mut open: Connection| {
                let reply = open.post("/predict", body)?;
                if keeps && !reply.closes {
                    connection = Some(open);
                }
                Ok(reply.status)
            });
        match result {
            Ok(200) => drop(answered.fetch_add(1, Relaxed)),
            other => {
                failures.push(format!("{other:?} on a {} connection", if kept { "kept" } else { "new" }))
            }
        }
    }
    failures
}
