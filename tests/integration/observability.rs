//! deploy/observability: the rules do what their tests say, and every metric that is named is one.

use std::collections::BTreeSet;
use std::fs;

use edgewit_tests::root;
use edgewit_tests::tool::{deployed, output, tool};
use serde_json::Value;

/// The metrics that a text names, without what a histogram appends.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':'));
    let ours = words
        .filter(|word| ["edgewit_", "ml_", "nv_", "process_"].iter().any(|start| word.starts_with(start)));
    ours.map(|word| {
        ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)
    })
    .map(str::to_owned)
    .collect()
}

/// Those that docs/reference.md lists, which is made of what a host tells.
fn known() -> BTreeSet<String> {
    let reference = fs::read_to_string(root().join("docs/reference.md")).expect("it can be read");
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    // A histogram's count is no metric of its own, nor is the count of rows of Triton's.
    rows.map(|(name, _)| name.to_owned()).filter(|name| !name.contains('.')).collect()
}

/// Every expression of a dashboard, wherever it is.
fn expressions(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("expr").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(expressions)).collect()
        }
        Value::Array(values) => values.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

/// The lines of rules.yml that name a rule of this kind.
fn rules(kind: &str) -> BTreeSet<String> {
    let rules = deployed("observability/rules.yml");
    let prefix = format!("- {kind}: ");
    rules.lines().filter_map(|line| line.trim().strip_prefix(&prefix)).map(str::to_owned).collect()
}

#[test]
fn the_rules_are_right_and_do_what_their_tests_say() {
    let Some(mut promtool) = tool("promtool", "prometheus") else { return };
    let folder = root().join("deploy/observability");
    output(promtool.current_dir(&folder).args(["check", "rules", "--lint-fatal", "rules.yml"]));
    for arguments in
        [&["test", "rules", "rules.test.yml"][..], &["check", "config", "--syntax-only", "prometheus.yml"]]
    {
        let mut promtool = tool("promtool", "prometheus").expect("it is there");
        output(promtool.current_dir(&folder).args(arguments));
    }
}

#[test]
fn the_configuration_of_alertmanager_is_right() {
    let Some(mut amtool) = tool("amtool", "prometheus-alertmanager") else { return };
    output(amtool.arg("check-config").arg(root().join("deploy/observability/alertmanager.yml")));
}

#[test]
fn every_alert_is_tested_and_has_a_section_in_the_runbook() {
    let tests = deployed("observability/rules.test.yml");
    let runbook = fs::read_to_string(root().join("docs/runbook.md")).expect("it can be read");
    let alerts = rules("alert");
    assert!(!alerts.is_empty());
    for alert in &alerts {
        let lines = tests.lines().filter(|line| line.contains(&format!("alertname: {alert}")));
        let (passes, fires): (Vec<_>, Vec<_>) = lines.partition(|line| line.contains("exp_alerts: []"));
        assert!(!fires.is_empty(), "no test shows that {alert} fires");
        assert!(!passes.is_empty() || fires.len() > 1, "no test shows what {alert} lets pass");
        assert!(
            runbook.contains(&format!("`{alert}`")),
            "docs/runbook.md does not say what to do about {alert}"
        );
    }
}

#[test]
fn rules_and_dashboard_name_metrics_that_the_host_has() {
    let dashboard: Value = serde_json::from_str(&deployed("observability/dashboard.json")).expect("JSON");
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 20, "{expressions:#?}");
    let known = known();
    let named = [expressions.join(" "), deployed("observability/rules.yml")].join(" ");
    let unknown = metrics(&named).into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>();
    assert!(unknown.is_empty(), "no host has {unknown:?}; docs/reference.md lists {known:#?}");
    let recorded = rules("record");
    for word in named.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':')) {
        assert!(!word.starts_with("job_model") || recorded.contains(word), "no rule records {word}");
    }
}
