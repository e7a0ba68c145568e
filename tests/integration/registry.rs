//! The registry itself: what is published and read, what is altered and refused, hosts that die and stores that are gone.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use edgewit::release::{Plan, Release, change, latest};
use edgewit::store::Store;
use edgewit_tests::bucket::Bucket;
use edgewit_tests::command::edgewit;
use edgewit_tests::full;
use edgewit_tests::releases::{Registry, adder, ask, status};
use edgewit_tests::server::Server;
use serde_json::{Value, json};

use crate::releases::serving;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} never came");
    }
}

#[test]
fn versions_are_pushed_listed_compared_and_pulled() {
    let registry = Registry::new();
    registry.push("1.9.0", 1, 1);
    let source = registry.source("1.10.0", &adder(2));
    fs::write(
        source.join("model.toml"),
        "[metrics]\naccuracy = 0.9\n[training]\ncommit = \"abc\"\nparent = \"1.9.0\"\n",
    )
    .expect("written");
    let source = source.to_str().expect("text");
    registry.done(&["push", source, "--version", "1.10.0", "--author", "ada"]);
    let listed = registry.done(&["list"]);
    let lines =
        listed.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect::<Vec<_>>();
    assert_eq!([lines[0][1], lines[1][1]], ["1.9.0", "1.10.0"], "{listed}");
    assert!(lines[1].contains(&"ada") && listed.contains("accuracy 0.9"), "{listed}");
    let list: Value = serde_json::from_str(&registry.done(&["list", "adder", "--json"])).expect("JSON");
    assert_eq!(list[1]["publication"]["training"], json!({ "commit": "abc", "parent": "1.9.0" }));

    let differs = registry.done(&["diff", "adder/1.9.0", "adder/1.10.0"]);
    assert!(differs.contains("+ accuracy: 0.9") && differs.contains("+ training commit"), "{differs}");
    assert!(!differs.contains("input x"), "{differs}");

    let again = registry.run(&["push", source, "--version", "1.10.0"]);
    assert!(again.err.contains("adder 1.10.0 is published already"), "{}", again.err);
    let wrong = registry.run(&["push", source, "--version", "1.10"]);
    assert!(wrong.err.contains("`1.10`: expected a semantic version such as 1.2.0"), "{}", wrong.err);

    let pulled = registry.beside().join("pulled");
    registry.done(&["pull", "adder", "1.10.0", "-o", pulled.to_str().expect("text")]);
    assert_eq!(fs::read(pulled.join("adder/1.10.0/model.onnx")).expect("a file"), adder(2));
    let component = registry.beside().join("adder.wasm");
    let component = component.to_str().expect("text");
    registry.done(&["pull", "adder", "1.10.0", "--component", "-o", component]);
    assert!(edgewit_tests::command::run(["inspect", component]).out.contains("adder 1.10.0"));
}

