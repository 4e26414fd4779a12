//! The token that viewers need.
//!
//! Invariants: it is never in a message or an answer; comparing takes the same time for a nearly correct token as for
//! an entirely wrong one.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use billing_cache::bounded_file::{LARGEST_FILE, read_opened};
use cli_support::{exit, usage};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use zxcvbn::{Score, zxcvbn};

use crate::dashboard::arguments::Arguments;

/// The mode bit of a file that lets every user read it.
const READABLE_BY_ALL: u32 = 0o004;

/// Minimum length. A shorter token could be found by trying.
const SHORTEST: usize = 16;

/// Words that an attacker on this dashboard tries first.
const NEAR_BY: [&str; 4] = ["billing", "cache", "dashboard", "monitor"];

/// The token that viewers need.
#[derive(Clone, Debug)]
pub(crate) struct Token(SecretString);

impl Token {
    /// The token from the command line. Only the loopback address works without one.
    ///
    /// # Errors
    /// A usage error with the remedy: the token is missing although the address is not the loopback, the file cannot be
    /// read, or the token is easy to guess.
    pub(crate) fn of(arguments: &Arguments) -> Result<Option<Self>> {
        let token = match (&arguments.token, &arguments.token_file) {
            (Some(token), _) => Some(Self::checked("--token", token.expose_secret())?),
            (None, Some(file)) => Some(Self::of_file(file)?),
            (None, None) => None,
        };
        if token.is_none() {
            refuse_without_token(arguments.listen)?;
        }
        Ok(token)
    }

    fn of_file(file: &Path) -> Result<Self> {
        let cannot = |error| usage(format!("--token-file: cannot read {}: {error}", file.display()));
        let (text, mode) = read(file).map_err(cannot)?;
        if mode & READABLE_BY_ALL != 0 {
            exit::warn(&format!("every user of this machine can read {}; `chmod 600` it", file.display()));
        }
        Self::checked("--token-file", text.expose_secret().lines().next().unwrap_or_default())
    }

    fn checked(flag: &str, token: &str) -> Result<Self> {
        let token = token.trim();
        let refuse = |why: &str| usage(format!("{flag}: {why}; make one with `openssl rand -hex 24`"));
        if token.len() < SHORTEST || !token.chars().all(|character| character.is_ascii_graphic()) {
            return Err(refuse(&format!("a token has at least {SHORTEST} characters, and no spaces")));
        }
        if zxcvbn(token, &NEAR_BY).score() < Score::Three {
            return Err(refuse(
                "this token can be guessed: it repeats itself, or is made of common words or rows of keys",
            ));
        }
        Ok(Self(SecretString::from(token)))
    }

    /// Whether this is the token.
    pub(crate) fn is(&self, shown: &str) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// The text of a file and its mode. Only the first line is used.
fn read(file: &Path) -> io::Result<(SecretString, u32)> {
    let file = File::open(file)?;
    let mode = file.metadata()?.permissions().mode();
    let text = String::from_utf8(read_opened(file, LARGEST_FILE)?).map_err(|_| io::Error::other("it is not UTF-8"))?;
    Ok((text.into(), mode))
}

fn refuse_without_token(listen: SocketAddr) -> Result<()> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    Err(usage(format!(
        "--listen {listen} can be reached from other machines, so it needs a token: write one into a file (`umask 077; openssl \
         rand -hex 24 > FILE`) and add --token-file FILE, or listen on 127.0.0.1"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Token::checked("--token", "  8c1f5e0a7d42b96f\n").unwrap();
        assert!(token.is("8c1f5e0a7d42b96f"));
        for wrong in ["", "8c1f5e0a7d42b96", "8c1f5e0a7d42b96e", "8c1f5e0a7d42b96f0"] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("8c1f"));
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_without_being_shown() {
        let (ones, long) = ("1".repeat(16), "ab".repeat(2_000));
        let too_short_or_odd = ["", "hunter2", "with a space in the middle", "0123456789abcdé€"];
        let long_enough =
            [&ones, "passwordpassword", "0123456789abcdef", "qwertyuiopasdfgh", "billingbilling12", &long];
        for weak in too_short_or_odd.into_iter().chain(long_enough) {
            let error = Token::checked("--token", weak).unwrap_err().to_string();
            assert!(error.contains("openssl rand") && (weak.is_empty() || !error.contains(weak)), "{error}");
        }
    }

    #[test]
    fn what_the_refusal_advises_is_taken() {
        for _ in 0..20 {
            let random: [u8; 24] = rand::random();
            let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(Token::checked("--token", &token).is_ok(), "{token}");
        }
    }

    #[test]
    fn only_the_loopback_needs_none() {
        for listen in ["127.0.0.1:0", "[::1]:1", "127.0.0.2:1"] {
            assert!(refuse_without_token(listen.parse().unwrap()).is_ok(), "{listen}");
        }
        for listen in ["0.0.0.0:0", "[::]:1", "10.0.0.1:1"] {
            assert!(refuse_without_token(listen.parse().unwrap()).is_err(), "{listen}");
        }
    }
}
