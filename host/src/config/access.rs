//! The settings of who may ask, from where, and how often, checked.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Result;
use axum::http::{HeaderValue, Uri};

use super::{AuthSettings, CorsSettings, LimitSettings, at_least, at_most, check, flags};
use crate::auth::{AuthConfig, TokenAlgorithm, TokenConfig, TokenKeys};
use crate::http::{Cors, Rate, RateLimits};

/// The variable that may hold the text of a file of keys. No flag: others see those of a process.
pub(super) const API_KEYS: &str = "EDGEWIT_API_KEYS";

/// Where keys come from.
pub(super) fn auth(settings: AuthSettings) -> Result<AuthConfig> {
    at_least("auth.jwks_refresh_seconds", settings.jwks_refresh_seconds, 10)?;
    at_most("auth.jwt_leeway_seconds", settings.jwt_leeway_seconds, 600)?;
    let keys = std::env::var(API_KEYS).ok();
    let keys_file = settings.keys_file.clone();
    Ok(AuthConfig { keys_file, keys, tokens: tokens(settings)? })
}

fn tokens(settings: AuthSettings) -> Result<Option<TokenConfig>> {
    let sources = [
        ("auth.jwt_key_file", settings.jwt_key_file.is_some()),
        ("auth.jwks_file", settings.jwks_file.is_some()),
        ("auth.jwks_url", settings.jwks_url.is_some()),
    ];
    let mut given = sources.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
    if let (Some(one), Some(two)) = (given.next(), given.next()) {
        check(two, false, || format!("expected one source of keys, got {}, too", flags::named(one)))?;
    }
    let refresh = Duration::from_secs(settings.jwks_refresh_seconds);
    let keys = match (settings.jwt_key_file, settings.jwks_file, settings.jwks_url) {
        (Some(file), ..) => {
            let takes = || "expected the algorithm of the key, HS256, RS256, ES256 or EdDSA, got none".into();
            check("auth.jwt_algorithm", settings.jwt_algorithm.is_some(), takes)?;
            TokenKeys::File(file, settings.jwt_algorithm.unwrap_or(TokenAlgorithm::Rs256))
        }
        (_, Some(file), _) => TokenKeys::Set(file),
        (_, _, Some(url)) => {
            check("auth.jwks_url", is_trustworthy(&url), || {
                format!("expected an https:// address, got {url}")
            })?;
            TokenKeys::SetAt(url, refresh)
        }
        (None, None, None) => return Ok(None),
    };
    let takes = || "expected for whom tokens are, got nothing: those of other services would be taken".into();
    check("auth.jwt_audience", settings.jwt_audience.is_some(), takes)?;
    Ok(Some(TokenConfig {
        keys,
        audience: settings.jwt_audience.unwrap_or_default(),
        issuer: settings.jwt_issuer,
        leeway: Duration::from_secs(settings.jwt_leeway_seconds),
    }))
}

/// Keys that come over an open line may be anybody's, but for this machine's own.
fn is_trustworthy(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default();
    url.scheme_str() == Some("https")
        || url.scheme_str() == Some("http") && ["127.0.0.1", "[::1]", "localhost"].contains(&host)
}

/// The rates that are bounded.
pub(super) fn rates(limits: &LimitSettings) -> RateLimits {
    let rate = |per_second: u32, burst: u32| {
        let per_second = NonZeroU32::new(per_second)?;
        Some(Rate { per_second, burst: NonZeroU32::new(burst).unwrap_or(per_second) })
    };
    RateLimits {
        principal: rate(limits.principal_rate, limits.principal_burst),
        address: rate(limits.address_rate, limits.address_burst),
    }
}

/// Whose pages may ask.
pub(super) fn cors(settings: &CorsSettings) -> Result<Cors> {
    let mut origins = vec![];
    for origin in settings.origins.iter().flatten() {
        let uri = origin.parse::<Uri>().ok();
        // A browser sends no path, and would not match one.
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
        let exact = parts.filter(|(scheme, host)| *origin == format!("{scheme}://{host}"));
        check("cors.origins", exact.is_some(), || {
            format!("expected an origin like https://example.com, got {origin}")
        })?;
        origins.push(HeaderValue::try_from(origin)?);
    }
    Ok(Cors { origins, max_age: Duration::from_secs(settings.max_age_seconds) })
}
