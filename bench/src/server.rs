//! A server process on a free port of the loopback, asked until it answers, stopped by its id.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The longest wait for a server to answer for the first time; it may have to compile first.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running server; dropping it stops it.
pub(crate) struct Server {
    process: Child,
    pub(crate) base: String,
    agent: ureq::Agent,
}

impl Server {
    /// Starts what `command` makes of a port; what the process prints goes to `<logs>/<name>.log`.
    pub(crate) fn start(
        name: &str,
        logs: &Path,
        command: impl FnOnce(u16) -> Result<Command>,
    ) -> Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        std::fs::create_dir_all(logs)?;
        let log = File::create(logs.join(format!("{name}.log")))?;
        let mut command = command(port)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Ok(Server { process, base: format!("http://127.0.0.1:{port}"), agent })
    }

    /// As [`Server::start`], and waits for the answer to `row`.
    pub(crate) fn answering(
        name: &str,
        logs: &Path,
        row: &str,
        command: impl FnOnce(u16) -> Result<Command>,
    ) -> Result<Server> {
        let mut server = Server::start(name, logs, command)?;
        let wait = Duration::from_millis(20);
        server
            .first_answer(row, wait)
            .with_context(|| format!("{name}; see {}/{name}.log", logs.display()))?;
        Ok(server)
    }

    /// Asks at `/predict` until there is a prediction, every `wait`.
    pub(crate) fn first_answer(&mut self, row: &str, wait: Duration) -> Result<Value> {
        self.until(wait, Some(PATIENCE), |server| server.post("/predict", row).ok())
    }

    /// Asks at `/health/ready` until every model is loaded.
    pub(crate) fn until_ready(&mut self) -> Result<()> {
        let ready = format!("{}/health/ready", self.base);
        self.until(Duration::from_millis(10), None, |server| {
            let answer = server.agent.get(&ready).call().ok()?;
            (answer.status() == 200).then_some(())
        })
    }

    /// Asks every `wait` until there is something, the process ends, or `patience` does.
    fn until<T>(
        &mut self,
        wait: Duration,
        patience: Option<Duration>,
        ask: impl Fn(&Server) -> Option<T>,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(answer) = ask(self) {
                return Ok(answer);
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the process ended: {status}");
            }
            let waited = start.elapsed();
            ensure!(
                patience.is_none_or(|most| waited < most),
                "there was no answer for {} s",
                waited.as_secs()
            );
            std::thread::sleep(wait);
        }
    }

    /// Posts JSON and returns the answer; any other status than 200 is an error.
    pub(crate) fn post(&self, path: &str, body: &str) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        let mut answer = request.send(body)?;
        ensure!(answer.status() == 200, "status {}", answer.status());
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    /// Gets a text; any other status than 200 is an error.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut answer = self.agent.get(format!("{}{path}", self.base)).call()?;
        ensure!(answer.status() == 200, "status {}", answer.status());
        Ok(answer.body_mut().read_to_string()?)
    }

    /// Posts `rows` in turn until there were `count`, over `clients` connections.
    pub(crate) fn post_many(&self, rows: &[String], count: usize, clients: usize) -> Result<()> {
        std::thread::scope(|scope| {
            let client = |first| {
                let mut share = (first..count).step_by(clients);
                move || {
                    share.try_for_each(|number| self.post("/predict", &rows[number % rows.len()]).map(drop))
                }
            };
            let threads = (0..clients).map(|first| scope.spawn(client(first))).collect::<Vec<_>>();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(result) => result,
                Err(_) => bail!("a client panicked"),
            });
            joined.collect::<Result<()>>()
        })
    }

    /// What the process and its children hold.
    pub(crate) fn memory(&self) -> Result<Memory> {
        Memory::of(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server with workers ends them when it is asked to end.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Resident: what is shared between processes counts in each.
    pub(crate) rss: f64,
    /// Proportional: what is shared is divided among those who share it.
    pub(crate) pss: f64,
}

impl Memory {
    /// The sum over a process and its descendants, from `/proc` (Linux alone).
    pub(crate) fn of(process: u32) -> Result<Memory> {
        let path = format!("/proc/{process}/smaps_rollup");
        let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let field = |name: &str| -> Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()).context(path.clone())?;
            Ok(kilobytes.parse::<f64>()? * 1024.0)
        };
        let mut memory = Memory { rss: field("Rss:")?, pss: field("Pss:")? };
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let children = std::fs::read_to_string(task?.path().join("children"))?;
            for child in children.split_whitespace() {
                let child = Memory::of(child.parse()?)?;
                memory.rss += child.rss;
                memory.pss += child.pss;
            }
        }
        Ok(memory)
    }
}
