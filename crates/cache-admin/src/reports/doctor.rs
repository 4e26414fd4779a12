//! The report of `doctor`: the findings, their levels, and the remedies.

use std::fmt::Write as _;

use billing_core::printable;
use billing_core::settings::{Origin, Setting};
use cli_support::Report;
use cli_support::render::{Colour, coloured, labelled_table};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct DoctorReport {
    /// The address of Redis in the settings, without secrets.
    pub(crate) redis: String,
    /// The database, without user and password.
    pub(crate) database: String,
    pub(crate) findings: Vec<Finding>,
    pub(crate) counts: Counts,
    /// The settings in force, in the order of the keys.
    pub(crate) settings: Vec<SettingInForce>,
    #[serde(skip)]
    pub(crate) shown: Shown,
}

/// Which settings the text shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Settings that differ from the default.
    Changed,
    All,
}

const DEFAULT: &str = "default";

/// The subject of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    Redis,
    Database,
    Configuration,
}

/// From the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Ok,
    /// The check could not be made, because something it needs is unreachable or forbidden.
    NotChecked,
    /// Served and stored values are right, but something could be better. Does not change the exit code.
    Note,
    /// Served or stored values are wrong or will be, or a mechanism that keeps them right does not work.
    Problem,
}

/// The finding of one check.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) subject: Subject,
    pub(crate) check: &'static str,
    pub(crate) level: Level,
    pub(crate) found: String,
    /// A command or a setting; `None` if all is well.
    pub(crate) remedy: Option<String>,
}

/// The number of findings by level.
#[derive(Serialize)]
pub(crate) struct Counts {
    pub(crate) ok: usize,
    pub(crate) note: usize,
    pub(crate) problem: usize,
    pub(crate) not_checked: usize,
}

#[derive(Serialize)]
pub(crate) struct SettingInForce {
    key: String,
    /// `(hidden)` for a secret that is set.
    value: String,
    /// `default`, `file`, `.env`, `environment` or `flag`.
    origin: &'static str,
    /// The file or the variable.
    name: Option<String>,
}

impl Subject {
    fn to_text(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Database => "database",
            Self::Configuration => "configuration",
        }
    }

    pub(crate) fn ok(self, check: &'static str, found: impl Into<String>) -> Finding {
        self.finding(check, Level::Ok, found.into(), None)
    }

    pub(crate) fn note(self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.finding(check, Level::Note, found.into(), Some(remedy.into()))
    }

    pub(crate) fn problem(self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.finding(check, Level::Problem, found.into(), Some(remedy.into()))
    }

    pub(crate) fn not_checked(self, check: &'static str, why: impl Into<String>, remedy: impl Into<String>) -> Finding {
        self.finding(check, Level::NotChecked, why.into(), Some(remedy.into()))
    }

    fn finding(self, check: &'static str, level: Level, found: String, remedy: Option<String>) -> Finding {
        Finding { subject: self, check, level, found, remedy }
    }
}

impl Counts {
    pub(crate) fn of(findings: &[Finding]) -> Self {
        let count = |level| findings.iter().filter(|finding| finding.level == level).count();
        Self {
            ok: count(Level::Ok),
            note: count(Level::Note),
            problem: count(Level::Problem),
            not_checked: count(Level::NotChecked),
        }
    }
}

impl From<Setting> for SettingInForce {
    fn from(Setting { key, value, origin }: Setting) -> Self {
        let (origin, name) = match origin {
            Origin::Default => (DEFAULT, None),
            Origin::File(path) => ("file", Some(path.display().to_string())),
            Origin::DotEnv(variable) => (".env", Some(variable)),
            Origin::Environment(variable) => ("environment", Some(variable)),
            Origin::Flag => ("flag", None),
        };
        Self { key, value, origin, name }
    }
}

impl Report for DoctorReport {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for (subject, title) in [
            (Subject::Redis, format!("Redis {}", self.redis)),
            (Subject::Database, self.database.clone()),
            (Subject::Configuration, "Configuration".to_owned()),
        ] {
            let _ = writeln!(text, "{title}");
            let of_subject = self.findings.iter().filter(|finding| finding.subject == subject);
            of_subject.for_each(|finding| text.push_str(&finding.to_text()));
            text.push('\n');
        }
        let problems = self.problems().map(|problems| format!("\n{problems}")).unwrap_or_default();
        format!("{text}{}{}{problems}", self.settings_table(), self.counts.to_text())
    }
}

impl DoctorReport {
    /// The last line, which names the problems, because it is what a user sees first; `None` if there are no problems.
    fn problems(&self) -> Option<String> {
        let problems = self.findings.iter().filter(|finding| finding.level == Level::Problem);
        let names: Vec<String> =
            problems.map(|finding| format!("{} ({})", finding.check, finding.subject.to_text())).collect();
        (!names.is_empty()).then(|| coloured(&format!("problem: {}", names.join(", ")), Colour::Red))
    }

    fn settings_table(&self) -> String {
        let shown = |setting: &&SettingInForce| self.shown == Shown::All || setting.origin != DEFAULT;
        let shown: Vec<&SettingInForce> = self.settings.iter().filter(shown).collect();
        let further = match self.settings.len() - shown.len() {
            0 => String::new(),
            further => format!("and {further} settings with their default values: --settings shows them\n\n"),
        };
        if shown.is_empty() {
            return further;
        }
        let row = |setting: &SettingInForce| {
            let source = match &setting.name {
                Some(name) => format!("{} {name}", setting.origin),
                None => setting.origin.to_owned(),
            };
            [setting.key.clone(), setting.value.clone(), source]
        };
        format!("{}\n{further}", labelled_table(3, ["setting", "value", "source"], shown.into_iter().map(row)))
    }
}

impl Level {
    /// The colour only repeats the word.
    fn to_text(self) -> String {
        let (word, colour) = match self {
            Self::Ok => ("ok", Colour::Green),
            Self::Note => ("note", Colour::Yellow),
            Self::Problem => ("problem", Colour::Red),
            Self::NotChecked => ("not checked", Colour::Cyan),
        };
        coloured(&format!("{word:<11}"), colour)
    }
}

impl Finding {
    fn to_text(&self) -> String {
        let found = format!("  {}  {:<13} {}", self.level.to_text(), self.check, printable(&self.found));
        match self.remedy.as_deref().map(printable) {
            None => format!("{found}\n"),
            // One line each, because there can be many of them and they are less important.
            Some(remedy) if self.level == Level::NotChecked => format!("{found} -> {remedy}\n"),
            Some(remedy) => format!("{found}\n{:<29}-> {remedy}\n", ""),
        }
    }
}

impl Counts {
    fn to_text(&self) -> String {
        let Self { ok, note, problem, not_checked } = self;
        format!("{ok} ok, {note} with a note, {problem} with a problem, {not_checked} not checked")
    }
}
