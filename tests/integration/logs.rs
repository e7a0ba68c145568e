//! The log: one line a request, whatever is in the request.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use edgewit_tests::model;
use edgewit_tests::onnx::{Dim, Graph};
use edgewit_tests::server::Server;
use serde_json::{Value, json};

use crate::customer;

/// Serves with the log in a file, does what `ask` does, stops, and returns the lines.
fn lines(models: &Path, arguments: &[&str], ask: impl FnOnce(&Server)) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log");
    let mut server = Server::logging(models, arguments, File::create(&file).expect("a file"));
    ask(&server);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    fs::read_to_string(&file).expect("text").split_terminator('\n').map(str::to_owned).collect()
}

/// The lines of requests, of a log in JSON.
fn requests(lines: &[String]) -> Vec<Value> {
    let parsed = lines.iter().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value["timestamp"].is_string() && value["level"].is_string(), "{line}");
        value
    });
    parsed.filter(|line| line["message"] == "request").collect()
}

#[test]
fn a_request_is_one_line_with_who_asked_what_and_how_long_it_took() {
    let models = model("churn");
    let lines = lines(models.parent().expect("models"), &[], |server| {
        let answer = server.client.post_json_as("my-id:1", "/predict", &customer());
        assert_eq!(answer.header("x-request-id"), Some("my-id:1"));
        assert_eq!(server.client.post("/models/churn/predict", "{").status, 400);
        assert_eq!(server.client.get("/nothing").status, 404);
    });
    let lines = requests(&lines);
    let [answered, refused, lost] = &*lines else { panic!("{lines:?}") };
    let shared = |line: &Value| {
        [&line["level"], &line["method"], &line["path"], &line["status"], &line["model"], &line["reason"]]
            .map(Clone::clone)
    };
    assert_eq!(
        shared(answered),
        [json!("INFO"), json!("POST"), json!("/predict"), json!(200), json!("churn"), Value::Null]
    );
    assert_eq!((&answered["request_id"], &answered["version"]), (&json!("my-id:1"), &json!("1")));
    let millis = |field: &str| answered[field].as_f64().unwrap_or_else(|| panic!("no {field} in {answered}"));
    assert!(millis("compute_ms") > 0.0, "{answered}");
    assert!(millis("queue_ms") + millis("compute_ms") <= millis("duration_ms"), "{answered}");

    assert_eq!(shared(refused)[3..], [json!(400), json!("churn"), json!("invalid_input")]);
    assert_eq!((refused["queue_ms"].is_number(), &refused["compute_ms"]), (true, &Value::Null));
    assert_eq!(shared(lost)[2..], [json!("/nothing"), json!(404), Value::Null, json!("not_found")]);
}

#[test]
fn no_request_forges_a_line() {
    let forged = r#"{"level":"ERROR","message":"request","status":500}"#;
    let targets = [
        format!("/models/a%0d%0a{forged}/predict"),
        format!("/models/a\u{2028}\u{85}{forged}/predict"),
        "/models/a%1b[2K\u{9b}2K/predict".to_owned(),
    ];
    let ask = |server: &Server| {
        let address = server.base.strip_prefix("http://").expect("an address");
        for target in &targets {
            let mut connection = TcpStream::connect(address).expect("a connection");
            let id = format!("x\t{forged}");
            let head = format!(
                "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n"
            );
            connection.write_all(head.as_bytes()).expect("written");
            let mut answer = String::new();
            connection.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
            assert!(!answer.contains(&id), "{answer}");
        }
    };
    // A node of a model, too, may be called anything.
    let folder = tempfile::tempdir().expect("a folder");
    edgewit_tests::copy_model("churn", folder.path(), "", "");
    let evil = format!("b\n{forged}\u{2028}\u{1b}[2K");
    let graph = Graph::new().input("x", 1, &[Dim::Fixed(1)]).node(&evil, &["x"], "y");
    graph.output("y", 1).save(folder.path(), "evil");

    let json = lines(folder.path(), &["--log-format", "json"], ask);
    for (line, target) in requests(&json).iter().zip(&targets) {
        assert_eq!((&line["level"], &line["method"]), (&json!("INFO"), &json!("GET")), "{line}");
        let path = line["path"].as_str().expect("text");
        assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
        assert!(path.starts_with(&target[..9]), "{path}");
    }
    assert_eq!(requests(&json).len(), targets.len());
    let failed = json.iter().filter(|line| line.contains("cannot load")).count();
    assert_eq!(failed, 1, "{json:#?}");

    let pretty = lines(folder.path(), &["--log-format", "pretty"], ask);
    assert_eq!(pretty.len(), json.len(), "{pretty:#?}\n{json:#?}");
    for line in &pretty {
        assert!(line.starts_with("20") && line.contains("Z "), "{line}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{2028}'), "{line:?}");
    }
}

#[test]
fn what_went_wrong_in_a_sandbox_is_in_the_log_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    // Which row makes the divisor 0 is data, so that the model loads.
    let graph = Graph::new().input("x", 7, &[Dim::Fixed(1)]).ints("one", &[1]).ints("seven", &[7]);
    let graph = graph.node("Add", &["x", "one"], "divisor").node("Div", &["seven", "divisor"], "y");
    graph.output("y", 7).save(folder.path(), "divide");
    let lines = lines(folder.path(), &[], |server| {
        let body = json!({ "inputs": [
            { "name": "x", "datatype": "INT64", "shape": [1], "data": [-1] },
        ]});
        let answer = server.client.post_json("/v2/models/divide/infer", &body);
        assert_eq!(answer.status, 500, "{}", answer.text);
        assert!(!answer.text.contains("zero"), "{}", answer.text);
    });
    let lines = requests(&lines);
    let line = &lines[0];
    assert_eq!((&line["level"], &line["reason"]), (&json!("ERROR"), &json!("execution")), "{line}");
    assert!(
        line["error"].as_str().is_some_and(|error| error.contains("a divisor that is not zero")),
        "{line}"
    );
    assert!(line["compute_ms"].is_number(), "{line}");
}

