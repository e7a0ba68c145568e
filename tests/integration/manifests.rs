//! The manifests of deploy/ and the workflows of GitHub, against the schemas of those who read them.
//!
//! SpinKube and wasmCloud publish theirs in no registry of packages, so that what is held here is what the manifests
//! share with the rest of this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use edgewit::config::Settings;
use edgewit_tests::command::edgewit;
use edgewit_tests::root;
use edgewit_tests::tool::{deployed, output, tool};
use xtask::python::{self, Python};

fn scripts() -> PathBuf {
    root().join("tests/manifests")
}

fn environment(requirements: &Path) -> Option<Python> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    python::environment(requirements, false).expect("the packages")
}

/// A checker of tests/manifests/requirements.txt.
fn checker(module: &str) -> Option<Command> {
    let python = environment(&scripts().join("requirements.txt"))?;
    let mut command = python.command();
    command.args(["-m", module]);
    Some(command)
}

/// The resources that `kubectl apply -k` would send, in a file of `folder`.
fn kustomized(kustomization: &str, folder: &Path) -> Option<PathBuf> {
    let version = Command::new("kubectl").args(["version", "--client"]).output().ok()?;
    // Before version 5 it reads other fields; Debian 12 has 2.
    if !String::from_utf8_lossy(&version.stdout).contains("Kustomize Version: v5") {
        eprintln!("skipped: needs kubectl with kustomize 5");
        return None;
    }
    let resources =
        output(Command::new("kubectl").arg("kustomize").arg(root().join("deploy").join(kustomization)));
    let file = folder.join("resources.yaml");
    fs::write(&file, resources).expect("written");
    Some(file)
}

fn workflows() -> [PathBuf; 3] {
    [".github/workflows/ci.yml", ".github/workflows/release.yml", "deploy/github/model.yml"]
        .map(|file| root().join(file))
}

#[test]
fn kubernetes_takes_the_manifests() {
    let folder = tempfile::tempdir().expect("a folder");
    for (kustomization, least) in [("kubernetes/base", 6), ("kubernetes/production", 9), ("spinkube", 1)] {
        let Some(resources) = kustomized(kustomization, folder.path()) else { return };
        let Some(mut validate) = checker("kubernetes_validate") else { return };
        let said = output(validate.args(["--strict"]).arg(&resources));
        assert!(said.matches("INFO").count() >= least, "{said}");
        // What has no schema there has one in another test, or none in any registry.
        for line in said.lines().filter(|line| line.contains("find schema")) {
            let elsewhere =
                ["PrometheusRule", "ServiceMonitor", "SpinApp"].iter().any(|kind| line.contains(kind));
            assert!(elsewhere, "{line}");
        }
    }
}

#[test]
fn kserve_takes_its_manifests() {
    let Some(python) = environment(&root().join("tests/clients/requirements.txt")) else { return };
    let kserve = root().join("deploy/kubernetes/kserve");
    let manifests = ["servingruntime.yaml", "inferenceservice.yaml"].map(|file| kserve.join(file));
    output(python.command().arg(scripts().join("kserve_types.py")).args(manifests));
}

#[test]
fn prometheus_operator_and_github_take_theirs() {
    let Some(mut npm) = tool("npm", "npm") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["package.json", "package-lock.json", "check.mjs"] {
        fs::copy(scripts().join(file), folder.path().join(file)).expect("a copy");
    }
    output(
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
            .current_dir(folder.path()),
    );
    let production = root().join("deploy/kubernetes/production");
    let mut check = Command::new("node");
    check.arg(folder.path().join("check.mjs")).args(workflows());
    output(check.args(["servicemonitor.yaml", "prometheusrule.yaml"].map(|file| production.join(file))));
}

#[test]
fn compose_and_workflows_have_the_fields_of_their_schemas() {
    let schema = |name: &str| {
        let mut check = checker("check_jsonschema")?;
        check.args(["--builtin-schema", name]);
        Some(check)
    };
    let Some(mut compose) = schema("vendor.compose-spec") else { return };
    output(compose.arg(root().join("deploy/docker/compose.yaml")));
    output(schema("vendor.github-workflows").expect("it is there").args(workflows()));
}

#[test]
fn hadolint_finds_nothing_in_the_containerfiles() {
    let Some(python) = environment(&scripts().join("requirements.txt")) else { return };
    let docker = root().join("deploy/docker");
    let hadolint = Path::new(python.command().get_program()).with_file_name("hadolint");
    output(
        Command::new(hadolint).args(["Containerfile", "Containerfile.models"].map(|file| docker.join(file))),
    );
}

