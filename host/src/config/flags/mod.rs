//! The flags of `edgewit serve` and their environment variables: each setting of a file, by the same section and key.
//!
//! A flag that is not given is left out when the flags are written as a table, which is then laid over that of the
//! file. An argument's id is the path of its setting.

mod callers;
mod models;
mod server;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use self::callers::{AuthFlags, CorsFlags, LimitFlags};
use self::models::{CacheFlags, ModelFlags, RegistryFlags};
use self::server::{LogFlags, ServerFlags, TlsFlags, TraceFlags};
use super::monitoring::{DriftFlags, RecordFlags};

/// The flags of `edgewit serve`.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct ServeFlags {
    /// File of settings [default: edgewit.toml in the working folder, where there is one].
    #[arg(long, env = "EDGEWIT_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    models: ModelFlags,
    #[command(flatten)]
    registry: RegistryFlags,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    auth: AuthFlags,
    #[command(flatten)]
    cors: CorsFlags,
    #[command(flatten)]
    cache: CacheFlags,
    #[command(flatten)]
    logs: LogFlags,
    #[command(flatten)]
    traces: TraceFlags,
    #[command(flatten)]
    records: RecordFlags,
    #[command(flatten)]
    drift: DriftFlags,
}

impl ServeFlags {
    /// No flag but the file.
    pub fn of_file(config: Option<PathBuf>) -> ServeFlags {
        ServeFlags { config, ..ServeFlags::default() }
    }
}

/// A setting as errors name it: its path and, where it has one, its flag.
pub fn named(path: &str) -> String {
    let command = ServeFlags::augment_args(clap::Command::new("serve"));
    let flag = command.get_arguments().find(|argument| argument.get_id() == path);
    match flag.and_then(clap::Arg::get_long) {
        Some(flag) => format!("{path} (--{flag})"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::config::Settings;

    /// The arguments, but for the file itself: their paths, and the defaults that their help tells.
    fn told() -> Vec<(String, Option<String>)> {
        let command = ServeFlags::augment_args(Command::new("serve"));
        let arguments = command.get_arguments().filter(|argument| argument.get_id() != "config");
        arguments
            .map(|argument| {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let default = help.split_once("[default: ").and_then(|(_, text)| text.split_once(']'));
                (argument.get_id().to_string(), default.map(|(text, _)| text.to_owned()))
            })
            .collect()
    }

    #[test]
    fn help_tells_the_defaults() {
        let settings = toml::Table::try_from(Settings::default()).unwrap();
        for (path, default) in told() {
            let (section, key) = path.split_once('.').unwrap();
            let value = settings.get(section).and_then(|section| section.get(key)).map(|value| match value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            // A setting without a default is left out of the table, and its help says what is done then.
            assert!(value.is_none() || value == default, "{path} is {value:?}, its help says {default:?}");
            assert!(default.is_some(), "the help of {path} tells no default");
        }
    }

    #[test]
    fn every_flag_is_a_setting() {
        for (path, _) in told() {
            let (section, key) = path.split_once('.').unwrap();
            let text = format!("[{section}]\n{key} = []");
            let error =
                toml::from_str::<Settings>(&text).map_or_else(|error| error.to_string(), |_| String::new());
            assert!(!error.contains("unknown field"), "{path}: {error}");
        }
    }
}
