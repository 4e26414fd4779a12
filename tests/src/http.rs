//! HTTP requests to one service.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

const TIMEOUT: Duration = Duration::from_secs(120);

/// A client of one service. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    base: String,
}

/// The answer of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `X-Cache`: the source of the value.
    pub cache: Option<String>,
    /// `X-Invalidation`: whether other processes may still show older values.
    pub invalidation: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// The body.
    pub text: String,
}

impl Client {
    pub(crate) fn new(base: String) -> Self {
        Self::patient(base, TIMEOUT)
    }

    fn patient(base: String, timeout: Duration) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(timeout)).proxy(None);
        Self { agent: config.build().into(), base }
    }

    /// The address of the service: `http://127.0.0.1:port`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Another client of the same service, with this timeout.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self::patient(self.base.clone(), timeout)
    }

    /// GET of a path below `/api/billing`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|error| panic!("{error}"))
    }

    /// POST of JSON to a path below `/api/billing`.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// GET of a path that is not below `/api/billing`.
    #[track_caller]
    pub fn page(&self, path: &str) -> Answer {
        let answer = Answer::of(path, self.agent.get(format!("{}{path}", self.base)).call());
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`Client::get`], for a service that may be unreachable.
    ///
    /// # Errors
    /// There was no answer, or only a part of one. The same holds for every other `try` method.
    pub fn try_get(&self, path: &str) -> Result<Answer, String> {
        Answer::of(path, self.agent.get(self.url(path)).call())
    }

    /// Like [`Client::post`], for a service that may be unreachable.
    pub fn try_post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        let request = self.agent.post(self.url(path)).header("content-type", "application/json");
        Answer::of(path, request.send(body.to_string()))
    }

    /// PUT of JSON to a path below `/api/billing`.
    pub fn try_put(&self, path: &str, body: &Value) -> Result<Answer, String> {
        let request = self.agent.put(self.url(path)).header("content-type", "application/json");
        Answer::of(path, request.send(body.to_string()))
    }

    /// The details of an invoice.
    #[track_caller]
    pub fn invoice(&self, id: i64) -> Answer {
        self.get(&format!("/invoices/{id}/details"))
    }

    /// A payment by card.
    #[track_caller]
    pub fn pay(&self, invoice_id: i64, amount: &str, transaction_id: &str) -> Answer {
        let payment = serde_json::json!({
            "invoice_id": invoice_id,
            "amount": amount,
            "payment_method": "card",
            "transaction_id": transaction_id,
        });
        self.post("/payments", &payment)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/billing{path}", self.base)
    }
}

impl Answer {
    fn of(path: &str, response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Self, String> {
        let mut response = response.map_err(|error| format!("the service did not answer to {path}: {error}"))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (cache, invalidation) = (header("x-cache"), header("x-invalidation"));
        let content_type = header("content-type");
        let text = response.body_mut().read_to_string();
        let text = text.map_err(|error| format!("the service broke off its answer to {path}: {error}"))?;
        Ok(Self { status: response.status().as_u16(), cache, invalidation, content_type, text })
    }

    /// This answer, if it has this status.
    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The body, if the value came from `tier`: `l2`, `loaded` or `bypassed`.
    #[track_caller]
    pub fn from_tier(&self, tier: &str) -> Value {
        assert_eq!((self.status, self.cache.as_deref()), (200, Some(tier)), "{self:#?}");
        self.json()
    }

    /// The body as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON: {error}: {self:#?}"))
    }
}
