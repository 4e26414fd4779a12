//! The catalogue of an internet provider: the tax rates of its countries as of 2026, and its discounts.

use billing_core::money::{Money, Percent};
use billing_core::time::UtcTime;
use chrono::TimeDelta;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use super::rows::{Discount, TaxRate};

/// Name, percent, country, region (empty for the whole country), whether it is the default rate.
const TAX_RATES: [(&str, &str, &str, &str, bool); 35] = [
    ("VAT", "20.00", "GB", "", true),
    ("VAT (reduced)", "5.00", "GB", "", false),
    ("VAT", "23.00", "IE", "", true),
    ("VAT (reduced)", "13.50", "IE", "", false),
    ("USt", "19.00", "DE", "", true),
    ("USt (ermäßigt)", "7.00", "DE", "", false),
    ("TVA", "20.00", "FR", "", true),
    ("TVA", "8.50", "FR", "Guadeloupe", true),
    ("TVA", "8.50", "FR", "Martinique", true),
    ("TVA", "8.50", "FR", "La Réunion", true),
    ("IVA", "21.00", "ES", "", true),
    ("IGIC", "7.00", "ES", "Canarias", true),
    ("IVA", "23.00", "PT", "", true),
    ("IVA", "22.00", "PT", "Madeira", true),
    ("IVA", "16.00", "PT", "Açores", true),
    ("IVA", "22.00", "IT", "", true),
    ("btw", "21.00", "NL", "", true),
    ("USt", "20.00", "AT", "", true),
    ("USt", "19.00", "AT", "Jungholz", true),
    ("moms", "25.00", "SE", "", true),
    ("MWST", "8.10", "CH", "", true),
    ("Sales tax", "7.25", "US", "California", true),
    ("Sales tax", "6.25", "US", "Texas", true),
    ("Sales tax", "6.00", "US", "Florida", true),
    ("Sales tax", "4.00", "US", "New York", true),
    ("Sales tax", "6.50", "US", "Washington", true),
    ("GST", "5.00", "CA", "", true),
    ("HST", "13.00", "CA", "Ontario", true),
    ("HST", "14.00", "CA", "Nova Scotia", true),
    ("HST", "15.00", "CA", "New Brunswick", true),
    ("GST and PST", "12.00", "CA", "British Columbia", true),
    ("GST", "10.00", "AU", "", true),
    ("GST", "15.00", "NZ", "", true),
    ("GST", "9.00", "SG", "", true),
    ("Consumption tax", "10.00", "JP", "", true),
];

/// A discount. Its times are minutes from now.
struct Offer {
    name: &'static str,
    kind: &'static str,
    value: &'static str,
    is_percentage: bool,
    is_active: bool,
    from: i64,
    to: Option<i64>,
    plans: &'static [&'static str],
}

const DAY: i64 = 24 * 60;
/// A placeholder for a time within the next 10 to 60 minutes.
const SOON: i64 = 0;

#[rustfmt::skip]
const OFFERS: [Offer; 12] = [
    Offer { name: "Welcome offer",        kind: "promotional", value: "10.00", is_percentage: true,  is_active: true,  from: -800 * DAY, to: None,             plans: &[] },
    Offer { name: "Loyalty, two years",   kind: "loyalty",     value: "5.00",  is_percentage: true,  is_active: true,  from: -700 * DAY, to: None,             plans: &[] },
    Offer { name: "Student",              kind: "eligibility", value: "15.00", is_percentage: true,  is_active: true,  from: -600 * DAY, to: None,             plans: &["fibre", "dsl"] },
    Offer { name: "Paperless billing",    kind: "loyalty",     value: "1.50",  is_percentage: false, is_active: true,  from: -750 * DAY, to: None,             plans: &[] },
    Offer { name: "Refer a friend",       kind: "referral",    value: "10.00", is_percentage: false, is_active: true,  from: -500 * DAY, to: Some(200 * DAY),  plans: &[] },
    Offer { name: "Weekend sale",         kind: "seasonal",    value: "20.00", is_percentage: true,  is_active: true,  from: -2 * DAY,   to: Some(SOON),       plans: &["fibre"] },
    Offer { name: "Last chance",          kind: "seasonal",    value: "7.50",  is_percentage: true,  is_active: true,  from: -7 * DAY,   to: Some(SOON),       plans: &[] },
    Offer { name: "Night sale",           kind: "seasonal",    value: "12.50", is_percentage: true,  is_active: true,  from: SOON,       to: Some(2 * DAY),    plans: &[] },
    Offer { name: "Fibre launch",         kind: "promotional", value: "5.00",  is_percentage: false, is_active: true,  from: SOON,       to: Some(30 * DAY),   plans: &["fibre"] },
    Offer { name: "Summer",               kind: "seasonal",    value: "15.00", is_percentage: true,  is_active: true,  from: -170 * DAY, to: Some(-90 * DAY),  plans: &[] },
    Offer { name: "New Year",             kind: "seasonal",    value: "2.00",  is_percentage: false, is_active: false, from: -330 * DAY, to: Some(-310 * DAY), plans: &[] },
    Offer { name: "Bundle of old routers", kind: "promotional", value: "8.00", is_percentage: false, is_active: false, from: -650 * DAY, to: None,             plans: &["dsl"] },
];

pub(super) fn tax_rates(now: UtcTime) -> Vec<TaxRate> {
    let since = now - TimeDelta::days(800);
    let row = |(id, (name, rate, country, region, is_default)): (i32, &(&str, &str, &str, &str, bool))| TaxRate {
        id,
        name: (*name).to_owned(),
        description: None,
        rate: rate.parse::<Percent>().expect("the table above holds percentages"),
        country: (*country).to_owned(),
        region: (!region.is_empty()).then(|| (*region).to_owned()),
        is_default: *is_default,
        created_at: since,
        updated_at: since,
    };
    (1..).zip(&TAX_RATES).map(row).collect()
}

pub(super) fn discounts(rng: &mut StdRng, now: UtcTime) -> Vec<Discount> {
    let mut moment = |minutes: i64| match minutes {
        SOON => now + TimeDelta::minutes(rng.random_range(10..=60)),
        minutes => now + TimeDelta::minutes(minutes),
    };
    let mut row = |(id, offer): (i32, &Offer)| {
        let valid_from = moment(offer.from);
        let created_at = (valid_from - TimeDelta::days(3)).min(now - TimeDelta::days(1));
        Discount {
            id,
            name: offer.name.to_owned(),
            description: None,
            discount_type: offer.kind.to_owned(),
            value: offer.value.parse::<Money>().expect("the table above holds amounts"),
            is_percentage: offer.is_percentage,
            is_active: offer.is_active,
            valid_from,
            valid_to: offer.to.map(&mut moment),
            applicable_plans: (!offer.plans.is_empty()).then(|| json!({ "plans": offer.plans })),
            created_at,
            updated_at: created_at,
        }
    };
    (1..).zip(&OFFERS).map(&mut row).collect()
}
