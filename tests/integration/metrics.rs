//! What `/metrics` counts.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use edgewit_tests::model;
use edgewit_tests::server::Server;
use serde_json::json;

use crate::customer;

/// The value of a sample, by the start of its line.
pub(crate) fn value(text: &str, start: &str) -> f64 {
    let line =
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

#[test]
fn requests_failures_durations_and_instances_are_counted_by_model_and_version() {
    let server = Server::ready(model("churn").parent().expect("models"), &[]);
    for _ in 0..3 {
        assert_eq!(server.client.post_json("/predict", &customer()).status, 200);
    }
    server.client.post_json("/predict/batch", &json!([customer(), customer()]));
    server.client.post("/predict", "{");
    server.client.post("/models/nothing/predict", "{}");
    let answer = server.client.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = &answer.text;
    let churn = r#"{model="churn",version="1"}"#;
    assert_eq!(value(text, &format!("edgewit_requests_total{churn}")), 5.0);
    assert_eq!(value(text, r#"edgewit_requests_total{model="",version=""}"#), 1.0);
    assert_eq!(
        value(text, r#"edgewit_failures_total{model="churn",version="1",reason="invalid_input"}"#),
        1.0
    );
    assert_eq!(value(text, r#"edgewit_failures_total{model="",version="",reason="not_found"}"#), 1.0);
    assert_eq!(value(text, &format!("edgewit_rows_total{churn}")), 5.0);
    // A sandbox for each of the four predictions; the refused body never reached one.
    assert_eq!(value(text, &format!("edgewit_instances_started_total{churn}")), 4.0);
    assert_eq!(value(text, &format!("edgewit_request_duration_seconds_count{churn}")), 5.0);
    assert_eq!(value(text, &format!("edgewit_predict_duration_seconds_count{churn}")), 4.0);
    assert_eq!(value(text, &format!("edgewit_queue_duration_seconds_count{churn}")), 5.0);
    assert_eq!(value(text, "edgewit_models_loaded"), 2.0);

    // The same under Triton's names.
    assert_eq!(value(text, &format!("nv_inference_request_success{churn}")), 4.0);
    assert_eq!(value(text, r#"nv_inference_request_failure{model="churn",version="1",reason="OTHER"}"#), 1.0);
    assert_eq!(
        value(text, r#"nv_inference_request_failure{model="churn",version="1",reason="BACKEND"}"#),
        0.0
    );
    assert_eq!(value(text, &format!("nv_inference_count{churn}")), 5.0);
    assert_eq!(value(text, &format!("nv_inference_exec_count{churn}")), 4.0);
    assert_eq!(value(text, &format!("nv_inference_pending_request_count{churn}")), 0.0);
    let seconds = value(text, &format!("edgewit_request_duration_seconds_sum{churn}"));
    let micros = value(text, &format!("nv_inference_request_duration_us{churn}"));
    assert!((seconds * 1e6 - micros).abs() <= 1.0, "{seconds} s, {micros} us");
    assert!(value(text, &format!("nv_inference_compute_infer_duration_us{churn}")) < micros);
}

#[test]
fn the_process_tells_of_itself() {
    let server = Server::ready(model("churn").parent().expect("models"), &[]);
    // Some ticks of the system's clock: a warm start takes less than one.
    for _ in 0..500 {
        assert_eq!(server.client.post_json("/predict", &customer()).status, 200);
    }
    let text = server.client.get("/metrics").text;
    let between = |name: &str, least: f64, most: f64| {
        let value = value(&text, &format!("{name} "));
        assert!((least..=most).contains(&value), "{name} is {value}");
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs_f64();
    between("process_start_time_seconds", now - 600.0, now);
    between("process_cpu_seconds_total", 0.01, 600.0);
    between("process_resident_memory_bytes", 4e6, 4e9);
    between("process_virtual_memory_bytes", 4e6, 1e15);
    between("process_threads", 3.0, 200.0);
    between("process_open_fds", 5.0, 500.0);
    between("process_max_fds", 64.0, 1e10);
    let version = format!(r#"edgewit_build_info{{version="{}""#, env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{version}\n{text}");
}

/// A server that has done a bit of everything, so that every family has a sample; and the folder of what it has on disk.
pub(crate) fn busy() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (models, data, store) = (path("models"), path("data.csv"), path("records.db"));
    edgewit_tests::copy_model("churn", models.as_ref(), "response_cache = true", "[batching]\nmax_size = 4");
    let customer = customer();
    let customer = customer.as_object().expect("a row");
    let cell = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let header = customer.keys().cloned().collect::<Vec<_>>().join(",");
    let line = customer.values().map(cell).collect::<Vec<_>>().join(",");
    std::fs::write(&data, format!("{header}\n{line}\n")).expect("written");
    let made = edgewit_tests::command::run(["baseline", &data, "--model", &format!("{models}/churn")]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let arguments = ["--isolation", "reuse", "--response-cache-mb", "1", "--records-store", &store];
    let server = Server::ready(models.as_ref(), &arguments);
    let customer = serde_json::Value::from(customer.clone());
    for (id, label) in [("first", "Yes"), ("second", "No")] {
        server.client.post_json_as(id, "/predict", &customer);
        server.client.post_json("/feedback", &json!({ "request_id": id, "label": label }));
    }
    server.client.post("/predict", "{");
    for of in ["drift", "performance"] {
        assert_eq!(server.client.get(&format!("/models/churn/{of}")).status, 200);
    }
    (server, folder)
}

#[test]
fn the_names_of_metrics_are_a_contract() {
    let (server, _folder) = busy();
    let families = |text: &str| {
        let mut types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect::<Vec<_>>();
        types.sort_unstable();
        types.join("\n") + "\n"
    };
    assert_eq!(families(&server.client.get("/metrics").text), include_str!("metrics.txt"));

    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let open = server.client.get_as(accept, "/metrics");
    assert!(
        open.header("content-type").is_some_and(|header| header.starts_with("application/openmetrics-text"))
    );
    assert!(open.text.ends_with("# EOF\n"));
    assert_eq!(families(&open.text).lines().count(), include_str!("metrics.txt").lines().count());
}

/// Debian's package `prometheus` has both programs.
fn prometheus(program: &str) -> Option<Command> {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: needs {program}; on Debian: apt-get install prometheus");
    }
    there.then(|| Command::new(program))
}

#[test]
fn promtool_finds_nothing_wrong_but_tritons_names() {
    let Some(mut promtool) = prometheus("promtool") else { return };
    let (server, _folder) = busy();
    let text = server.client.get("/metrics").text;
    let promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool starts");
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let output = promtool.wait_with_output().expect("promtool ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours = complaints.lines().filter(|line| !line.starts_with("nv_")).collect::<Vec<_>>();
    assert!(ours.is_empty(), "{complaints}");
}

#[test]
fn prometheus_scrapes_them() {
    let Some(mut prometheus) = prometheus("prometheus") else { return };
    let (server, _folder) = busy();
    let folder = tempfile::tempdir().expect("a folder");
    let target = server.base.strip_prefix("http://").expect("an address");
    let config = format!(
        "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\n\
         scrape_configs: [{{ job_name: edgewit, static_configs: [{{ targets: ['{target}'] }}] }}]\n"
    );
    std::fs::write(folder.path().join("prometheus.yml"), config).expect("written");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let process = prometheus
        .current_dir(folder.path())
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
        .arg(format!("--web.listen-address={port}"))
        .spawn();
    let _process = Stopped(process.expect("prometheus starts"));
    let ask = |query: &str| {
        let client = ureq::get(format!("http://{port}/api/v1/query")).query("query", query);
        let text = client.call().ok()?.body_mut().read_to_string().ok()?;
        let answer: serde_json::Value = serde_json::from_str(&text).ok()?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    // Prometheus tells nobody when it has scraped, so it is asked again and again.
    let scraped = |query: &str| {
        let start = Instant::now();
        loop {
            if let Some(value) = ask(query) {
                return value;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "prometheus has no {query}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    assert_eq!(scraped(r#"up{job="edgewit"} == 1"#), "1");
    assert_eq!(scraped(r#"edgewit_requests_total{model="churn",version="1"}"#), "3");
    assert_eq!(scraped(r#"nv_inference_request_success{model="churn"}"#), "2");
    assert_eq!(scraped(r#"nv_cache_num_hits_per_model{model="churn"}"#), "1");
    let p999 = scraped("histogram_quantile(0.999, edgewit_request_duration_seconds_bucket)");
    assert!(p999.parse::<f64>().is_ok_and(|seconds| seconds > 0.0 && seconds < 10.0), "{p999}");
}

/// A process that ends with the test.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
