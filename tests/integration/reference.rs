//! docs/reference.md: every setting and every metric, made from the code. With EDGEWIT_UPDATE=1 it is written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::process::Command;

use clap::{Arg, Args};
use edgewit::config::ServeFlags;
use edgewit_tests::command::edgewit;
use edgewit_tests::server::Server;
use edgewit_tests::tls::Authority;
use edgewit_tests::tool::output;
use edgewit_tests::{copy_model, root};

use crate::auth::key;
use crate::customer;

const HEAD: &str = "# Reference

Every setting of `edgewit serve` and every metric, made from the code by `tests/integration/reference.rs`; do not edit.

## Settings

A flag goes over a variable of the environment, a variable over the file, which is `edgewit.toml` in the working folder or
the one that `--config` (`EDGEWIT_CONFIG`) names. `edgewit config show` prints what is in force, `edgewit config check`
whether it is right. SIGHUP reads the settings again, and the log names those that take a restart. Beside these,
`EDGEWIT_API_KEYS` may hold the text of the file of keys, and `OTEL_EXPORTER_OTLP_HEADERS` what a collector of traces wants.
";

/// One table for each section, in the order of the help.
fn settings() -> String {
    let command = ServeFlags::augment_args(clap::Command::new("serve"));
    let (mut text, mut section) = (String::new(), String::new());
    for argument in command.get_arguments() {
        let Some((of, key)) = argument.get_id().as_str().split_once('.') else { continue };
        if section != of {
            section = of.to_owned();
            write!(text, "\n### [{section}]\n\n| key | flag | variable | default | what it is |\n|---|---|---|---|---|\n")
                .expect("text");
        }
        let (what, default) = told(argument);
        let flag = argument.get_long().expect("a flag");
        let variable = argument.get_env().and_then(|name| name.to_str()).expect("a variable");
        writeln!(text, "| `{key}` | `--{flag}` | `{variable}` | {default} | {what} |").expect("text");
    }
    text
}

/// What the help says of a setting, and its default.
fn told(argument: &Arg) -> (String, String) {
    let help = argument.get_help().expect("help").to_string();
    let (what, default) = help.split_once(" [default: ").expect("a default");
    let values = argument.get_possible_values();
    let values = values.iter().map(|value| format!("`{}`", value.get_name())).collect::<Vec<_>>().join(", ");
    let values = if values.is_empty() { values } else { format!(": {values}") };
    let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
    (cell(what) + &values, cell(default.split(']').next().expect("an end")))
}

/// A metric, as `/metrics` tells it.
#[derive(Default)]
struct Metric {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

fn metrics(exposition: &str) -> BTreeMap<String, Metric> {
    let mut metrics = BTreeMap::<_, Metric>::new();
    for line in exposition.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' '))
        {
            metrics.entry(name.to_owned()).or_default().help = help.trim_end_matches('.').to_owned();
        } else if let Some((sample, rest)) = line.split_once('{') {
            // A histogram's samples have endings of their own.
            let names =
                ["", "_bucket", "_count", "_sum"].into_iter().filter_map(|end| sample.strip_suffix(end));
            let Some(name) = names.into_iter().find(|name| metrics.contains_key(*name)) else { continue };
            let labels = rest.split("=\"").map(|part| part.rsplit([',', '"']).next().unwrap_or_default());
            let labels = labels.filter(|label| !label.is_empty() && *label != "le" && !label.contains('}'));
            metrics.get_mut(name).expect("it is there").labels.extend(labels.map(str::to_owned));
        }
    }
    metrics
}

/// What a host tells that has done a bit of everything, so that every metric has a sample.
fn told_by_a_host() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    copy_model("churn", &models, "response_cache = true", "[batching]\nmax_size = 4");
    let pair = Authority::new(folder.path(), "authority").issue("server");
    let ((shop, shop_entry), (monitor, entry)) = (key(&["shop"]), key(&["monitor", "--scopes", "metrics"]));
    let keys = folder.path().join("keys.toml");
    fs::write(&keys, shop_entry + &entry).expect("written");
    let mut command = edgewit();
    command.args(["serve", "--listen", "127.0.0.1:0", "--isolation", "reuse", "--response-cache-mb", "1"]);
    command.args(["--principal-rate", "1", "--models"]).arg(&models).arg("--auth-keys").arg(&keys);
    let mut server = Server::spawn(command.args(pair.arguments()));
    server.wait_for("ready");
    let ask = |key: &str, path: &str, arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-sk", "--http1.1", "-H", &format!("authorization: Bearer {key}")]).args(arguments);
        output(curl.arg(format!("{}{path}", server.base)))
    };
    // The second is refused: one a second.
    for body in [customer().to_string(), "{".into()] {
        ask(&shop, "/predict", &["-H", "content-type: application/json", "-d", &body]);
    }
    ask(&monitor, "/metrics", &[])
}

#[test]
fn the_reference_is_what_the_code_says() {
    let mut text = HEAD.to_owned() + &settings();
    text += "\n## Metrics\n\nAt `/metrics`, as Prometheus reads them. Histograms have `_bucket`, `_count` and `_sum`.\n\n\
             | metric | kind | labels | what it counts |\n|---|---|---|---|\n";
    let (server, _folder) = crate::metrics::busy();
    let mut all = metrics(&server.client.get("/metrics").text);
    all.extend(metrics(&told_by_a_host()));
    for (name, Metric { kind, help, labels }) in &all {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        writeln!(text, "| `{name}` | {kind} | {labels} | {help} |").expect("text");
    }
    let file = root().join("docs/reference.md");
    if std::env::var_os("EDGEWIT_UPDATE").is_some() {
        fs::write(&file, &text).expect("written");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/reference.md is not what the code says; EDGEWIT_UPDATE=1 writes it anew");
}
