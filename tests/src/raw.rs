//! Bytes over a socket, for what no client sends.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// A connection to a server.
pub struct Raw {
    stream: TcpStream,
    come: Vec<u8>,
}

impl Raw {
    /// Connects to `base`, as `http://host:port`; reading gives up after `patience`.
    pub fn connect(base: &str, patience: Duration) -> Raw {
        let stream = TcpStream::connect(base.trim_start_matches("http://")).expect("the server listens");
        stream.set_read_timeout(Some(patience)).expect("a timeout");
        Raw { stream, come: vec![] }
    }

    /// Sends bytes. A server that has closed already is no error: its answer may be there to read.
    pub fn send(&mut self, bytes: &[u8]) -> &mut Raw {
        let _ = self.stream.write_all(bytes);
        self
    }

    /// The answers that come until the server closes the connection or is silent for too long, and whether it closed.
    pub fn answers(&mut self) -> (Vec<RawAnswer>, bool) {
        let mut buffer = [0; 1 << 14];
        let closed = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(count) => self.come.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break false;
                }
                Err(_) => break true,
            }
        };
        let mut answers = vec![];
        while let Some((answer, end)) = parse(&self.come) {
            answers.push(answer);
            self.come.drain(..end);
        }
        assert!(self.come.is_empty(), "half an answer: {}", String::from_utf8_lossy(&self.come));
        (answers, closed)
    }

    /// One answer, whose end is known by its length.
    pub fn answer(&mut self) -> Option<RawAnswer> {
        let mut buffer = [0; 1 << 14];
        loop {
            if let Some((answer, end)) = parse(&self.come) {
                self.come.drain(..end);
                return Some(answer);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.come.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

/// The first answer of `bytes`, and where it ends.
fn parse(bytes: &[u8]) -> Option<(RawAnswer, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).expect("the head is text").to_lowercase();
    let status =
        text.strip_prefix("http/1.").and_then(|rest| rest.get(2..5)?.parse().ok()).expect("a status");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse::<usize>().expect("a length"));
    let body = bytes.get(head..head + length)?.to_vec();
    Some((RawAnswer { status, body }, head + length))
}
