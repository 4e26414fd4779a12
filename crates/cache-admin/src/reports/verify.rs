//! The report of `verify`.

use billing_outbox::audit::{Confidence, Difference, Differences, Judged, Outcome, Tally};
use cli_support::Report;
use cli_support::render::{NONE, count, labelled_table, marked_if_partial, table};
use serde::Serialize;

use super::fields;

/// Maximum number of findings in JSON.
const LISTED: usize = 1_000;
/// Maximum number of findings in the text.
const SHOWN: usize = 20;
/// Maximum number of fields of one finding in the text.
const FIELDS_SHOWN: usize = 5;

#[derive(Serialize)]
pub(crate) struct VerifyReport {
    /// False after an interruption.
    complete: bool,
    /// The requested number of values per type; `None` for all.
    sample: Option<u32>,
    types: Vec<VerifiedType>,
    total: Total,
    findings: Vec<Finding>,
    /// Number of findings that are counted but not listed.
    findings_omitted: u64,
}

#[derive(Serialize)]
pub(crate) struct VerifiedType {
    pub(crate) name: &'static str,
    /// Whether only some of the values were compared.
    sampled: bool,
    #[serde(flatten)]
    pub(crate) tally: Tally,
    pub(crate) repaired: u64,
    #[serde(flatten)]
    share: Share,
}

/// The share of right values, from 0 to 1, among values known to be right or wrong.
#[derive(Default, Serialize)]
struct Share {
    right_share: Option<f64>,
    nines: Option<u32>,
    /// With 95 % confidence; `None` if all values were compared.
    right_share_at_least: Option<f64>,
}

#[derive(Serialize)]
struct Total {
    #[serde(flatten)]
    tally: Tally,
    repaired: u64,
    #[serde(flatten)]
    share: Share,
}

/// A value that is not right.
#[derive(Serialize)]
struct Finding {
    key: String,
    #[serde(rename = "type")]
    cache_type: &'static str,
    outcome: &'static str,
    /// Age of the pending invalidation.
    pending_seconds: Option<f64>,
    /// Why it does not decode, or which row cannot be read.
    reason: Option<String>,
    fields: Vec<Difference>,
    fields_omitted: usize,
}

/// The findings, up to a limit.
#[derive(Default)]
pub(crate) struct Findings {
    listed: Vec<Finding>,
    omitted: u64,
}

impl VerifiedType {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, sampled: false, tally: Tally::default(), repaired: 0, share: Share::default() }
    }

    /// Computes the shares, once the counts are complete.
    pub(crate) fn conclude(&mut self, covers_all: bool) {
        self.sampled = !covers_all;
        self.share = Share::of(&self.tally, if covers_all { Confidence::Complete } else { Confidence::Sampled });
    }
}

impl Share {
    fn of(tally: &Tally, confidence: Confidence) -> Self {
        Self {
            right_share: tally.right_share(),
            nines: tally.nines(),
            right_share_at_least: tally.right_share_at_least(confidence),
        }
    }
}

impl Findings {
    pub(crate) fn add(&mut self, judged: Judged) {
        let (mut pending_seconds, mut reason, mut differing) = (None, None, Differences::default());
        let outcome = judged.outcome.as_str();
        match judged.outcome {
            Outcome::Right | Outcome::Gone => return,
            Outcome::Stale { differences } => differing = differences,
            Outcome::Pending { age, differences } => {
                (pending_seconds, differing) = (Some(age.as_secs_f64()), differences);
            }
            Outcome::Undecodable { reason: why } | Outcome::Unreadable { reason: why } => reason = Some(why),
        }
        if self.listed.len() == LISTED {
            self.omitted += 1;
            return;
        }
        self.listed.push(Finding {
            key: judged.key.to_string(),
            cache_type: judged.key.cache_type(),
            outcome,
            pending_seconds,
            reason,
            fields: differing.fields,
            fields_omitted: differing.omitted,
        });
    }
}

impl VerifyReport {
    pub(crate) fn new(complete: bool, sample: Option<u32>, types: Vec<VerifiedType>, findings: Findings) -> Self {
        let mut tally = Tally::default();
        types.iter().for_each(|row| tally += row.tally);
        // Types of different sizes have samples of the same size, so there is no bound for all types together.
        let share = Share::of(&tally, Confidence::Complete);
        let total = Total { tally, repaired: types.iter().map(|row| row.repaired).sum(), share };
        let Findings { listed, omitted } = findings;
        Self { complete, sample, types, total, findings: listed, findings_omitted: omitted }
    }

