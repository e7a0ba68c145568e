//! Who may pass: the one place that knows which path asks for what.
//!
//! Steps: the address is counted; the caller is found from its key or token; it must have the scope and the model; then
//! it is counted itself. A path that is not named here asks for the scope predict.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::error::HttpError;
use super::rates::{self, Limits, RateLimits, Told};
use super::server::Peer;
use crate::auth::{Authenticator, Denied, Principal, Scope};
use crate::telemetry::{AccessMetrics, Telemetry, Trail};

/// What is known of the default model, for its page.
pub(super) const DEFAULT_PAGE: &str = "/ui/-/model.json";
/// What is of a model in its page.
pub(super) const PAGE: &str = "/ui/{model}/{*file}";

/// Who may pass, and how often.
pub struct Gate {
    auth: Option<Arc<Authenticator>>,
    /// As they are set, and as they count.
    limits: RwLock<(RateLimits, Arc<Limits>)>,
    metrics: AccessMetrics,
}

/// What a path asks of whoever sends a request there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asks {
    /// For a key or token: else 401 or 403.
    pub(super) key: bool,
    /// For no more than so many requests in a time: else 429.
    pub(super) patience: bool,
}

/// Why a caller does not pass.
enum Refused {
    Unknown,
    Forbidden,
}

/// What a path asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    AnyScope,
    Scope(Scope),
}

impl Need {
    fn of(path: &str) -> Need {
        match path {
            "/health/live" | "/health/ready" | "/health/startup" => Need::Nothing,
            "/v2/health/live" | "/v2/health/ready" => Need::Nothing,
            // A page that is the same everywhere.
            "/docs" | "/docs/page.css" | "/docs/page.js" => Need::Nothing,
            // Where keys are asked for, this is so, too, and asks for one.
            "/ui"
            | "/ui/"
            | "/ui/{model}"
            | "/ui/{model}/"
            | "/ui/{model}/sw.js"
            | "/ui/{model}/page/{file}" => Need::Nothing,
            // Names models, and why they failed.
            "/health" => Need::AnyScope,
            "/metrics" | "/models/{model}/drift" | "/models/{model}/performance" => {
                Need::Scope(Scope::Metrics)
            }
            "/v2/models/stats" => Need::Scope(Scope::Admin),
            "/releases" => Need::Scope(Scope::Admin),
            _ if path.starts_with("/v2/repository/") => Need::Scope(Scope::Admin),
            _ if path.starts_with("/models/") && path.contains("/release") => Need::Scope(Scope::Admin),
            _ => Need::Scope(Scope::Predict),
        }
    }
}

/// Whether a path without a model tells of all.
fn tells_of_all(path: &str) -> bool {
    matches!(path, "/health" | "/openapi.json" | "/releases" | "/v2/models/stats" | "/v2/repository/index")
}

impl Gate {
    /// Without `auth`, everybody may do everything.
    pub fn new(auth: Option<Arc<Authenticator>>, rates: RateLimits, telemetry: &Telemetry) -> Gate {
        Gate { auth, limits: RwLock::new((rates, Arc::new(rates.into()))), metrics: telemetry.access() }
    }

    /// Counts by `rates` from now on. Where they are others than before, what was counted is forgotten.
    pub fn set_rates(&self, rates: RateLimits) {
        let mut limits = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        if limits.0 != rates {
            *limits = (rates, Arc::new(rates.into()));
        }
    }

