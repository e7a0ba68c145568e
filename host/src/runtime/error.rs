//! Why a component did not answer.

/// A fault of a model, of its sandbox, or of the machine below.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's tensors do not fit the model; the text is meant for the caller.
    #[error("{0}")]
    InvalidInput(String),
    /// The model needs something that the predictor cannot do; names every such node.
    #[error("{0}")]
    Unsupported(String),
    /// The model failed while computing and said why.
    #[error("the model failed: {0}")]
    Execution(String),
    /// The sandbox trapped; with the message of the panic where there was one.
    #[error("the sandbox trapped: {0}")]
    Trap(String),
    /// The sandbox ran past its deadline and was stopped.
    #[error("the sandbox was stopped after {0:?}")]
    Deadline(std::time::Duration),
    /// The sandbox asked for more memory than it may have.
    #[error("the sandbox needed more than its {0} bytes of memory")]
    Memory(usize),
    /// One of the three above, with the node of the model that was at work.
    #[error("node {node}: {fault}")]
    AtNode {
        /// The node as tract shows it: number, name and operator.
        node: String,
        /// What happened.
        fault: Box<Error>,
    },
    /// The file is not a component that exports `edgewit:inference/predict`.
    #[error("not a packed model: {0}")]
    Component(String),
    /// The engine could not start, compile or make a sandbox.
    #[error("wasmtime: {0}")]
    Engine(String),
    /// The compile cache could not be used safely.
    #[error("compile cache {path}: {reason}")]
    Cache {
        /// The folder or file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    pub(super) fn engine(error: wasmtime::Error) -> Error {
        Error::Engine(format!("{error:#}"))
    }

    pub(super) fn component(error: wasmtime::Error) -> Error {
        Error::Component(format!("{error:#}"))
    }
}