#[test]
fn what_was_altered_or_is_half_there_is_refused_and_the_last_good_version_stays() {
    let registry = Registry::new();
    // What is altered is no other test's, of which the machine code may be known: then it would not be read.
    for (version, by) in [("1.0.0", 1), ("1.1.0", 71), ("1.2.0", 72), ("1.3.0", 73)] {
        registry.push(version, by, by);
    }
    registry.done(&["deploy", "adder", "1.0.0"]);
    let host = registry.host(&[]);
    until("1.0.0", || status(&host.client)["serving"] == "1.0.0");
    let list: Value = serde_json::from_str(&registry.done(&["list", "--json"])).expect("JSON");
    let component = |ix: usize| {
        let digest = list[ix]["publication"]["component"]["sha256"].as_str().expect("a digest").to_owned();
        registry.object(&format!("components/{digest}.wasm"))
    };
    // Altered by one bit, and cut short; the third has lost a golden file.
    let mut bytes = fs::read(component(1)).expect("a component");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(component(1), &bytes).expect("written");
    bytes[middle] ^= 1;
    fs::write(component(2), &bytes[..1000]).expect("written");
    fs::remove_file(registry.object("adder/1.3.0/golden/cases.json")).expect("removed");
    for (version, word) in [("1.1.0", "SHA-256"), ("1.2.0", "bytes"), ("1.3.0", "it is gone")] {
        let deploy = registry.run(&["deploy", "adder", version, "--wait", "60"]);
        assert!(deploy.code == Some(1) && deploy.err.contains(word), "{version}: {}", deploy.err);
        assert_eq!(ask(&host.client), ("1.0.0".into(), 1));
    }
    // Half a publication, and one in another's place, are none.
    let publication = fs::read(registry.object("adder/1.0.0/version.json")).expect("a file");
    fs::write(registry.object("adder/1.1.0/version.json"), &publication[..100]).expect("written");
    fs::write(registry.object("adder/1.2.0/version.json"), &publication).expect("written");
    fs::remove_file(registry.object("adder/1.3.0/version.json")).expect("removed");
    for (version, word) in
        [("1.1.0", "not whole"), ("1.2.0", "got adder 1.0.0"), ("1.3.0", "there is no adder 1.3.0")]
    {
        let deploy = registry.run(&["deploy", "adder", version]);
        assert!(deploy.code == Some(1) && deploy.err.contains(word), "{version}: {}", deploy.err);
    }
}

#[test]
fn the_status_tells_which_version_answers_where_the_wanted_one_is_damaged() {
    let registry = Registry::new();
    for (version, by) in [("1.0.0", 1), ("1.1.0", 74)] {
        registry.push(version, by, by);
    }
    registry.done(&["deploy", "adder", "1.0.0"]);
    let host = registry.host(&[]);
    until("1.0.0", || status(&host.client)["serving"] == "1.0.0");
    let list: Value = serde_json::from_str(&registry.done(&["list", "--json"])).expect("JSON");
    let digest = list[1]["publication"]["component"]["sha256"].as_str().expect("a digest");
    fs::write(registry.object(&format!("components/{digest}.wasm")), "half").expect("written");
    // Another host was content with it, before it was damaged.
    let store = Store::open(&registry.url).expect("a store");
    let content = |release: &Release| {
        let (revision, previous) = (release.revision + 1, release.stable.clone());
        Ok(Release { revision, stable: Some("1.1.0".into()), previous, ..release.clone() })
    };
    change(&store, "adder", "another host", content).expect("changed");
    let told = |host: &Server| {
        until("the damage", || status(&host.client)["failed"]["1.1.0"].is_string());
        let status = status(&host.client);
        assert_eq!((&status["stable"], &status["serving"]), (&json!("1.1.0"), &json!("1.0.0")), "{status}");
        assert_eq!(ask(&host.client), ("1.0.0".into(), 1));
        assert_eq!(host.client.get("/health/ready").status, 200);
    };
    told(&host);
    drop(host);
    // So it is for one that starts now, with what it served before.
    told(&registry.host(&[]));
}

