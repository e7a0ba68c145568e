//! A blocking HTTP client that returns every status as an answer.

use serde_json::Value;

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: ureq::http::HeaderMap,
    /// The body.
    pub bytes: Vec<u8>,
    /// The body as text; what is no text is replaced.
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

    /// A request with headers of its own; a body makes it a POST of JSON.
    pub fn send(&self, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let url = format!("{}{path}", self.base);
        match body {
            None => {
                let request = headers
                    .iter()
                    .fold(self.agent.get(url), |request, (name, value)| request.header(*name, *value));
                Answer::read(request.call())
            }
            Some(body) => {
                let request = self.agent.post(url).content_type("application/json");
                let request =
                    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
                Answer::read(request.send(body.to_string()))
            }
        }
    }

    /// The same with `credential` in `authorization: Bearer`.
    pub fn send_as(&self, credential: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(path, &[("authorization", &format!("Bearer {credential}"))], body)
    }

    /// PUT without a body.
    pub fn put(&self, path: &str) -> Answer {
        Answer::read(self.agent.put(format!("{}{path}", self.base)).send_empty())
    }

    /// POST of any bytes.
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        Answer::read(request.send(body.as_ref()))
    }

    /// POST of any bytes with headers.
    pub fn post_with(&self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::read(request.send(body.as_ref()))
    }

    /// GET with an `Accept` header.
    pub fn get_as(&self, accept: &str, path: &str) -> Answer {
        Answer::read(self.agent.get(format!("{}{path}", self.base)).header("accept", accept).call())
    }

    /// POST of JSON under a request id of the client's own.
    pub fn post_json_as(&self, id: &str, path: &str, body: &Value) -> Answer {
        let headers = [("x-request-id", id), ("content-type", "application/json")];
        self.post_with(path, &headers, body.to_string())
    }

    /// POST of JSON.
    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string())
    }
}

impl Answer {
    fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
        let mut response = response.expect("the server answers");
        let body = response.body_mut().with_config().limit(u64::MAX);
        let bytes = body.read_to_vec().expect("the answer has an end");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), bytes, text }
    }
}
