//! `cargo xtask demo`: shows everything on a machine that has only a Rust toolchain, with separate servers and data.
//!
//! Invariants: the developer's environment is not used (variables, `.env`, servers); everything that is started is
//! ended and everything that is created is removed, also on Ctrl-C; the payment part checks what it shows, and fails if
//! that is wrong.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use rustix::process::Signal;
use serde_json::{Value, json};
use test_servers::program::{self, end_of, to_log};
use test_servers::{RedisServer, ReservedPort, ServerProcess, connect, wait_until};

use crate::environment::only_neutral;
use crate::http::{Answer, Client};
use crate::install::{self, Need};
use crate::process::{self, say};
use crate::workspace::{Scratch, cargo, target_directory};

const SERVER_DEADLINE: Duration = Duration::from_secs(20);
const SEED: [&str; 5] = ["seed", "--users", "200", "--invoices", "2000"];
const INVOICES_TO_LOOK_AT: u64 = 500;
const PAYMENT: &str = "10.00";

#[derive(Args)]
pub(crate) struct Options {
    /// Build with optimisations, so that the times of the monitor are like those in production
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    install::ensure(&[Need::Redis])?;
    build(options)?;
    show_everything(&Stage::set(options)?)?;
    say("\ndone: the servers and the data of this demo are gone");
    Ok(())
}

fn show_everything(stage: &Stage) -> Result<()> {
    stage.tool("create the tables", "cache-admin", &["migrate"])?;
    stage.tool("fill the database", "cache-admin", &SEED)?;
    stage.tool("fill the cache ahead of need", "cache-admin", &["warmup"])?;
    stage.tool("look at the cache", "cache-admin", &["stats"])?;
    stage.tool("measure it", "cache-monitor", &["--iterations", "100"])?;
    stage.pay_an_invoice()?;
    stage.watch_it()?;
    stage.tool("compare what is cached with the database", "cache-admin", &["verify"])?;
    stage.tool("is anything wrong with this installation?", "cache-admin", &["doctor"])?;
    stage.tool("empty one type, and nothing else", "cache-admin", &["clear", "--type", "invoices"])?;
    stage.tool("look again", "cache-admin", &["stats"])
}

fn build(options: &Options) -> Result<()> {
    let mut command = cargo();
    command.args(["build", "-p", "cache-admin", "-p", "cache-monitor", "-p", "billing-core"]);
    command.args(["--bins", "--example", "billing-service"]);
    if options.release {
        command.arg("--release");
    }
    say("# build the tools and the example service");
    process::run("the build", &mut command)
}

/// The servers, the data and the programs of a demo.
struct Stage {
    redis: RedisServer,
    directory: Scratch,
    programs: PathBuf,
}

impl Stage {
    fn set(options: &Options) -> Result<Self> {
        let (directory, redis) = (Scratch::new("demo")?, RedisServer::start()?);
        let profile = if options.release { "release" } else { "debug" };
        let stage = Self { redis, directory, programs: target_directory()?.join(profile) };
        say("\n# a Redis and a database for this demo only; to use them from another terminal:");
        let variables = stage.variables().map(|(name, value)| format!("{name}={}", program::quoted(&value)));
        say(&format!("$ export {}", variables.join(" ")));
        Ok(stage)
    }

