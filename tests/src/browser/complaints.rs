//! The events of the DevTools protocol that report a problem of a page.

use serde_json::Value;

/// The complaint in this event, if it is one.
pub(super) fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" => {
            is_serious(&parameters["type"]).then(|| format!("console: {}", parameters["args"]))
        }
        "Runtime.exceptionThrown" => Some(format!("exception: {}", parameters["exceptionDetails"])),
        // Failed requests, policy violations, deprecated features.
        "Log.entryAdded" => {
            let entry = &parameters["entry"];
            is_serious(&entry["level"]).then(|| format!("{}: {} {}", entry["source"], entry["text"], entry["url"]))
        }
        "Network.requestWillBeSent" => {
            let url = parameters["request"]["url"].as_str()?;
            (!is_local(url)).then(|| format!("request to another machine: {url}"))
        }
        "Page.javascriptDialogOpening" => Some(format!("dialog: {}", parameters["message"])),
        _ => None,
    }
}

fn is_serious(level: &Value) -> bool {
    ["error", "warning", "assert"].iter().any(|serious| level == serious)
}

fn is_local(url: &str) -> bool {
    ["http://127.0.0.1:", "data:", "file:", "about:", "blob:"].iter().any(|start| url.starts_with(start))
}
