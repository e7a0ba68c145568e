//! Versions that change places again and again, under load.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use edgewit_tests::releases::ask;
use edgewit_tests::tool::tool;
use edgewit_tests::{full, root};
use serde::Deserialize;
use serde_json::json;

use crate::releases::{change, serving, until};

/// wrk on one host. It tells failures and answers that no version gives, not which version was allowed when it asked:
/// that is what the clients beside it are for.
struct Wrk(Child);

/// What tests/registry/load.lua prints.
#[derive(Deserialize)]
struct Load {
    requests: u64,
    failed: u64,
    wrong: u64,
}

impl Wrk {
    /// Starts it, where it is installed.
    fn start(base: &str) -> Option<Wrk> {
        let mut wrk = tool("wrk", "wrk")?;
        wrk.args([
            "--threads",
            "1",
            "--connections",
            "8",
            "--timeout",
            "30s",
            "--duration",
            "1h",
            "--script",
        ]);
        wrk.arg(root().join("tests/registry/load.lua")).arg(base).stdout(Stdio::piped());
        Some(Wrk(wrk.spawn().expect("wrk starts")))
    }

    /// Ends it, and says what it saw.
    fn end(mut self) -> Load {
        let id = self.0.id().to_string();
        // At this it stops as at its time.
        let told = Command::new("kill").args(["-s", "INT", &id]).status();
        assert!(told.expect("kill starts").success());
        let mut text = String::new();
        let mut out = self.0.stdout.take().expect("stdout is piped");
        out.read_to_string(&mut text).expect("text");
        let line = text.lines().rfind(|line| line.starts_with('{'));
        serde_json::from_str(line.unwrap_or_else(|| panic!("wrk said: {text}"))).expect("JSON")
    }
}

impl Drop for Wrk {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a client saw: from when to when, and the version.
type Seen = (Instant, Instant, String);

#[test]
fn no_request_fails_or_is_answered_by_a_version_that_was_not_allowed() {
    let registry = serving();
    registry.push("1.1.0", 2, 2);
    let host = registry.host(&[]);
    until(&host.client, "1.0.0", |status| status["serving"] == "1.0.0");
    let cycles = if full() { 200 } else { 8 };
    let wrk = Wrk::start(&host.base);
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(Vec::<Seen>::new()));
    // From when to when each version was allowed: from before it was asked for until after another was in its place.
    let mut allowed = vec![(Instant::now(), None, "1.0.0")];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut own = vec![];
                while !stop.load(Relaxed) {
                    let from = Instant::now();
                    let (version, adds) = ask(&host.client);
                    assert_eq!(adds, if version == "1.0.0" { 1 } else { 2 });
                    own.push((from, Instant::now(), version));
                }
                seen.lock().expect("nobody panicked").extend(own);
            });
        }
        for cycle in 0..cycles {
            // Up by a deployment, back by a rollback; every other time with a canary that is promoted by hand.
            let begin = Instant::now();
            if cycle % 2 == 0 {
                change(&host.client, "deploy", &json!({ "version": "1.1.0" }));
                until(&host.client, "1.1.0", |status| status["serving"] == "1.1.0");
            } else {
                let plan = json!({ "automatic": false });
                change(&host.client, "deploy", &json!({ "version": "1.1.0", "plan": plan }));
                until(&host.client, "the canary", |status| status["candidate"]["stage"] == "canary");
                change(&host.client, "promote", &json!({}));
            }
            let now = Instant::now();
            if let Some((_, until, _)) = allowed.last_mut() {
                *until = Some(now);
            }
            allowed.push((begin, None, "1.1.0"));
            let begin = Instant::now();
            change(&host.client, "rollback", &json!({}));
            if let Some((_, until, _)) = allowed.last_mut() {
                *until = Some(Instant::now());
            }
            allowed.push((begin, None, "1.0.0"));
        }
        stop.store(true, Relaxed);
    });
    let seen = seen.into_inner().expect("nobody panicked");
    for (from, to, version) in &seen {
        let fits = |(begin, end, allowed): &(Instant, Option<Instant>, &str)| {
            allowed == version && begin <= to && end.is_none_or(|end| *from <= end)
        };
        assert!(allowed.iter().any(fits), "{version} answered when it was not allowed to");
    }
    if let Some(wrk) = wrk {
        let Load { requests, failed, wrong } = wrk.end();
        eprintln!("{requests} requests of wrk, {failed} failed, {wrong} wrong");
        assert!(requests > 0 && failed == 0 && wrong == 0);
    }
    let new = seen.iter().filter(|(.., version)| version == "1.1.0").count();
    eprintln!("{cycles} cycles, {} requests, {new} by the new version, none failed", seen.len());
    assert!(new > 0 && new < seen.len());
}
