//! A PostgreSQL server on loopback, made for one test in a folder of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A running server; dropping it stops it.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// The address of its database, with a user that may do everything.
    pub url: String,
}

/// PostgreSQL refuses to run as root; Debian's package makes this user.
const USER: &str = "postgres";

impl Postgres {
    /// Starts one. None, with a message, where PostgreSQL is not installed; CI must have it.
    pub fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed");
            eprintln!("skipped: needs PostgreSQL; on Debian: apt-get install postgresql");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = listener.expect("a port").port();
        let url = format!("postgres://{USER}@127.0.0.1:{port}/postgres");
        let postgres = Postgres { folder, programs, port, url };
        if is_root() {
            run(Command::new("chown").arg(USER).arg(postgres.folder.path()));
        }
        let data = postgres.data();
        run(postgres.command("initdb").args(["-U", USER, "-A", "trust", "-D"]).arg(&data));
        postgres.start_again();
        Some(postgres)
    }

    /// Starts it again after [`Postgres::stop`], and waits until it answers.
    pub fn start_again(&self) {
        let folder = self.folder.path().display();
        let options = format!("-p {} -k {folder} -c listen_addresses=127.0.0.1", self.port);
        let log = self.folder.path().join("log");
        run(self.pg_ctl().arg("-l").arg(log).args(["-w", "-o", &options, "start"]));
    }

    /// Stops it, in the midst of what it does.
    pub fn stop(&self) {
        run(self.pg_ctl().args(["-m", "immediate", "-w", "stop"]));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn pg_ctl(&self) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.data());
        command
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The user may not see the folder that the tests run in.
        command.current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A test may have stopped it.
        let _ = self.pg_ctl().args(["-m", "immediate", "-w", "stop"]).output();
    }
}

/// Debian keeps the programs of each version apart.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |folder: &Path| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    folders.chain(std::env::split_paths(&path).collect::<Vec<_>>()).find(|folder| has(folder))
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id starts");
    output.stdout.trim_ascii() == b"0"
}

fn run(command: &mut Command) {
    // A server that is started keeps what it was given open, so nothing is piped.
    let log = tempfile::tempfile().expect("a file");
    let errors = log.try_clone().expect("a handle");
    let status = command.stdout(log).stderr(errors).status().expect("it starts");
    assert!(status.success(), "{command:?}: {status}");
}
