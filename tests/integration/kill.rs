//! SIGKILL at any moment: what was acknowledged is there.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use edgewit_tests::{copy_model, full};
use serde_json::json;

use crate::customer;
use crate::records::{recording, stored};

const CLIENTS: usize = 4;

/// What clients were told is stored.
#[derive(Default)]
struct Acknowledged {
    predictions: Mutex<HashSet<String>>,
    labels: Mutex<HashSet<String>>,
}

/// Predicts and labels until the server is gone.
fn client(base: &str, round: usize, number: &AtomicUsize, acknowledged: &Acknowledged) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    loop {
        let id = format!("{round}-{}", number.fetch_add(1, Relaxed));
        let request = agent.post(format!("{base}/predict")).header("x-request-id", &id);
        let Ok(answer) = request.content_type("application/json").send(customer().to_string()) else {
            return;
        };
        if answer.headers().get("x-edgewit-record").is_some_and(|record| record == "stored") {
            acknowledged.predictions.lock().expect("no panic").insert(id.clone());
        }
        let label = json!({ "request_id": id, "label": "Yes" }).to_string();
        let request = agent.post(format!("{base}/feedback")).content_type("application/json");
        let Ok(answer) = request.send(label) else { return };
        if answer.status() == 200 {
            acknowledged.labels.lock().expect("no panic").insert(id);
        }
    }
}

#[test]
fn no_acknowledged_prediction_or_label_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_model("churn", folder.path(), "", "");
    let store = folder.path().join("records.db").to_str().expect("text").to_owned();
    let (number, acknowledged) = (AtomicUsize::new(0), Acknowledged::default());
    let rounds = if full() { 100 } else { 5 };
    for round in 0..rounds {
        let server = recording(folder.path(), &store, &["--records-confirm"]);
        let base = server.base.clone();
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| client(&base, round, &number, &acknowledged));
            }
            // A moment that nobody chose.
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
            std::thread::sleep(Duration::from_millis(20 + u64::from(now.subsec_nanos()) % 150));
            server.signal("KILL");
        });
    }
    let found = stored(&store);
    let predictions = found.iter().map(|(record, _)| &*record.request_id).collect::<HashSet<_>>();
    let labels = found.iter().filter(|(_, label)| label.as_deref() == Some("Yes"));
    let labels = labels.map(|(record, _)| &*record.request_id).collect::<HashSet<_>>();
    let acknowledged = (
        acknowledged.predictions.into_inner().expect("no panic"),
        acknowledged.labels.into_inner().expect("no panic"),
    );
    assert!(acknowledged.0.len() > rounds && acknowledged.1.len() > rounds, "{acknowledged:?}");
    for id in &acknowledged.0 {
        assert!(predictions.contains(id.as_str()), "the prediction {id} is lost");
    }
    // A label is stored even where its prediction was never acknowledged, and found by those that were.
    for id in acknowledged.1.intersection(&acknowledged.0) {
        assert!(labels.contains(id.as_str()), "the label of {id} is lost");
    }
}
