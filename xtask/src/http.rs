//! The HTTP requests of the demo: status, `X-Cache`, JSON.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The source of the data: `l1`, `l2`, `loaded` or `bypassed`.
    pub(crate) source: Option<String>,
    pub(crate) body: Value,
}

/// A client that uses no proxy from the environment, because everything is on the loopback.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None).build();
        Self { agent: config.into(), base: format!("http://127.0.0.1:{port}") }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer> {
        let response = self.agent.get(self.url(path)).call();
        answer(response).with_context(|| format!("GET {path}"))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self.agent.post(self.url(path)).header("content-type", "application/json");
        answer(request.send(body.to_string())).with_context(|| format!("POST {path}"))
    }
}

impl Answer {
    /// The answer, if the status is a success.
    pub(crate) fn successful(self) -> Result<Self> {
        ensure!((200..300).contains(&self.status), "the service answered {}: {}", self.status, self.body);
        Ok(self)
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer> {
    let mut response = response?;
    let source = response.headers().get("x-cache").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = response.body_mut().read_to_string()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status: response.status().as_u16(), source, body })
}