#[test]
fn only_versions_that_are_signed_by_a_trusted_key_are_served() {
    let registry = Registry::new();
    let key = |name: &str| {
        let (private, public) = (registry.beside().join(name), registry.beside().join(format!("{name}.pub")));
        let openssl = |arguments: &[&str]| {
            let done = Command::new("openssl")
                .args(arguments)
                .stderr(Stdio::null())
                .status()
                .expect("openssl starts");
            assert!(done.success(), "{arguments:?}");
        };
        let (private, public) =
            (private.to_str().expect("text").to_owned(), public.to_str().expect("text").to_owned());
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", &private]);
        openssl(&["pkey", "-in", &private, "-pubout", "-out", &public]);
        (private, public)
    };
    let ((ours, trusted), (other, _)) = (key("ours"), key("other"));
    let push = |version: &str, sign: &[&str]| {
        let source = registry.source(version, &adder(1));
        registry.done(&[&["push", source.to_str().expect("text"), "--version", version], sign].concat());
    };
    push("1.0.0", &["--sign", &ours]);
    push("1.1.0", &[]);
    push("1.2.0", &["--sign", &other]);
    let deploy =
        |version: &str| registry.run(&["deploy", "adder", version, "--registry-public-keys", &trusted]);
    assert!(deploy("1.1.0").err.contains("expected a signature of a key that is trusted, got none"));
    assert!(deploy("1.2.0").err.contains("its signature is of no key that is trusted"));
    assert_eq!(deploy("1.0.0").code, Some(0));
    // Whoever deploys without looking does not get it past the host.
    let host = registry.host(&["--registry-public-keys", &trusted]);
    until("1.0.0", || status(&host.client)["serving"] == "1.0.0");
    let deploy = registry.run(&["deploy", "adder", "1.1.0", "--wait", "60"]);
    assert!(deploy.code == Some(1) && deploy.err.contains("expected a signature"), "{}", deploy.err);
    // The signature is of the publication, which has the digests of all else.
    let file = registry.object("adder/1.0.0/version.json");
    let text = fs::read_to_string(&file).expect("text");
    fs::write(&file, text.replace("\"created\": \"2", "\"created\": \"1")).expect("written");
    let altered = registry.run(&["pull", "adder", "1.0.0", "--registry-public-keys", &trusted]);
    assert!(altered.err.contains("its signature is of no key"), "{}", altered.err);
}

/// A registry whose version 1.0.0 a host has served, which is gone.
fn served() -> Registry {
    let registry = serving();
    let host = registry.host(&[]);
    until("1.0.0", || status(&host.client)["serving"] == "1.0.0");
    drop(host);
    registry
}

#[test]
fn a_host_whose_registry_is_gone_serves_what_it_served() {
    let registry = served();
    let away = registry.beside().join("away");
    fs::rename(&registry.url, &away).expect("moved");
    fs::write(&registry.url, "no folder").expect("written");
    let refused = edgewit().args(["serve", "--registry", &registry.url]).output().expect("it starts");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("expected a directory"));
    // A folder that cannot be listed is a store that does not answer.
    fs::remove_file(&registry.url).expect("removed");
    fs::create_dir(&registry.url).expect("a folder");
    fs::create_dir_all(registry.object("adder/releases/0000000001.json"))
        .expect("a folder in place of a file");
    let host = registry.host(&[]);
    assert_eq!(ask(&host.client), ("1.0.0".into(), 1));
    // When it is back, the host follows it again.
    fs::remove_dir_all(&registry.url).expect("removed");
    fs::rename(&away, &registry.url).expect("moved");
    registry.push("1.1.0", 2, 2);
    registry.done(&["deploy", "adder", "1.1.0", "--wait", "60"]);
    until("1.1.0", || ask(&host.client).0 == "1.1.0");
}

#[test]
fn a_registry_that_begins_anew_is_not_answered_for_by_what_was_there_before() {
    let registry = served();
    fs::remove_dir_all(&registry.url).expect("removed");
    registry.push("2.0.0", 2, 3);
    registry.done(&["deploy", "adder", "2.0.0"]);
    let host = registry.host(&[]);
    until("the rejection", || status(&host.client)["rejected"]["version"] == "2.0.0");
    assert_eq!(status(&host.client)["serving"], Value::Null);
    assert_ne!(host.client.post_json("/models/adder/predict", &json!({ "x": 0 })).status, 200);
}

/// A number below `end` that is another each time, and the same in each run.
fn random(state: &mut u64, end: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % end
}

