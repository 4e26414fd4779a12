//! The platform's own database is measured as any other.

use billing_core::settings::Settings;
use billing_outbox::database::Database;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::Value;
use test_support::platform::{self, Origin};
use test_support::{RedisServer, TestDatabase};

use crate::fixture::Stage;

async fn adopted(database: TestDatabase, origin: Origin) -> Stage {
    let stage = Stage { redis: RedisServer::start().unwrap(), database };
    let database = Database::connect(&Settings::database_at(stage.database.url())).await.unwrap();
    for sql in [&platform::tables(database.backend(), origin), platform::ROWS] {
        database.connection().execute_unprepared(sql).await.unwrap();
    }
    database.close().await.unwrap();
    stage.migrate_and_run(&[]).await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_the_platform_as_it_is_can_be_measured() {
    let mut stages = vec![adopted(TestDatabase::sqlite().unwrap(), Origin::Models).await];
    for origin in Origin::of(DbBackend::Postgres) {
        stages.push(adopted(TestDatabase::postgres().await.unwrap(), *origin).await);
    }
    for stage in stages {
        println!("on {}", stage.database.backend_name());
        let report = stage.report(&["--iterations", "40"]);
        for of_type in report["types"].as_array().unwrap() {
            assert_ne!(of_type["keys"], 0, "{of_type:#}");
            assert_eq!(of_type["measured"]["requests"]["requests"], 40, "{of_type:#}");
            assert_eq!(of_type["measured"]["requests"]["bypassed"], Value::from(0), "{of_type:#}");
        }
    }
}
