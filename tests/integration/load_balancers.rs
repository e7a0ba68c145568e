//! deploy/edge: nginx and Caddy in front of two hosts, with clients at work that forgive nothing.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use edgewit_tests::command::edgewit;
use edgewit_tests::load::{Load, Target};
use edgewit_tests::server::Server;
use edgewit_tests::tls::Authority;
use edgewit_tests::tool::{adapt, deployed, output, tool};
use tempfile::TempDir;

use crate::hand_over::{BODY, sign};
use crate::metrics::value;

/// Clients of each kind that the load has.
const EACH: usize = 2;

/// Two places where a host may run, and clients of what is in front of them.
struct Fleet {
    folder: TempDir,
    authority: Authority,
    /// Where the load balancer listens.
    front: SocketAddr,
    places: [SocketAddr; 2],
}

impl Fleet {
    fn new() -> Fleet {
        let folder = tempfile::tempdir().expect("a folder");
        sign(&folder.path().join("models"));
        let authority = Authority::new(folder.path(), "authority");
        // Each host has an address of its own, where no client's connection has taken its port while it is away.
        let free = |address: &str| TcpListener::bind((address, 0)).and_then(|free| free.local_addr());
        let [front, a, b] =
            ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(|address| free(address).expect("a port"));
        Fleet { folder, authority, front, places: [a, b] }
    }

