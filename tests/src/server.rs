//! A real `edgewit serve` process on a free port, stopped by its process id.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::command::edgewit;
use crate::http::Client;

/// A running server; dropping it kills the process.
pub struct Server {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    log: Option<std::io::Lines<BufReader<ChildStderr>>>,
    /// The address, as `http://host:port`.
    pub base: String,
    /// A client for it.
    pub client: Client,
}

impl Server {
    /// Starts a server for a folder of models and waits until it listens.
    pub fn start(models: &Path, arguments: &[&str]) -> Server {
        Server::spawn(&mut serve(models, arguments))
    }

    /// Starts the command of a server and waits until it listens. Its log can be waited for if stderr is piped.
    pub fn spawn(command: &mut Command) -> Server {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("edgewit starts");
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let listening = lines.next().expect("the server says where it listens").expect("the line is text");
        let base = listening.strip_prefix("listening on ").expect("the first line is the address").to_owned();
        let client = Client::new(base.clone());
        let log = process.stderr.take().map(|log| BufReader::new(log).lines());
        Server { process, lines, log, base, client }
    }

    /// As [`Server::start`], and waits until every model is loaded.
    pub fn ready(models: &Path, arguments: &[&str]) -> Server {
        let mut server = Server::start(models, arguments);
        let line = server.wait_for("");
        assert_eq!(line, "ready", "{}", server.client.get("/health").text);
        server
    }

    /// As [`Server::start`] with the log in a file, and waits until every model is loaded or has failed.
    pub fn logging(models: &Path, arguments: &[&str], log: File) -> Server {
        let mut server = Server::spawn(serve(models, arguments).stderr(log));
        server.wait_for("");
        server
    }

    /// Reads the server's lines up to one that begins with `start`, and returns that.
    pub fn wait_for(&mut self, start: &str) -> String {
        let found = self.lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with(start)));
        found.unwrap_or_else(|| panic!("the server never said `{start}`")).expect("the line is text")
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system counts");
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") << 10
    }

    /// Reads the log up to a line that has `text` in it, and returns that.
    pub fn wait_for_log(&mut self, text: &str) -> String {
        let log = self.log.as_mut().expect("stderr is piped");
        let found = log.find(|line| line.as_ref().is_ok_and(|line| line.contains(text)));
        found.unwrap_or_else(|| panic!("the log never said `{text}`")).expect("the line is text")
    }

    /// Sends SIGTERM, without waiting.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name, without waiting.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status();
        assert!(status.expect("kill starts").success());
    }

    /// Waits for the process to end.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait().expect("the process ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(models: &Path, arguments: &[&str]) -> Command {
    let mut command = edgewit();
    command.args(["serve", "--listen", "127.0.0.1:0", "--models"]).arg(models).args(arguments);
    command
}

/// A server of this repository's models, shared by the tests that run at the same time; the last
/// one stops it.
pub fn shared() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    // A test that failed while starting it leaves the lock poisoned and nothing half made.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::ready(&crate::root().join("models"), &[]));
        *shared = Arc::downgrade(&server);
        server
    })
}
