//! How the page looks on each screen, and how it is used without a mouse.
//!
//! With `BILLING_UPDATE_SCREENSHOTS=1` the pictures become those of the documentation.

use std::path::{Path, PathBuf};

use system_tests::{Backend, Key, Look, Site};

use super::past;
use super::traffic::Traffic;
use super::viewer::Viewer;

/// So many that most times are known of each tier.
const WAVES: usize = 10;
const TOO_WIDE: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

#[test]
fn the_page_fits_every_screen_in_light_and_dark() {
    let site = Site::seeded(Backend::Sqlite);
    site.admin("warmup").fine();
    let mut traffic = Traffic::of(&site);
    for _ in 0..WAVES {
        traffic.wave(&site);
    }
    traffic.in_memory();
    let hot = traffic.waves_until_a_key_is_hot(&site);
    past::make_up(&site);
    let mut viewer = Viewer::of(&site);
    viewer.wait_for_text(&site, "audit", "No wrong value found");
    viewer.wait_for_text(&site, "hot-keys", &hot);
    for look in Look::ALL {
        viewer.browser.look(look);
        let theme = if look.name().starts_with("dark") { "dark" } else { "light" };
        viewer.wait_for(&site, "document.documentElement.dataset.theme", theme);
        assert_eq!(viewer.browser.evaluate(TOO_WIDE), 0, "{look:?} scrolls sideways");
        assert_eq!(viewer.browser.low_contrasts(), [""; 0], "{look:?}");
        assert_eq!(viewer.browser.nameless(), [""; 0], "{look:?}");
        let screenshot = viewer.browser.screenshot();
        assert_eq!(screenshot.size(), look.screen.size(), "{look:?}");
        let file = pictures(&site).join(format!("dashboard-{}.png", look.name()));
        std::fs::write(file, screenshot.png).expect("a picture can be written");
    }
    viewer.assert_calm();
}

/// Where pictures go: into the documentation, or nowhere that stays.
fn pictures(site: &Site) -> PathBuf {
    if std::env::var_os("BILLING_UPDATE_SCREENSHOTS").is_some_and(|value| value == "1") {
        return Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    }
    site.directory().to_owned()
}

#[test]
fn the_page_is_used_with_the_keyboard_alone() {
    let site = Site::seeded(Backend::Sqlite);
    let mut viewer = Viewer::of(&site);
    assert_eq!(viewer.tab_to("range-"), "range-1h");
    for (key, range) in [(Key::Right, "24h"), (Key::Right, "30d"), (Key::Left, "24h")] {
        viewer.browser.press(key);
        assert_eq!(viewer.focus(), format!("range-{range}"));
        viewer.browser.press(Key::Space);
        viewer.wait_for(&site, "new URLSearchParams(location.hash.slice(1)).get('range')", range);
        let chosen = "document.querySelector('input[name=range]:checked').dataset.testid";
        viewer.wait_for(&site, chosen, format!("range-{range}"));
    }
    viewer.assert_calm();
}
