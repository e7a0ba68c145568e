//! deploy/docker: the container's root file system, put together by the script that the image is built with, and run as
//! the image says, without Docker: read-only, as another user, without capabilities.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use edgewit_tests::command::edgewit;
use edgewit_tests::http::Client;
use edgewit_tests::root;
use edgewit_tests::server::Server;
use edgewit_tests::tool::{deployed, output, tool};
use serde_json::json;

use crate::hand_over::sign;

/// What the Containerfile says of how its image is run.
struct Image {
    environment: Vec<(String, String)>,
    user: u32,
    command: Vec<String>,
    health: Vec<String>,
}

impl Image {
    fn read() -> Image {
        let text = deployed("docker/Containerfile").replace("\\\n", " ");
        let line = |start: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(start));
            found.unwrap_or_else(|| panic!("the Containerfile has no {start}")).trim().to_owned()
        };
        let list = |text: &str| serde_json::from_str::<Vec<String>>(text).expect("a list");
        let variables = line("ENV ");
        let variables = variables.split_whitespace().map(|pair| pair.split_once('=').expect("a value"));
        let health = line("HEALTHCHECK ");
        Image {
            environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            user: line("USER ").split(':').next().and_then(|user| user.parse().ok()).expect("a number"),
            command: [list(&line("ENTRYPOINT ")), list(&line("CMD "))].concat(),
            health: list(health.split_once("CMD ").expect("a command").1),
        }
    }
}

/// Runs `what` in the container in `folder`, as `image` says; its ports are this machine's.
fn container(folder: &Path, image: &Image, what: &[String], listen: &str) -> Command {
    let mut command = tool("setpriv", "util-linux").expect("every Debian has it");
    if is_root() {
        command
            .args([format!("--reuid={}", image.user), format!("--regid={}", image.user)])
            .arg("--clear-groups");
    }
    command.args(["--no-new-privs", "bwrap", "--unshare-all", "--share-net", "--die-with-parent"]);
    command.args(["--cap-drop", "ALL", "--clearenv", "--ro-bind"]).arg(folder.join("root")).arg("/");
    command.args(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    command.arg("--ro-bind").arg(folder.join("models")).arg("/models");
    command.arg("--bind").arg(folder.join("cache")).arg("/var/cache/edgewit");
    for (name, value) in &image.environment {
        // The port is any that is free.
        let value = if name == "EDGEWIT_LISTEN" { listen } else { value };
        command.args(["--setenv", name, value]);
    }
    command.args(["--setenv", "EDGEWIT_INSECURE", "true"]).args(what);
    command
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).trim() == "0"
}

#[test]
fn the_container_starts_as_nobody_and_answers() {
    if tool("bwrap", "bubblewrap").is_none() {
        return;
    }
    let image = Image::read();
    assert_ne!(image.user, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    sign(&folder.join("models"));
    fs::create_dir(folder.join("cache")).expect("a folder");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("permissions");
    if is_root() {
        chown(folder.join("cache"), Some(image.user), Some(image.user)).expect("an owner");
    }
    let script = root().join("deploy/docker/rootfs.sh");
    output(Command::new(script).arg(edgewit().get_program()).arg(folder.join("root")));

    let everywhere = "0.0.0.0:0";
    let mut server = Server::spawn(&mut container(folder, &image, &image.command, everywhere));
    server.wait_for("ready");
    let listen = server.base.strip_prefix("http://").expect("an address").to_owned();
    let client = Client::new(server.base.replace("0.0.0.0", "127.0.0.1"));
    let answer = client.post_json("/predict", &json!({"x": [1, -2]}));
    assert_eq!(answer.status, 200, "{}", answer.text);

    let mut healthy = container(folder, &image, &image.health, &listen);
    assert_eq!(output(&mut healthy), "ready\n");
    // Nothing can be written where the image is.
    let mut pack = container(folder, &image, &["/usr/bin/edgewit".into(), "pack".into()], &listen);
    let refused = pack.args(["/models/sign", "--output", "/usr/bin/sign.wasm"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Read-only file system"), "{refused:?}");
    drop(server);
    let mut unhealthy = container(folder, &image, &image.health, &listen);
    assert_eq!(unhealthy.output().expect("it runs").status.code(), Some(1));
}

#[test]
fn the_compose_file_mounts_what_is_there() {
    let here = root().join("deploy/docker");
    let compose = deployed("docker/compose.yaml");
    let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_once(':'));
    let files = mounts.map(|(from, _)| from).filter(|from| from.starts_with('.')).collect::<Vec<_>>();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(here.join(file).exists(), "deploy/docker/compose.yaml mounts {file}, which is not there");
    }
}