#[test]
fn the_rules_for_the_operator_are_those_for_prometheus() {
    let rules = deployed("observability/rules.yml");
    let groups = &rules[rules.find("groups:").expect("groups")..];
    let indented =
        groups.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") });
    let indented = indented.collect::<Vec<_>>().join("\n") + "\n";
    let path = root().join("deploy/kubernetes/production/prometheusrule.yaml");
    let resource = fs::read_to_string(&path).expect("it can be read");
    let head = resource.split_inclusive("spec:\n").next().expect("a head");
    let wanted = format!("{head}{indented}");
    if std::env::var_os("EDGEWIT_UPDATE").is_some() {
        fs::write(&path, &wanted).expect("written");
    }
    let written = fs::read_to_string(&path).expect("it can be read");
    assert!(written == wanted, "{} differs from rules.yml; EDGEWIT_UPDATE=1 writes it anew", path.display());
}

#[test]
fn a_pod_has_the_time_that_its_settings_want() {
    let settings: Settings = toml::from_str(&deployed("kubernetes/base/edgewit.toml")).expect("settings");
    let deployment = deployed("kubernetes/base/deployment.yaml");
    let number = |key: &str| {
        let value = deployment.split(key).nth(1).unwrap_or_else(|| panic!("no {key}"));
        value.split(['}', '\n']).next().and_then(|text| text.trim().parse::<u64>().ok()).expect("a number")
    };
    let stop = number("sleep: {seconds: ") + settings.server.drain_seconds;
    assert!(number("terminationGracePeriodSeconds: ") > stop);
    // A worker for each processor that the pod asks for.
    assert!(deployment.contains(&format!("cpu: \"{}\"", settings.server.workers.expect("a number"))));
    let memory = settings.limits.memory_mb * settings.server.workers.expect("a number");
    assert!(memory <= 1024, "sandboxes may take {memory} MiB of the 1024 of a pod");
}

#[test]
fn compose_gives_the_host_settings_that_there_are() {
    let compose = deployed("docker/compose.yaml");
    let host =
        compose.split("\n  edgewit:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a host");
    let settings = host.lines().filter_map(|line| line.trim().split_once(": "));
    let settings = settings.filter(|(name, _)| name.starts_with("EDGEWIT_") || name.starts_with("AWS_"));
    let settings = settings.map(|(name, value)| (name, value.trim_matches('"'))).collect::<Vec<_>>();
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.toml");
    fs::write(&keys, crate::auth::key(&["shop"]).1).expect("written");
    let mut check = edgewit();
    check.args(["config", "check"]).current_dir(folder.path()).env("EDGEWIT_LISTEN", "0.0.0.0:8080");
    let said = output(check.envs(settings.iter().copied()).env("EDGEWIT_AUTH_KEYS", keys));
    assert!(said.starts_with("ok: ") && !said.contains("warning"), "{said}");
    let value = |name: &str| settings.iter().find(|(known, _)| *known == name).expect("it is set").1;
    // The names in the addresses are those of services.
    assert!(compose.contains("\n  s3:\n") && value("AWS_ENDPOINT") == "http://s3:8333");
    assert!(compose.contains("\n  postgres:\n") && value("EDGEWIT_RECORDS_STORE").contains("@postgres/"));
    assert_eq!(value("EDGEWIT_REGISTRY").strip_prefix("s3://"), Some("models"));
    assert!(compose.contains("S3_BUCKET: models"));
}

#[test]
fn what_the_image_is_built_of_is_not_ignored() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("it can be read");
    let workspace: toml::Table = toml::from_str(&workspace).expect("TOML");
    let ignored = deployed("docker/Containerfile.dockerignore");
    for member in workspace["workspace"]["members"].as_array().expect("a list") {
        let folder = member.as_str().and_then(|path| path.split('/').next()).expect("a path");
        assert!(ignored.lines().any(|line| line.starts_with(&format!("!{folder}"))), "{folder} is left out");
    }
}

#[test]
fn spinkube_and_wasmcloud_run_what_is_built_here() {
    let edge = "target/components/wasm32-wasip2/component/edge.wasm";
    let packed = "packed/churn-1.wasm";
    let spin = fs::read_to_string(root().join("spin.toml")).expect("it can be read");
    let wasmcloud = deployed("wasmcloud/workloaddeployment.yaml");
    for file in [edge, packed] {
        assert!(spin.contains(file) && wasmcloud.contains(file), "{file}");
    }
    let image = "registry.example.com/models/churn:1.0.0";
    assert!(wasmcloud.contains(&format!("oci push {packed} {image}")));
    assert!(wasmcloud.contains(&format!("image: {image}")));
    let app = deployed("spinkube/spinapp.yaml");
    assert!(app.contains("spin registry push registry.example.com/churn-spin:1.0.0"));
    assert!(app.contains("image: registry.example.com/churn-spin:1.0.0"));
}
