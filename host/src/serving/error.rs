//! Why a request was not served.

use edgewit_core::oip::OipError;
use edgewit_core::rows::{RespondError, RowError};

use crate::runtime;

/// A request's failure, as serving sees it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No model of this name.
    #[error("there is no model `{0}`")]
    UnknownModel(String),
    /// The model has no such version.
    #[error("model `{model}` has no version `{version}`")]
    UnknownVersion {
        /// The model.
        model: String,
        /// The version asked for.
        version: String,
    },
    /// A default model was meant, and there is none.
    #[error(
        "there is no default model: several are loaded; name one in the path, or start with --default-model"
    )]
    NoDefault,
    /// The model exists and is not loaded, yet or at all.
    #[error("model `{0}` is not ready")]
    NotReady(String),
    /// The model was taken out of service.
    #[error("model `{0}` has no version in service")]
    Unloaded(String),
    /// The model cannot be taken into service.
    #[error("model `{model}` cannot be loaded: {problem}")]
    Load {
        /// The model.
        model: String,
        /// What is wrong with it, by version.
        problem: String,
    },
    /// The request wants something that this host does not do.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The body is longer than so many bytes, once it is decompressed.
    #[error("the body is larger than the limit of {0} bytes")]
    BodyTooLarge(usize),
    /// The body is not compressed as it says.
    #[error("the body is not {0}: {1}")]
    Encoding(&'static str, String),
    /// The body is not a row or a batch of this model.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The body is not an inference request to this model.
    #[error(transparent)]
    Oip(#[from] OipError),
    /// The model has no rows; use the Open Inference Protocol.
    #[error("{0}")]
    NoRows(String),
    /// The model or its sandbox failed.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// The queue is full.
    #[error("the host is busy; try again")]
    Busy,
    /// The outputs are not what the manifest says.
    #[error(transparent)]
    Respond(#[from] RespondError),
    /// The answer could not be made.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// Whether it is the model that failed, and not the request or the host.
    pub(super) fn is_the_models(&self) -> bool {
        matches!(self.reason(), "execution" | "trap" | "deadline" | "memory")
            || matches!(self, Error::Respond(_))
    }

    /// A short name for metrics and logs; one of a fixed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::UnknownModel(_) | Error::UnknownVersion { .. } | Error::NoDefault | Error::Unloaded(_) => {
                "not_found"
            }
            Error::Load { .. } => "load",
            Error::Unsupported(_) => "unsupported",
            Error::NotReady(_) => "not_ready",
            Error::BodyTooLarge(_) => "body_too_large",
            Error::Encoding(..) => "broken_body",
            Error::Row(_) | Error::Oip(_) | Error::NoRows(_) => "invalid_input",
            Error::Runtime(runtime::Error::InvalidInput(_)) => "invalid_input",
            Error::Runtime(runtime::Error::Unsupported(_)) => "unsupported",
            Error::Runtime(runtime::Error::Execution(_)) => "execution",
            Error::Runtime(runtime::Error::Trap(_)) => "trap",
            Error::Runtime(runtime::Error::Deadline(_)) => "deadline",
            Error::Runtime(runtime::Error::Memory(_)) => "memory",
            Error::Busy => "busy",
            Error::Runtime(_) | Error::Respond(_) | Error::Internal(_) => "internal",
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::Internal(error.to_string())
    }
}
