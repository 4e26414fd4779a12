//! Both ends of the range of every setting that is a number: a service starts and ends, or says what it cannot reach.

use billing_core::settings::number_ranges;
use rustix::process::Signal;

use crate::example_service::ExampleService;
use crate::world::for_each_world;

/// What `*` in a key stands for.
const TYPE: &str = "invoices";

#[tokio::test]
async fn a_service_works_or_says_why_at_both_ends_of_every_range() {
    for_each_world(async |world| {
        for (key, range) in number_ranges() {
            let variable = format!("BILLING__{}", key.replace('*', TYPE).replace('.', "__")).to_uppercase();
            for value in [range.start().to_string(), range.end().to_string()] {
                let variables = with_companion(&variable, &value);
                let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                match ExampleService::try_with(world, &variables) {
                    Ok(mut service) => {
                        assert!([200, 503].contains(&service.get("/invoices/1/details").status), "{variables:?}");
                        service.signal(Signal::TERM);
                        assert_eq!(service.ended().await.code(), Some(0), "{variables:?}: {}", service.said());
                    }
                    Err(said) => {
                        assert!(said.contains("error: ") && !said.contains("panicked"), "{variables:?}: {said}");
                    }
                }
            }
        }
    })
    .await;
}

/// A lease is longer than a load; a platform's name of the port outranks the other.
fn with_companion(variable: &str, value: &str) -> Vec<(String, String)> {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match variable {
        "BILLING__REDIS__PORT" => vec![set("REDIS_PORT", value)],
        "BILLING__CACHE__LOAD_DEADLINE_MS" => {
            vec![set(variable, value), set("BILLING__CACHE__LEASE_TTL_MS", "7200000")]
        }
        "BILLING__CACHE__LEASE_TTL_MS" => vec![set(variable, value), set("BILLING__CACHE__LOAD_DEADLINE_MS", "1")],
        // A single connection may be one that the relay holds; whoever waits for it is not made to wait for long.
        _ => vec![set("BILLING__DATABASE__ACQUIRE_TIMEOUT_MS", "1000"), set(variable, value)],
    }
}
