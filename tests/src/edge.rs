//! The edge component as Spin runs it: composed with a packed model by wac-graph, under
//! `wasi:http`, in a fresh instance for each request. Nothing of the host is in this path.

use std::sync::Arc;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::http::Client;

/// The interface that spin.toml names as the dependency.
const DEPENDENCY: &str = "edgewit:inference/predict@0.1.0";

/// Composes the edge component with a packed model, as Spin does for `[component.edge.dependencies]`.
///
/// # Errors
/// When the two do not fit.
pub fn compose(packed: &[u8]) -> Result<Vec<u8>> {
    let edge = std::fs::read(env!("EDGEWIT_EDGE"))?;
    let mut graph = CompositionGraph::new();
    let edge = Package::from_bytes("edgewit:edge", None, edge, graph.types_mut())?;
    let edge = graph.register_package(edge)?;
    let packed = Package::from_bytes("edgewit:packed", None, packed.to_vec(), graph.types_mut())?;
    let packed = graph.register_package(packed)?;

    let model = graph.instantiate(packed);
    let predict = graph.alias_instance_export(model, DEPENDENCY)?;
    let handler = graph.instantiate(edge);
    graph.set_instantiation_argument(handler, DEPENDENCY, predict)?;
    let world = &graph.types()[graph[edge].ty()];
    let names =
        world.exports.keys().filter(|name| name.starts_with("wasi:http/")).cloned().collect::<Vec<_>>();
    for name in names {
        let export = graph.alias_instance_export(handler, &name)?;
        graph.export(export, &name)?;
    }
    Ok(graph.encode(EncodeOptions::default())?)
}

/// A compiled component that answers HTTP.
#[derive(Clone)]
pub struct EdgeApplication {
    pre: ProxyPre<State>,
}

impl EdgeApplication {
    /// Compiles `component`.
    ///
    /// # Errors
    /// When it does not compile or imports what `wasi:http` hosts do not have.
    pub fn compile(component: &[u8]) -> Result<EdgeApplication> {
        let engine = Engine::default();
        let component = Component::new(&engine, component)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        Ok(EdgeApplication { pre: ProxyPre::new(linker.instantiate_pre(&component)?)? })
    }
}

/// A `wasi:http` host for one application on a free port; ends when it is dropped.
pub struct EdgeHost {
    /// A client for it.
    pub client: Client,
    _runtime: tokio::runtime::Runtime,
}

impl EdgeHost {
    /// Listens for `application`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(application: &EdgeApplication) -> Result<EdgeHost> {
        let host = Arc::new(application.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let client = Client::new(format!("http://{}", listener.local_addr()?));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let host = host.clone();
                let service = service_fn(move |request| {
                    let host = host.clone();
                    async move { host.handle(request).await }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(EdgeHost { client, _runtime: runtime })
    }
}

impl EdgeApplication {
    /// One instance for one request, dropped with its store.
    async fn handle(
        &self,
        request: hyper::Request<hyper::body::Incoming>,
    ) -> Result<hyper::Response<HyperOutgoingBody>> {
        let state = State {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().inherit_stderr().build(),
            http: WasiHttpCtx::new(),
        };
        let mut store = Store::new(self.pre.engine(), state);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
        let out = store.data_mut().http().new_response_outparam(sender)?;
        let pre = self.pre.clone();
        let task = tokio::spawn(async move {
            let proxy = pre.instantiate_async(&mut store).await?;
            proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await
        });
        match receiver.await {
            Ok(response) => Ok(response?),
            Err(_) => {
                task.await??;
                Err(anyhow::anyhow!("the component set no response")).context("edge")
            }
        }
    }
}

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: Default::default() }
    }
}
