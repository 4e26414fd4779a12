//! Requests to the example service and the dashboard: every route, with its parameters, headers and fields of its body
//! right, of other kinds, twice, missing or strange; as bytes, so that nothing on the way makes them right.

mod bodies;
mod routes;
mod wire;

use proptest::prelude::*;
use system_tests::{BILLING_SERVICE, Backend, CACHE_MONITOR, Service};

use super::secrets::{self, Place};
use super::stage::Stage;
use super::trial::steers;
use bodies::Shape;
use routes::{DASHBOARD, Route, SERVICE};
use wire::{Answer, Rest};

pub(super) use routes::Request;

/// What becomes of bytes that are no request: no answer, or one without a sentence.
const OF_WIRE: [u16; 5] = [0, 400, 408, 414, 431];

/// A program that serves, and what may come of a request to it.
pub(super) struct Served<'a> {
    stage: &'a Stage,
    service: Service,
    routes: &'static [Route],
    /// Statuses that its documents have.
    statuses: &'static [u16],
}

impl Served<'_> {
    pub(super) fn billing<'a>(stage: &'a Stage, backend: Backend) -> Served<'a> {
        let statuses = &[200, 201, 204, 400, 404, 405, 409, 413, 422];
        let program = program(stage, backend, BILLING_SERVICE);
        Served { stage, service: program.serve(), routes: SERVICE, statuses }
    }

    pub(super) fn dashboard<'a>(stage: &'a Stage, backend: Backend) -> Served<'a> {
        let statuses = &[200, 303, 400, 401, 404, 405, 408, 413, 415, 421, 422, 429];
        let program = program(stage, backend, CACHE_MONITOR);
        let program = program.with("CACHE_MONITOR_DASHBOARD_TOKEN", Place::Token.marker());
        Served { stage, service: program.serve_by("dashboard"), routes: DASHBOARD, statuses }
    }

    pub(super) fn requests(&self) -> BoxedStrategy<Request> {
        routes::requests(self.routes)
    }

    /// Sends one request.
    ///
    /// # Errors
    /// What does not hold of the answer, of what was logged, or of the process.
    pub(super) fn ask(&self, request: &Request) -> Result<(), String> {
        let rest = if request.is_http() { Rest::None } else { Rest::MayBeMissed };
        let answer = wire::ask(self.address(), &request.bytes(self.address()), rest)?;
        self.stage.count(&format!("{}", answer.status));
        self.judge(request, &answer)?;
        let logged = self.service.said();
        for line in &logged {
            if line.contains("panicked at") {
                return Err(format!("it panics: {logged:#?}"));
            }
            if let Some(place) = secrets::told_in(line) {
                return Err(format!("it logs the password of {place:?}: {line}"));
            }
            if steers(line) {
                return Err(format!("it logs what steers a terminal: {line:?}"));
            }
        }
        Ok(())
    }

    fn address(&self) -> &str {
        self.service.base().trim_start_matches("http://")
    }

    fn judge(&self, request: &Request, answer: &Answer) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what}: {answer:?}"));
        if let Some(place) = secrets::told_in(&answer.text) {
            return wrong(&format!("it tells the password of {place:?}"));
        }
        // What is no request of HTTP at all gets a bare 400, or nothing.
        let of_wire = !request.is_http() && OF_WIRE.contains(&answer.status);
        if !of_wire && !self.statuses.contains(&answer.status) {
            return wrong("no document has its status");
        }
        if !of_wire && answer.status >= 400 && request.wants_sentence() && !answer.is_problem() {
            return wrong("an error without a code and a sentence");
        }
        Ok(())
    }

    /// It still answers, and ends when it is asked to.
    pub(super) fn end(self) {
        assert_eq!(self.service.page("/healthz").status, 200);
        self.service.terminate();
    }
}

fn program(stage: &Stage, backend: Backend, name: &str) -> system_tests::Program {
    let working = stage.working(backend);
    let program = stage.bare_program(backend, name).with("RUST_LOG", "debug");
    working.iter().fold(program, |program, (variable, value)| program.with(variable, value))
}