    /// All five variables of the contract, including the empty one: a variable that is set is not looked up in a
    /// `.env`.
    fn variables(&self) -> [(&'static str, String); 5] {
        let database = self.directory.path().join("billing.sqlite");
        [
            ("REDIS_HOST", "127.0.0.1".to_owned()),
            ("REDIS_PORT", self.redis.port().to_string()),
            ("REDIS_DB", "0".to_owned()),
            ("REDIS_PASSWORD", String::new()),
            ("DATABASE_URL", format!("sqlite://{}?mode=rwc", database.display())),
        ]
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(self.programs.join(program));
        only_neutral(&mut command).envs(self.variables()).current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    fn tool(&self, what: &str, program: &str, arguments: &[&str]) -> Result<()> {
        say(&format!("\n# {what}\n$ {program} {}", arguments.join(" ")));
        process::run(program, self.command(Path::new(program)).args(arguments))
    }

    fn pay_an_invoice(&self) -> Result<()> {
        say("\n# start the example service (crates/billing-core/examples)");
        let service = Server::start(self, &BILLING_SERVICE)?;
        let client = Client::new(service.port.number());
        let invoice = open_invoice(&client)?;
        let before = show(&client, &invoice, "an invoice, from the cache", "l2")?;
        pay(&client, &invoice)?;
        let after = show(&client, &invoice, "the same invoice: the payment made the cached one unreadable", "loaded")?;
        let paid = minor_units(&before)? - minor_units(&after)?;
        ensure!(paid == minor_units(PAYMENT)?, "the balance went from {before} to {after} after paying {PAYMENT}");
        let again = show(&client, &invoice, "and again: from the cache, with the new balance", "l2")?;
        ensure!(again == after, "the cache says {again}, the database {after}");
        Ok(())
    }

    /// The service flushed its counters to Redis when it ended.
    fn watch_it(&self) -> Result<()> {
        say("\n# what the service did, on the dashboard; open it in a browser while your own services run");
        let dashboard = Server::start(self, &DASHBOARD)?;
        let (client, path) = (Client::new(dashboard.port.number()), "/api/history?range=15m");
        say(&format!("$ curl '{}'", client.url(path)));
        let history = client.get(path)?.successful()?.body;
        let steps = history["points"].as_array().context("the history has no points")?;
        let sum = |name: &str| steps.iter().filter_map(|step| step["total"][name].as_u64()).sum::<u64>();
        let (requests, hits) = (sum("requests"), sum("hit_l1") + sum("hit_l2"));
        ensure!(requests > 0 && hits > 0, "the dashboard knows of {requests} requests and {hits} hits: {history}");
        println!("{requests} requests in the last 15 minutes, {hits} answered from the cache");
        Ok(())
    }
}

/// A program that listens on a port.
struct Listener {
    program: &'static str,
    arguments: &'static [&'static str],
    /// The command line that a person would use.
    shown: &'static str,
}

const BILLING_SERVICE: Listener = Listener {
    program: "examples/billing-service",
    arguments: &[],
    shown: "cargo run -p billing-core --example billing-service --",
};

const DASHBOARD: Listener =
    Listener { program: "cache-monitor", arguments: &["dashboard"], shown: "cache-monitor dashboard" };

/// A running program on a separate port.
struct Server {
    _process: ServerProcess,
    port: ReservedPort,
}

impl Server {
    fn start(stage: &Stage, listener: &Listener) -> Result<Self> {
        let port = ReservedPort::reserve()?;
        let address = format!("127.0.0.1:{}", port.number());
        say(&format!("$ {} --listen {address}", listener.shown));
        let log = stage.directory.path().join("server.log");
        let mut command = stage.command(Path::new(listener.program));
        command.args(listener.arguments).args(["--listen", &address]);
        let directory = stage.directory.path();
        let mut process = ServerProcess::spawn(to_log(&mut command, &log)?, directory, Signal::TERM)?;
        wait_until(listener.shown, SERVER_DEADLINE, || {
            ensure!(process.ended()?.is_none(), "start {}: {}", listener.shown, end_of(&log));
            Ok(connect(port.number(), Duration::from_secs(1)).is_ok())
        })?;
        Ok(Self { _process: process, port })
    }
}

/// An invoice that accepts a payment. Reading it puts it into the cache.
struct Invoice {
    id: u64,
}

impl Invoice {
    fn path(&self) -> String {
        format!("/api/billing/invoices/{}/details", self.id)
    }
}

fn open_invoice(client: &Client) -> Result<Invoice> {
    for id in 1..=INVOICES_TO_LOOK_AT {
        let invoice = Invoice { id };
        let answer = client.get(&invoice.path())?;
        if answer.status == 200 && can_be_paid(&answer.body)? {
            return Ok(invoice);
        }
    }
    anyhow::bail!("find an open invoice: none of the first {INVOICES_TO_LOOK_AT} can take a payment of {PAYMENT}")
}

fn can_be_paid(details: &Value) -> Result<bool> {
    let status = text(details, "status")?;
    let open = ["unpaid", "partial", "overdue"].contains(&status);
    // More than the payment is due, so the invoice is still open afterwards.
    Ok(open && minor_units(text(details, "balance_due")?)? > minor_units(PAYMENT)?)
}

/// Shows the invoice and returns its balance; fails if it did not come from `source`.
fn show(client: &Client, invoice: &Invoice, what: &str, source: &str) -> Result<String> {
    let path = invoice.path();
    say(&format!("\n# {what}\n$ curl -i {}", client.url(&path)));
    let answer = client.get(&path)?.successful()?;
    print(&answer);
    let found = answer.source.as_deref().unwrap_or("missing");
    ensure!(found == source, "X-Cache is {found}, expected {source}");
    Ok(text(&answer.body, "balance_due")?.to_owned())
}

fn pay(client: &Client, invoice: &Invoice) -> Result<()> {
    let path = "/api/billing/payments";
    let body = json!({
        "invoice_id": invoice.id,
        "amount": PAYMENT,
        "payment_method": "card",
        "transaction_id": "demo-1",
    });
    let url = client.url(path);
    say(&format!("\n# pay {PAYMENT} of it\n$ curl -i {url} --json '{body}'"));
    let answer = client.post(path, &body)?.successful()?;
    println!("HTTP {}  {}", answer.status, answer.body);
    Ok(())
}

fn print(answer: &Answer) {
    let field = |name: &str| answer.body[name].as_str().unwrap_or("?").to_owned();
    let source = answer.source.as_deref().unwrap_or("missing");
    let (status, balance) = (field("status"), field("balance_due"));
    println!("HTTP {}  X-Cache: {source}  status: {status}  balance_due: {balance}", answer.status);
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str> {
    body[name].as_str().with_context(|| format!("the answer has no text `{name}`: {body}"))
}

/// `"12.30"` becomes 1230: amounts of the contract are texts with two decimal places.
fn minor_units(amount: &str) -> Result<i64> {
    let digits = amount.split_once('.').filter(|(_, cents)| cents.len() == 2);
    let parsed = digits.and_then(|(whole, cents)| format!("{whole}{cents}").parse().ok());
    parsed.with_context(|| format!("`{amount}` is no amount with two digits after the point"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(minor_units("12.30").unwrap(), 1230);
        assert_eq!(minor_units("-0.05").unwrap(), -5);
        for wrong in ["12", "12.3", "12.345", "x.00", ""] {
            assert!(minor_units(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_payment_goes_to_an_open_invoice_with_enough_due() {
        let details = |status: &str, balance: &str| json!({"status": status, "balance_due": balance});
        assert!(can_be_paid(&details("unpaid", "10.01")).unwrap());
        assert!(!can_be_paid(&details("unpaid", "10.00")).unwrap());
        assert!(!can_be_paid(&details("paid", "50.00")).unwrap());
        assert!(can_be_paid(&json!({})).is_err());
    }
}
