//! `edgewit backup` and `edgewit restore`: a copy of what hosts share, and back.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;

use super::wait_for;
use crate::backup::{Backup, Draft, Restored};
use crate::config::SharedArgs;
use crate::records;
use crate::store::Store;

const NOWHERE: &str = "neither a registry nor a store of records is named; give --registry, --records-store, or a file of settings";

/// Copy the registry and the store of records to a folder, while hosts use them.
///
/// Of the registry it takes what is published and which versions answer, of the store predictions and labels as they are at one
/// moment: from SQLite, or by pg_dump from PostgreSQL. The folder is there when all is in it, with the digest of each file.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Folder to make.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    shared: SharedArgs,
}

pub(super) fn backup(args: BackupArgs) -> Result<ExitCode> {
    let shared = args.shared.read()?;
    ensure!(shared.registry.is_some() || shared.records.is_some(), NOWHERE);
    let mut draft = Draft::new(&args.folder)?;
    if let Some(url) = &shared.registry {
        draft.registry(&Store::open(url)?)?;
    }
    if let Some(address) = &shared.records {
        wait_for(async { Ok(draft.records(address).await?) })?;
    }
    let contents = draft.finish()?;
    let bytes = contents.files.values().map(|blob| blob.size).sum::<u64>();
    let megabytes = bytes as f64 / f64::from(1 << 20);
    println!("{}: {} files, {megabytes:.1} MiB", args.folder.display(), contents.files.len());
    Ok(ExitCode::SUCCESS)
}

/// Put a backup back: into the registry and the store of records that are named, or that the settings name.
///
/// Every file is held against its digest before anything is written. Hosts are better stopped meanwhile.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Folder that `edgewit backup` made.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Put it in the place of what is there. Of a registry, what was published since stays; which versions answer is as it was.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    shared: SharedArgs,
}

pub(super) fn restore(args: RestoreArgs) -> Result<ExitCode> {
    let shared = args.shared.read()?;
    let backup = Backup::open(&args.folder)?;
    let registry = shared.registry.filter(|_| backup.has_registry());
    let address = shared.records.filter(|_| backup.has_records());
    ensure!(
        registry.is_some() || address.is_some(),
        "the backup has nothing for what is named here; {NOWHERE}"
    );
    let registry = registry.as_deref().map(Store::open).transpose()?;
    if !args.overwrite {
        // Both, before either is written.
        registry.as_ref().map_or(Ok(()), Backup::expect_no_models)?;
        if let Some(address) = &address {
            wait_for(async {
                let store = records::Store::new(address)?;
                let empty = Backup::expect_no_records(&store).await;
                store.close().await;
                Ok(empty?)
            })?;
        }
    }
    match &registry {
        Some(store) => {
            for Restored { model, versions, stable } in backup.restore_registry(store)? {
                let stable = stable.map_or("none answers".into(), |version| format!("{version} answers"));
                println!("{model}: {versions} versions, {stable}");
            }
        }
        None if backup.has_registry() => eprintln!("left out: the registry, as none is named"),
        None => {}
    }
    match &address {
        Some(address) => {
            let (predictions, labels) = wait_for(async {
                backup.restore_records(address).await?;
                let store = records::Store::new(address)?;
                let counts = store.counts().await?;
                store.close().await;
                Ok(counts)
            })?;
            println!("records: {predictions} predictions, {labels} labels");
        }
        None if backup.has_records() => eprintln!("left out: the records, as no store is named"),
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}
