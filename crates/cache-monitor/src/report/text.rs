//! The report for a terminal: tables, advice and notes.

use cli_support::Report;
use cli_support::render;

use super::model::MonitorReport;
use super::tables::Table;

impl Report for MonitorReport {
    fn to_text(&self) -> String {
        let tables = [self.requests_table(), self.times_table(), self.improvements_table()];
        let mut parts = vec![render::facts(self.facts())];
        parts.extend(tables.iter().map(Table::to_text));
        parts.push(self.legend().join("\n"));
        parts.extend(self.gate.as_ref().map(|gate| format!("{}\n{}", gate.table().to_text(), gate.sentence())));
        parts.push(self.sentences().join("\n"));
        parts.extend(self.advice_tables().map(|(_, table)| table.to_text()));
        parts.push(self.notes.join("\n"));
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }
}

impl Table {
    fn to_text(&self) -> String {
        render::labelled_table(self.labels, self.head.clone(), self.rows.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_text_is_as_agreed() {
        sample::assert_golden("report.txt", &sample::gated_report().to_text());
    }
}
