//! The pages of models: files that are made of a model when a browser first asks for one.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use moka::sync::Cache;

use super::{Deployment, Error};
use edgewit_core::ModelMetadata;

/// The bytes of pages that are kept; the one that was not asked for the longest time is made again.
const CAPACITY: u64 = 256 << 20;

/// The files of a page by their paths.
pub type Site = HashMap<String, File>;

/// Makes the page of a model. Takes seconds.
pub type MakeSite = Arc<dyn Fn(&ModelMetadata) -> Result<Site, Error> + Send + Sync>;

/// A file of a page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct File {
    /// What it is.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: Bytes,
}

/// The pages that were made. Cheap to clone.
#[derive(Clone)]
pub struct Pages {
    make: MakeSite,
    made: Cache<String, Arc<Site>>,
}

impl Pages {
    /// Made by `make`.
    pub fn new(make: MakeSite) -> Pages {
        let weigh = |_: &String, site: &Arc<Site>| {
            let bytes = site.values().map(|file| file.bytes.len()).sum::<usize>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Pages { make, made: Cache::builder().max_capacity(CAPACITY).weigher(weigh).build() }
    }

    /// The page of a model; whoever asks while it is made waits for the one that is.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn get(&self, deployment: Arc<Deployment>) -> Result<Arc<Site>, Error> {
        let pages = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            let model = &deployment.metadata;
            let manifest = serde_json::to_string(&model.manifest)?;
            let key = [&model.name, &model.version, &model.digest, &manifest].map(String::as_str).join("\n");
            let made = pages.made.try_get_with(key, || (pages.make)(model).map(Arc::new));
            made.map_err(|error| Error::Internal(format!("the page: {error}")))
        });
        made.await.unwrap_or_else(|_| Err(Error::Internal("making the page panicked".into())))
    }
}
