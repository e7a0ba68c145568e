//! A caller that is known, and what it may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask models, and read what they are.
    Predict,
    /// Load and unload models, and see the statistics of all.
    Admin,
    /// Read `/metrics`.
    Metrics,
}

impl Scope {
    /// The scope of that name.
    pub(super) fn named(name: &str) -> Option<Scope> {
        match name {
            "predict" => Some(Scope::Predict),
            "admin" => Some(Scope::Admin),
            "metrics" => Some(Scope::Metrics),
            _ => None,
        }
    }
}

/// A caller that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name of its key; of a token `jwt:` and the subject.
    pub name: Arc<str>,
    scopes: BTreeSet<Scope>,
    models: Option<BTreeSet<String>>,
}

impl Principal {
    /// A caller with `scopes`, for `models` or, where these are not given, for all.
    pub(super) fn new(
        name: &str,
        scopes: impl IntoIterator<Item = Scope>,
        models: Option<impl IntoIterator<Item = String>>,
    ) -> Principal {
        let models = models.map(|models| models.into_iter().collect());
        Principal { name: name.into(), scopes: scopes.into_iter().collect(), models }
    }

    /// Whether it has the scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether it may use the model.
    pub fn may_use(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(model))
    }

    /// Whether it may use every model, those of tomorrow included.
    pub fn may_use_all(&self) -> bool {
        self.models.is_none()
    }
}
