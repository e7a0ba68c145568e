//! `edgewit deploy`, `promote`, `rollback`, `status`: which version of a model answers.
//!
//! They change what the registry says; the hosts that follow it do the rest, and write down there what became of it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::registry::{RegistryArgs, somebody};
use crate::progress::Progress;
use crate::release::{self, Candidate, Plan, Release, Thresholds};
use crate::store::{Publication, Store};

/// Changes that `status` shows.
const SHOWN: usize = 10;

/// Bring a published version into service: loaded beside the one that answers, held against its golden cases, and, if so
/// wished, tried on live requests before it answers them all.
#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    /// The model.
    model: String,
    /// The version.
    version: String,
    /// Requests that it predicts in the shadow of the version that answers; what it says is compared, and nobody sees it.
    #[arg(long, value_name = "REQUESTS", default_value_t = 0)]
    shadow: u64,
    /// Part of the requests that it answers as a canary, 0 to 1.
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    canary: f64,
    /// Requests that it answers as a canary before it is promoted.
    #[arg(long, value_name = "REQUESTS", default_value_t = 0)]
    canary_requests: u64,
    /// Header of requests that says whether the canary answers: `always` or `never`.
    #[arg(long, value_name = "NAME")]
    canary_header: Option<String>,
    /// Leave the last step to `edgewit promote`.
    #[arg(long)]
    manual: bool,
    /// Part of its predictions that may fail.
    #[arg(long, value_name = "PART", default_value_t = 0.01)]
    max_error_rate: f64,
    /// How many times as long as the version that answers it may take (99th percentile).
    #[arg(long, value_name = "RATIO")]
    max_p99_ratio: Option<f64>,
    /// Part of its predictions that may have another label.
    #[arg(long, value_name = "PART")]
    max_disagreement: Option<f64>,
    /// Largest difference of a number that it may have.
    #[arg(long, value_name = "X")]
    max_difference: Option<f64>,
    /// Largest drift of its scores from those of the version that answers, as population stability index: 0.1 is slight,
    /// 0.25 is large.
    #[arg(long, value_name = "INDEX")]
    max_drift: Option<f64>,
    /// Wait so many seconds for it to answer, and exit with 1 if it does not.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    #[command(flatten)]
    by: ByArgs,
}

/// Who changes which registry.
#[derive(Debug, Args)]
pub(super) struct ByArgs {
    /// Who does it, for the history [default: the user].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ByArgs {
    fn name(&self) -> String {
        self.by.clone().or_else(somebody).unwrap_or_else(|| "unknown".into())
    }
}

pub(super) fn deploy(args: DeployArgs) -> Result<ExitCode> {
    let (store, verifier) = args.by.registry.open()?;
    let (model, version) = (args.model.as_str(), args.version.as_str());
    Publication::read(&store, model, version, &verifier)?;
    let plan = Plan {
        shadow_requests: args.shadow,
        canary_weight: args.canary,
        canary_header: args.canary_header,
        canary_requests: args.canary_requests,
        automatic: !args.manual,
        thresholds: Thresholds {
            error_rate: Some(args.max_error_rate),
            p99_ratio: args.max_p99_ratio,
            disagreement: args.max_disagreement,
            difference: args.max_difference,
            drift: args.max_drift,
        },
    };
    let change = |release: &Release| release.deploy(version, plan.clone());
    let release = release::change(&store, model, &args.by.name(), change)?;
    match args.wait {
        None => {
            println!("{model} {version} is a candidate (revision {})", release.revision);
            Ok(ExitCode::SUCCESS)
        }
        Some(seconds) => wait(&store, model, version, release, Duration::from_secs(seconds)),
    }
}

