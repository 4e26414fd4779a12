//! A headless Chromium with one page, for tests of what users see.
//!
//! Invariants: the browser reaches only the loopback, and writes into a separate directory. It ends when this value is
//! dropped, and also when the test is killed, because it lives only as long as the pipe that controls it. All
//! complaints of a page are kept: a successful test checks [`Browser::complaints`].

mod complaints;
mod keyboard;
mod look;
mod process;
mod wire;

use serde_json::{Value, json};

pub use keyboard::Key;
pub use look::{Look, Screen, Screenshot, Theme};

use process::Process;
use wire::Wire;

/// The protocol domains whose events can be complaints.
const WATCHED: [&str; 4] = ["Runtime", "Log", "Network", "Page"];

/// The no-break space between a number and its unit. Tests write a normal one.
const NO_BREAK: char = '\u{a0}';
const LOW_CONTRASTS: &str = include_str!("contrast.js");
/// Roles that need a name to have a meaning.
const NEED_NAMES: [&str; 9] =
    ["button", "checkbox", "combobox", "image", "link", "radio", "region", "table", "textbox"];

/// A Chromium with one page.
#[derive(Debug)]
pub struct Browser {
    // Before the process, so that it is dropped first: the process ends when the wire does.
    wire: Wire,
    _process: Process,
}

impl Browser {
    /// Starts the browser of `BILLING_TEST_CHROMIUM` with an empty page.
    #[track_caller]
    #[must_use]
    pub fn start() -> Self {
        let (process, mut wire) = Process::start();
        let target = wire.call("Target.createTarget", json!({ "url": "about:blank" }));
        let session = wire.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        wire.enter(&session["sessionId"]);
        for domain in WATCHED {
            wire.call(&format!("{domain}.enable"), json!({}));
        }
        Self { wire, _process: process }
    }

    /// Opens an address, and waits until the page and its resources are loaded.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        let answer = self.wire.call("Page.navigate", json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "open {url}: {answer}");
        self.wire.wait_for("Page.loadEventFired");
    }

    /// The value of a JavaScript expression. A promise is awaited.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let request = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.wire.call("Runtime.evaluate", request);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// The visible text of the element with this `data-testid`, if it exists; no-break spaces become normal ones.
    #[track_caller]
    pub fn text(&mut self, test_id: &str) -> Option<String> {
        self.of_element(test_id, "innerText").as_str().map(|text| text.replace(NO_BREAK, " "))
    }

    /// The unrounded number of the element with this `data-testid`, if it shows one.
    #[track_caller]
    pub fn number(&mut self, test_id: &str) -> Option<f64> {
        self.of_element(test_id, "dataset.value").as_str()?.parse().ok()
    }

    #[track_caller]
    fn of_element(&mut self, test_id: &str, property: &str) -> Value {
        self.evaluate(&format!("document.querySelector('[data-testid=\"{test_id}\"]')?.{property}"))
    }

    /// Presses and releases a key.
    #[track_caller]
    pub fn press(&mut self, key: Key) {
        for event in key.events() {
            self.wire.call("Input.dispatchKeyEvent", event);
        }
    }

    /// From now on shows the page with this screen and theme.
    #[track_caller]
    pub fn look(&mut self, look: Look) {
        for (method, parameters) in look.settings() {
            self.wire.call(method, parameters);
        }
    }

    /// Visible texts with too little contrast to their background.
    #[track_caller]
    pub fn low_contrasts(&mut self) -> Vec<String> {
        let found = self.evaluate(LOW_CONTRASTS);
        found.as_array().expect("a list of texts").iter().map(Value::to_string).collect()
    }

    /// The roles of controls and images that have no name for a screen reader.
    #[track_caller]
    pub fn nameless(&mut self) -> Vec<String> {
        let tree = self.wire.call("Accessibility.getFullAXTree", json!({}));
        let nodes = tree["nodes"].as_array().expect("a tree has nodes").iter();
        let nameless = nodes
            .filter(|node| node["ignored"] == false && node["name"]["value"].as_str().unwrap_or_default().is_empty());
        let roles = nameless.filter_map(|node| node["role"]["value"].as_str());
        roles.filter(|role| NEED_NAMES.contains(role)).map(str::to_owned).collect()
    }

    /// A screenshot of the visible page.
    #[track_caller]
    pub fn screenshot(&mut self) -> Screenshot {
        let answer = self.wire.call("Page.captureScreenshot", json!({ "format": "png" }));
        Screenshot::from_base64(answer["data"].as_str().expect("a screenshot is text in base64"))
    }

    /// The problems of the page so far: errors and warnings of the console, exceptions, policy violations, dialogs, and
    /// requests to other machines.
    #[track_caller]
    pub fn complaints(&mut self) -> &[String] {
        // An answer arrives after all earlier events.
        self.evaluate("0");
        self.wire.complaints()
    }
}
