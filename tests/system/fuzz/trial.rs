//! One run of one program: what it is given, and what must hold whatever that was.
//!
//! It ends with an exit code that the documentation has, without a panic, and prints text that steers no terminal and
//! holds no secret.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use system_tests::{Attempt, BILLING_SERVICE, Backend, CACHE_ADMIN, CACHE_MONITOR, End};

use super::secrets;

/// As much of a value in the report of a failure.
const SHOWN: usize = 300;
/// Done; the answer is no; wrong usage; out of reach.
const TOOL: [i32; 4] = [0, 1, 2, 3];
const INTERRUPTED: i32 = 130;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Admin,
    Monitor,
    Service,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Admin => CACHE_ADMIN,
            Self::Monitor => CACHE_MONITOR,
            Self::Service => BILLING_SERVICE,
        }
    }
}

/// What a program is given.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) backend: Backend,
    pub(super) tool: Tool,
    pub(super) arguments: Vec<OsString>,
    pub(super) variables: Vec<(OsString, OsString)>,
    /// In its working directory.
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
}

impl Trial {
    /// # Errors
    /// What does not hold.
    pub(super) fn judge(&self, attempt: &Attempt) -> Result<(), String> {
        let said = [&attempt.stdout, &attempt.stderr].map(|said| String::from_utf8(said.clone()));
        let [Ok(stdout), Ok(stderr)] = said else { return Err(format!("it does not print UTF-8: {attempt:?}")) };
        let whole = || format!("{:?} {:?}\n{}\n{}", attempt.end, attempt.code, begin(&stdout), begin(&stderr));
        let wrong = |what: &str| Err(format!("{what}: {}", whole()));
        if stderr.contains("panicked at") || stderr.contains("stack overflow") {
            return wrong("it panics");
        }
        if attempt.signal.is_some() && attempt.end != End::Killed {
            return wrong(&format!("signal {:?} ends it", attempt.signal));
        }
        if let Some(code) = attempt.code.filter(|code| !self.may_end_with(*code, attempt.end)) {
            return wrong(&format!("no document has its exit code {code}"));
        }
        if let Some(place) = secrets::told_in(&stdout).or_else(|| secrets::told_in(&stderr)) {
            return wrong(&format!("it tells the password of {place:?}"));
        }
        if steers(&stderr) || (!self.prints_for_programs() && steers(&stdout)) {
            return wrong("it prints what steers a terminal");
        }
        Ok(())
    }

    fn may_end_with(&self, code: i32, end: End) -> bool {
        let was_stopped = matches!(end, End::Interrupted | End::Asked);
        match self.tool {
            // A service ends with 2 for its arguments, and 1 for everything else that keeps it from serving.
            Tool::Service => [0, 1, 2].contains(&code),
            Tool::Admin | Tool::Monitor => TOOL.contains(&code) || (was_stopped && code == INTERRUPTED),
        }
    }

    /// Scripts for shells and pages for `man`, which hold nothing from outside.
    fn prints_for_programs(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "completions" || argument == "man")
    }
}

/// Whether a text holds what is no text: controls but line ends, and what changes the direction of reading.
pub(super) fn steers(text: &str) -> bool {
    let changes_direction =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|c| (c.is_control() && c != '\n') || changes_direction(c) || matches!(c, '\u{2028}' | '\u{2029}'))
}

fn begin(text: &str) -> String {
    let shown: String = text.chars().take(10 * SHOWN).collect();
    shown.escape_debug().to_string().replace("\\n", "\n")
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |bytes: &[u8]| {
            let shown = bytes.escape_ascii().to_string();
            if shown.len() > SHOWN { format!("{}… ({} bytes)", &shown[..SHOWN], bytes.len()) } else { shown }
        };
        let arguments: Vec<String> = self.arguments.iter().map(|argument| short(argument.as_bytes())).collect();
        writeln!(f, "{:?} on {:?}: {arguments:?}", self.tool, self.backend)?;
        for (name, value) in &self.variables {
            writeln!(f, "  {}={}", short(name.as_bytes()), short(value.as_bytes()))?;
        }
        for (name, content) in &self.files {
            writeln!(f, "  {name}: {}", content.escape_ascii())?;
        }
        Ok(())
    }
}
