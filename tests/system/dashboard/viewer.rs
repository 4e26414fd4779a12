//! A person who looks at the dashboard.

use serde_json::Value;
use system_tests::{Browser, CACHE_MONITOR, Key, Service, Site};

use super::program;
use super::traffic::Traffic;

/// Everything that is looked at from time to time, as often as possible.
const EAGER: &str = "dashboard --audit-seconds 1 --survey-seconds 1";
/// More controls than a page has before its charts.
const MANY: usize = 60;
const FOCUS: &str = "document.activeElement.dataset.testid ?? document.activeElement.id";
/// How far the shown hit rate may be from the true one.
const HIT_RATE_TOLERANCE: f64 = 0.01;

/// A dashboard, and a browser with its page.
pub(super) struct Viewer {
    pub(super) browser: Browser,
    pub(super) dashboard: Service,
}

impl Viewer {
    /// Starts both, and waits until the page is live.
    pub(super) fn of(site: &Site) -> Self {
        let dashboard = program(site, CACHE_MONITOR).serve_by(EAGER);
        let mut browser = Browser::start();
        browser.open(dashboard.base());
        let mut viewer = Self { browser, dashboard };
        viewer.wait_for(site, "document.body.dataset.live", "on");
        viewer
    }

    /// Waits until the expression has this value.
    #[track_caller]
    pub(super) fn wait_for(&mut self, site: &Site, expression: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        site.eventually(|| match self.browser.evaluate(expression) {
            value if value == expected => Ok(()),
            value => Err(format!("{expression} is {value}, not {expected}")),
        });
    }

    /// Waits until the element with this `data-testid` says this.
    #[track_caller]
    pub(super) fn wait_for_text(&mut self, site: &Site, test_id: &str, expected: &str) {
        site.eventually(|| match self.browser.text(test_id) {
            Some(text) if text.contains(expected) => Ok(()),
            text => Err(format!("{test_id} says {text:?}, not {expected}")),
        });
    }

    /// Waits until the page has each request that the services answered, no more and no less; then the hit rates agree.
    #[track_caller]
    pub(super) fn wait_for_numbers_of(&mut self, site: &Site, traffic: &Traffic) {
        site.eventually(|| {
            traffic.seen().try_for_each(|(name, seen)| match self.browser.number(&format!("requests-{name}")) {
                Some(requests) if requests == seen.requests() => Ok(()),
                requests => Err(format!("{name}: the page says {requests:?}, the services answered {seen:?}")),
            })
        });
        for (name, seen) in traffic.seen() {
            let shown = self.browser.number(&format!("hit-rate-{name}")).unwrap_or(f64::NAN);
            assert!((shown - seen.hit_rate()).abs() <= HIT_RATE_TOLERANCE, "{name}: {shown} is shown, {seen:?}");
        }
    }

    /// Goes on with the tabulator until the focus is on an element whose `data-testid` or `id` begins like this.
    #[track_caller]
    pub(super) fn tab_to(&mut self, beginning: &str) -> String {
        for _ in 0..MANY {
            self.browser.press(Key::Tab);
            let focus = self.browser.evaluate(FOCUS);
            if let Some(found) = focus.as_str().filter(|name| name.starts_with(beginning)) {
                return found.to_owned();
            }
        }
        panic!("the tabulator does not lead to {beginning}");
    }

    /// What has the focus.
    pub(super) fn focus(&mut self) -> Value {
        self.browser.evaluate(FOCUS)
    }

    /// Ends the looking: nothing may have gone wrong all the time.
    #[track_caller]
    pub(super) fn assert_calm(mut self) {
        assert_eq!(self.browser.complaints(), [""; 0]);
    }
}