    /// Whether a value was wrong, even if it is repaired by now, or could not be compared because a row is unreadable.
    pub(crate) fn found_wrong(&self) -> bool {
        self.total.tally.wrong() + self.total.tally.unreadable > 0
    }
}

impl Report for VerifyReport {
    fn to_text(&self) -> String {
        let parts = [Some(self.counts()), Some(self.shares()), self.wrong(), self.further()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        marked_if_partial(self.complete, parts.join("\n\n"))
    }
}

impl VerifyReport {
    fn counts(&self) -> String {
        let head =
            ["verified", "checked", "right", "stale", "pending", "undecodable", "unreadable", "gone", "repaired"];
        let row = |name: &str, tally: &Tally, repaired: u64| {
            let Tally { checked, right, stale, pending, undecodable, unreadable, gone } = *tally;
            let numbers = [checked, right, stale, pending, undecodable, unreadable, gone, repaired].map(count);
            let [checked, right, stale, pending, undecodable, unreadable, gone, repaired] = numbers;
            [name.to_owned(), checked, right, stale, pending, undecodable, unreadable, gone, repaired]
        };
        let total = row("total", &self.total.tally, self.total.repaired);
        table(head, self.types.iter().map(|of| row(of.name, &of.tally, of.repaired)).chain([total]))
    }

    fn shares(&self) -> String {
        let head = ["how much is right", "values", "right (%)", "nines", "at least (%, 95 % sure)"];
        let row = |name: &str, values: &str, share: &Share| {
            let nines = match (share.right_share, share.nines) {
                (Some(_), None) => "no fault".to_owned(),
                (_, nines) => nines.map_or_else(|| NONE.to_owned(), |nines| nines.to_string()),
            };
            let [right, at_least] = [share.right_share, share.right_share_at_least].map(percent);
            [name.to_owned(), values.to_owned(), right, nines, at_least]
        };
        let values = |sampled| if sampled { "a sample" } else { "all" };
        let of_type = |of: &VerifiedType| row(of.name, values(of.sampled), &of.share);
        let total = row("total", values(self.types.iter().any(|of| of.sampled)), &self.total.share);
        table(head, self.types.iter().map(of_type).chain([total]))
    }

    fn wrong(&self) -> Option<String> {
        let head = ["value", "found", "field", "cached", "database"];
        let rows: Vec<_> = self.findings.iter().take(SHOWN).flat_map(Finding::rows).collect();
        (!rows.is_empty()).then(|| labelled_table(head.len(), head, rows))
    }

    fn further(&self) -> Option<String> {
        let further = self.findings.len().saturating_sub(SHOWN) as u64 + self.findings_omitted;
        let listed = count(LISTED as u64);
        (further > 0).then(|| format!("and {} further values; --format json lists {listed}", count(further)))
    }
}

impl Finding {
    fn rows(&self) -> Vec<[String; 5]> {
        let found = match self.pending_seconds {
            Some(seconds) => format!("pending for {seconds:.1} s"),
            None => self.outcome.to_owned(),
        };
        if let Some(reason) = &self.reason {
            return vec![[self.key.clone(), found, NONE.to_owned(), reason.clone(), NONE.to_owned()]];
        }
        let mut names = [self.key.clone(), found].into_iter();
        let mut rows: Vec<_> = fields::rows(self.fields.iter().take(FIELDS_SHOWN))
            .map(|[path, cached, database]| {
                [names.next().unwrap_or_default(), names.next().unwrap_or_default(), path, cached, database]
            })
            .collect();
        let further = self.fields.len().saturating_sub(FIELDS_SHOWN) + self.fields_omitted;
        if further > 0 {
            let more = format!("and {further} more");
            rows.push([String::new(), String::new(), more, String::new(), String::new()]);
        }
        rows
    }
}

/// With four digits, truncated instead of rounded: 100 is shown only if all are right.
fn percent(share: Option<f64>) -> String {
    match share {
        None => NONE.to_owned(),
        Some(1.0) => "100".to_owned(),
        Some(share) => format!("{:.4}", (share * 1e6).floor() / 1e4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_up() {
        for (share, shown) in [(1.0, "100"), (0.999_987_9, "99.9987"), (0.999_999_999, "99.9999"), (0.0, "0.0000")] {
            assert_eq!(percent(Some(share)), shown);
        }
        assert_eq!(percent(None), "-");
    }
}
