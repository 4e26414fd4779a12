//! The format of `.env`, as python-dotenv reads it: the platform's processes read the same file.
//!
//! Invariants: every value is the same as python-dotenv reads it (a test compares the two). No text of the file appears
//! in an error, since it may be a password.
//!
//! Used by [`super::variables`] only.

/// One statement of the file. Comments and empty lines are not statements.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// `NAME=value`, or `NAME` alone, which has no value.
    Binding { line: usize, name: String, value: Option<String> },
    /// Anything else. Python skips it with a warning; `name` is its beginning.
    Unparsed { line: usize, name: String },
}

/// The statements of this text, in their order. References to other variables are not expanded yet.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    // Python opens text files in this way.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = Reader { text: &text, at: 0 };
    std::iter::from_fn(|| reader.next_statement()).flatten().collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// The text at this position is not a binding.
struct NoBinding;

impl<'a> Reader<'a> {
    /// The next statement: an inner `None` for a comment, and `None` at the end of the text.
    fn next_statement(&mut self) -> Option<Option<Statement>> {
        self.take_while(is_space);
        self.peek()?;
        let begin = self.at;
        let line = 1 + self.text[..begin].matches('\n').count();
        Some(match self.binding() {
            Ok(binding) => binding.map(|(name, value)| Statement::Binding { line, name, value }),
            Err(NoBinding) => {
                self.take_while(|c| c != '\n');
                Some(Statement::Unparsed { line, name: name_at(&self.text[begin..]) })
            }
        })
    }

    fn binding(&mut self) -> Result<Option<(String, Option<String>)>, NoBinding> {
        self.take_export();
        let name = self.name()?;
        self.take_while(is_blank);
        let value = if self.take('=') { Some(self.value()?) } else { None };
        self.take_while(is_blank);
        if self.peek() == Some('#') {
            self.take_while(|c| c != '\n');
        }
        match self.peek() {
            None | Some('\n') => Ok(name.map(|name| (name, value))),
            Some(_) => Err(NoBinding),
        }
    }

    /// The name; `None` before a comment.
    fn name(&mut self) -> Result<Option<String>, NoBinding> {
        let name = match self.peek() {
            Some('#') => return Ok(None),
            Some('\'') => {
                let name = self.text[self.at + 1..].split_once('\'').ok_or(NoBinding)?.0;
                self.at += name.len() + 2;
                name
            }
            _ => self.take_while(|c| c != '=' && c != '#' && !is_space(c)),
        };
        if name.is_empty() { Err(NoBinding) } else { Ok(Some(name.to_owned())) }
    }

    fn value(&mut self) -> Result<String, NoBinding> {
        self.take_while(is_blank);
        match self.peek() {
            Some(quote @ ('\'' | '"')) => Ok(unescaped(self.quoted(quote)?, quote)),
            _ => Ok(without_comment(self.take_while(|c| c != '\n')).to_owned()),
        }
    }

    /// The text between quotes. A quote after a backslash does not end it, unless no other quote does.
    fn quoted(&mut self, quote: char) -> Result<&'a str, NoBinding> {
        let text = &self.text[self.at + 1..];
        let (mut escaped, mut last_escaped) = (false, None);
        let mut end = None;
        for (index, c) in text.char_indices() {
            match c {
                c if c == quote && escaped => (escaped, last_escaped) = (false, Some(index)),
                c if c == quote => {
                    end = Some(index);
                    break;
                }
                c => escaped = c == '\\',
            }
        }
        let end = end.or(last_escaped).ok_or(NoBinding)?;
        self.at += end + 2;
        Ok(&text[..end])
    }

    fn take_export(&mut self) {
        let after = self.text[self.at..].strip_prefix("export");
        if after.is_some_and(|after| after.starts_with(is_blank)) {
            self.at += "export".len();
            self.take_while(is_blank);
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.peek() == Some(wanted);
        self.at += if taken { wanted.len_utf8() } else { 0 };
        taken
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

/// White space as Python defines it: four separators more than Rust.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// White space within a line.
fn is_blank(c: char) -> bool {
    is_space(c) && c != '\n'
}

/// The name that an invalid statement seems to set.
fn name_at(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let text = text.strip_prefix("export").filter(|after| after.starts_with(is_blank)).unwrap_or(text);
    let text = text.trim_start_matches(|c| is_blank(c) || c == '\'');
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// A value without quotes ends before white space and `#`.
fn without_comment(value: &str) -> &str {
    let is_comment = |(at, _): &(usize, &str)| value[..*at].ends_with(is_space);
    let end = value.match_indices('#').find(is_comment).map_or(value.len(), |(at, _)| at);
    value[..end].trim_end_matches(is_space)
}

fn unescaped(text: &str, quote: char) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escape = (c == '\\').then(|| rest.clone().next().and_then(|after| escaped(after, quote))).flatten();
        if escape.is_some() {
            rest.next();
        }
        unescaped.push(escape.unwrap_or(c));
    }
    unescaped
}

/// The character that a backslash and this character stand for, in these quotes.
fn escaped(after: char, quote: char) -> Option<char> {
    Some(match after {
        '\\' | '\'' => after,
        _ if quote == '\'' => return None,
        '"' => '"',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, Option<String>)> {
        let bindings = statements(text).into_iter().filter_map(|statement| match statement {
            Statement::Binding { name, value, .. } => Some((name, value)),
            Statement::Unparsed { .. } => None,
        });
        bindings.collect()
    }

    #[test]
    fn values_are_what_python_takes_them_for() {
        for (line, value) in [
            ("A=abc$def", "abc$def"),
            ("A=My App", "My App"),
            ("export A = b # c", "b"),
            ("A=b#c", "b#c"),
            ("A='b # c' # d", "b # c"),
            ("A=\"b\\n\\\"c\\\"\"", "b\n\"c\""),
            ("A='b\\n\\'c'", "b\\n'c"),
            ("A=pa\\ss@h", "pa\\ss@h"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=\"b\\\"", "b\\"),
            ("A=", ""),
            ("'A'=b\r\n", "b"),
        ] {
            assert_eq!(values(line), [("A".to_owned(), Some(value.to_owned()))], "{line}");
        }
        assert_eq!(values("# c\n\nA\nMY-VAR=1"), [("A".into(), None), ("MY-VAR".into(), Some("1".into()))]);
    }

    #[test]
    fn what_is_no_binding_is_known_by_its_line_and_the_name_that_it_begins_with() {
        for (text, line, name) in [
            ("A=1\n\nREDIS_PASSWORD='hunter2\nB=1", 3, "REDIS_PASSWORD"),
            ("?\nexport REDIS_HOST hunter2\n", 2, "REDIS_HOST"),
            ("\n\n'B'='x' y\n", 3, "B"),
        ] {
            let found = statements(text);
            assert!(found.contains(&Statement::Unparsed { line, name: name.to_owned() }), "{found:?}");
        }
    }
}
