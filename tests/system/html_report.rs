//! `cache-monitor --html`: the report as a person sees it.

use system_tests::{Backend, Browser, Look, Site};

const CHARTS: &str = "[...document.querySelectorAll('svg')].filter(svg => svg.getBBox().width > 0).length";
/// Tables may be wider than a phone; they scroll in themselves.
const TOO_WIDE: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

#[test]
fn the_report_is_shown_with_its_charts_and_complains_of_nothing() {
    let site = Site::seeded(Backend::Sqlite);
    site.monitor("--iterations 50 --seed 7 --html report.html").fine();
    let mut browser = Browser::start();
    browser.open(&format!("file://{}", site.directory().join("report.html").display()));
    assert_eq!(browser.evaluate("document.title"), "What the cache is worth");
    assert!(browser.evaluate(CHARTS).as_u64() > Some(0), "there is no chart");
    for look in Look::ALL {
        browser.look(look);
        assert_eq!(browser.evaluate(TOO_WIDE), 0, "{look:?} scrolls sideways");
        assert_eq!(browser.low_contrasts(), [""; 0], "{look:?}");
        assert_eq!(browser.nameless(), [""; 0], "{look:?}");
        assert_eq!(browser.screenshot().size(), look.screen.size(), "{look:?}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}