#[test]
fn a_kill_at_any_moment_of_a_deployment_leaves_a_state_that_is_read_and_served() {
    let registry = Registry::new();
    for (version, by) in [("1.0.0", 1), ("1.1.0", 2)] {
        registry.push(version, by, by);
    }
    registry.done(&["deploy", "adder", "1.0.0"]);
    drop({
        let host = registry.host(&[]);
        until("1.0.0", || status(&host.client)["serving"] == "1.0.0");
        host
    });
    let store = Store::open(&registry.url).expect("a store");
    let mut state = 7;
    let rounds = if full() { 100 } else { 6 };
    for round in 0..rounds {
        let stable = latest(&store, "adder", 0).expect("it is read").stable.expect("a version");
        let other = if stable == "1.0.0" { "1.1.0" } else { "1.0.0" };
        // Host and command die at different moments of one deployment.
        let host = registry.host(&[]);
        assert_eq!(ask(&host.client).0, stable, "round {round}");
        let mut command = edgewit();
        command.args(["deploy", "adder", other, "--registry", &registry.url]);
        let mut deploy = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let moment = Duration::from_micros(random(&mut state, 60_000));
        // The moment is what is tried here, not something that is waited for.
        std::thread::sleep(moment);
        if random(&mut state, 2) == 0 {
            deploy.kill().expect("killed");
        }
        host.signal("KILL");
        let _ = deploy.wait();
        let release = latest(&store, "adder", 0).expect("it is read");
        let allowed =
            [Some(stable.clone()), release.candidate.map(|candidate| candidate.version), release.stable];
        let host = registry.host(&[]);
        let (version, adds) = ask(&host.client);
        assert!(allowed.contains(&Some(version.clone())), "round {round}: {version} of {allowed:?}");
        assert_eq!(adds, if version == "1.0.0" { 1 } else { 2 });
        until("the end of the deployment", || status(&host.client)["candidate"].is_null());
    }
    eprintln!("{rounds} rounds, {} changes", latest(&store, "adder", 0).expect("it is read").revision);
}

#[test]
fn of_many_who_change_a_release_at_once_each_makes_a_revision_of_its_own() {
    let registry = Registry::new();
    let store = Store::open(&registry.url).expect("a store");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = store.clone();
            scope.spawn(move || {
                for turn in 0..10 {
                    let version = format!("{thread}.{turn}.0");
                    change(&store, "adder", "test", |release| release.deploy(&version, Plan::default()))
                        .expect("changed");
                }
            });
        }
    });
    let revisions = edgewit::release::history(&store, "adder", 1000).expect("it is read");
    let numbers = revisions.iter().rev().map(|release| release.revision).collect::<Vec<_>>();
    assert_eq!(numbers, (1..=80).collect::<Vec<_>>());
}

#[test]
fn hosts_that_follow_a_bucket_agree_within_a_second() {
    let Some(bucket) = Bucket::start() else { return };
    let sources = Registry::at(&bucket.url);
    for (version, by) in [("1.0.0", 1), ("1.1.0", 2)] {
        bucket.push(&sources.source(version, &adder(by)), version);
    }
    bucket.run(&["deploy", "adder", "1.0.0"]);
    let hosts = [bucket.host(&[]), bucket.host(&[])];
    until("1.0.0", || hosts.iter().all(|host| status(&host.client)["serving"] == "1.0.0"));
    bucket.run(&["deploy", "adder", "1.1.0"]);
    until("1.1.0 on both", || hosts.iter().all(|host| ask(&host.client).0 == "1.1.0"));
    // Loaded on both: a rollback and its counterpart are a matter of looking.
    let mut times = vec![];
    for version in ["1.0.0", "1.1.0", "1.0.0"] {
        let start = Instant::now();
        bucket.run(&["rollback", "adder"]);
        until("the rollback on both", || hosts.iter().all(|host| ask(&host.client).0 == version));
        times.push(start.elapsed());
    }
    eprintln!("two hosts agree after {times:.0?}");
    if full() {
        assert!(times.iter().all(|time| *time < Duration::from_secs(1)), "{times:?}");
    }
}
