//! An application that is not billing: a table `subscriptions`, and the one cached type that is made of it.

use std::collections::HashMap;
use std::time::Duration;

use billing_cache::{
    Absence, CacheKey, CacheSettings, CachedType, HotKeysResult, KeyWriter, LoadResult, Loaded, LoadedOne, Owner as Of,
    RedisSettings,
};
use billing_outbox::application::{Application, DatabaseCache};
use billing_outbox::database::{Database, DatabaseSettings, RawRow, rows};
use billing_outbox::declaration::{Owner, TableDependency, Watched, id_of_columns};
use billing_outbox::migration::migrate;
use billing_outbox::registry::Registered;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use test_support::{RedisServer, TestDatabase};

/// A row of `subscriptions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "subscriptions")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub customer_id: i32,
    pub plan: String,
    pub state: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whose subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CustomerId(pub(crate) i32);

impl CacheKey for CustomerId {
    const PARTS: &'static [&'static str] = &["customer_id"];

    fn write_parts(&self, out: &mut KeyWriter<'_>) {
        out.part(self.0);
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        parts.first()?.parse().ok().map(Self)
    }
}

/// The subscriptions of a customer, by id.
pub(crate) struct Subscriptions;

impl CachedType for Subscriptions {
    type Source = Database;
    type Key = CustomerId;
    type Value = Vec<Model>;

    const NAME: &'static str = "subscriptions";
    const PREFIX: &'static str = "subscriptions";
    const TTL: Duration = Duration::from_secs(600);
    const ABSENCE: Absence = Absence::Impossible;

    fn owner(list: &Vec<Model>, key: &CustomerId) -> Of {
        Of::if_same(list.iter().all(|subscription| subscription.customer_id == key.0))
    }

    async fn load(database: &Database, keys: &[CustomerId]) -> LoadResult<Self> {
        let wanted = Column::CustomerId.is_in(keys.iter().map(|customer| customer.0));
        let found = rows(database.connection(), Entity::find().filter(wanted).order_by_asc(Column::Id)).await?;
        let mut lists: HashMap<CustomerId, Vec<RawRow<Entity>>> = keys.iter().map(|key| (*key, Vec::new())).collect();
        for row in found {
            lists.entry(CustomerId(row.key(Column::CustomerId)?)).or_default().push(row);
        }
        Ok(lists.into_iter().map(|(customer, list)| (customer, list_of(&list))).collect())
    }

    async fn hot_keys(database: &Database, after: Option<&CustomerId>, limit: u64) -> HotKeysResult<Self> {
        let customers = Entity::find().select_only().column(Column::CustomerId).distinct();
        let customers = customers.filter(Column::CustomerId.gt(after.map_or(i32::MIN, |customer| customer.0)));
        let customers = customers.order_by_asc(Column::CustomerId).limit(limit);
        let found = rows(database.connection(), customers).await?;
        Ok(found.iter().map(|row| row.key(Column::CustomerId).map(CustomerId)).collect::<Result<_, _>>()?)
    }
}

fn list_of(rows: &[RawRow<Entity>]) -> LoadedOne<Subscriptions> {
    Ok(Loaded::lasting(rows.iter().map(RawRow::model).collect::<Result<_, _>>()?))
}

impl Watched for Subscriptions {
    const DEPENDENCIES: &'static [TableDependency] =
        &[TableDependency { table: "subscriptions", key_columns: &["customer_id"] }];

    fn key_of_columns(columns: &[Option<String>]) -> Option<CustomerId> {
        id_of_columns(columns).map(CustomerId)
    }
}

pub(crate) const SHOP: Owner = Owner { name: "shop", version: 1, copies: None };

/// The application.
pub(crate) static APPLICATION: Application = Application { owner: SHOP, types: &[&Registered::<Subscriptions>::new()] };

const TABLE: &str = "CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    plan VARCHAR(32) NOT NULL,
    state VARCHAR(16) NOT NULL)";

/// A section of `config/default.toml`. What it says of other cached types is left out.
pub(crate) fn defaults<T: DeserializeOwned>(section: &str) -> T {
    let mut file: toml::Table = include_str!("../../../../config/default.toml").parse().unwrap();
    file["cache"].as_table_mut().unwrap().remove("types");
    file.remove(section).unwrap().try_into().unwrap()
}

pub(crate) async fn connect(owned: &TestDatabase) -> Database {
    let settings = DatabaseSettings { url: owned.url().into(), ..defaults("database") };
    Database::connect(&settings).await.unwrap()
}

/// A database with the table, and with the triggers of the application.
pub(crate) async fn migrated(owned: &TestDatabase) -> Database {
    let database = connect(owned).await;
    database.connection().execute_unprepared(TABLE).await.unwrap();
    migrate(&database, &APPLICATION.declarations()).await.unwrap();
    database
}

/// The cache of one process.
pub(crate) async fn open(database: &Database, redis: &RedisServer) -> DatabaseCache {
    open_for(&APPLICATION, database, redis).await
}

/// The cache of one process of another application.
pub(crate) async fn open_for(
    application: &'static Application,
    database: &Database,
    redis: &RedisServer,
) -> DatabaseCache {
    let server = RedisSettings { host: "127.0.0.1".to_owned(), port: redis.port(), ..defaults("redis") };
    let builder = application.builder(database.clone(), defaults::<CacheSettings>("cache"));
    DatabaseCache::open(application, builder, &server).await.unwrap()
}
