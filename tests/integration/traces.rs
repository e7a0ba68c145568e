//! Traces, as a collector gets them.

use std::collections::BTreeMap;
use std::path::Path;

use edgewit_tests::collector::Collector;
use edgewit_tests::model;
use edgewit_tests::server::Server;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::customer;

type Spans = BTreeMap<String, Vec<Span>>;

/// Serves with a collector, does what `ask` does, stops, and returns the spans, which are sent by then.
fn spans(models: &Path, arguments: &[&str], ask: impl FnOnce(&Server)) -> Spans {
    let collector = Collector::start();
    let arguments = [arguments, &["--trace-endpoint", &collector.endpoint]].concat();
    let mut server = Server::ready(models, &arguments);
    ask(&server);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    collector.spans()
}

fn predict(server: &Server, headers: &[(&str, &str)]) {
    let answer = server.client.post_with("/predict", headers, customer().to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn only<'a>(spans: &'a Spans, name: &str) -> &'a Span {
    let [span] = &*spans[name] else { panic!("not one {name} in {spans:#?}") };
    span
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_requests_spans_hang_below_its_callers() {
    let models = model("churn");
    let caller = format!("00-{TRACE}-{PARENT}-01");
    // The caller's decision goes over the ratio.
    let arguments = ["--trace-ratio", "0"];
    let spans = spans(models.parent().expect("models"), &arguments, |server| {
        predict(server, &[("traceparent", &caller), ("tracestate", "vendor=1,other=2")]);
    });
    let request = only(&spans, "request");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!((request.trace_state.as_str(), request.kind()), ("vendor=1,other=2", SpanKind::Server));
    let told = format!("{:?}", request.attributes);
    for told_of in ["/predict", "POST", "IntValue(200)", "churn"] {
        assert!(told.contains(told_of), "no {told_of} in {told}");
    }
    let parts = ["queue", "instance", "predict"].map(|name| only(&spans, name));
    for part in parts {
        assert_eq!(part.trace_id, request.trace_id);
        assert_eq!(part.parent_span_id, request.span_id, "{}", part.name);
        assert!(part.start_time_unix_nano >= request.start_time_unix_nano, "{part:#?} in {request:#?}");
        assert!(part.end_time_unix_nano <= request.end_time_unix_nano, "{part:#?} in {request:#?}");
    }
    let [queue, instance, predict] = parts;
    assert!(queue.end_time_unix_nano <= instance.start_time_unix_nano);
    assert_eq!(instance.end_time_unix_nano, predict.start_time_unix_nano);
    assert_eq!(spans.len(), 4, "{spans:#?}");
}

#[test]
fn a_request_without_a_caller_begins_a_trace_and_a_caller_can_decline() {
    let models = model("churn");
    let spans = spans(models.parent().expect("models"), &[], |server| {
        predict(server, &[]);
        predict(server, &[("traceparent", &format!("00-{TRACE}-{PARENT}-00"))]);
        // Not a traceparent: as if there were none.
        predict(server, &[("traceparent", "00-0-0-01")]);
        assert_eq!(server.client.post("/predict", "{").status, 400);
    });
    let requests = &spans["request"];
    assert_eq!((requests.len(), spans["queue"].len(), spans["predict"].len()), (3, 3, 2), "{spans:#?}");
    for request in requests {
        assert_eq!((request.parent_span_id.len(), request.trace_id.len()), (0, 16), "{request:#?}");
        assert_ne!(hex(&request.trace_id), TRACE);
    }
    let refused = format!("{:?}", requests[2].attributes);
    assert!(refused.contains("error.type") && refused.contains("invalid_input"), "{refused}");
}

#[test]
fn nothing_is_sent_where_the_ratio_is_0() {
    let models = model("churn");
    let spans =
        spans(models.parent().expect("models"), &["--trace-ratio", "0"], |server| predict(server, &[]));
    assert!(spans.is_empty(), "{spans:#?}");
}

#[test]
fn settings_of_traces_are_checked() {
    let check = |flags: [&str; 2], words: &str| {
        let models = edgewit_tests::root().join("models");
        let models = models.to_str().expect("text");
        let refused = edgewit_tests::command::run(["serve", "--models", models].iter().chain(&flags));
        assert!(refused.code != Some(0) && refused.err.contains(words), "{refused:?}");
    };
    check(["--trace-ratio", "2"], "traces.ratio (--trace-ratio): expected 0 to 1, got 2");
    check(["--trace-endpoint", "localhost:4318"], "traces.endpoint (--trace-endpoint): expected an address");
}