/// Looks at the registry until the version answers or is rejected, and says what comes between.
fn wait(store: &Store, model: &str, version: &str, mut release: Release, most: Duration) -> Result<ExitCode> {
    let progress = Progress::steps();
    let start = Instant::now();
    loop {
        progress.step(format!("{model} {version}: {}", stage(release.candidate.as_ref())));
        if release.candidate.as_ref().is_none_or(|candidate| candidate.version != version) {
            break;
        }
        if start.elapsed() > most {
            drop(progress);
            bail!("{model} {version} does not answer yet; `edgewit status {model}` says how far it is");
        }
        std::thread::sleep(Duration::from_millis(200));
        release = release::latest(store, model, release.revision)?;
    }
    drop(progress);
    if release.stable.as_deref() == Some(version) {
        println!("{model} {version} answers (revision {})", release.revision);
        return Ok(ExitCode::SUCCESS);
    }
    let reason = release.rejected.filter(|rejected| rejected.version == version);
    let reason = reason.map_or_else(|| "another change came between".into(), |rejected| rejected.reason);
    bail!("{model} {version} does not answer: {reason}")
}

/// Let the candidate answer all requests now.
#[derive(Debug, Args)]
pub(super) struct PromoteArgs {
    /// The model.
    model: String,
    #[command(flatten)]
    by: ByArgs,
}

pub(super) fn promote(args: PromoteArgs) -> Result<ExitCode> {
    change(&args.model, &args.by, Release::promote)
}

/// Give up the candidate; where there is none, go back to the version before.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// The model.
    model: String,
    #[command(flatten)]
    by: ByArgs,
}

pub(super) fn rollback(args: RollbackArgs) -> Result<ExitCode> {
    change(&args.model, &args.by, Release::rollback)
}

fn change(
    model: &str,
    by: &ByArgs,
    change: fn(&Release) -> Result<Release, release::Refused>,
) -> Result<ExitCode> {
    let (store, _) = by.registry.open()?;
    let release = release::change(&store, model, &by.name(), change)?;
    println!(
        "{model} {} answers (revision {})",
        release.stable.as_deref().unwrap_or("none"),
        release.revision
    );
    Ok(ExitCode::SUCCESS)
}

/// Say which versions answer, how far a candidate is, and what was changed by whom.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Only this model, with its history.
    model: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn status(args: StatusArgs) -> Result<ExitCode> {
    let (store, _) = args.registry.open()?;
    let models = match &args.model {
        Some(model) => vec![model.clone()],
        None => store.models()?,
    };
    let mut found = vec![];
    for model in models {
        let history = release::history(&store, &model, SHOWN)?;
        found.push((model, history));
    }
    if args.json {
        let models = found.iter().map(
            |(model, history)| json!({ "model": model, "release": history.first(), "history": history }),
        );
        println!("{}", serde_json::to_string_pretty(&models.collect::<Vec<_>>())?);
        return Ok(ExitCode::SUCCESS);
    }
    for (model, history) in &found {
        let Some(release) = history.first() else {
            println!("{model}: nothing is released");
            continue;
        };
        println!("{model}: {} answers", release.stable.as_deref().unwrap_or("no version"));
        if let Some(previous) = &release.previous {
            println!("  before it {previous}");
        }
        if let Some(candidate) = &release.candidate {
            println!("  candidate {}: {}", candidate.version, stage(Some(candidate)));
        }
        if let Some(rejected) = &release.rejected {
            let stage = serde_json::to_value(rejected.stage)?;
            println!(
                "  rejected {} ({}): {}",
                rejected.version,
                stage.as_str().unwrap_or_default(),
                rejected.reason
            );
        }
        for Release { revision, at, by, action, stable, candidate, .. } in
            history.iter().filter(|_| args.model.is_some())
        {
            let action = serde_json::to_value(action)?;
            let action = action.as_str().unwrap_or_default();
            let version = candidate.as_ref().map(|candidate| &candidate.version).or(stable.as_ref());
            let version = version.map(String::as_str).unwrap_or_default();
            println!("  {revision:>5}  {at}  {action:<9} {version:<12} {by}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn stage(candidate: Option<&Candidate>) -> String {
    let Some(Candidate { stage, plan, .. }) = candidate else { return "decided".into() };
    match stage {
        release::Stage::Verify => "is being verified".into(),
        release::Stage::Shadow => format!("predicts in the shadow, {} requests", plan.shadow_requests),
        release::Stage::Canary if plan.automatic && plan.canary_requests > 0 => {
            format!(
                "answers {} of the requests, until it has answered {}",
                plan.canary_weight, plan.canary_requests
            )
        }
        release::Stage::Canary => {
            format!("answers {} of the requests, until it is promoted", plan.canary_weight)
        }
    }
}
