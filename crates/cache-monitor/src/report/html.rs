//! The report as an HTML page: the advice first, then charts with their tables, the conditions last.
//!
//! Invariants: the page is self-contained and runs no script, and its policy forbids both; every text is escaped by the
//! template; each chart has a name in words, and a table beside it has its numbers.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::{self, PALETTE, hex};
use super::model::MonitorReport;
use super::tables::Table;

/// Forbids scripts, images and all requests.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("report.css");

impl MonitorReport {
    /// The page, without a final line end.
    pub(crate) fn to_html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { "What the cache is worth" }
                    style { (PreEscaped(STYLE)) (PreEscaped(dark_colours())) }
                }
                body { (self.body()) }
            }
        };
        page.into_string()
    }

    fn body(&self) -> Markup {
        html! {
            header {
                h1 { "What the cache is worth" }
                p { "Measured at " time datetime=(self.measured_at) { (self.measured_at) } "." }
            }
            main {
                @if let Some(gate) = &self.gate {
                    (section("gate", "Gate", &html! { p { strong { (gate.sentence()) } } (table("Verdicts", &gate.table())) }))
                }
                (section("advice", "Advice", &self.advice_html()))
                (section("improvement", "Improvement over the database", &self.improvement_html()))
                (section("times", "How long answers take", &self.times_html()))
                (section("requests", "Requests", &table("How requests were answered", &self.requests_table())))
                (section("conditions", "Conditions", &self.conditions_html()))
            }
        }
    }

    fn advice_html(&self) -> Markup {
        html! {
            ul { @for sentence in self.sentences() { li { (sentence) } } }
            @for (caption, advice) in self.advice_tables() { (table(caption, &advice)) }
        }
    }

    fn improvement_html(&self) -> Markup {
        html! {
            @if let Some(svg) = charts::improvements(self) {
                (figure(&svg, "Chart of the improvement; the table below it has its numbers", "Median of the pairs of a hit and a load of the same key at the same moment; \
                    the bar is the interval that holds the true median with 95 % confidence."))
            }
            (table("Hits against loads from the database", &self.improvements_table()))
        }
    }

    fn times_html(&self) -> Markup {
        html! {
            @for of_type in &self.types {
                @if let Some(svg) = charts::distribution(of_type) {
                    h3 { (of_type.name) }
                    (figure(&svg, &format!("Chart of the distribution of times of {}; the table below has its numbers", of_type.name), "Further left is faster; a steep line is a steady time."))
                }
            }
            (table("Times by what answered", &self.times_table()))
            @for line in self.legend() { p.legend { (line) } }
        }
    }

    fn conditions_html(&self) -> Markup {
        html! {
            dl { @for (name, fact) in self.facts() { dt { (name) } dd { (fact) } } }
            @if !self.notes.is_empty() {
                h3 { "Notes" }
                ul { @for note in &self.notes { li { (note) } } }
            }
        }
    }
}

fn section(id: &str, heading: &str, content: &Markup) -> Markup {
    html! { section aria-labelledby=(id) { h2 id=(id) { (heading) } (content) } }
}

/// A screen reader sees the chart as one image; the table beside it has the numbers.
fn figure(svg: &str, in_words: &str, caption: &str) -> Markup {
    html! {
        figure {
            div.chart role="img" aria-label=(in_words) { (PreEscaped(svg)) }
            figcaption { (caption) }
        }
    }
}

fn table(caption: &str, table: &Table) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for head in &table.head { th scope="col" { (head) } } } }
                tbody { @for row in &table.rows { tr { (cells(row, table.labels)) } } }
            }
        }
    }
}

fn cells(row: &[String], labels: usize) -> Markup {
    html! {
        @for (column, cell) in row.iter().enumerate() {
            @if column == 0 { th scope="row" { (cell) } }
            @else if column < labels { td.label { (cell) } }
            @else { td { (cell) } }
        }
    }
}

/// The charts have the colours of a light page; on a dark page each colour is replaced.
fn dark_colours() -> String {
    let rules = PALETTE.iter().map(|colour| {
        let (light, dark) = (hex(colour.light), hex(colour.dark));
        format!("svg [fill=\"{light}\"]{{fill:{dark}}}svg [stroke=\"{light}\"]{{stroke:{dark}}}")
    });
    format!("@media (prefers-color-scheme: dark){{{}}}", rules.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::sample;

    #[test]
    fn the_page_is_as_agreed() {
        sample::assert_golden("report.html", &sample::gated_report().to_html());
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_runs_no_script() {
        let page = sample::gated_report().to_html();
        for forbidden in ["<script", "src=", "href=", "@import", "url(", " onclick", " onload", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        let addresses: Vec<&str> =
            page.split("http").skip(1).filter(|rest| rest.starts_with("://") || rest.starts_with("s://")).collect();
        assert!(addresses.iter().all(|rest| rest.starts_with("://www.w3.org/2000/svg")), "only the name of SVG");
    }

    #[test]
    fn every_text_is_escaped() {
        let mut report = sample::report();
        let evil = "</title><script>alert(1)</script>\"' onload=x";
        report.database = evil.to_owned();
        report.notes = vec![evil.to_owned()];
        report.measured_at = evil.to_owned();
        report.types[0].name = evil.to_owned();
        if let Some(advice) = &mut report.types[0].advice {
            advice.sentences = vec![evil.to_owned()];
        }
        let page = report.to_html();
        assert!(!page.contains("<script") && !page.contains("\"' onload"), "{page}");
    }

    #[test]
    fn each_chart_says_in_words_what_it_shows_and_each_table_has_a_caption_and_heads() {
        let page = sample::report().to_html();
        assert_eq!(page.matches("<svg ").count(), page.matches("role=\"img\" aria-label=\"Chart of ").count());
        assert!(page.matches("<svg ").count() > 0);
        assert_eq!(page.matches("<table>").count(), page.matches("<caption>").count());
        assert!(
            page.contains("scope=\"col\"") && page.contains("scope=\"row\"") && page.contains("<html lang=\"en\">")
        );
    }

    #[test]
    fn tags_are_closed_in_the_order_in_which_they_are_opened() {
        let page = sample::gated_report().to_html();
        let mut open: Vec<&str> = Vec::new();
        let body = page.split_once("<body>").unwrap().1;
        for tag in body.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
            match tag.strip_prefix('/') {
                Some("body" | "html") => {}
                Some(closed) => assert_eq!(open.pop(), Some(closed)),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split([' ', '\n']).next().unwrap()),
            }
        }
        assert_eq!(open, [""; 0]);
    }
}
