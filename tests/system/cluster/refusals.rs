//! Settings of a cluster that cannot work are told in one sentence, which names the setting.

use system_tests::{BILLING_SERVICE, Backend, CACHE_ADMIN, CACHE_MONITOR, Site};

use super::size;

/// What a tool can be asked that needs Redis.
const NEED_REDIS: [(&str, &str); 4] = [
    (CACHE_ADMIN, "stats"),
    (CACHE_ADMIN, "clear --type all"),
    (CACHE_ADMIN, "warmup"),
    (CACHE_MONITOR, "--iterations 10"),
];

#[test]
fn a_cluster_that_cannot_be_used_is_refused_with_the_setting_that_says_so() {
    let site = Site::seeded(Backend::Sqlite);
    let before = size(&site.redis);
    let plain = format!("127.0.0.1:{}", site.redis.port());
    for (nodes, beside, code, told) in [
        ("redis://h:1", None, 2, "REDIS_CLUSTER_NODES"),
        ("h:1;h:2", None, 2, "REDIS_CLUSTER_NODES"),
        ("user:hunter2@h:1", None, 2, "redis.cluster_nodes"),
        ("h:1", Some(("REDIS_DB", "1")), 2, "REDIS_DB"),
        ("h:1", Some(("REDIS_URL", "redis://h:1")), 2, "REDIS_URL"),
        ("h:1", Some(("REDIS_SENTINELS", "h:1")), 2, "redis.sentinels"),
        (&plain, None, 3, "REDIS_CLUSTER_NODES"),
        (&plain, None, 3, &plain),
        ("127.0.0.1:1", None, 3, "REDIS_CLUSTER_NODES"),
    ] {
        for (tool, arguments) in NEED_REDIS {
            let program = site.program(tool).with("REDIS_CLUSTER_NODES", nodes);
            let program = beside.into_iter().fold(program, |program, (name, value)| program.with(name, value));
            let sentence = program.run(arguments).sentence(code);
            assert!(sentence.contains(told) && !sentence.contains("hunter2"), "{nodes} {beside:?}: {sentence}");
        }
    }
    let service = site.program(BILLING_SERVICE).with("REDIS_CLUSTER_NODES", &plain).serve();
    service.invoice(1).from_tier("bypassed");
    assert_eq!(size(&site.redis), before, "nothing is written where there is no cluster");
}
