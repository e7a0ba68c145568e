//! `edgewit serve`: every model of a folder over HTTP.
//!
//! Steps: settings, models (in a thread of their own), socket, requests until a signal to stop, then the end.

mod reload;
mod signals;
mod systemd;
mod watching;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::sync::watch;

use super::loading::{self, Loading};
use crate::auth::Authenticator;
use crate::config::{Loaded, RegistryConfig, ServeConfig, ServeFlags};
use crate::http::{self, Address, App, Followed, Gate, Inherited, Listener, Phase, Server, Tls};
use crate::pack::source::{self, Source};
use crate::release::{Deploy, Follower, FollowerConfig};
use crate::runtime::{Engine, keep_little};
use crate::serving::{Error, Pages, Registry, Repository, Workers};
use crate::store::{Publication, Store, Verifier};
use crate::telemetry::{Log, Telemetry, Tracer};
use reload::Reload;
use signals::{Signal, Signals};

/// Serve every model of a folder over HTTP, each request in a sandbox of its own.
#[derive(Debug, Args)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    flags: ServeFlags,
}

pub(super) fn run(command: ServeCommand) -> Result<ExitCode> {
    let inherited = Inherited::take().context("cannot take the socket that was passed on")?;
    let loaded = Loaded::new(&command.flags)?;
    let mut reload = Reload::new(command.flags, &loaded.settings)?;
    let config = ServeConfig::new(loaded.settings)?;
    keep_little();
    let log = Log::start(&config.log)?;
    reload.log(&log);
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    // These threads read and write sockets only. The workers compute, one on each core, so half as many of
    // these leave them the time.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(cores.div_ceil(2)).enable_all().build()?;
    // Asked here, as whoever asks waits.
    let registered = config.registry.as_ref().map(Registered::open).transpose().context("registry")?;
    runtime.block_on(serve(config, registered, inherited, reload, &log))?;
    // What still runs after the drain time is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    config: ServeConfig,
    registered: Option<Registered>,
    inherited: Option<Inherited>,
    mut reload: Reload,
    log: &Log,
) -> Result<()> {
    let sources = if registered.is_none() { sources(&config)? } else { vec![] };
    let reset = if Engine::pagemap_scan() {
        "the pages that were touched (PAGEMAP_SCAN)"
    } else {
        "a fixed part of their pages"
    };
    tracing::info!("used sandboxes are reset by {reset}");
    let mut telemetry = Telemetry::new();
    telemetry.watch_log(log);
    let telemetry = Arc::new(telemetry);
    let traces = config.traces.as_ref().map(|traces| Tracer::new(traces).map(Arc::new));
    let tracer = traces.transpose().context("traces")?;
    let default = match &registered {
        // Which models there are is seen later, and may change.
        Some(_) => config.default_model.clone(),
        None => default_model(&config, &sources)?,
    };
    let registry = Arc::new(Registry::new(default, telemetry.clone()));
    for source in &sources {
        registry.announce(&source.name, &source.version);
    }
    let connections = telemetry.connections.clone();
    let tls = config.tls.clone().map(|files| Tls::open(files, connections.clone()).map(Arc::new));
    let tls = tls.transpose().context("tls")?;
    if let Some(tls) = tls.clone() {
        tokio::spawn(async move { tls.watch().await });
    }
    reload.tls(tls.clone());
    let auth = config.auth.is_on().then(|| Authenticator::start(config.auth.clone())).transpose()?;
    let gate = Arc::new(Gate::new(auth.clone(), config.rates, &telemetry));
    reload.keys(auth);
    reload.rates(gate.clone());
    let workers = Workers::start(config.workers, config.queue)?;
    // Of a model in a registry three versions may be loaded.
    let room = registered.as_ref().map_or(sources.len(), |registered| 3 * registered.models.max(8));
    let loading = Arc::new(Loading::open(&config, room, &registry, &telemetry)?);
    let (load, paged) = (loading.clone(), loading.clone());
    let pages =
        match registered.as_ref().map(|registered| (registered.store.clone(), registered.verifier.clone())) {
            Some((store, verifier)) => Pages::new(Arc::new(move |model| {
                let publication = Publication::read(&store, &model.name, &model.version, &verifier);
                let component = publication.and_then(|publication| publication.component(&store));
                loading::site(&component.map_err(|error| Error::Internal(error.to_string()))?)
            })),
            None => Pages::new(Arc::new(move |model| paged.site(model))),
        };
    let follower = registered.map(|registered| registered.follower(&config, &registry, &loading));
    let followed = follower
        .as_ref()
        .map(|(follower, verifier)| Followed { releases: follower.releases(), verifier: verifier.clone() });
    let follows = follower.is_some();
    let phase = Phase::default();
    let (watch, watching) = watching::start(&config, &telemetry, &registry)?;
    let app = App {
        registry: registry.clone(),
        repository: Repository::new(
            registry.clone(),
            Arc::new(
                move |name| if follows { Err(Error::Unsupported(FOLLOWS)) } else { load.load_again(name) },
            ),
        ),
        followed,
        pages,
        workers,
        gate,
        telemetry,
        tracer: tracer.clone(),
        phase: phase.clone(),
        limits: config.requests,
        cors: config.cors.clone(),
        tls: tls.is_some(),
        watch,
    };
    let router = http::router(app);
    let server = Server { router, tls, limits: config.connections, metrics: connections };
    let mut signals = Signals::new()?;
    systemd::keep_alive();

    let (finished, loaded) = watch::channel(false);
    let started = phase.clone();
    std::thread::Builder::new().name("load".into()).spawn(move || {
        let follower = follower.map(|(mut follower, _)| {
            follower.start();
            follower
        });
        loading.load(&sources);
        started.started();
        finished.send_replace(true);
        if let Some(follower) = follower {
            follower.follow();
        }
    })?;
    let (stop, stopping) = watch::channel(false);
    let models = Models { registry: &registry, loaded };
    let mut running = std::pin::pin!(listen(server, &config, inherited, models, stopping));
    loop {
        tokio::select! {
            result = &mut running => return result,
            signal = signals.next() => match signal {
                Signal::Reload => systemd::reloading(|| reload.run()),
                Signal::Stop => break,
            },
        }
    }

    tracing::info!("stopping: finishing what is in flight");
    systemd::stopping();
    phase.drain();
    tokio::select! {
        result = &mut running => return result,
        () = signals.stop_or(config.readiness_delay) => {}
    }
    stop.send_replace(true);
    tokio::select! {
        result = running => result?,
        () = signals.stop_or(config.drain) => tracing::warn!("requests were still in flight at the end"),
    }
    if let Some(tracer) = tracer {
        tracer.finish();
    }
    watching.finish(config.drain).await;
    tracing::info!("stopped");
    Ok(())
}

