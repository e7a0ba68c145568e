//! schemathesis: requests made from the OpenAPI document, good and bad, and what the answers must be by it.

use std::fs;

use edgewit_tests::command::run;
use edgewit_tests::server::Server;
use edgewit_tests::{full, root};
use xtask::python;

#[test]
fn every_answer_is_as_the_openapi_document_says() {
    let scripts = root().join("tests/schemathesis");
    let Some(python) = python::environment(&scripts.join("requirements.txt"), false).expect("the packages")
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.toml");
    let key = run(["key", "schemathesis", "--scopes", "predict,metrics,admin"]);
    fs::write(&file, &key.out).expect("written");
    let server = Server::ready(&root().join("models"), &["--auth-keys", file.to_str().expect("text")]);
    let document = folder.path().join("openapi.json");
    let text = server.client.send_as(key.err.trim(), "/openapi.json", None).text;
    fs::write(&document, text).expect("written");
    let examples = if full() { "500" } else { "5" };
    // Taking models out of service takes them from all other requests, so that comes last.
    for (which, workers) in [("--exclude-path-regex", "2"), ("--include-path-regex", "1")] {
        let mut command = python.command();
        command.args(["-m", "schemathesis.cli", "--config-file"]).arg(scripts.join("schemathesis.toml"));
        command.arg("run").arg(&document).args(["--url", &server.base, "--seed", "1", which, "/(un)?load$"]);
        command.args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            examples,
            "--workers",
            workers,
        ]);
        let output = command.env("KEY", key.err.trim()).current_dir(folder.path()).output();
        let output = output.expect("schemathesis starts");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        eprintln!("{}", told.lines().find(|line| line.contains(" generated")).unwrap_or_default().trim());
    }
}
