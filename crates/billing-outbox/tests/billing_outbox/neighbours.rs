//! Two applications on one database leave each other's triggers and rows alone.

use std::collections::HashMap;
use std::time::Duration;

use billing_cache::{CacheKey, CachedType, HotKeysResult, KeyWriter, LoadResult, Loaded, Owner as Of};
use billing_outbox::application::Application;
use billing_outbox::database::Database;
use billing_outbox::declaration::{Owner, TableDependency, Watched};
use billing_outbox::migration::migrate;
use billing_outbox::outbox::{RelaySettings, backlog, waiting};
use billing_outbox::registry::Registered;
use billing_outbox::triggers::{TriggerChange, TriggerFault, check_triggers, installed_triggers};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use test_support::eventually;

use crate::subscriptions::{APPLICATION, Column, Entity, SHOP, defaults, open_for};
use crate::world::{DEADLINE, for_each_world, plans};

/// How many subscriptions a plan has.
struct Popularity;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Plan(String);

impl CacheKey for Plan {
    const PARTS: &'static [&'static str] = &["plan"];

    fn write_parts(&self, out: &mut KeyWriter<'_>) {
        out.part(&self.0);
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        parts.first().map(|plan| Self((*plan).to_owned()))
    }
}

impl CachedType for Popularity {
    type Source = Database;
    type Key = Plan;
    type Value = u64;

    const NAME: &'static str = "popularity";
    const PREFIX: &'static str = "popularity";
    const TTL: Duration = Duration::from_secs(600);

    fn owner(_: &u64, _: &Plan) -> Of {
        Of::Untold
    }

    async fn load(database: &Database, keys: &[Plan]) -> LoadResult<Self> {
        let mut counts = HashMap::new();
        for key in keys {
            let count = Entity::find().filter(Column::Plan.eq(&key.0)).count(database.connection()).await?;
            counts.insert(key.clone(), Ok(Loaded::lasting(count)));
        }
        Ok(counts)
    }

    async fn hot_keys(_: &Database, _: Option<&Plan>, _: u64) -> HotKeysResult<Self> {
        Ok(Vec::new())
    }
}

impl Watched for Popularity {
    const DEPENDENCIES: &'static [TableDependency] =
        &[TableDependency { table: "subscriptions", key_columns: &["plan"] }];

    fn key_of_columns(columns: &[Option<String>]) -> Option<Plan> {
        let [Some(plan)] = columns else { return None };
        Some(Plan(plan.clone()))
    }
}

const REPORTS: Owner = Owner { name: "reports", version: 1, copies: None };

static NEIGHBOUR: Application = Application { owner: REPORTS, types: &[&Registered::<Popularity>::new()] };

#[tokio::test]
async fn a_migration_leaves_the_triggers_of_another_application_as_they_are() {
    for_each_world(async |world| {
        let connection = world.database.connection();
        let before = installed_triggers(connection, &SHOP).await.unwrap();
        migrate(&world.database, &NEIGHBOUR.declarations()).await.unwrap();
        assert_eq!(installed_triggers(connection, &SHOP).await.unwrap(), before);
        for application in [&APPLICATION, &NEIGHBOUR] {
            assert_eq!(check_triggers(connection, &application.declarations()).await.unwrap(), []);
            let again = migrate(&world.database, &application.declarations()).await.unwrap();
            assert_eq!((again.triggers, again.cleared.len()), (TriggerChange::Unchanged, 0));
        }
        // The one goes, and is missed; the other stays.
        migrate(&world.database, &REPORTS.declares(&[])).await.unwrap();
        assert_eq!(installed_triggers(connection, &REPORTS).await.unwrap(), []);
        assert_eq!(installed_triggers(connection, &SHOP).await.unwrap(), before);
        let missed = check_triggers(connection, &NEIGHBOUR.declarations()).await.unwrap();
        assert!(missed.iter().all(|difference| difference.fault == TriggerFault::Missing), "{missed:?}");
        // What it may have missed meanwhile, it clears when it comes back.
        let back = migrate(&world.database, &NEIGHBOUR.declarations()).await.unwrap();
        assert_eq!(back.cleared.into_iter().collect::<Vec<_>>(), ["popularity"]);
    })
    .await;
}

#[tokio::test]
async fn a_relay_applies_the_rows_of_its_application_and_leaves_the_others_pending() {
    for_each_world(async |world| {
        migrate(&world.database, &NEIGHBOUR.declarations()).await.unwrap();
        let (shop, reports) = (world.cache().await, open_for(&NEIGHBOUR, &world.database, &world.redis).await);
        let relay = world.relay(&shop);
        relay.caught_up().await;
        plans(&shop, 7).await;
        let popular = async || reports.get::<Popularity>(&Plan("basic".to_owned())).await.unwrap().value;
        assert_eq!(popular().await.as_deref(), Some(&1));
        world.execute("DELETE FROM subscriptions").await;
        eventually(DEADLINE, async || (waiting(&shop).await.unwrap().rows == 0).then_some(())).await.unwrap();
        assert_eq!(plans(&shop, 7).await.1, [""; 0]);

        // The neighbour's rows wait for a relay of its own: that of its key, and that of its late migration.
        assert_eq!(waiting(&reports).await.unwrap().rows, 2);
        let settings: RelaySettings = defaults("relay");
        let unknown = backlog(&shop, &settings).await.unwrap().unknown_types;
        assert_eq!(unknown, [("popularity".to_owned(), 2)]);
        assert_eq!(popular().await.as_deref(), Some(&1));
        let own = world.relay(&reports);
        eventually(DEADLINE, async || (waiting(&reports).await.unwrap().rows == 0).then_some(())).await.unwrap();
        assert_eq!(popular().await.as_deref(), Some(&0));
        own.close().await;
        relay.close().await;
    })
    .await;
}
