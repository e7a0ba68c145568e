//! `edgewit oci push`, to a real registry and read back by others.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use edgewit::digest::sha256;
use edgewit_tests::command::{edgewit, run};
use edgewit_tests::http::Client;
use edgewit_tests::tool::{output, tool};
use serde_json::{Value, json};

use crate::hand_over::sign;

/// Debian's docker-registry on a free port; it ends with the test.
struct Registry {
    process: Child,
    address: String,
}

impl Registry {
    fn start(mut program: Command, folder: &Path, auth: &str) -> Registry {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        let storage = folder.join("registry");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{port}'}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n{auth}",
            storage.display()
        );
        let file = folder.join("registry.yml");
        fs::write(&file, config).expect("written");
        let process = program.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let registry = Registry { process: process.expect("it starts"), address: port.to_string() };
        let start = Instant::now();
        while std::net::TcpStream::connect(port).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "the registry does not listen");
        }
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A packed model, as a file in `folder`.
fn packed(folder: &Path) -> String {
    sign(&folder.join("models"));
    let [model, file] = ["models/sign", "sign.wasm"].map(|name| folder.join(name).display().to_string());
    let done = run(["pack", &model, "--output", &file]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    file
}

#[test]
fn a_packed_model_is_an_artifact_as_wkg_reads_it() {
    let Some(program) = tool("docker-registry", "docker-registry") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let registry = Registry::start(program, folder.path(), "");
    let component = packed(folder.path());
    let to = format!("{}/models/sign:1.0.0", registry.address);
    let push = || run(["oci", "push", &component, &to, "--plain-http", "--annotation", "team=risk"]);
    let pushed = push();
    assert_eq!(pushed.code, Some(0), "{}", pushed.err);
    let name = pushed.out.trim();
    let digest = name.strip_prefix(&format!("{}/models/sign@", registry.address)).expect("a digest");

    let client = Client::new(format!("http://{}/v2/models/sign", registry.address));
    let manifest =
        client.get_as("application/vnd.oci.image.manifest.v1+json", &format!("/manifests/{digest}"));
    assert_eq!(manifest.header("content-type"), Some("application/vnd.oci.image.manifest.v1+json"));
    assert_eq!(digest, format!("sha256:{}", sha256(&manifest.bytes)));
    let manifest = manifest.json();
    let bytes = fs::read(&component).expect("it is there");
    let layer = format!("sha256:{}", sha256(&bytes));
    assert_eq!(
        manifest["layers"],
        json!([{"mediaType": "application/wasm", "digest": layer, "size": bytes.len()}])
    );
    assert_eq!(
        manifest["annotations"],
        json!({"org.opencontainers.image.title": "sign", "org.opencontainers.image.version": "1", "team": "risk"})
    );
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    let blob = |digest: &Value| client.get(&format!("/blobs/{}", digest.as_str().expect("a digest")));
    let config = blob(&manifest["config"]["digest"]).json();
    let interfaces = ["types", "predict"].map(|name| format!("edgewit:inference/{name}@0.1.0"));
    assert_eq!(
        config,
        json!({
            "created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2", "layerDigests": [layer],
            "component": {"exports": interfaces, "imports": []},
        })
    );
    assert_eq!(blob(&manifest["layers"][0]["digest"]).bytes, bytes);
    // The same again is the same artifact.
    assert_eq!(push().out, pushed.out);

    if let Some(mut skopeo) = tool("skopeo", "skopeo") {
        let raw = output(skopeo.args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{to}")]));
        assert_eq!(serde_json::from_str::<Value>(&raw).expect("JSON"), manifest);
    }
}

#[test]
fn credentials_are_those_of_docker_login() {
    let Some(program) = tool("docker-registry", "docker-registry") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let file = folder.join("htpasswd");
    // What `htpasswd -nbB shop secret` makes.
    fs::write(&file, "shop:$2a$05$uNkN6ml3PQjMEfvxclE6vOZcDDoSneBko0UpGnC5z26zUPLOQ9TRO\n").expect("written");
    let auth = format!("auth: {{htpasswd: {{realm: here, path: {}}}}}\n", file.display());
    let registry = Registry::start(program, folder, &auth);
    let component = packed(folder);
    let to = format!("{}/sign:1", registry.address);
    let push = |password: &str| {
        let login = STANDARD.encode(format!("shop:{password}"));
        let config = json!({"auths": {&registry.address: {"auth": login}}});
        fs::write(folder.join("config.json"), config.to_string()).expect("written");
        let mut command = edgewit();
        let command = command.args(["oci", "push", &component, &to, "--plain-http"]);
        command.env("DOCKER_CONFIG", folder).output().expect("it runs").status.code()
    };
    assert_eq!(push("wrong"), Some(1));
    assert_eq!(push("secret"), Some(0));
}

#[test]
fn what_is_no_component_or_has_no_place_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("module.wasm");
    fs::write(&file, b"\0asm\x01\0\0\0").expect("written");
    let push = |to: &str| {
        let refused = run(["oci", "push", file.to_str().expect("text"), to, "--plain-http"]);
        assert_eq!(refused.code, Some(1));
        refused.err
    };
    assert!(push("127.0.0.1:1/sign:1").contains("expected a component"));
    fs::write(&file, b"\0asm\x0d\0\x01\0").expect("written");
    assert!(push("A B").contains("expected a name such as"));
    let digest = format!("127.0.0.1:1/sign@sha256:{}", "0".repeat(64));
    assert!(push(&digest).contains("expected a name with a tag"));
    let nobody = push("127.0.0.1:1/sign:1");
    assert!(nobody.contains("127.0.0.1:1/sign:1"), "{nobody}");
}
