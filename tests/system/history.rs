//! Every fault once, for a second or two: what clients were told is true whatever goes wrong. The long form is
//! `cargo xtask chaos`.

use system_tests::chaos::{Chaos, Report, Round};
use system_tests::faults::{Fault, Place};
use system_tests::{Backend, Topology};

/// The same in every run, so that a failure can be told by its name.
const SEED: u64 = 20_251_122;

#[test]
fn what_was_acknowledged_is_shown_whatever_happens_to_redis() {
    keeps_its_promises(Place::Redis);
}

#[test]
fn what_was_acknowledged_is_shown_whatever_happens_to_the_network() {
    keeps_its_promises(Place::Network);
}

#[test]
fn what_was_acknowledged_is_shown_whatever_happens_to_the_services() {
    keeps_its_promises(Place::Processes);
}

#[test]
fn what_was_acknowledged_is_shown_whatever_other_programs_do() {
    keeps_its_promises(Place::Outside);
}

#[test]
fn what_was_acknowledged_is_shown_whatever_sentinels_decide() {
    keeps_its_promises_with(Chaos::start(Backend::Postgres, Topology::Sentinels), Place::Sentinels);
}

#[test]
fn what_was_acknowledged_is_shown_whatever_happens_to_a_cluster() {
    keeps_its_promises_with(Chaos::start(Backend::Postgres, Topology::Cluster), Place::Cluster);
}

#[test]
fn what_was_acknowledged_is_shown_whatever_other_programs_do_to_the_tables_of_sqlite() {
    keeps_its_promises_with(Chaos::start(Backend::Sqlite, Topology::OneServer), Place::Tables);
}

/// That of PostgreSQL would end the server of all other tests.
#[test]
fn what_was_acknowledged_is_shown_whatever_happens_to_the_disk_of_sqlite() {
    let chaos = Chaos::start(Backend::Sqlite, Topology::OneServer);
    let faults = Place::Storage.faults().iter().filter(|fault| fault.database == Backend::Sqlite);
    keeps_its_promises_under(chaos, faults);
}

#[track_caller]
fn keeps_its_promises(place: Place) {
    keeps_its_promises_with(Chaos::start(Backend::Postgres, Topology::OneServer), place);
}

#[track_caller]
fn keeps_its_promises_with(chaos: Chaos, place: Place) {
    keeps_its_promises_under(chaos, place.faults().iter().filter(|fault| !fault.takes_long));
}

#[track_caller]
fn keeps_its_promises_under(mut chaos: Chaos, faults: impl Iterator<Item = &'static Fault>) {
    let mut report = Report::default();
    let mut shown = Vec::new();
    for (seed, fault) in (SEED..).zip(faults) {
        let outcome = chaos.run(Round { fault, seed, length: 0.8 });
        report.add(fault, &outcome.summary);
        shown.extend(outcome.shown);
    }
    assert!(shown.is_empty() && report.is_clean(), "{}\n{report}", shown.join("\n"));
    eprintln!("{report}");
}
