//! Versions of a model that adds a number, and a registry to put them in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::command::{Run, edgewit, run};
use crate::http::Client;
use crate::onnx::{Dim, Graph, save};
use crate::server::Server;

/// A registry in a folder of its own, with the sources of what is published in it.
pub struct Registry {
    folder: tempfile::TempDir,
    /// Its address.
    pub url: String,
}

impl Default for Registry {
    fn default() -> Registry {
        Registry::new()
    }
}

impl Registry {
    /// An empty one.
    pub fn new() -> Registry {
        let folder = tempfile::tempdir().expect("a folder");
        let url = folder.path().join("registry").to_str().expect("text").to_owned();
        Registry { folder, url }
    }

    /// One at `url`.
    pub fn at(url: &str) -> Registry {
        Registry { folder: tempfile::tempdir().expect("a folder"), url: url.into() }
    }

    /// A folder for what is no part of the registry.
    pub fn beside(&self) -> &Path {
        self.folder.path()
    }

    /// An object's file.
    pub fn object(&self, name: &str) -> PathBuf {
        Path::new(&self.url).join(name)
    }

    /// Runs `edgewit` with `arguments` on this registry.
    pub fn run(&self, arguments: &[&str]) -> Run {
        run([arguments, &["--registry", &self.url]].concat())
    }

    /// As [`Registry::run`], and expects it to do what it is told.
    pub fn done(&self, arguments: &[&str]) -> String {
        let Run { code, out, err } = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
        out
    }

    /// Publishes `version` of the model `adder`, which adds `by`, with a golden case that expects `by` to be `expected`.
    pub fn push(&self, version: &str, by: i64, expected: i64) {
        let source = self.source(version, &adder(by));
        let case =
            json!({ "cases": [{ "row": { "x": 1 }, "expect": { "prediction": { "y": 1 + expected } } }] });
        let golden = source.join("golden");
        fs::create_dir_all(&golden).expect("a folder");
        fs::write(golden.join("cases.json"), case.to_string()).expect("written");
        self.done(&["push", source.to_str().expect("text"), "--version", version]);
    }

    /// The folder of a version that is not published yet.
    pub fn source(&self, version: &str, model: &[u8]) -> PathBuf {
        let folder = self.beside().join("sources").join(version);
        save(&folder, "adder", model);
        folder.join("adder/1")
    }

    /// A host that follows it, once every model has its version.
    pub fn host(&self, arguments: &[&str]) -> Server {
        let mut command = edgewit();
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--registry",
            &self.url,
            "--registry-poll-ms",
            "50",
        ]);
        let mut server = Server::spawn(command.args(arguments).stderr(Stdio::inherit()));
        server.wait_for("");
        server
    }
}

/// A model that adds `by` to a number.
pub fn adder(by: i64) -> Vec<u8> {
    let graph = Graph::new().input("x", 7, &[Dim::Named("N")]).ints("by", &[by]);
    graph.node("Add", &["x", "by"], "y").output("y", 7).bytes()
}

/// A model of one number `x`, whose answer `operator` makes of `inputs`.
pub fn of_a_number(operator: &str, inputs: &[&str]) -> Vec<u8> {
    let graph = Graph::new().input("x", 1, &[Dim::Named("N")]);
    graph.node(operator, inputs, "y").output("y", 1).bytes()
}

/// The version that a request to `adder` is answered by, and what it adds.
pub fn ask(client: &Client) -> (String, i64) {
    ask_with(client, &[])
}

/// As [`ask`], with headers.
pub fn ask_with(client: &Client, headers: &[(&str, &str)]) -> (String, i64) {
    let answer = client.send("/models/adder/predict", headers, Some(&json!({ "x": 0 })));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    let version = answer["model_version"].as_str().expect("a version").to_owned();
    (version, answer["prediction"]["y"].as_i64().expect("a number"))
}

/// What the host says of the model.
pub fn status(client: &Client) -> Value {
    client.get("/models/adder/release").json()
}
