//! TLS to Redis: whether it is in use, which authority is trusted, and certificates that expire soon.

use std::time::Duration;

use billing_cache::{L2Error, TlsFacts, Validity};

use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Redis;
/// A note is due in the last fifth of a certificate's lifetime, however long that is: by then it should have been
/// renewed.
const LAST_PART: u32 = 5;
const DAY_SECONDS: u64 = 24 * 3600;

pub(super) fn judge(tls: &Result<Option<TlsFacts>, L2Error>) -> Finding {
    let facts = match tls {
        Ok(Some(facts)) => facts,
        Ok(None) => return SUBJECT.ok("tls", "not in use"),
        Err(error) => return SUBJECT.not_checked("tls", error.to_string(), "run cache-admin doctor again"),
    };
    let checked = match &facts.ca {
        Some(ca) => format!("checked with {}", ca.display()),
        None => "signed by a public authority".to_owned(),
    };
    let mut found = format!("in use; the server's certificate, {checked}, {}", left(facts.server));
    if let Some(ours) = facts.client {
        found.push_str(&format!("; ours {}", left(ours)));
    }
    if ends_soon(facts.server) {
        SUBJECT.note("tls", found, "renew the server's certificate: services cannot connect after its end")
    } else if facts.client.is_some_and(ends_soon) {
        SUBJECT.note("tls", found, "renew the files of REDIS_TLS_CLIENT_CERT: services need no restart for it")
    } else {
        SUBJECT.ok("tls", found)
    }
}

fn ends_soon(certificate: Validity) -> bool {
    certificate.left * LAST_PART < certificate.whole
}

fn left(certificate: Validity) -> String {
    match certificate.left {
        Duration::ZERO => "has expired".to_owned(),
        left => match left.as_secs() / DAY_SECONDS {
            0 => "ends within a day".to_owned(),
            1 => "ends in 1 day".to_owned(),
            days => format!("ends in {days} days"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_ends_soon_by_its_own_measure() {
        let days = |days: u64| Duration::from_secs(days * DAY_SECONDS);
        for (whole, remaining, soon, said) in
            [(90, 17, true, "ends in 17 days"), (90, 18, false, "ends in 18 days"), (1, 0, true, "has expired")]
        {
            let certificate = Validity { whole: days(whole), left: days(remaining) };
            assert_eq!((ends_soon(certificate), left(certificate).as_str()), (soon, said));
        }
    }
}