/// Why a host that follows a registry loads nothing else.
const FOLLOWS: &str = "this host follows a registry: deploy a version in place of loading a model";

/// A registry, opened.
struct Registered {
    store: Store,
    verifier: Verifier,
    poll: Duration,
    /// Models that are in it now.
    models: usize,
}

impl Registered {
    fn open(config: &RegistryConfig) -> Result<Registered> {
        let store = Store::open(&config.url)?;
        let verifier = Verifier::open(config.public_keys.iter().map(PathBuf::as_path))?;
        // A bucket that does not answer now may do so later; what was served before is on this disk.
        let models = store.models().map_or(0, |models| models.len());
        Ok(Registered { store, verifier, poll: config.poll, models })
    }

    fn follower(
        self,
        config: &ServeConfig,
        registry: &Arc<Registry>,
        loading: &Arc<Loading>,
    ) -> (Follower, Verifier) {
        let follow = FollowerConfig {
            poll: self.poll,
            cache: config.cache.clone(),
            verifier: self.verifier.clone(),
            name: format!("edgewit at {}", config.listen),
        };
        let loading = loading.clone();
        let deploy: Deploy =
            Arc::new(move |publication, read| loading.deploy(&publication.component.sha256, read));
        (Follower::new(self.store, follow, registry.clone(), deploy), self.verifier)
    }
}

fn sources(config: &ServeConfig) -> Result<Vec<Source>> {
    let folders = source::versions(&config.models)?;
    anyhow::ensure!(
        !folders.is_empty(),
        "{}: no model here; expected <name>/<version>/model.onnx",
        config.models.display()
    );
    Ok(folders.iter().map(|folder| Source::read(folder)).collect::<Result<Vec<_>, _>>()?)
}

fn default_model(config: &ServeConfig, sources: &[Source]) -> Result<Option<String>> {
    match (&config.default_model, sources.first()) {
        (Some(name), _) if !sources.iter().any(|source| source.name == *name) => {
            bail!("models.default (--default-model): there is no model {name} in {}", config.models.display())
        }
        (Some(name), _) => Ok(Some(name.clone())),
        (None, first) => Ok(first.map(|source| source.name.clone())),
    }
}

/// The models, and whether each was loaded or has failed.
struct Models<'a> {
    registry: &'a Registry,
    loaded: watch::Receiver<bool>,
}

impl Models<'_> {
    async fn loaded(&mut self) {
        drop(self.loaded.wait_for(|loaded| *loaded).await);
    }
}

/// Opens the socket and serves until `stop`. A socket that others listen on, or that keeps connections waiting, is
/// opened when the models are loaded, so that no request meets a host that cannot answer; any other at once, so that
/// the health routes answer.
async fn listen(
    server: Server,
    config: &ServeConfig,
    inherited: Option<Inherited>,
    mut models: Models<'_>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    if config.reuse_port || inherited.is_some() {
        tokio::select! {
            () = models.loaded() => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
    }
    if config.reuse_port && !models.registry.is_ready() {
        bail!("not every model could be loaded, so the port stays with the process that has it");
    }
    let listener = match inherited {
        Some(socket) => {
            Listener::inherit(socket).context("cannot listen on the socket that was passed on")?
        }
        None => Listener::open(&config.listen, config.reuse_port)
            .with_context(|| format!("server.listen (--listen): cannot listen on {}", config.listen))?,
    };
    let base = match (listener.address(), &config.tls) {
        (Address::Tcp(address), None) => format!("http://{address}"),
        (Address::Tcp(address), Some(_)) => format!("https://{address}"),
        (path, _) => path.to_string(),
    };
    println!("listening on {base}");
    let announced = async {
        models.loaded().await;
        announce(models.registry, &base);
        systemd::ready();
        // The end of this is no end of the server.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = server.run(listener, stop) => Ok(()),
        () = announced => Ok(()),
    }
}

/// Says that the host is ready, with a request that works as pasted.
fn announce(registry: &Registry, base: &str) {
    let (base, curl) = match base.strip_prefix("unix:") {
        Some(path) => ("http://localhost", format!("curl -s --unix-socket {path}")),
        None => (base, "curl -s".to_owned()),
    };
    if !registry.is_ready() {
        println!("not every model could be loaded; see {base}/health");
        return;
    }
    println!("ready");
    if let Ok(deployment) = registry.find(None, None)
        && let Ok(schema) = deployment.row_schema()
    {
        let row = serde_json::Value::Object(schema.sample_row()).to_string().replace('\'', r"'\''");
        println!("try: {curl} {base}/predict -H 'content-type: application/json' -d '{row}'");
        println!("or in a browser: {base}/ui/");
    }
}
