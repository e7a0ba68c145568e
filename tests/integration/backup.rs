//! Backups of what hosts share: made while they work, restored elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use edgewit::release::history;
use edgewit::store::Store;
use edgewit_tests::command::{Run, edgewit, run};
use edgewit_tests::http::Client;
use edgewit_tests::postgres::Postgres;
use edgewit_tests::releases::{Registry, ask, status};
use edgewit_tests::server::Server;
use serde_json::{Value, json};

use crate::records::stored;
use crate::registry::until;

/// A registry and a store of records, and a host of both.
struct Site {
    registry: Registry,
    records: String,
}

impl Site {
    /// With its records in a file beside the registry, unless they are elsewhere.
    fn new(records: Option<&str>) -> Site {
        let registry = Registry::new();
        let file = registry.beside().join("records.db").to_str().expect("text").to_owned();
        Site { registry, records: records.map_or(file, str::to_owned) }
    }

    fn host(&self) -> Server {
        self.registry.host(&["--records-store", &self.records, "--records-confirm", "--log-level", "warn"])
    }

    fn command<'a>(&'a self, name: &'a str, folder: &'a Path) -> [&'a str; 4] {
        [name, folder.to_str().expect("text"), "--records-store", &self.records]
    }

    /// What is published, and every change of what answers.
    fn releases(&self) -> (Value, Value) {
        let list = self.registry.done(&["list", "--json"]);
        let store = Store::open(&self.registry.url).expect("a registry");
        let changes = history(&store, "adder", usize::MAX).expect("it is read");
        (serde_json::from_str(&list).expect("JSON"), json!(changes))
    }

    /// Has two versions in it, the second of which answers, and predictions of both that are labelled.
    fn fill(&self) {
        for (version, by) in [("1.0.0", 1), ("1.1.0", 2)] {
            self.registry.push(version, by, by);
        }
        self.registry.done(&["deploy", "adder", "1.0.0"]);
        let host = self.host();
        until("1.0.0", || status(&host.client)["serving"] == "1.0.0");
        for version in ["1.0.0", "1.1.0"] {
            if version == "1.1.0" {
                self.registry.done(&["deploy", "adder", version, "--wait", "60"]);
            }
            for row in 0..10 {
                let id = format!("{version}-{row}");
                let answer = host.client.post_json_as(&id, "/models/adder/predict", &json!({ "x": row }));
                assert_eq!(answer.header("x-edgewit-record"), Some("stored"), "{}", answer.text);
                let label = json!({ "request_id": id, "label": row + 1 });
                assert_eq!(host.client.post_json("/models/adder/feedback", &label).status, 200);
            }
        }
    }
}

/// Backs `site` up while `client` has it predict.
fn back_up_under_load(site: &Site, client: &Client, folder: &Path) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !done.load(Relaxed) {
                let answer = client.post_json("/models/adder/predict", &json!({ "x": 0 }));
                assert_eq!(answer.header("x-edgewit-record"), Some("stored"), "{}", answer.text);
                asked += 1;
            }
            asked
        });
        let Run { code, err, .. } = site.registry.run(&site.command("backup", folder));
        done.store(true, Relaxed);
        assert_eq!(code, Some(0), "{err}");
        eprintln!("{} predictions during the backup", asking.join().expect("it ends"));
    });
}

/// Everything that is made at `old` is there again at `new`, by a backup made while `old` was at work.
fn rehearse(old: Site, new: Site, destroy: impl FnOnce()) {
    old.fill();
    let folder = new.registry.beside().join("backup");
    let host = old.host();
    let (releases, before, answer) = (old.releases(), stored(&old.records), ask(&host.client));
    let before_labels = before.iter().filter(|(_, label)| label.is_some()).count();
    assert_eq!((before_labels, answer.clone()), (20, ("1.1.0".into(), 2)));
    back_up_under_load(&old, &host.client, &folder);
    drop(host);
    let all = stored(&old.records);
    drop(old);
    destroy();

    let said = new.registry.done(&new.command("restore", &folder));
    assert!(said.starts_with("adder: 2 versions, 1.1.0 answers\nrecords: "), "{said}");
    assert_eq!(new.releases(), releases);
    let restored = stored(&new.records);
    // It is of one moment after what was there before, and has nothing but what was predicted.
    assert!(before.iter().all(|record| restored.contains(record)));
    assert!(restored.iter().all(|record| all.contains(record)));
    let host = new.host();
    assert_eq!(ask(&host.client), answer);
    new.registry.done(&["rollback", "adder"]);
    until("1.0.0", || ask(&host.client) == ("1.0.0".into(), 1));
    drop(host);

    // What is there is not written over by mistake, and is when that is wanted.
    let refused = new.registry.run(&new.command("restore", &folder));
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("expected it to be empty, got the models adder"), "{}", refused.err);
    assert_ne!(new.releases(), releases);
    new.registry.done(&[&new.command("restore", &folder)[..], &["--overwrite"]].concat());
    assert_eq!(new.releases(), releases);
    assert_eq!(stored(&new.records), restored);
    // Also by a host that knows of what came after.
    assert_eq!(ask(&new.host().client), answer);
}