    fn limits(&self) -> Arc<Limits> {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// What `path` may be refused for, before anybody looks at the request: whether it takes a key, and whether requests
    /// are counted.
    pub(super) fn asks(&self, path: &str) -> Asks {
        let limits = self.limits();
        Asks {
            key: self.auth.is_some() && Need::of(path) != Need::Nothing,
            patience: limits.address.is_some() || limits.principal.is_some(),
        }
    }

    /// Whether what is of a model in its page asks for a key.
    pub(super) fn guards_pages(&self) -> bool {
        self.asks(PAGE).key
    }

    /// The caller, where the path asks for one.
    fn admit(
        &self,
        request: &Request,
        model: Option<&str>,
        default: Option<&str>,
    ) -> Result<Option<Arc<Principal>>, Refused> {
        let Some(auth) = &self.auth else { return Ok(None) };
        // A path that is none is answered so, to whoever asks.
        let Some(path) = request.extensions().get::<MatchedPath>() else { return Ok(None) };
        let path = path.as_str();
        let need = Need::of(path);
        if need == Need::Nothing {
            return Ok(None);
        }
        let principal = auth.authenticate(request.headers()).map_err(|denied| {
            self.metrics.attempt(outcome(denied));
            Refused::Unknown
        })?;
        let in_scope = match need {
            Need::Scope(scope) => principal.may(scope),
            Need::Nothing | Need::AnyScope => true,
        };
        let of_default = path.starts_with("/predict") || matches!(path, "/feedback" | DEFAULT_PAGE);
        let model = model.or(default.filter(|_| of_default));
        let of_model = match model {
            Some(model) => principal.may_use(model),
            None => principal.may_use_all() || !tells_of_all(path),
        };
        if !(in_scope && of_model) {
            self.metrics.attempt("forbidden");
            return Err(Refused::Forbidden);
        }
        self.metrics.attempt("ok");
        Ok(Some(principal))
    }

    fn count_address(&self, request: &Request) -> Result<Option<Told>, Told> {
        let limits = self.limits();
        let Some(limit) = &limits.address else { return Ok(None) };
        // Behind a Unix socket there is no address.
        let Some(peer) = request.extensions().get::<Peer>().and_then(|peer| peer.address) else {
            return Ok(None);
        };
        self.counted("address", limit.check(&rates::subscriber(peer.ip())))
    }

    fn count_principal(&self, principal: &Principal) -> Result<Option<Told>, Told> {
        let limits = self.limits();
        let Some(limit) = &limits.principal else { return Ok(None) };
        self.counted("principal", limit.check(&principal.name))
    }

    fn counted(&self, limit: &'static str, checked: Result<Told, Told>) -> Result<Option<Told>, Told> {
        checked.map(Some).inspect_err(|_| self.metrics.limited(limit))
    }
}

fn outcome(denied: Denied) -> &'static str {
    match denied {
        Denied::Missing => "missing",
        Denied::UnknownKey => "unknown_key",
        Denied::Expired => "expired",
        Denied::BadToken => "bad_token",
    }
}

/// Lets a request pass or answers it.
pub(super) async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    let mut request = Request::from_parts(parts, body);
    if let Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) = params {
        return HttpError::path_is_no_text().into_response();
    }
    // RFC 9112, section 3.2: a proxy and this host may take two for different ones.
    if request.version() == Version::HTTP_11 && request.headers().get_all(header::HOST).iter().count() != 1 {
        return HttpError::host().into_response();
    }
    let mut told = match app.gate.count_address(&request) {
        Ok(told) => told,
        Err(told) => return limited(told),
    };
    let params = params.ok();
    let model = params.iter().flatten().find(|(name, _)| *name == "model").map(|(_, model)| model);
    let principal = match app.gate.admit(&request, model, app.registry.default_name()) {
        Ok(principal) => principal,
        Err(Refused::Unknown) => return HttpError::unauthorized().into_response(),
        Err(Refused::Forbidden) => return HttpError::forbidden().into_response(),
    };
    if let Some(principal) = &principal {
        if let Some(trail) = request.extensions().get::<Trail>() {
            trail.principal(&principal.name);
        }
        request.extensions_mut().insert(principal.clone());
        match app.gate.count_principal(principal) {
            Ok(None) => {}
            // Of two limits a client is told the one that is its own.
            Ok(of_principal) => told = of_principal,
            Err(told) => return limited(told),
        }
    }
    let mut response = next.run(request).await;
    if let Some(told) = told {
        told.write(response.headers_mut());
    }
    response
}

fn limited(told: Told) -> Response {
    let mut response = HttpError::too_many_requests().into_response();
    told.write(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_known_here_is_not_open() {
        assert_eq!(Need::of("/v2/models/{model}/infer"), Need::Scope(Scope::Predict));
        assert_eq!(Need::of("/v2/repository/models/{model}/unload"), Need::Scope(Scope::Admin));
        assert_eq!(Need::of("/models/{model}/feedback"), Need::Scope(Scope::Predict));
        assert_eq!(Need::of("/models/{model}/drift"), Need::Scope(Scope::Metrics));
        assert_eq!(Need::of("/of/tomorrow"), Need::Scope(Scope::Predict));
        assert_eq!(Need::of("/health/live"), Need::Nothing);
        assert_eq!(Need::of(PAGE), Need::Scope(Scope::Predict));
        assert_eq!(Need::of(DEFAULT_PAGE), Need::Scope(Scope::Predict));
    }
}
