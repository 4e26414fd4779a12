//! The files of the page, compiled into the program: nothing has to be installed, and nothing is fetched from other
//! sites.
//!
//! Invariant: only the names in [`FILES`] are answered; no path leads to the file system. Browsers ask each time, and
//! get a file only if it has changed.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// A file of the page.
#[derive(Clone, Copy)]
struct File<'a> {
    name: &'static str,
    text: &'a str,
}

/// Whether the page has a button to log out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewers {
    LogIn,
    NeedNoLogin,
}

/// The files served under `/assets/`.
macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$(File { name: $name, text: include_str!(concat!("assets/", $name)) }),*] };
}

const FILES: &[File<'static>] = files![
    "app.js",
    "chart.js",
    "charts.js",
    "contract.js",
    "dom.js",
    "drawing.js",
    "format.js",
    "glossary.js",
    "health.js",
    "licenses.txt",
    "login.js",
    "overview.js",
    "status.js",
    "storage.js",
    "stream.js",
    "style.css",
    "terms.js",
    "theme.js",
    "types.js",
    "uplot.css",
    "uplot.js",
];
const PAGE: File<'static> = File { name: "index.html", text: include_str!("assets/index.html") };
const LOGIN: File<'static> = File { name: "login.html", text: include_str!("assets/login.html") };

impl File<'_> {
    fn media_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// An ETag that differs for different contents.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let tag = self.tag();
        let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value.as_bytes(), tag.as_bytes()));
        let caching = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
        if known {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        (caching, [(header::CONTENT_TYPE, self.media_type())], self.text.to_owned()).into_response()
    }
}

/// Whether a list of tags contains this tag. Proxies that compress put `W/` in front of it.
fn names(list: &[u8], tag: &[u8]) -> bool {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|one| one.strip_prefix(b"W/").unwrap_or(one) == tag)
}

/// The logout button in the page. It stays hidden for viewers who did not log in.
const LOGOUT: &str = r#"<form id="logout" method="post" action="/logout" hidden>"#;

/// `GET /`
pub(crate) fn page(headers: &HeaderMap, viewers: Viewers) -> Response {
    match viewers {
        Viewers::NeedNoLogin => PAGE.answer(headers),
        Viewers::LogIn => {
            let text = PAGE.text.replace(LOGOUT, &LOGOUT.replace(" hidden", ""));
            File { text: &text, ..PAGE }.answer(headers)
        }
    }
}

/// The login form.
pub(crate) fn login_form() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, LOGIN.media_type()), (header::CACHE_CONTROL, "no-store")], LOGIN.text)
}

/// `GET /assets/{name}`
pub(crate) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => file.answer(&headers),
        None => Problem::nothing_there().await.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        for (list, found) in [("\"a\"", true), ("\"b\", W/\"a\"", true), ("\"ab\"", false), ("", false)] {
            assert_eq!(names(list.as_bytes(), b"\"a\""), found, "{list}");
        }
    }

    /// Otherwise the Content-Security-Policy would silently block them.
    #[test]
    fn the_pages_have_no_inline_script_or_style() {
        for page in [PAGE, LOGIN] {
            for refused in ["style=", "<style", "onclick=", "<script>"] {
                assert!(!page.text.contains(refused), "{}: {refused}", page.name);
            }
        }
    }

    #[test]
    fn the_page_has_the_button_that_is_shown_to_those_who_log_in() {
        assert_eq!(PAGE.text.matches(LOGOUT).count(), 1);
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dashboard/assets");
        let served: Vec<&str> = FILES.iter().chain([&PAGE, &LOGIN]).map(|file| file.name).collect();
        for entry in std::fs::read_dir(directory).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(served.contains(&name.as_str()), "{name}");
        }
    }
}
