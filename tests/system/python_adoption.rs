//! A platform in Python takes up the cache by the code of `docs/adopting.md`, which is run as it stands on that page.

use serde_json::json;
use system_tests::{Backend, Site};

use crate::on_both_databases;

on_both_databases![
    the_filter_of_the_guide_keeps_the_schema_tool_from_dropping_what_was_added,
    the_patch_of_the_guide_reads_what_services_filled,
    the_sql_of_the_guide_takes_everything_away_again,
];

/// The platform's tables by its own models, adopted.
fn adopted(backend: Backend) -> Site {
    let site = Site::empty(backend);
    site.python("adoption.py").run("create").fine();
    assert_eq!(site.python("adoption.py").run("compare-bare").json(), json!([]), "before the migration");
    site.admin("migrate").fine();
    site
}

fn the_filter_of_the_guide_keeps_the_schema_tool_from_dropping_what_was_added(backend: Backend) {
    let site = adopted(backend);
    let bare = site.python("adoption.py").run("compare-bare").json();
    let proposed = bare.as_array().expect("a list of changes");
    for removal in ["remove_table", "remove_column", "remove_index"] {
        assert!(proposed.contains(&json!(removal)), "{removal} is not among {bare}");
    }
    assert_eq!(site.python("adoption.py").run("compare").json(), json!([]));
}

fn the_patch_of_the_guide_reads_what_services_filled(backend: Backend) {
    let site = adopted(backend);
    let service = site.serve();
    for path in ["/tax-rates/applicable?country=GB", "/discounts/active", "/users/1/credit-notes"] {
        service.get(path).from_tier("loaded");
    }
    assert_eq!(site.python("adoption.py").run("read").json(), json!([]));
    service.terminate();
}

fn the_sql_of_the_guide_takes_everything_away_again(backend: Backend) {
    let site = adopted(backend);
    site.python("adoption.py").run("remove").fine();
    assert_eq!(site.python("adoption.py").run("compare-bare").json(), json!([]), "as before the migration");
    site.execute(&["UPDATE invoices SET amount = 90 WHERE id = 1", "UPDATE payments SET amount = 5 WHERE id = 1"]);
    site.admin("migrate").fine();
}
