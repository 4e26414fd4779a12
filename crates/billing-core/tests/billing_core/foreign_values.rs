//! What other programs store under our keys, in our shape: the value of another key, `null`, a list that has ended.

use billing_cache::{Event, Tier};
use billing_core::cached::{ActiveDiscounts, Invoices, TaxRateKey, TaxRates, UserCreditNotes, UserId};
use billing_core::time::now;
use chrono::TimeDelta;

use crate::backends::execute;
use crate::world::{World, for_each_world};

/// One discount of a foreign list, with its end.
fn list_of_one(valid_to: &str) -> String {
    let times = r#""created_at":"2020-01-01T00:00:00","updated_at":"2020-01-01T00:00:00""#;
    let rule = r#""discount_type":"x","value":"1.00","is_percentage":false,"is_active":true"#;
    let rest = format!(r#""valid_from":"2020-01-01T00:00:00","valid_to":{valid_to},"applicable_plans":null,{times}"#);
    format!(r#"[{{"id":99,"name":"Foreign","description":null,{rule},{rest}}}]"#)
}

fn store(world: &World, key: &str, value: &str) {
    world.redis.command::<()>(&["SETEX", key, "3600", value]).unwrap();
}

fn key(country: &str, region: Option<&str>) -> TaxRateKey {
    let region = region.map(|region| billing_core::country::Region::parse(region).unwrap().unwrap());
    TaxRateKey { country: country.parse().unwrap(), region }
}

#[tokio::test]
async fn a_list_in_which_a_discount_has_ended_is_a_miss_and_one_without_an_end_is_not() {
    for_each_world(async |world| {
        let process = world.process().await;
        let names = async || {
            let read = process.active_discounts().await.unwrap();
            (read.tier, read.value.unwrap().iter().map(|discount| discount.name.clone().unwrap()).collect::<Vec<_>>())
        };
        store(world, "active_discounts", &list_of_one("null"));
        assert_eq!(names().await, (Tier::L2, vec!["Foreign".to_owned()]));
        let later = now() + TimeDelta::seconds(600);
        store(world, "active_discounts", &list_of_one(&format!("\"{later}\"")));
        assert_eq!(names().await, (Tier::L2, vec!["Foreign".to_owned()]));
        let before = now() - TimeDelta::milliseconds(10);
        store(world, "active_discounts", &list_of_one(&format!("\"{before}\"")));
        let (tier, names) = names().await;
        assert_eq!((tier, names.len()), (Tier::Loaded, 3), "{names:?}");
        assert_eq!(process.active_discounts().await.unwrap().tier, Tier::L2, "it was replaced");
        assert_eq!(process.cache().count::<ActiveDiscounts>(Event::Undecodable), 0);
    })
    .await;
}

#[tokio::test]
async fn an_invoice_under_the_key_of_another_is_a_miss() {
    for_each_world(async |world| {
        let process = world.process().await;
        process.invoice_details(2).await.unwrap();
        store(world, "invoice:1", &world.cached("invoice:2").unwrap());
        let read = process.invoice_details(1).await.unwrap();
        assert_eq!((read.tier, read.value.unwrap().id), (Tier::Loaded, 1));
        assert_eq!(process.invoice_details(1).await.unwrap().tier, Tier::L2, "it was replaced");
        assert_eq!(process.cache().count::<Invoices>(Event::Undecodable), 1);
    })
    .await;
}

#[tokio::test]
async fn credit_notes_of_another_user_are_a_miss_and_so_is_null() {
    for_each_world(async |world| {
        let note = "INSERT INTO credit_notes (user_id, amount, remaining_amount, reason) VALUES (3, 5, 5, 'y')";
        execute(&world.database, note).await;
        let process = world.process().await;
        let read = async |user| process.user_credit_notes(user).await.unwrap().value.unwrap();
        let of_ann = read(1).await;
        store(world, "user_credit_notes:3", &world.cached("user_credit_notes:1").unwrap());
        assert_eq!(read(3).await[0].reason.as_deref(), Some("y"));
        store(world, "user_credit_notes:1", "null");
        assert_eq!(read(1).await, of_ann);
        assert_eq!(process.cache().count::<UserCreditNotes>(Event::Undecodable), 2);
        let many = process.cache().get_many::<UserCreditNotes>(&[UserId(1), UserId(2)]).await.unwrap();
        assert_eq!(many.iter().map(|read| read.value.as_ref().unwrap().len()).collect::<Vec<_>>(), [3, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_tax_rate_of_another_country_or_region_is_a_miss() {
    for_each_world(async |world| {
        let process = world.process().await;
        let read = async |key: TaxRateKey| process.cache().get::<TaxRates>(&key).await.unwrap();
        let californian = read(key("US", Some("CA"))).await.value.unwrap();
        let json = world.cached("tax_rate:US:CA").unwrap();
        for (text, key) in [("tax_rate:US:default", key("US", None)), ("tax_rate:ES:CA", key("ES", Some("CA")))] {
            store(world, text, &json);
            let read = read(key).await;
            assert_eq!((read.tier, read.value), (Tier::Loaded, None), "{text}");
        }
        assert_eq!(process.cache().count::<TaxRates>(Event::Undecodable), 2);
        let again = read(key("US", Some("CA"))).await;
        assert_eq!((again.tier, again.value), (Tier::L2, Some(californian)));
    })
    .await;
}
