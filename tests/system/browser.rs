//! The browser of these tests: it notices what it is there to notice, or the other tests would see nothing and pass.

use std::path::PathBuf;

use system_tests::{Browser, Key, Look};
use tempfile::TempDir;

const CALM: &str =
    "<!doctype html><title>calm</title><button onclick=\"this.textContent = 'pressed'\">not yet</button>";

/// A page in a file of its own.
struct Page {
    _directory: TempDir,
    path: PathBuf,
}

impl Page {
    fn of(html: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("page.html");
        std::fs::write(&path, html).expect("a page can be written");
        Self { _directory: directory, path }
    }

    fn open(&self, browser: &mut Browser) {
        browser.open(&format!("file://{}", self.path.display()));
    }
}

#[test]
fn a_calm_page_complains_of_nothing_and_obeys_the_keyboard() {
    let mut browser = Browser::start();
    Page::of(CALM).open(&mut browser);
    assert_eq!(browser.evaluate("document.title"), "calm");
    browser.press(Key::Tab);
    for key in [Key::Enter, Key::Space] {
        browser.evaluate("document.activeElement.textContent = 'not yet'");
        browser.press(key);
        assert_eq!(browser.evaluate("document.querySelector('button').textContent"), "pressed", "{key:?}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn everything_that_goes_wrong_in_a_page_is_a_complaint() {
    let mut browser = Browser::start();
    let policy =
        "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'unsafe-inline'; style-src 'none'\">";
    for (html, expected) in [
        ("<script>console.error('of the page')</script>", "of the page"),
        ("<script>throw new Error('not caught')</script>", "not caught"),
        ("<script>Promise.reject(new Error('not awaited'))</script>", "not awaited"),
        ("<script>alert('a dialog')</script>", "a dialog"),
        ("<p style='color: red'>", "style-src"),
        ("<img src='missing.png'>", "ERR_FILE_NOT_FOUND"),
        ("<img src='http://example.org/pixel.png'>", "another machine"),
        ("<script>eval('1')</script>", "unsafe-eval"),
    ] {
        let before = browser.complaints().len();
        Page::of(&format!("<!doctype html>{policy}{html}")).open(&mut browser);
        let complaints = &browser.complaints()[before..];
        assert!(complaints.iter().any(|complaint| complaint.contains(expected)), "{html}: {complaints:?}");
    }
}

#[test]
fn a_page_is_seen_in_every_look() {
    let mut browser = Browser::start();
    Page::of("<!doctype html><meta name=viewport content='width=device-width'><p>").open(&mut browser);
    for look in Look::ALL {
        browser.look(look);
        let (width, height) = look.screen.size();
        assert_eq!(browser.evaluate("[innerWidth, innerHeight]"), serde_json::json!([width, height]), "{look:?}");
        let dark = browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches");
        assert_eq!(dark, look.name().starts_with("dark"), "{look:?}");
        assert_eq!(browser.screenshot().size(), (width, height), "{look:?}");
    }
}

#[test]
fn what_is_hard_to_read_or_has_no_name_is_found() {
    let mut browser = Browser::start();
    let controls = "<button>a name</button><button></button><img src='data:,'><img src='data:,' alt=''>";
    let texts = "<p style='color: #777'>nearly</p><p style='color: #767676'>just</p><h1 style='color: #777'>large</h1>";
    let faint = "<div style='opacity: .5'><p>faint</p></div>";
    let on_dark = "<div style='background: #000; color: rgb(255 255 255 / 40%)'><p>on dark</p></div>";
    Page::of(&format!("<!doctype html>{controls}{texts}{faint}{on_dark}")).open(&mut browser);
    assert_eq!(browser.nameless(), ["button", "image"]);
    let low = browser.low_contrasts();
    assert_eq!(low, ["\"nearly: 4.48 to 1\"", "\"faint: 3.98 to 1\"", "\"on dark: 3.66 to 1\""]);
}
