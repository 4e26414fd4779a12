//! Tests of the breaker, on a clock that the tests move.

use super::*;

/// A call is slow after half of this.
const LIMIT: Duration = Duration::from_millis(40);

fn breaker() -> Breaker {
    Breaker::new(BreakerSettings {
        window_ms: 1_000,
        min_calls: 4,
        failure_percent: 50,
        slow_call_percent: 50,
        slow_percent: 75,
        open_ms: 500,
        trial_calls: 2,
    })
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn call(breaker: &Breaker, verdict: Verdict, at: Instant, took: Duration) -> bool {
    match breaker.permit_at(at, LIMIT) {
        Some(permit) => {
            permit.judge_at(verdict, at + took);
            true
        }
        None => false,
    }
}

fn opened(breaker: &Breaker) -> Instant {
    let start = Instant::now();
    for _ in 0..4 {
        assert!(call(breaker, Verdict::Failure, start, ms(1)));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    start + ms(1)
}

#[test]
fn it_opens_by_the_share_of_failures_once_there_are_enough_calls() {
    let breaker = breaker();
    let start = Instant::now();
    for verdict in [Verdict::Failure, Verdict::Success, Verdict::Success] {
        call(&breaker, verdict, start, ms(1));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
    call(&breaker, Verdict::Failure, start, ms(1));
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.permit_at(start + ms(2), LIMIT).is_none());
}

#[test]
fn a_few_failures_among_many_calls_do_not_open_it() {
    let breaker = breaker();
    let start = Instant::now();
    call(&breaker, Verdict::Failure, start, ms(1));
    for _ in 0..20 {
        call(&breaker, Verdict::Success, start, ms(1));
    }
    call(&breaker, Verdict::Failure, start, ms(1));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn it_opens_by_the_share_of_slow_calls_although_they_succeed() {
    let breaker = breaker();
    let start = Instant::now();
    for _ in 0..4 {
        call(&breaker, Verdict::Success, start, ms(21));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn failures_leave_the_window() {
    let breaker = breaker();
    let start = Instant::now();
    for _ in 0..3 {
        call(&breaker, Verdict::Failure, start, ms(1));
    }
    for _ in 0..4 {
        call(&breaker, Verdict::Success, start + ms(1_200), ms(1));
    }
    call(&breaker, Verdict::Failure, start + ms(1_200), ms(1));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_trial_lets_only_a_few_calls_through_and_closes_when_all_succeed() {
    let breaker = breaker();
    let later = opened(&breaker) + ms(500);
    let first = breaker.permit_at(later, LIMIT).expect("time to try");
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let second = breaker.permit_at(later, LIMIT).expect("two calls are allowed");
    assert!(breaker.permit_at(later, LIMIT).is_none(), "and no third");
    first.judge_at(Verdict::Success, later + ms(1));
    assert!(breaker.permit_at(later, LIMIT).is_none(), "a trial has only so many calls");
    second.judge_at(Verdict::Success, later + ms(1));
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(call(&breaker, Verdict::Failure, later + ms(2), ms(1)), "what failed before is forgotten");
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_failed_or_slow_trial_call_opens_again() {
    for (verdict, took) in [(Verdict::Failure, ms(1)), (Verdict::Success, ms(21))] {
        let breaker = breaker();
        let later = opened(&breaker) + ms(500);
        assert!(call(&breaker, verdict, later, took));
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.permit_at(later + ms(400), LIMIT).is_none());
        assert!(breaker.permit_at(later + took + ms(500), LIMIT).is_some());
    }
}

#[test]
fn a_cancelled_trial_call_gives_its_place_back_and_is_no_success() {
    let breaker = breaker();
    let later = opened(&breaker) + ms(500);
    for _ in 0..10 {
        drop(breaker.permit_at(later, LIMIT).expect("the place is free again"));
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn changes_are_kept_until_they_are_taken_and_only_the_newest_of_many() {
    let breaker = breaker();
    let later = opened(&breaker) + ms(500);
    for place in 0..u32::try_from(CHANGES).unwrap() {
        assert!(call(&breaker, Verdict::Failure, later + ms(600) * place, ms(1)));
    }
    let taken = breaker.take_changes();
    assert_eq!(taken.len(), CHANGES);
    assert!(taken.is_sorted_by(|earlier, later| earlier.number < later.number));
    assert_eq!(taken[CHANGES - 1].reason, "a trial call failed");
    assert!(breaker.take_changes().is_empty());
}

#[test]
fn a_verdict_from_before_the_opening_is_void() {
    let breaker = breaker();
    let early = breaker.permit_at(Instant::now(), LIMIT).unwrap();
    let later = opened(&breaker) + ms(500);
    let trial = breaker.permit_at(later, LIMIT).unwrap();
    early.judge_at(Verdict::Success, later);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    trial.judge_at(Verdict::Failure, later);
    assert_eq!(breaker.state(), BreakerState::Open);
}
