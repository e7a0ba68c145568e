//! `edgewit serve`: every model of a folder over HTTP.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::loading::Loading;
use crate::auth::Authenticator;
use crate::config::{Loaded, ServeConfig, ServeFlags};
use crate::http::{self, App, Gate, Phase};
use crate::pack::source::{self, Source};
use crate::runtime::{Engine, keep_little};
use crate::serving::{Registry, Repository, Workers};
use crate::telemetry::{Log, Telemetry, Tracer};

/// Serve every model of a folder over HTTP, each request in a sandbox of its own.
#[derive(Debug, Args)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    flags: ServeFlags,
}

pub(super) fn run(command: ServeCommand) -> Result<ExitCode> {
    let loaded = Loaded::new(&command.flags)?;
    let config = ServeConfig::new(loaded.settings)?;
    keep_little();
    let log = Log::start(&config.log)?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    // These threads read and write sockets only. The workers compute, one on each core, so half as many of
    // these leave them the time.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(cores.div_ceil(2)).enable_all().build()?;
    runtime.block_on(serve(config, &log))?;
    // What still runs after the drain time is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: ServeConfig, log: &Log) -> Result<()> {
    let folders = source::versions(&config.models)?;
    anyhow::ensure!(
        !folders.is_empty(),
        "{}: no model here; expected <name>/<version>/model.onnx",
        config.models.display()
    );
    let reset = if Engine::pagemap_scan() {
        "the pages that were touched (PAGEMAP_SCAN)"
    } else {
        "a fixed part of their pages"
    };
    tracing::info!("used sandboxes are reset by {reset}");
    let mut telemetry = Telemetry::new();
    telemetry.watch_log(log);
    let telemetry = Arc::new(telemetry);
    let tracer = config
        .traces
        .as_ref()
        .map(|traces| Tracer::new(traces).map(Arc::new))
        .transpose()
        .context("traces")?;
    let sources = folders.iter().map(|folder| Source::read(folder)).collect::<Result<Vec<_>, _>>()?;
    let default = match (&config.default_model, sources.first()) {
        (Some(name), _) if !sources.iter().any(|source| source.name == *name) => {
            anyhow::bail!(
                "models.default (--default-model): there is no model {name} in {}",
                config.models.display()
            )
        }
        (Some(name), _) => Some(name.clone()),
        (None, first) => first.map(|source| source.name.clone()),
    };
    let registry = Arc::new(Registry::new(default, telemetry.clone()));
    for source in &sources {
        registry.announce(&source.name, &source.version);
    }
    let auth = config.auth.is_on().then(|| Authenticator::start(config.auth.clone())).transpose()?;
    let workers = Workers::start(config.workers, config.queue)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("server.listen (--listen): cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");

    let loading = Arc::new(Loading::open(&config, sources.len(), &registry, &telemetry)?);
    let load = loading.clone();
    let phase = Phase::default();
    let app = App {
        registry: registry.clone(),
        repository: Repository::new(registry.clone(), Arc::new(move |name| load.load_again(name))),
        workers,
        gate: Arc::new(Gate::new(auth, config.rates, &telemetry)),
        telemetry,
        tracer: tracer.clone(),
        phase: phase.clone(),
        limits: config.requests,
        cors: config.cors.clone(),
        tls: false,
    };
    let stop = stop_signal(phase.clone())?;
    let mut stopping = stop.clone();
    let server = axum::serve(listener, http::router(app).into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move { drop(stopping.wait_for(|stop| *stop).await) });

    std::thread::Builder::new().name("load".into()).spawn(move || {
        loading.load(&sources);
        phase.started();
        announce(&registry, address);
    })?;

    let mut stopping = stop.clone();
    tokio::select! {
        result = server => result?,
        () = async {
            drop(stopping.wait_for(|stop| *stop).await);
            tokio::time::sleep(config.drain).await;
        } => tracing::warn!("requests were still in flight after the drain time"),
    }
    if let Some(tracer) = tracer {
        tracer.finish();
    }
    tracing::info!("stopped");
    Ok(())
}

/// Says that the host is ready, with a request that works as pasted.
fn announce(registry: &Registry, address: SocketAddr) {
    if !registry.is_ready() {
        println!("not every model could be loaded; see http://{address}/health");
        return;
    }
    println!("ready");
    if let Ok(deployment) = registry.find(None, None)
        && let Ok(schema) = deployment.row_schema()
    {
        let row = serde_json::Value::Object(schema.sample_row()).to_string().replace('\'', r"'\''");
        println!("try: curl -s http://{address}/predict -H 'content-type: application/json' -d '{row}'");
    }
}

/// Turns true at SIGTERM or SIGINT; the host is not ready any more by then.
fn stop_signal(phase: Phase) -> Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("stopping: finishing what is in flight");
        phase.drain();
        sender.send_replace(true);
        // The sender must outlive the receivers' wait.
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}
