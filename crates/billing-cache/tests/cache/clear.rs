//! Clear removes exactly our keys of the types asked for, with their leases, and nothing else.

use billing_cache::{Cache, CachedType, ClearMode, Cleared, Event, Pace, SingleKey, Tier, TypeInfo};

use crate::ledger::{CreditNotes, Discounts, InvoiceId, Invoices, Ledger, UserId};
use crate::world::{PATIENT, World, invalidate, lease, read, reading};

/// Names that resemble ours and belong to other programs.
const FOREIGN: [&str; 19] = [
    "invoice",
    "invoice:",
    "invoice:abc",
    "invoice:1:x",
    "invoice:01",
    "invoice:+1",
    "invoice: 1",
    "invoice:2147483648",
    "invoices:1",
    "xinvoice:1",
    "user_invoice:1",
    "Invoice:1",
    "lease:foo",
    "lease:{invoice:abc}",
    "lease:{user_invoice:1}",
    "lease:invoice:1",
    "active_discounts:1",
    "active_discounts_old",
    "other:invoice:1",
];

fn info(cache: &Cache<Ledger>, name: &str) -> TypeInfo {
    *cache.types().find(|info| info.name == name).unwrap()
}

async fn clear(cache: &Cache<Ledger>, name: &str, mode: ClearMode) -> Cleared {
    cache.clear(&[info(cache, name)], mode, &mut |_| {}).await.unwrap()[0]
}

/// All but the id of the data, which an invalidation sets.
fn names(world: &World) -> Vec<String> {
    let mut names: Vec<String> = world.server.command(&["KEYS", "*"]).unwrap();
    names.retain(|name| !name.ends_with("billing_cache:{database}:data"));
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_clear_removes_the_keys_and_leases_of_its_type_and_no_others() {
    let world = World::new();
    let cache = world.cache().await;
    for foreign in FOREIGN {
        world.set_raw(foreign, "not ours");
    }
    let _: u64 = world.server.command(&["HSET", "invoice:x", "a", "1"]).unwrap();
    cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
    cache.get::<Discounts>(&SingleKey).await.unwrap();
    world.hold_lease("user_credit_notes:2");
    cache.flush_counters().await;
    let others = names(&world);
    for id in [-5, 0, 1, 2, i32::MAX] {
        read(&cache, id).await;
    }
    // A hash under a name of ours is in our way, whoever made it.
    let _: u64 = world.server.command(&["HSET", "invoice:3", "a", "1"]).unwrap();
    world.hold_lease("invoice:1");
    world.hold_lease("invoice:4");
    let all = names(&world);
    assert_eq!(clear(&cache, "invoices", ClearMode::DryRun).await, Cleared { keys: 6, leases: 2 });
    assert_eq!(names(&world), all, "a dry run removes nothing");
    assert_eq!(clear(&cache, "invoices", ClearMode::Remove).await, Cleared { keys: 6, leases: 2 });
    assert_eq!(names(&world), others);
    assert_eq!(clear(&cache, "invoices", ClearMode::Remove).await, Cleared::default());
}

#[tokio::test]
async fn a_clear_of_all_types_answers_for_each_of_them() {
    let world = World::new();
    let cache = world.cache().await;
    FOREIGN.iter().for_each(|foreign| world.set_raw(foreign, "not ours"));
    let foreign = names(&world);
    for id in 0..250 {
        read(&cache, id).await;
    }
    cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
    cache.get::<Discounts>(&SingleKey).await.unwrap();
    let types: Vec<TypeInfo> = cache.types().copied().collect();
    let mut found = 0;
    let cleared = cache.clear(&types, ClearMode::Remove, &mut |step| found += step).await.unwrap();
    assert_eq!(cleared.iter().map(|cleared| cleared.keys).collect::<Vec<_>>(), [250, 1, 1]);
    assert_eq!(found, 252);
    assert_eq!(names(&world), foreign);
}

/// FusionCache #535: a removal of many keys, there by tag, is ignored if it happens while an entry is being loaded.
#[tokio::test]
async fn a_fill_in_flight_cannot_bring_a_cleared_value_back() {
    let world = World::new();
    let (service, tool) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&service, 1);
    world.ledger.until_held(1).await;
    // Somebody restores the database, and clears what was cached of the old one.
    world.ledger.put(1, 2);
    assert_eq!(clear(&tool, "invoices", ClearMode::Remove).await, Cleared { keys: 0, leases: 1 });
    world.ledger.release();
    early.await.unwrap();
    assert_eq!(service.count::<Invoices>(Event::FillLost), 1);
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":2}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_slips_in_during_a_clear_is_cleared_too() {
    let world = World::new();
    let (service, tool) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&service, 1);
    world.ledger.until_held(1).await;
    world.ledger.put(1, 2);
    let mut released = false;
    // The first names are known and not yet removed: had they been those of values, this one would be missed.
    let slip_in = &mut |_| {
        if !std::mem::replace(&mut released, true) {
            world.ledger.release();
            let deadline = std::time::Instant::now() + PATIENT;
            while !world.exists("invoice:1") {
                assert!(std::time::Instant::now() < deadline, "the fill still has its lease");
            }
        }
    };
    tool.clear(&[info(&tool, "invoices")], ClearMode::Remove, slip_in).await.unwrap();
    early.await.unwrap();
    assert_eq!(service.count::<Invoices>(Event::FillStored), 1);
    assert_eq!(read(&service, 1).await, (Some(2), Tier::Loaded));
}

