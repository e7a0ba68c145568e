//! Programs that are not ours and that a test needs.

use std::env;
use std::path::Path;
use std::process::{Command, Output};

/// The program, or none, with a message, where it is not installed; CI has them all.
pub fn tool(program: &str, package: &str) -> Option<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where Debian has servers, which not every user's path names.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        let message = format!("needs {program}; on Debian: apt-get install {package}");
        assert!(env::var_os("CI").is_none(), "{message}");
        eprintln!("skipped: {message}");
    }
    found.map(Command::new)
}

/// What a command prints; it must end well.
pub fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{out}{err}");
    format!("{out}{err}")
}

/// A file of the folder deploy/, as text.
pub fn deployed(file: &str) -> String {
    let path = crate::root().join("deploy").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `text` with what a test must change in it, such as addresses, each of which must be there; written to `to`.
pub fn adapt(text: &str, changes: &[(&str, &str)], to: &Path) {
    let mut text = text.to_owned();
    for (from, with) in changes {
        assert!(text.contains(from), "{} has no {from}", to.display());
        text = text.replace(from, with);
    }
    std::fs::write(to, text).expect("written");
}
