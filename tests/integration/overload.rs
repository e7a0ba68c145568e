//! Ten times the load that a host can carry: what is let in is answered in time, the rest is refused at once.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use edgewit_tests::full;
use edgewit_tests::server::Server;
use serde_json::{Value, json};

use crate::lifecycle::slow;

/// Connections of the clients.
const CLIENTS: u32 = 32;

/// What came of a load: how long each answer took, by its status.
#[derive(Default)]
struct Outcome {
    answered: Vec<Duration>,
    refused: Vec<Duration>,
}

impl Outcome {
    fn p99(times: &mut [Duration]) -> Duration {
        times.sort_unstable();
        times.get((times.len() * 99 / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Asks for `time`, each client at its turn of `rate` requests a second over all, whether the last was answered or not.
fn load(server: &Server, body: &Value, clients: u32, rate: f64, time: Duration) -> Outcome {
    let outcome = Mutex::new(Outcome::default());
    let every = Duration::from_secs_f64(f64::from(clients) / rate);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..clients {
            let (outcome, every) = (&outcome, every);
            scope.spawn(move || {
                let mut turn = start + every.mul_f64(f64::from(client) / f64::from(clients));
                while turn < start + time && start.elapsed() < time {
                    // The turn is the event that is waited for.
                    std::thread::sleep(turn.saturating_duration_since(Instant::now()));
                    let asked = Instant::now();
                    let answer = server.client.post_json("/predict", body);
                    let took = asked.elapsed();
                    let mut outcome = outcome.lock().expect("nobody panicked");
                    match answer.status {
                        200 => outcome.answered.push(took),
                        status => {
                            assert_eq!(
                                (status, answer.header("retry-after")),
                                (503, Some("1")),
                                "{}",
                                answer.text
                            );
                            outcome.refused.push(took);
                        }
                    }
                    turn += every;
                }
            });
        }
    });
    outcome.into_inner().expect("nobody panicked")
}

#[test]
fn at_ten_times_its_load_a_host_answers_what_it_can_and_refuses_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    slow(folder.path());
    // One worker leaves a core to those who ask; one place behind it, so that nobody waits for more than one other.
    let server = Server::ready(folder.path(), &["--workers", "1", "--queue", "1", "--deadline-ms", "60000"]);
    let body = json!({ "x": vec![vec![1; 64]; 64] });
    let time = Duration::from_secs(if full() { 60 } else { 3 });
    let alone = |time| load(&server, &body, 1, 1e6, time).answered;
    let measure = Duration::from_secs(if full() { 10 } else { 2 });
    let mut before = alone(measure);
    let (rate, unloaded) = (before.len() as f64 / measure.as_secs_f64(), Outcome::p99(&mut before));
    let memory = server.resident();

    let mut outcome = load(&server, &body, CLIENTS, 10.0 * rate, time);
    let grown = server.resident() as f64 / memory as f64;
    let after = alone(measure).len() as f64 / measure.as_secs_f64();
    let (answered, refused) = (outcome.answered.len(), outcome.refused.len());
    let (accepted, refusal) = (Outcome::p99(&mut outcome.answered), Outcome::p99(&mut outcome.refused));
    eprintln!(
        "alone {rate:.0}/s, p99 {unloaded:.1?}; at ten times that {answered} answered, p99 {accepted:.1?}, {refused} refused, \
         p99 {refusal:.1?}; memory x {grown:.2}; afterwards {after:.0}/s"
    );
    assert!(answered > 0 && refused > answered, "{answered} answered, {refused} refused");
    assert!(grown < 1.5, "memory grew {grown:.2} times");
    // Times are the machine's; only the whole run, which has it to itself, is held to them.
    if full() {
        assert!(accepted < 3 * unloaded, "{accepted:?} against {unloaded:?}");
        assert!(refusal < Duration::from_millis(10), "{refusal:?}");
        assert!(after > 0.9 * rate, "{after} against {rate}");
    }
}
