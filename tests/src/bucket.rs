//! An S3 server on loopback with one bucket, made for one test.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use xtask::python;

use crate::command::edgewit;
use crate::http::Client;
use crate::server::Server;

/// Longer than the server takes to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bucket, whose server ends with it.
pub struct Bucket {
    server: Child,
    endpoint: String,
    /// The address of a registry in it.
    pub url: String,
}

impl Bucket {
    /// Starts one. None, with a message, where there is no Python; CI must have it.
    pub fn start() -> Option<Bucket> {
        let requirements = crate::root().join("tests/registry/requirements.txt");
        let python = python::environment(&requirements, false).expect("the packages")?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a port").port();
        let mut server = python.command();
        server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("moto starts");
        let endpoint = format!("http://127.0.0.1:{port}");
        // Hosts keep what they served by the registry's address, which is another one in each run.
        let bucket = Bucket { server, endpoint, url: format!("s3://models/of/a/team/{port}") };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "the S3 server never came");
        }
        assert_eq!(Client::new(bucket.endpoint.clone()).put("/models").status, 200);
        Some(bucket)
    }

    /// Runs `edgewit` with `arguments` on the registry.
    pub fn run(&self, arguments: &[&str]) {
        let output = self.edgewit(arguments).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Publishes the model in a folder.
    pub fn push(&self, source: &Path, version: &str) {
        self.run(&["push", source.to_str().expect("text"), "--version", version]);
    }

    /// A host that follows it as hosts do by default, once every model has its version.
    pub fn host(&self, arguments: &[&str]) -> Server {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let mut server = Server::spawn(&mut self.edgewit(&[&serve, arguments].concat()));
        server.wait_for("");
        server
    }

    fn edgewit(&self, arguments: &[&str]) -> Command {
        let mut command = edgewit();
        command.args(arguments).args(["--registry", &self.url]);
        command.envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT", &*self.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
        ]);
        command
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
