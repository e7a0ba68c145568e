//! `edgewit push`, `pull`, `list`, `diff`: versions in a registry.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use super::Workshop;
use crate::config::CacheArgs;
use crate::pack::description::Description;
use crate::pack::pack;
use crate::pack::source::Source;
use crate::progress::Progress;
use crate::release;
use crate::runtime::{Limits, Loader};
use crate::store::{Publication, Pushed, Signer, Store, Verifier, differences, push as publish};

/// Which registry, and whom to trust there.
#[derive(Debug, Args)]
pub(super) struct RegistryArgs {
    /// Directory or bucket of published versions: a path, s3://, gs:// or az:// [default: none].
    #[arg(long, env = "EDGEWIT_REGISTRY", value_name = "URL")]
    registry: String,
    /// Files of public keys, with commas between them, by one of which versions must be signed.
    #[arg(long, env = "EDGEWIT_REGISTRY_PUBLIC_KEYS", value_name = "FILES", value_delimiter = ',')]
    registry_public_keys: Vec<PathBuf>,
}

impl RegistryArgs {
    pub(super) fn open(&self) -> Result<(Store, Verifier)> {
        let store = Store::open(&self.registry)?;
        Ok((store, Verifier::open(self.registry_public_keys.iter().map(PathBuf::as_path))?))
    }
}

/// Who does something, for the history.
pub(super) fn somebody() -> Option<String> {
    ["USER", "USERNAME", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()))
}

/// Pack a model and publish it in a registry as a version, which is never changed after that.
#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// A model's folder (models/churn/1) or an ONNX file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The version, as 1.2.0 [default: that of the folder or of model.toml].
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Who publishes it [default: the user].
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// File of a private key (Ed25519, PEM) to sign it with.
    #[arg(long, env = "EDGEWIT_SIGNING_KEY", value_name = "FILE")]
    sign: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) fn push(args: PushArgs) -> Result<ExitCode> {
    let (store, _) = args.registry.open()?;
    let signer = args.sign.as_deref().map(Signer::open).transpose()?;
    let mut source = Source::read(&args.model)?;
    if let Some(version) = args.version {
        source.version = version;
    }
    let workshop = Workshop::open(&args.cache)?;
    let progress = Progress::steps();
    progress.step("preparing the predictor (compiled once, then cached)".into());
    let loader = Loader::new(&workshop.engine, &workshop.compiled, crate::pack::PREDICTOR)?;
    let component = pack(&loader, &source, &Limits::packing(), &progress)?;
    progress.step(format!("{} {}: publishing", source.name, source.version));
    let pushed = Pushed {
        source: &source,
        version: &source.version,
        component,
        author: args.author.or_else(somebody),
        signer: signer.as_ref(),
    };
    let publication = publish(&store, pushed)?;
    drop(progress);
    let Publication { model, version, component, files, .. } = &publication;
    let signed = if signer.is_some() { ", signed" } else { "" };
    println!("{model} {version}: {} files, component {}{signed}", files.len(), component.sha256);
    Ok(ExitCode::SUCCESS)
}

/// Copy a published version's files, or its packed component, out of a registry.
#[derive(Debug, Args)]
pub(super) struct PullArgs {
    /// The model.
    model: String,
    /// The version.
    version: String,
    /// Folder to put it in, as <folder>/<model>/<version>; with --component the file.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// The packed component in place of the files.
    #[arg(long)]
    component: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn pull(args: PullArgs) -> Result<ExitCode> {
    let (store, verifier) = args.registry.open()?;
    let PullArgs { model, version, output, component, .. } = args;
    if component {
        let publication = Publication::read(&store, &model, &version, &verifier)?;
        let output = output.unwrap_or_else(|| format!("{model}-{version}.wasm").into());
        crate::pack::cache::write(&output, &publication.component(&store)?)?;
        println!("{}", output.display());
        return Ok(ExitCode::SUCCESS);
    }
    let folder = output.unwrap_or_else(|| "models".into());
    let (publication, folder) = store.pull(&model, &version, &verifier, &folder, |_| true)?;
    println!("{}: {} files", folder.display(), publication.files.len());
    Ok(ExitCode::SUCCESS)
}

/// List the versions in a registry, and which of them answer.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only this model.
    model: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn list(args: ListArgs) -> Result<ExitCode> {
    let (store, verifier) = args.registry.open()?;
    let models = match args.model {
        Some(model) => vec![model],
        None => store.models()?,
    };
    let mut listed = vec![];
    for model in &models {
        let release = release::latest(&store, model, 0)?;
        for version in store.versions(model)? {
            let role = match &version {
                version if release.stable.as_ref() == Some(version) => "stable",
                version
                    if release.candidate.as_ref().is_some_and(|candidate| candidate.version == *version) =>
                {
                    "candidate"
                }
                version if release.previous.as_ref() == Some(version) => "previous",
                _ => "",
            };
            let publication = Publication::read(&store, model, &version, &verifier);
            listed.push((role, publication.with_context(|| format!("{model} {version}"))));
        }
    }
    if args.json {
        let rows = listed.iter().map(|(role, publication)| match publication {
            Ok(publication) => json!({ "role": role, "publication": publication }),
            Err(error) => json!({ "role": role, "error": format!("{error:#}") }),
        });
        println!("{}", serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<20} {:<12} {:<10} {:<21} {:<12} metrics", "model", "version", "role", "created", "author");
    for (role, publication) in &listed {
        match publication {
            Ok(publication) => {
                let Publication { model, version, created, author, metrics, .. } = publication;
                let metrics = metrics.iter().map(|(name, value)| format!("{name} {value}"));
                let metrics = metrics.collect::<Vec<_>>().join(", ");
                let author = author.as_deref().unwrap_or_default();
                println!("{model:<20} {version:<12} {role:<10} {created:<21} {author:<12} {metrics}");
            }
            Err(error) => println!("{error:#}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Show what differs between two versions: schema, operators, metrics.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A version as model/version, or a packed component's file.
    from: String,
    /// The other.
    to: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Directory or bucket of published versions.
    #[arg(long, env = "EDGEWIT_REGISTRY", value_name = "URL")]
    registry: Option<String>,
}

pub(super) fn diff(args: DiffArgs) -> Result<ExitCode> {
    let store = args.registry.as_deref().map(Store::open).transpose()?;
    let from = describe(&args.from, store.as_ref())?;
    let to = describe(&args.to, store.as_ref())?;
    let differences = differences(&from, &to);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&differences)?);
        return Ok(ExitCode::SUCCESS);
    }
    if differences.is_empty() {
        println!("no difference");
    }
    let mut part = "";
    for difference in &differences {
        if difference.part != part {
            part = difference.part;
            println!("{part}");
        }
        if let Some(from) = &difference.from {
            println!("  - {}: {from}", difference.what);
        }
        if let Some(to) = &difference.to {
            println!("  + {}: {to}", difference.what);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(what: &str, store: Option<&Store>) -> Result<Description> {
    let component = match (what.split_once('/'), store) {
        _ if Path::new(what).is_file() => std::fs::read(what).with_context(|| what.to_owned())?,
        (Some((model, version)), Some(store)) => {
            Publication::read(store, model, version, &Verifier::default())?.component(store)?
        }
        (Some(_), None) => bail!("{what}: there is no such file; for a published version give --registry"),
        (None, _) => bail!("{what}: expected model/version, or a packed component's file"),
    };
    Description::read(&component).with_context(|| what.to_owned())
}