#[test]
fn a_panic_in_a_sandbox_is_in_the_log_with_its_message() {
    let folder = tempfile::tempdir().expect("a folder");
    // tract's GatherElements indexes by what comes, and panics where there is nothing.
    let dims = [Dim::Named("N"), Dim::Fixed(2)];
    let graph = Graph::new().input("x", 1, &dims).input("i", 7, &dims);
    graph.node("GatherElements", &["x", "i"], "y").output("y", 1).save(folder.path(), "gather");
    let lines = lines(folder.path(), &[], |server| {
        let ask = |index: i64| {
            server.client.post_json(
                "/v2/models/gather/infer",
                &json!({ "inputs": [
                    { "name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4] },
                    { "name": "i", "datatype": "INT64", "shape": [2, 2], "data": [0, 0, index, 0] },
                ]}),
            )
        };
        let beyond = ask(1000);
        assert_eq!((beyond.status, beyond.error()), (500, "the model failed on this request".into()));
        assert_eq!(ask(1).status, 200);
    });
    let requests = requests(&lines);
    assert_eq!(
        (&requests[0]["level"], &requests[0]["reason"]),
        (&json!("ERROR"), &json!("trap")),
        "{lines:#?}"
    );
    let error = requests[0]["error"].as_str().expect("text");
    assert!(error.contains("panicked at") && error.contains("out of bounds"), "{error}");
}

#[test]
fn a_client_that_goes_before_its_answer_has_a_line_too() {
    let folder = tempfile::tempdir().expect("a folder");
    crate::lifecycle::slow(folder.path());
    let lines = lines(folder.path(), &["--deadline-ms", "60000"], |server| {
        let address = server.base.strip_prefix("http://").expect("an address");
        let mut connection = TcpStream::connect(address).expect("a connection");
        let body = json!(vec![json!({ "x": vec![1; 64 * 64] }); 100]).to_string();
        let length = body.len();
        write!(
            connection,
            "POST /predict/batch HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .expect("written");
    });
    let lines = requests(&lines);
    assert_eq!((&lines[0]["status"], &lines[0]["reason"]), (&json!(499), &json!("client_gone")), "{lines:?}");
}

#[test]
fn a_level_is_a_threshold_and_a_wrong_one_is_refused() {
    let models = model("churn");
    let models = models.parent().expect("models");
    let quiet = lines(models, &["--log-level", "warn"], |server| {
        assert_eq!(server.client.get("/health/live").status, 200);
    });
    assert_eq!(quiet, Vec::<String>::new());
    let models = models.to_str().expect("text");
    let refused = edgewit_tests::command::run(["serve", "--models", models, "--log-level", "info,x=loud"]);
    assert!(refused.err.contains("logs.level (--log-level): expected off"), "{refused:?}");
}
