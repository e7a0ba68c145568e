//! Settings from their three sources: a file, over it the environment, over that flags.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::{Args, Command};
use serde::Deserialize;

use super::{ServeFlags, Settings};

/// What is read where no file is named.
const FILE: &str = "edgewit.toml";
/// Variables that are no settings of a file; the last are cargo's, when it built what it runs.
const OTHERS: [&str; 6] = [
    super::access::API_KEYS,
    "EDGEWIT_TEST_FULL",
    "EDGEWIT_UPDATE",
    "EDGEWIT_EDGE",
    "EDGEWIT_PREDICTOR",
    "EDGEWIT_PREDICTOR_DIGEST",
];

/// Settings, and where they come from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// What is likely a mistake: variables of the environment that nothing reads.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Reads the file, and lays `flags`, which have the environment, over it.
    ///
    /// # Errors
    /// A file that is named but not there, is not TOML, has an unknown key, or a value of another type; the text has
    /// line and column, what was expected, and of keys the nearest.
    pub fn new(flags: &ServeFlags) -> Result<Loaded> {
        let file = flags.config.clone().or_else(|| Path::new(FILE).is_file().then(|| FILE.into()));
        let mut table = match &file {
            Some(file) => read(file)?,
            None => toml::Table::new(),
        };
        merge(&mut table, toml::Table::try_from(flags)?);
        let settings = Settings::deserialize(table)?;
        Ok(Loaded { settings, file, warnings: unknown_variables() })
    }
}

fn read(file: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let checked = toml::from_str::<Settings>(&text);
    if let Err(error) = checked {
        let nearest = nearest_key(error.message());
        let advice = nearest.map(|key| format!("\ndid you mean `{key}`?")).unwrap_or_default();
        return Err(anyhow!("{}: {}{advice}", file.display(), error.to_string().trim_end()));
    }
    Ok(toml::from_str(&text)?)
}

/// Lays `over` on `table`.
fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// Of the keys that serde's message about an unknown field lists, the most alike.
fn nearest_key(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    nearest(unknown, quoted)
}

fn nearest<'a>(word: &str, of: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = of.map(|other| (strsim::jaro_winkler(word, other), other));
    alike.filter(|(alike, _)| *alike > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

fn unknown_variables() -> Vec<String> {
    let command = ServeFlags::augment_args(Command::new("serve"));
    let known = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
    let known = known.chain(OTHERS).collect::<Vec<_>>();
    let mut names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect::<Vec<_>>();
    names.retain(|name| name.starts_with("EDGEWIT_") && !known.contains(&&**name));
    names.sort();
    let warning = |name: String| match nearest(&name, known.iter().copied()) {
        Some(nearest) => format!("{name} in the environment is no setting; did you mean {nearest}?"),
        None => format!("{name} in the environment is no setting"),
    };
    names.into_iter().map(warning).collect()
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn load(text: &str, flags: &[&str]) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, text).unwrap();
        let command = ServeFlags::augment_args(Command::new("serve"));
        let all = [&["serve", "--config", file.to_str().unwrap()], flags].concat();
        let matches = command.try_get_matches_from(all).unwrap();
        Loaded::new(&ServeFlags::from_arg_matches(&matches).unwrap()).map(|loaded| loaded.settings)
    }

    #[test]
    fn flags_go_over_the_file_and_the_file_over_defaults() {
        let text = "[limits]\nmemory_mb = 64\nmax_rows = 7\n";
        let settings = load(text, &["--memory-mb", "128"]).unwrap();
        assert_eq!((settings.limits.memory_mb, settings.limits.max_rows), (128, 7));
        assert_eq!(settings.limits.deadline_ms, Settings::default().limits.deadline_ms);
        assert_eq!(settings.server, Settings::default().server);
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let refused = |text: &str, expected: &[&str]| {
            let error = format!("{:#}", load(text, &[]).unwrap_err());
            for expected in expected {
                assert!(error.contains(expected), "{error}");
            }
        };
        refused(
            "[server]\nlisten_adr = 1\n",
            &["line 2, column 1", "`listen_adr`", "did you mean `listen`?"],
        );
        refused("[sever]\n", &["line 1", "did you mean `server`?"]);
        refused("[limits]\nmemory_mb = \"big\"\n", &["line 2, column 13", "expected usize"]);
        refused("[models]\nisolation = \"none\"\n", &["line 2", "`request`"]);
        refused("[server\n", &["line 1"]);
    }
}
