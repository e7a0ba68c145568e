//! The one JSON shape of every error that a client sees.

use serde::{Deserialize, Serialize};

/// The body of an answer that is no prediction.
///
/// The Open Inference Protocol asks for `error`; the other fields say where, and are left out
/// where they say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What the client did wrong, or that it was not the client.
    pub error: String,
    /// The row of a batch, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The field of the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// What to quote when asking about this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// An error that no row or feature is the cause of.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &ErrorBody, expect: &str) {
        assert_eq!(serde_json::to_string(body).unwrap(), expect);
    }

    #[test]
    fn fields_that_say_nothing_are_left_out() {
        check(&ErrorBody::new("no"), r#"{"error":"no"}"#);
        let body = ErrorBody {
            row: Some(0),
            feature: Some("tenure".into()),
            request_id: Some("1".into()),
            ..ErrorBody::new("no")
        };
        check(&body, r#"{"error":"no","row":0,"feature":"tenure","request_id":"1"}"#);
    }
}