    /// Starts a host, as the configurations of the load balancers advise, and waits until it is ready.
    fn host(&self, place: usize) -> Server {
        let mut command = edgewit();
        command.args(["serve", "--reuse-port", "--readiness-delay-ms", "3000", "--models"]);
        command.arg(self.path("models")).args(["--listen", &self.places[place].to_string()]);
        let mut host = Server::spawn(command.env("EDGEWIT_LOG_LEVEL", "warn"));
        host.wait_for("ready");
        host
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Load {
        Load::start(&Target::Tls(self.front, self.authority.client()), EACH, BODY)
    }
}

/// Ends the load, of which nothing was lost.
fn expect_none_lost(load: Load) {
    let (answered, failures) = load.stop();
    assert!(failures.is_empty(), "{failures:#?} beside {answered} that were answered");
    println!("{answered} requests, none lost");
}

/// Kills one of two hosts under load, starts it again, and lets `end` end the load.
fn over_a_kill(front: impl FnOnce(&Fleet) -> Front, end: impl FnOnce(Load)) {
    let fleet = Fleet::new();
    let (a, b) = (fleet.host(0), fleet.host(1));
    let _front = front(&fleet);
    let load = fleet.load();
    wait_for_requests(&a, 50.0);
    wait_for_requests(&b, 50.0);
    // SIGKILL, with requests on their way to it.
    drop(a);
    wait_for_requests(&b, 200.0);
    // It comes back, and is asked again.
    let a = fleet.host(0);
    wait_for_requests(&a, 50.0);
    end(load);
}

/// How many predictions were asked of a host.
fn asked(host: &Server) -> f64 {
    let metrics = host.client.get("/metrics").text;
    value(&metrics, "edgewit_requests_total{model=\"sign\"")
}

/// Waits until `host` has been asked for so many more.
fn wait_for_requests(host: &Server, more: f64) {
    let (before, start) = (asked(host), Instant::now());
    while asked(host) < before + more {
        assert!(start.elapsed() < Duration::from_secs(60), "the host is not asked");
    }
}

/// What is in front; it ends with the test.
struct Front(Child);

impl Front {
    fn start(command: &mut Command, address: SocketAddr) -> Front {
        let front = Front(command.spawn().expect("it starts"));
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing listens on {address}");
        }
        front
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // SIGTERM: nginx takes its workers with it.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn nginx(fleet: &Fleet, program: &mut Command) -> Front {
    let pair = fleet.authority.issue("nginx");
    let file = |path: &Path| path.to_str().expect("text").to_owned();
    let (certificate, key) = (file(&pair.certificate), file(&pair.key));
    let changes = [
        ("10.0.0.11:8080", &*fleet.places[0].to_string()),
        ("10.0.0.12:8080", &fleet.places[1].to_string()),
        ("listen 443", &format!("listen {}", fleet.front)),
        ("/etc/edgewit/server.pem", &certificate),
        ("/etc/edgewit/server.key", &key),
        // One address is all clients here.
        ("rate=100r/s", "rate=100000r/s"),
        ("burst=200", "burst=100000"),
    ];
    adapt(&deployed("edge/nginx.conf"), &changes, &fleet.path("edgewit.conf"));
    // What Debian's nginx.conf has around it.
    let main = "daemon off; pid nginx.pid; worker_processes 2; error_log error.log;\n\
                events { worker_connections 1024; }\n\
                http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f;\n\
                uwsgi_temp_path u; scgi_temp_path s; include edgewit.conf; }\n";
    std::fs::write(fleet.path("nginx.conf"), main).expect("written");
    let folder = fleet.folder.path();
    program.arg("-p").arg(folder).args(["-e", "error.log", "-c", "nginx.conf"]);
    let mut test = Command::new(program.get_program());
    println!("{}", output(test.args(program.get_args()).arg("-t")));
    Front::start(program, fleet.front)
}

#[test]
fn nginx_loses_nothing_when_a_host_is_killed() {
    let Some(mut program) = tool("nginx", "nginx") else { return };
    over_a_kill(|fleet| nginx(fleet, &mut program), expect_none_lost);
}

#[test]
fn nginx_loses_nothing_between_one_host_and_two() {
    let Some(mut program) = tool("nginx", "nginx") else { return };
    let fleet = Fleet::new();
    let mut a = fleet.host(0);
    let _nginx = nginx(&fleet, &mut program);
    let load = fleet.load();
    wait_for_requests(&a, 50.0);
    let b = fleet.host(1);
    wait_for_requests(&b, 50.0);
    a.terminate();
    assert_eq!(a.wait().code(), Some(0));
    wait_for_requests(&b, 50.0);
    expect_none_lost(load);
}

#[test]
fn nginx_keeps_the_inside_to_itself_and_says_what_is_wrong() {
    let Some(mut program) = tool("nginx", "nginx") else { return };
    let fleet = Fleet::new();
    let host = fleet.host(0);
    let nginx = nginx(&fleet, &mut program);
    let ask = |path: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-w", "\n%{http_code}", "--cacert"]).arg(&fleet.authority.file);
        let answer = output(curl.arg(format!("https://{}{path}", fleet.front)));
        answer.rsplit_once('\n').map(|(body, status)| (status.to_owned(), body.to_owned())).expect("a status")
    };
    assert_eq!(ask("/health/ready"), ("200".into(), r#"{"ready":true}"#.into()));
    for inside in ["/metrics", "/v2/repository/index", "/releases", "/models/sign/release"] {
        // The host would answer, if not with JSON of its own.
        assert_eq!(ask(inside).0, "404");
        assert!(ask(inside).1.contains("nginx"), "{inside} reached the host");
    }
    drop(host);
    assert_eq!(ask("/health/ready"), ("502".into(), r#"{"error": "no host answers"}"#.into()));
    drop(nginx);
}

fn caddy(fleet: &Fleet, program: &mut Command) -> Front {
    let pair = fleet.authority.issue("caddy");
    let (port, certificate, key) = (fleet.front.port(), pair.certificate.display(), pair.key.display());
    let site = format!("{{\n admin off\n auto_https off\n}}\n:{port} {{\n tls {certificate} {key}\n");
    let changes = [
        ("10.0.0.11:8080", &*fleet.places[0].to_string()),
        ("10.0.0.12:8080", &fleet.places[1].to_string()),
        ("predict.example.com {\n", &site),
    ];
    let file = fleet.path("Caddyfile");
    adapt(&deployed("edge/Caddyfile"), &changes, &file);
    program.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", fleet.folder.path());
    program.stderr(std::fs::File::create(fleet.path("caddy.log")).expect("a file"));
    Front::start(program, fleet.front)
}

#[test]
fn caddy_loses_nothing_when_a_host_stops() {
    let Some(mut program) = tool("caddy", "caddy") else { return };
    let fleet = Fleet::new();
    let (mut a, b) = (fleet.host(0), fleet.host(1));
    let _caddy = caddy(&fleet, &mut program);
    let load = fleet.load();
    wait_for_requests(&a, 50.0);
    wait_for_requests(&b, 50.0);
    a.terminate();
    assert_eq!(a.wait().code(), Some(0));
    wait_for_requests(&b, 50.0);
    expect_none_lost(load);
}

#[test]
fn caddy_loses_only_what_is_on_its_way_to_a_host_that_is_killed() {
    let Some(mut program) = tool("caddy", "caddy") else { return };
    over_a_kill(
        |fleet| caddy(fleet, &mut program),
        |load| {
            let (answered, failures) = load.stop();
            // One of each client may have been on its way.
            assert!(failures.len() <= 2 * EACH, "{failures:#?} beside {answered} that were answered");
            println!("{answered} requests, {} lost on their way: {failures:?}", failures.len());
        },
    );
}
