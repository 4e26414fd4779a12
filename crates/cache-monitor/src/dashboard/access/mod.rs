//! Access control, in front of all routes.
//!
//! Invariants: a request has to pass the checks of its host, its method and its token, in this order, before it is
//! processed; every answer, including refusals, has the headers that keep a browser from doing anything with it except
//! to show it.

mod gate;
mod guard;
mod guesses;
mod host;
mod login;
mod sessions;
mod token;

pub(crate) use guard::{Access, guard};
pub(crate) use host::Hosts;
pub(crate) use login::{LONGEST_FORM, log_in, log_out};
pub(crate) use token::Token;
