//! What the documents say is there: files, tests, settings, commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use edgewit_tests::command::edgewit;
use edgewit_tests::root;
use edgewit_tests::tool::output;

/// README and the documents, of the repository and of deploy/.
fn documents() -> Vec<PathBuf> {
    let mut documents = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    let mut folders = vec![root().join("docs"), root().join("deploy")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be read") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "md" => documents.push(path),
                _ => {}
            }
        }
    }
    documents
}

/// The heading's name in a link, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

fn anchors(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).expect("it can be read");
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

/// The targets of a text's links.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[test]
fn every_link_leads_to_something() {
    let documents = documents();
    assert!(documents.len() > 10, "{documents:?}");
    for document in documents {
        let text = fs::read_to_string(&document).expect("it can be read");
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = document.parent().expect("a folder").join(file);
            let target = if file.is_empty() { document.clone() } else { target };
            assert!(target.exists(), "{}: there is no {link}", document.display());
            let there = heading.is_empty() || anchors(&target).iter().any(|anchor| anchor == heading);
            assert!(there, "{}: there is no heading {link}", document.display());
        }
    }
}

#[test]
fn every_test_of_the_checklist_is_one() {
    let checklist = fs::read_to_string(root().join("docs/production.md")).expect("it can be read");
    let mut tests = 0;
    for shown in checklist.split("](../tests/integration/").skip(1) {
        let (file, rest) = shown.split_once(')').expect("an end");
        let source = fs::read_to_string(root().join("tests/integration").join(file)).expect(file);
        // A file alone, or a file and the name of a test in it.
        if let Some(name) = rest.strip_prefix(": `").and_then(|rest| rest.split('`').next()) {
            assert!(source.contains(&format!("#[test]\nfn {name}()")), "{file} has no test {name}");
            tests += 1;
        }
    }
    assert!(tests > 20, "{tests}");
}

#[test]
fn every_setting_that_is_named_is_one() {
    let reference = fs::read_to_string(root().join("docs/reference.md")).expect("it can be read");
    let sections = [
        "server", "tls", "models", "registry", "limits", "auth", "cors", "cache", "logs", "traces",
        "records", "drift",
    ];
    for document in documents() {
        let text = fs::read_to_string(&document).expect("it can be read");
        for word in text.split('`').skip(1).step_by(2) {
            let setting = word.split(" = ").next().unwrap_or(word);
            let Some((section, key)) = setting.split_once('.') else { continue };
            if sections.contains(&section) && key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                let table = reference.split(&format!("### [{section}]")).nth(1).expect("a section");
                let table = table.split("\n#").next().expect("a table");
                let file = matches!(key, "md" | "rs" | "toml" | "pem" | "json" | "yml");
                let known = file || table.contains(&format!("| `{key}` |"));
                assert!(known, "{}: there is no setting {word}", document.display());
            }
        }
    }
}

/// Runs the blocks of a document that are marked `sh`, one after the other, beside a copy of the models.
fn run_blocks(document: &str) {
    let text = fs::read_to_string(root().join("docs").join(document)).expect("it can be read");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let script = blocks.collect::<Vec<_>>().join("\n");
    assert!(!script.is_empty());
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("models"), folder.path().join("models")).expect("a link");
    let command = edgewit();
    let programs = Path::new(command.get_program()).parent().expect("a folder").display();
    let path = format!("{programs}:{}", std::env::var("PATH").expect("text"));
    let mut shell = Command::new("sh");
    shell.args(["-euc", &script]).current_dir(folder.path()).env("PATH", path);
    println!("{}", output(shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))));
}

#[test]
fn the_first_steps_work_as_written() {
    run_blocks("getting-started.md");
}

#[test]
fn what_is_said_of_packing_works_as_written() {
    run_blocks("packing.md");
}
