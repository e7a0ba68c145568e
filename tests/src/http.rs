//! A blocking HTTP client that returns every status as an answer.

use serde_json::Value;

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: ureq::http::HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The text of the error body.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error text in {}", self.text)).to_owned()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A server to talk to, as `http://host:port`.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    agent: ureq::Agent,
}

impl Client {
    /// Talks to `base`.
    pub fn new(base: impl Into<String>) -> Client {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Client { base: base.into(), agent }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        Answer::read(self.agent.get(format!("{}{path}", self.base)).call())
    }

    /// POST of any bytes.
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        Answer::read(request.send(body.as_ref()))
    }

    /// POST of JSON under a request id of the client's own.
    pub fn post_json_as(&self, id: &str, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base)).header("x-request-id", id);
        Answer::read(request.content_type("application/json").send(body.to_string()))
    }

    /// POST of JSON.
    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string())
    }
}

impl Answer {
    fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
        let mut response = response.expect("the server answers");
        let text = response.body_mut().read_to_string().expect("the answer is text");
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), text }
    }
}
