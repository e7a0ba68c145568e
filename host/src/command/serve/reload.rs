//! SIGHUP: the settings are read again, and what can be changed while the host runs is.

use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::auth::Authenticator;
use crate::config::{Loaded, ServeConfig, ServeFlags, Settings, named};
use crate::http::{Gate, Tls};
use crate::telemetry::Log;

type Apply = Box<dyn Fn(&ServeConfig) -> Result<()> + Send>;

/// A part of the host that takes new settings while it runs.
struct Part {
    /// Its settings, by how their paths begin; none where it is files that are read again.
    settings: &'static [&'static str],
    apply: Apply,
}

/// What is done at SIGHUP.
pub(super) struct Reload {
    flags: ServeFlags,
    /// The settings at the start.
    started: toml::Table,
    parts: Vec<Part>,
}

impl Reload {
    /// Nothing yet, for a host that starts with `settings`.
    pub(super) fn new(flags: ServeFlags, settings: &Settings) -> Result<Reload> {
        Ok(Reload { flags, started: toml::Table::try_from(settings)?, parts: Vec::new() })
    }

    /// What is logged.
    pub(super) fn log(&mut self, log: &Log) {
        let level = log.level();
        self.part(&["logs.level"], move |config| Ok(level(config.log.level.clone())?));
    }

    /// Certificates and authorities.
    pub(super) fn tls(&mut self, tls: Option<Arc<Tls>>) {
        self.part(&["tls."], move |config| match (&tls, &config.tls) {
            (Some(tls), Some(files)) => Ok(tls.reload(files.clone())?),
            (None, None) => Ok(()),
            _ => bail!("turning TLS on or off takes a restart"),
        });
    }

    /// Keys, as they are in their files and at their address.
    pub(super) fn keys(&mut self, auth: Option<Arc<Authenticator>>) {
        self.part(&[], move |_| {
            auth.iter().for_each(|auth| auth.reload());
            Ok(())
        });
    }

    /// How often may be asked.
    pub(super) fn rates(&mut self, gate: Arc<Gate>) {
        self.part(&["limits.principal_", "limits.address_"], move |config| {
            gate.set_rates(config.rates);
            Ok(())
        });
    }

    fn part(
        &mut self,
        settings: &'static [&'static str],
        apply: impl Fn(&ServeConfig) -> Result<()> + Send + 'static,
    ) {
        self.parts.push(Part { settings, apply: Box::new(apply) });
    }

    /// Reads the settings again. With a mistake in them everything stays as it is; a part that cannot take what is new
    /// keeps what it has.
    pub(super) fn run(&self) {
        let (settings, config) = match self.read() {
            Ok(read) => read,
            Err(error) => return tracing::error!("the settings stay as they are: {error:#}"),
        };
        for part in &self.parts {
            if let Err(error) = (part.apply)(&config) {
                let settings = part.settings.join(", ");
                tracing::error!("{} stays as it is: {error:#}", settings.trim_end_matches(['.', '_']));
            }
        }
        for path in differences(&self.started, &settings) {
            let taken = self.parts.iter().flat_map(|part| part.settings);
            if !taken.into_iter().any(|settings| path.starts_with(settings)) {
                tracing::warn!("{} was changed, which takes a restart", named(&path));
            }
        }
        tracing::info!("the settings were read again");
    }

    fn read(&self) -> Result<(toml::Table, ServeConfig)> {
        let loaded = Loaded::new(&self.flags)?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let table = toml::Table::try_from(&loaded.settings)?;
        Ok((table, ServeConfig::new(loaded.settings).context("reload")?))
    }
}

/// The paths of the settings, `section.key`, that are not the same in both.
fn differences(before: &toml::Table, after: &toml::Table) -> Vec<String> {
    let value = |table: &toml::Table, section: &str, key: &str| table.get(section)?.get(key).cloned();
    let mut paths = Vec::new();
    for (section, keys) in before.iter().chain(after) {
        for key in keys.as_table().into_iter().flat_map(toml::Table::keys) {
            let path = format!("{section}.{key}");
            if value(before, section, key) != value(after, section, key) && !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn a_setting_that_came_went_or_changed_is_a_difference() {
        let before = toml::from_str("[a]\nx = 1\ny = 2\nz = 3\n[b]\nx = 1\n").unwrap();
        let after = toml::from_str("[a]\nx = 1\ny = 3\nw = 4\n[b]\nx = 1\n").unwrap();
        assert_eq!(differences(&before, &after), ["a.y", "a.z", "a.w"]);
    }
}
