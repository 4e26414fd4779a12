//! Redis Sentinel: tools find the primary by its sentinels, before and after a failover, and say what is wrong with
//! them.

use test_support::{RedisGroup, RedisServer};

use crate::harness::{Stage, finding};

#[test]
fn tools_follow_the_sentinels_and_doctor_says_who_is_who() {
    let (stage, group) = (Stage::sqlite(), RedisGroup::start(&RedisServer::options()).unwrap());
    let sentinels = group.sentinels();
    let variables = [("REDIS_SENTINELS", sentinels.as_str()), ("REDIS_SENTINEL_MASTER", group.master())];
    for arguments in [&["migrate"][..], &["seed", "--users", "5", "--invoices", "20"]] {
        stage.run_with(arguments, &variables).assert_fine();
    }
    for failovers in 0..2 {
        if failovers > 0 {
            let (_, replica) = group.roles().unwrap();
            group.fail_over().unwrap();
            group.wait_until_primary(replica).unwrap();
            group.wait_until_whole().unwrap();
        }
        let (primary, replica) = group.roles().unwrap();
        stage.run_with(&["warmup"], &variables).assert_fine();
        assert!(primary.command::<bool>(&["EXISTS", "invoice:1"]).unwrap());
        let stats = stage.run_with(&["stats"], &variables);
        assert!(
            stats.stdout.contains(&format!("billing of the sentinels {}", sentinels.replace(',', ", "))),
            "{stats:?}"
        );
        let run = stage.run_with(&["doctor", "--format", "json"], &variables);
        let report = run.json();
        let expected =
            format!("3 of 3 answer: billing is 127.0.0.1:{}, replica 127.0.0.1:{}", primary.port(), replica.port());
        let found = finding(&report, "redis", "sentinels");
        assert_eq!((&found["level"], &found["found"]), (&"ok".into(), &expected.into()), "{found}");
        assert_eq!(finding(&report, "redis", "role")["level"], "ok");
        stage.run_with(&["clear", "--type", "all"], &variables).assert_fine();
        assert!(!primary.command::<bool>(&["EXISTS", "invoice:1"]).unwrap());
    }
    assert_eq!(stage.redis.command::<u64>(&["DBSIZE"]).unwrap(), 0, "the server of REDIS_PORT is passed over");

    group.sentinel(0).stop().unwrap();
    let run = stage.run_with(&["doctor", "--format", "json"], &variables);
    let report = run.json();
    let found = finding(&report, "redis", "sentinels");
    assert_eq!(found["level"], "note", "{found}");
    assert!(found["found"].as_str().unwrap().starts_with("2 of 3 answer"), "{found}");
}

#[test]
fn settings_of_sentinels_that_cannot_work_are_named() {
    let stage = Stage::sqlite();
    for (arguments, variables, expected) in [
        (
            &["stats"][..],
            &[("REDIS_SENTINELS", "redis://h:1")][..],
            "redis.sentinels has \"redis://h:1\", which is no host:port; write REDIS_SENTINELS like",
        ),
        (
            &["stats"],
            &[("REDIS_SENTINELS", "user:hunter2@h:1")],
            "redis.sentinels has a login before \"h:1\"; leave it out; REDIS_SENTINEL_USERNAME and",
        ),
        (
            &["stats"],
            &[("REDIS_SENTINELS", "h:1"), ("REDIS_URL", "redis://:hunter2@h")],
            "redis.sentinels and redis.url are both set, and each says where Redis is; leave REDIS_URL out",
        ),
        (
            &["stats", "--redis-port", "1"],
            &[("REDIS_SENTINELS", "h:1")],
            "--redis-port would have no effect beside redis.sentinels; unset REDIS_SENTINELS",
        ),
    ] {
        let run = stage.run_with(arguments, variables);
        let sentence = run.assert_error(2);
        assert!(sentence.contains(expected) && !sentence.contains("hunter2"), "{expected}: {sentence}");
    }
    let run = stage.run_with(&["stats", "--redis-db", "0"], &[("REDIS_SENTINELS", "127.0.0.1:1")]);
    assert!(run.assert_error(3).contains("no sentinel answers: 127.0.0.1:1: "), "{run:?}");
}
