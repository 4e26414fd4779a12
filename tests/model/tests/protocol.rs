//! The protocol keeps its promises in every scenario, and leaving an ingredient out breaks exactly the promises that
//! the table names. `PROTOCOL_MODEL_SCOPE=large` explores more; `-- --nocapture` shows the numbers of states.

use std::collections::BTreeSet;

use protocol_model::{MUTATIONS, Promise, Protocol, Scenario, Scope, Twins, Verdict, Without};

#[allow(clippy::print_stdout, reason = "the numbers of states are what people want to see")]
fn explore(scenario: Scenario, without: Option<Without>) -> Verdict {
    let scope = Scope::from_environment().expect("PROTOCOL_MODEL_SCOPE is small or large");
    let verdict = scenario.explore(Protocol { without }, scope, Twins::Merged);
    let ingredient = without.map_or_else(|| "nothing".to_owned(), |without| without.to_string());
    let (states, seconds) = (verdict.states, verdict.elapsed.as_secs_f64());
    println!("{scope:?} scope, {scenario} without {ingredient}: {states} states in {seconds:.1} s");
    verdict
}

fn broken(verdict: &Verdict) -> BTreeSet<Promise> {
    verdict.broken.keys().copied().collect()
}

#[track_caller]
fn assert_verdicts(scenario: Scenario) {
    let whole = explore(scenario, None);
    assert!(whole.broken.is_empty(), "{scenario}: the whole protocol breaks its promises: {:#?}", whole.broken);
    for mutation in scenario.mutations() {
        let verdict = explore(scenario, Some(mutation.without));
        let expected: BTreeSet<Promise> = mutation.breaks.iter().copied().collect();
        assert_eq!(broken(&verdict), expected, "{scenario} without {}: {:#?}", mutation.without, verdict.broken);
    }
}

#[test]
fn reading_and_writing_one_key() {
    assert_verdicts(Scenario::ReadWrite);
}

#[test]
fn commands_that_are_resent_or_come_late() {
    assert_verdicts(Scenario::LateCommands);
}

#[test]
fn a_writer_that_cannot_tell_redis() {
    assert_verdicts(Scenario::WriterCutOff);
}

#[test]
fn one_load_when_nothing_goes_wrong() {
    assert_verdicts(Scenario::Calm);
}

#[test]
fn l1_and_its_ear() {
    assert_verdicts(Scenario::L1);
}

#[test]
fn echoes_that_arrive_before_the_changes_of_their_cycle() {
    assert_verdicts(Scenario::Announcements);
}

#[test]
fn the_outbox_and_its_relay() {
    assert_verdicts(Scenario::Outbox);
}

#[test]
fn failovers_to_lagging_replicas() {
    assert_verdicts(Scenario::Failover);
}

#[test]
fn restarts_from_old_dumps() {
    assert_verdicts(Scenario::Restart);
}

#[test]
fn data_that_are_exchanged_with_others() {
    assert_verdicts(Scenario::Swap);
}

#[test]
fn warm_up_and_a_row_that_moves() {
    assert_verdicts(Scenario::WarmUp);
}

#[test]
fn clear_beside_loads_in_flight() {
    assert_verdicts(Scenario::Clear);
}

#[test]
fn every_ingredient_is_left_out_somewhere() {
    let left_out: BTreeSet<Without> = MUTATIONS.iter().map(|mutation| mutation.without).collect();
    assert_eq!(left_out, Without::ALL.into_iter().collect());
    assert!(MUTATIONS.iter().all(|mutation| !mutation.breaks.is_empty()));
}

#[test]
fn the_way_to_a_broken_promise_is_told_step_by_step() {
    let verdict = explore(Scenario::Clear, Some(Without::LeasesInClear));
    let way = &verdict.broken[&Promise::ClearedIsGone];
    assert!(way[0].starts_with("Acquire(0)"), "{way:#?}");
    assert!(way.last().is_some_and(|line| line.contains("database v1, redis v0")), "{way:#?}");
}

#[test]
fn ingredients_are_found_by_the_names_they_are_shown_with() {
    assert_eq!(Without::RuleCForHits.to_string(), "rule-c-for-hits");
    assert!(Without::ALL.into_iter().all(|without| Without::named(&without.to_string()) == Some(without)));
    assert_eq!(Without::named("mercy"), None);
}
