//! The report as Markdown, for a pull request or a wiki: the same tables in the dialect of GitHub.
//!
//! Invariant: no text of the report is interpreted as markup.

use super::model::MonitorReport;
use super::tables::Table;

impl MonitorReport {
    /// The report, without a final line end.
    pub(crate) fn to_markdown(&self) -> String {
        let mut parts =
            vec!["# What the cache is worth".to_owned(), escaped(&format!("Measured at {}.", self.measured_at))];
        parts.extend(
            self.gate
                .as_ref()
                .map(|gate| format!("## Gate\n\n{}\n\n{}", escaped(&gate.sentence()), gate.table().to_markdown())),
        );
        parts.push(format!("## Advice\n\n{}", list(&self.sentences())));
        parts.extend(self.advice_tables().map(|(_, table)| table.to_markdown()));
        parts.push(format!("## Improvement over the database\n\n{}", self.improvements_table().to_markdown()));
        parts.push(format!("## Times\n\n{}", self.times_table().to_markdown()));
        parts.push(list(&self.legend()));
        parts.push(format!("## Requests\n\n{}", self.requests_table().to_markdown()));
        parts.push(format!("## Conditions\n\n{}", list(&self.conditions())));
        parts.extend((!self.notes.is_empty()).then(|| format!("## Notes\n\n{}", list(&self.notes))));
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }

    fn conditions(&self) -> Vec<String> {
        self.facts().into_iter().map(|(name, fact)| format!("{name}: {fact}")).collect()
    }
}

impl Table {
    fn to_markdown(&self) -> String {
        let rule = (0..self.head.len()).map(|column| if column < self.labels { ":--" } else { "--:" });
        let rule = format!("|{}|", rule.collect::<Vec<_>>().join("|"));
        let rows = self.rows.iter().map(|cells| row(cells));
        [row(&self.head), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.iter().map(|cell| escaped(cell)).collect::<Vec<_>>().join(" | "))
}

fn list(sentences: &[String]) -> String {
    sentences.iter().map(|sentence| format!("- {}", escaped(sentence))).collect::<Vec<_>>().join("\n")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '#' | '$' => {
                escaped.extend(['\\', character]);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_markdown_is_as_agreed() {
        sample::assert_golden("report.md", &sample::gated_report().to_markdown());
    }

    #[test]
    fn no_text_is_taken_for_markup() {
        assert_eq!(escaped("a|b<c>*d*\n_e_ [f]"), "a\\|b\\<c\\>\\*d\\* \\_e\\_ \\[f\\]");
        let mut report = sample::report();
        report.database = "x|<script>".to_owned();
        assert!(report.to_markdown().contains("x\\|\\<script\\>"));
    }

    #[test]
    fn every_row_has_the_cells_of_its_head() {
        let markdown = sample::gated_report().to_markdown();
        let tables = markdown.split("\n\n").filter(|part| part.starts_with('|'));
        for table in tables {
            let cells: Vec<usize> = table.lines().map(|line| line.replace("\\|", "").matches('|').count()).collect();
            assert!(cells.iter().all(|count| *count == cells[0]), "{table}");
        }
    }
}
