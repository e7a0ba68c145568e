//! A component as an OCI artifact, in the layout of the CNCF's working group on WebAssembly, which wkg, Spin and
//! wasmCloud read: a manifest of an image, a configuration that names imports and exports, and one layer, the component.
//! <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>

use std::collections::BTreeMap;
use std::str::FromStr;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::Serialize;
use wasmparser::Parser;

use crate::digest::sha256;
use crate::pack::description::{Description, DescriptionError, Outline};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
/// Under which Docker's registry is in the file of `docker login`.
const DOCKER_HUB: (&str, &str) = ("index.docker.io", "https://index.docker.io/v1/");

/// Why a component is not in a registry.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// A core module, or no WebAssembly.
    #[error("expected a component, got something else")]
    NotAComponent,
    /// A component that does not parse.
    #[error(transparent)]
    Malformed(#[from] DescriptionError),
    /// No name of anything in a registry.
    #[error("expected a name such as registry.example.com/models/churn:1.0.0, got `{0}`: {1}")]
    Reference(String, oci_client::ParseError),
    /// A name with a digest, which the registry would have to agree with.
    #[error("expected a name with a tag, got `{0}` with a digest")]
    Digest(String),
    /// `docker login` has left something that cannot be used.
    #[error("credentials for {0}: {1}")]
    Credentials(String, CredentialRetrievalError),
    /// What the registry says.
    #[error("{0}: {1}")]
    Registry(String, OciDistributionError),
}

/// What is pushed.
pub struct Artifact {
    layer: ImageLayer,
    config: Config,
    annotations: BTreeMap<String, String>,
}

/// The configuration, in the order of its fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig<'a> {
    /// Must be there. The time of the push would give each push a digest of its own.
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [&'a str; 1],
    component: Interface<'a>,
}

#[derive(Serialize)]
struct Interface<'a> {
    exports: &'a [String],
    imports: &'a [String],
}

impl Artifact {
    /// Of a component, with annotations of the manifest; those of a packed model have its name and version.
    ///
    /// # Errors
    /// Bytes that are no component.
    pub fn new(
        component: Vec<u8>,
        annotations: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Artifact, OciError> {
        if !Parser::is_component(&component) {
            return Err(OciError::NotAComponent);
        }
        let outline = Outline::read(&component)?;
        let digest = format!("sha256:{}", sha256(&component));
        let config = WasmConfig {
            created: "1970-01-01T00:00:00Z",
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [&digest],
            component: Interface { exports: &outline.exports, imports: &outline.imports },
        };
        let config = serde_json::to_vec(&config).map_err(DescriptionError::from)?;
        let model = Description::read(&component).ok().map(|description| description.model);
        let own = model.into_iter().flat_map(|model| {
            let named = |key: &str, value| (format!("org.opencontainers.image.{key}"), value);
            [named("title", model.name), named("version", model.version)]
        });
        Ok(Artifact {
            layer: ImageLayer::new(component, LAYER.to_owned(), None),
            config: Config::new(config, CONFIG.to_owned(), None),
            annotations: own.chain(annotations).collect(),
        })
    }
}

/// A place in a registry.
pub struct Registry {
    reference: Reference,
    client: Client,
    auth: RegistryAuth,
}

impl Registry {
    /// By its name; without a tag, `latest`. Credentials are read from where `docker login` keeps them.
    ///
    /// # Errors
    /// No such name, or credentials that cannot be read.
    pub fn of(name: &str, plain_http: bool) -> Result<Registry, OciError> {
        let reference =
            Reference::from_str(name).map_err(|error| OciError::Reference(name.to_owned(), error))?;
        if reference.digest().is_some() {
            return Err(OciError::Digest(name.to_owned()));
        }
        // Only a second provider is refused, and there is none but this.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let protocol = if plain_http { ClientProtocol::Http } else { ClientProtocol::Https };
        let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
        let auth = credentials(reference.resolve_registry())?;
        Ok(Registry { reference, client, auth })
    }

    /// Pushes, and returns the name with the digest of the manifest.
    ///
    /// # Errors
    /// What the registry says.
    pub async fn push(&self, artifact: Artifact) -> Result<String, OciError> {
        let Artifact { layer, config, annotations } = artifact;
        let layers = [layer];
        let mut manifest = OciImageManifest::build(&layers, &config, Some(annotations));
        manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
        let failed = |error| OciError::Registry(self.reference.whole(), error);
        self.client
            .push(&self.reference, &layers, config, &self.auth, Some(manifest))
            .await
            .map_err(failed)?;
        let digest = self.client.fetch_manifest_digest(&self.reference, &self.auth).await.map_err(failed)?;
        Ok(format!("{}/{}@{digest}", self.reference.registry(), self.reference.repository()))
    }
}

fn credentials(registry: &str) -> Result<RegistryAuth, OciError> {
    let key = if registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { registry };
    match docker_credential::get_credential(key) {
        Ok(DockerCredential::UsernamePassword(name, password)) => Ok(RegistryAuth::Basic(name, password)),
        Ok(DockerCredential::IdentityToken(token)) => Ok(RegistryAuth::Bearer(token)),
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError,
        ) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(OciError::Credentials(registry.to_owned(), error)),
    }
}