#[tokio::test]
async fn single_keys_can_be_cleared_by_their_ids() {
    let world = World::new();
    let cache = world.cache().await;
    for id in 1..=3 {
        read(&cache, id).await;
    }
    world.hold_lease("invoice:2");
    let invoices = info(&cache, "invoices");
    let texts: Vec<String> = ["1", "2", "9"].iter().filter_map(|id| cache.text_of_id(&invoices, id)).collect();
    assert_eq!(texts, ["invoice:1", "invoice:2", "invoice:9"]);
    let expected = Cleared { keys: 2, leases: 1 };
    assert_eq!(cache.clear_keys(&texts, ClearMode::DryRun).await.unwrap(), expected);
    assert_eq!(cache.clear_keys(&texts, ClearMode::Remove).await.unwrap(), expected);
    assert_eq!(names(&world), ["invoice:3"]);
}

#[tokio::test]
async fn what_is_no_id_of_a_type_makes_no_key() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.key_space = "m:".into()).await;
    let (invoices, discounts) = (info(&cache, "invoices"), info(&cache, "active_discounts"));
    for id in ["", "*", "x", "01", "1:2", "1 ", "m:1"] {
        assert_eq!(cache.text_of_id(&invoices, id), None, "{id:?}");
    }
    assert_eq!(cache.text_of_id(&invoices, "-1").as_deref(), Some("m:invoice:-1"));
    assert_eq!(cache.text_of_id(&discounts, "").as_deref(), Some("m:active_discounts"));
    assert_eq!(cache.text_of_id(&discounts, "1"), None);
}

#[tokio::test]
async fn key_spaces_do_not_touch_each_other_not_even_with_glob_characters_in_their_names() {
    let world = World::new();
    let spaces = ["", "m:", "m*:", "m?:", "[m]:", "m\\:", "^m-:"];
    let mut caches = Vec::new();
    for space in spaces {
        caches.push(world.cache_with(|options| options.cache.key_space = space.into()).await);
    }
    for (number, cache) in caches.iter().enumerate() {
        world.ledger.put(1, number as u64);
        assert_eq!(read(cache, 1).await, (Some(number as u64), Tier::Loaded), "nobody else's value");
    }
    for (number, cache) in caches.iter().enumerate() {
        world.hold_lease(&format!("{}invoice:2", spaces[number]));
        assert_eq!(read(cache, 1).await, (Some(number as u64), Tier::L2));
        assert_eq!(clear(cache, "invoices", ClearMode::Remove).await, Cleared { keys: 1, leases: 1 });
        let types: Vec<TypeInfo> = cache.types().copied().collect();
        read(cache, 1).await;
        world.hold_lease(&format!("{}invoice:2", spaces[number]));
        let all = cache.clear(&types, ClearMode::Remove, &mut |_| {}).await.unwrap();
        assert_eq!(all[0], Cleared { keys: 1, leases: 1 }, "{}", spaces[number]);
        let left = spaces[number + 1..].iter().all(|space| world.exists(&format!("{space}invoice:1")));
        assert!(left, "a clear of {:?} touched another space", spaces[number]);
    }
    assert!(names(&world).is_empty());
}

#[tokio::test]
async fn an_invalidation_in_one_key_space_leaves_the_others_alone() {
    let world = World::new();
    let production = world.cache().await;
    let measuring = world.cache_with(|options| options.cache.key_space = "m:".into()).await;
    read(&production, 1).await;
    read(&measuring, 1).await;
    assert!(invalidate(&measuring, &[1]).await.is_done());
    assert_eq!(names(&world), ["invoice:1"]);
}

#[tokio::test]
async fn a_clear_that_finds_no_redis_says_so() {
    let world = World::new();
    let cache = world.cache().await;
    world.server.kill().unwrap();
    let error = cache.clear(&[TypeInfo::of::<Invoices>()], ClearMode::Remove, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("cannot use Redis at 127.0.0.1"), "{error}");
    let texts = [cache.key_text::<Invoices>(&InvoiceId(1))];
    assert!(cache.clear_keys(&texts, ClearMode::Remove).await.is_err());
    assert_eq!(Invoices::PREFIX, "invoice");
}

#[tokio::test]
async fn leases_are_recognised_by_the_name_that_the_scripts_give_them() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.hold_next(1);
    let reader = reading(&cache, 1);
    world.ledger.until_held(1).await;
    assert_eq!(names(&world), [lease("invoice:1")]);
    world.ledger.release();
    reader.await.unwrap();
}

#[tokio::test]
async fn a_clear_that_is_ended_on_the_way_knows_what_it_has_removed() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.scan_count = 10).await;
    (0..200).for_each(|id| world.set_raw(&format!("invoice:{id}"), "null"));
    let types = [info(&cache, "invoices")];
    let mut clearing = cache.clearing(&types, ClearMode::Remove, Pace::unlimited()).await.unwrap();
    while clearing.cleared()[0].keys < 50 {
        assert!(clearing.step().await.unwrap().is_some());
    }
    let removed = clearing.cleared()[0].keys;
    drop(clearing);
    assert_eq!(names(&world).len() as u64, 200 - removed);
}

#[tokio::test]
async fn a_clear_looks_twice_and_removes_each_value_once() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.scan_count = 10_000).await;
    (0..100).for_each(|id| world.set_raw(&format!("invoice:{id}"), "null"));
    world.server.reset_command_stats().unwrap();
    assert_eq!(clear(&cache, "invoices", ClearMode::Remove).await.keys, 100);
    assert_eq!([world.server.calls("scan").unwrap(), world.server.calls("unlink").unwrap()], [2, 100]);
}
