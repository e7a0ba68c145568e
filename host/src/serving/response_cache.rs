//! Outputs kept for the next request with the same inputs, bounded in bytes.
//!
//! The same inputs give the same outputs: a sandbox has no clock, no entropy and no state. What is
//! kept are tensors, so that an answer's own fields, its time among them, are always fresh.

use std::sync::Arc;

use edgewit_core::{Data, ModelMetadata, Tensor};
use moka::notification::RemovalCause;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::request::Question;
use crate::telemetry::{CacheMetrics, Telemetry};

/// SHA-256 of the model, the inputs and the outputs that are asked for. Nobody can make two
/// requests with the same one, so nobody can get another's answer.
pub(super) type Key = [u8; 32];

/// The outputs of all deployments that may keep them. Cheap to clone.
#[derive(Clone)]
pub struct ResponseCache {
    entries: Cache<Key, Arc<Vec<Tensor>>>,
    telemetry: Arc<Telemetry>,
}

impl ResponseCache {
    /// An empty cache for so many bytes of outputs, names and shapes included.
    pub fn new(bytes: u64, telemetry: Arc<Telemetry>) -> ResponseCache {
        let evicted = telemetry.clone();
        let entries = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, outputs: &Arc<Vec<Tensor>>| weight(outputs))
            .eviction_listener(move |_, outputs, cause| {
                evicted.cache_dropped(weight(&outputs).into(), cause == RemovalCause::Size);
            })
            .build();
        ResponseCache { entries, telemetry }
    }
}

/// The cache as one deployment uses it.
pub(super) struct DeploymentCache {
    pub(super) shared: ResponseCache,
    pub(super) metrics: CacheMetrics,
}

impl DeploymentCache {
    /// The place of a question's outputs. Every part has its length before it, so that no two
    /// questions give the same bytes.
    pub(super) fn key(&self, model: &ModelMetadata, question: &Question) -> Key {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        [&model.name, &model.version, &model.digest].into_iter().for_each(|text| part(text.as_bytes()));
        match &question.outputs {
            None => part(&[0]),
            Some(names) => {
                part(&[1]);
                part(&(names.len() as u64).to_le_bytes());
                names.iter().for_each(|name| part(name.as_bytes()));
            }
        }
        for input in question.inputs.iter() {
            part(input.name.as_bytes());
            part(input.datatype.name().as_bytes());
            part(&input.shape.iter().flat_map(|axis| axis.to_le_bytes()).collect::<Vec<_>>());
            match &input.data {
                Data::Raw(bytes) => part(bytes),
                // As many as the shape says.
                Data::Strings(strings) => strings.iter().for_each(|text| part(text.as_bytes())),
            }
        }
        digest.finalize().into()
    }

    /// The outputs that are kept, if they are.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Vec<Tensor>>> {
        let found = self.shared.entries.get(key);
        self.metrics.asked(found.is_some());
        found
    }

    /// Keeps outputs, in place of others where there is no room.
    pub(super) fn insert(&self, key: Key, outputs: Vec<Tensor>) {
        let ResponseCache { entries, telemetry } = &self.shared;
        telemetry.cache_kept(weight(&outputs).into());
        entries.insert(key, Arc::new(outputs));
        // Otherwise evictions come later, and the bound holds only about.
        entries.run_pending_tasks();
    }
}

/// The bytes that outputs take in memory, about.
fn weight(outputs: &[Tensor]) -> u32 {
    let text = |text: &String| text.len() + size_of::<String>();
    let tensor = |tensor: &Tensor| {
        let data = match &tensor.data {
            Data::Raw(bytes) => bytes.len(),
            Data::Strings(strings) => strings.iter().map(text).sum(),
        };
        size_of::<Tensor>() + tensor.name.len() + size_of_val(&*tensor.shape) + data
    };
    let all = size_of::<Key>() + outputs.iter().map(tensor).sum::<usize>();
    u32::try_from(all).unwrap_or(u32::MAX)
}