#[test]
fn a_restored_registry_and_sqlite_answer_and_know_the_same() {
    // A site goes with its folder.
    rehearse(Site::new(None), Site::new(None), || {});
}

#[test]
fn a_restored_registry_and_postgresql_answer_and_know_the_same() {
    let (Some(old), Some(new)) = (Postgres::start(), Postgres::start()) else { return };
    rehearse(Site::new(Some(&old.url)), Site::new(Some(&new.url)), || old.stop());
}

/// A backup of a site without a host.
fn backed_up(site: &Site) -> PathBuf {
    site.fill();
    let folder = site.registry.beside().join("backup");
    site.registry.done(&site.command("backup", &folder));
    folder
}

#[test]
fn a_backup_that_was_altered_or_is_not_whole_restores_nothing() {
    let old = Site::new(None);
    let folder = backed_up(&old);
    let again = old.registry.run(&old.command("backup", &folder));
    assert!(again.err.contains("backup is there already"), "{}", again.err);

    let new = Site::new(None);
    let refused = |words: &str| {
        let restore = new.registry.run(&new.command("restore", &folder));
        assert_eq!((restore.code, &*restore.out), (Some(1), ""));
        assert!(restore.err.contains(words), "`{words}` is not in: {}", restore.err);
        assert!(!Path::new(&new.registry.url).join("adder").exists() && !Path::new(&new.records).exists());
    };
    for name in ["records.sqlite", "registry/adder/releases/0000000001.json"] {
        let file = folder.join(name);
        let bytes = fs::read(&file).expect("a file");
        let mut altered = bytes.clone();
        altered[bytes.len() / 2] ^= 1;
        fs::write(&file, &altered).expect("written");
        refused(&format!("{name}: expected SHA-256"));
        fs::write(&file, &bytes[..100]).expect("written");
        refused("got 100; it was altered, or is not whole");
        fs::remove_file(&file).expect("removed");
        refused(name);
        fs::write(&file, bytes).expect("written");
    }
    fs::remove_file(folder.join("backup.json")).expect("removed");
    refused("backup.json");
}

#[test]
fn a_backup_that_fails_leaves_nothing_behind() {
    let site = Site::new(None);
    site.registry.push("1.0.0", 1, 1);
    let backups = site.registry.beside().join("backups");
    let refused = |command: &mut std::process::Command, words: &str| {
        let output = command.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "`{words}` is not in: {said}");
        assert_eq!(fs::read_dir(&backups).map_or(0, Iterator::count), 0);
    };
    let mut nowhere = edgewit();
    refused(
        nowhere.arg("backup").arg(backups.join("a")),
        "neither a registry nor a store of records is named",
    );
    let mut missing = edgewit();
    missing.arg("backup").arg(backups.join("a")).args(["--records-store", &site.records]);
    refused(&mut missing, "there is no such file");
    let mut without = edgewit();
    without.arg("backup").arg(backups.join("a")).env("PATH", site.registry.beside());
    without.args(["--records-store", "postgres://ada:secret@127.0.0.1:1/records"]);
    refused(&mut without, "pg_dump cannot be started, which comes with PostgreSQL's client");
    // A registry is held against its digests, so that nothing is backed up that could not be served.
    fs::remove_file(site.registry.object("adder/1.0.0/golden/cases.json")).expect("removed");
    let mut damaged = edgewit();
    damaged.arg("backup").arg(backups.join("a")).args(["--registry", &site.registry.url]);
    refused(&mut damaged, "golden/cases.json: it is gone");
}

#[test]
fn a_part_of_a_backup_goes_where_there_is_a_place_of_its_kind() {
    let old = Site::new(None);
    let folder = backed_up(&old);
    let new = Site::new(None);
    let folder_name = folder.to_str().expect("text");
    let restored = run(["restore", folder_name, "--registry", &new.registry.url]);
    assert_eq!(restored.code, Some(0), "{}", restored.err);
    assert_eq!(restored.out, "adder: 2 versions, 1.1.0 answers\n");
    assert!(restored.err.contains("left out: the records"), "{}", restored.err);
    assert_eq!(new.releases(), old.releases());
    let other = ["--records-store", "postgres://127.0.0.1:1/records", "--overwrite"];
    let refused = run([&["restore", folder_name][..], &other].concat());
    assert!(refused.err.contains("expected a store of SQLite"), "{}", refused.err);
}
