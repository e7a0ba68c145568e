//! The addresses of what hosts share, for the commands that copy it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::{Loaded, ServeFlags};
use crate::records::Store;

/// What hosts share, which a command copies or puts back.
#[derive(Debug, Clone, Args)]
pub struct SharedArgs {
    /// File of settings, of which registry.url and records.store are read [default: edgewit.toml in the working folder,
    /// where there is one].
    #[arg(long, env = "EDGEWIT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory or bucket of published versions [default: registry.url of the settings].
    #[arg(long, env = "EDGEWIT_REGISTRY", value_name = "URL")]
    registry: Option<String>,
    /// File of SQLite, or postgres:// and so on [default: records.store of the settings].
    #[arg(long, env = "EDGEWIT_RECORDS_STORE", value_name = "STORE")]
    records_store: Option<String>,
}

/// The addresses of what hosts share.
#[derive(Clone)]
pub struct Shared {
    /// The registry.
    pub registry: Option<String>,
    /// The store of records. It may have a password in it.
    pub records: Option<String>,
}

impl SharedArgs {
    /// Lays the flags over the settings.
    ///
    /// # Errors
    /// When the settings have a mistake.
    pub fn read(self) -> Result<Shared> {
        let settings = Loaded::new(&ServeFlags::of_file(self.config))?.settings;
        let records = self.records_store.or(settings.records.store);
        if let Some(address) = &records {
            Store::check(address).context("records.store (--records-store)")?;
        }
        Ok(Shared { registry: self.registry.or(settings.registry.url), records })
    }
}
