//! One run over many tenants: all are tried, what fails is reported, a retry does the rest.

use crate::support::{Engine, Site, on_both_engines, words};

const TENANTS: usize = 24;

fn ids() -> Vec<String> {
    (0..TENANTS).map(|number| format!("shop-{number:03}")).collect()
}

/// Makes one name unusable: something else lies there already.
fn poison(site: &Site, tenant: &str) {
    match site.engine() {
        Engine::Postgres => drop(
            site.database()
                .query(&format!("CREATE SCHEMA \"tenant_{tenant}\"; CREATE TABLE \"tenant_{tenant}\".users (x int)")),
        ),
        Engine::Sqlite => {
            words::init(site, "model");
            let file = site.tenant_file("model");
            let name = file.file_name().expect("a name").to_string_lossy().replace("model", tenant);
            std::fs::write(file.with_file_name(name), "this is no database, and must not be overwritten")
                .expect("a file");
        }
    }
}

fn cure(site: &Site, tenant: &str) {
    match site.engine() {
        Engine::Postgres => drop(site.database().query(&format!("DROP SCHEMA \"tenant_{tenant}\" CASCADE"))),
        Engine::Sqlite => std::fs::remove_file(site.tenant_file(tenant)).expect("the file is removed"),
    }
}

fn a_poisoned_tenant_does_not_stop_the_others(site: &Site) {
    let poisoned = "shop-007";
    poison(site, poisoned);
    let ids = ids();
    let init = |more: &[&str]| {
        let mut words = vec!["tenant", "init", "--tier", "starter", "--concurrency", "8", "--yes"];
        words.extend(more);
        words.extend(ids.iter().map(String::as_str));
        site.fixtool(words)
    };
    let output = init(&[]).code(3);
    assert!(output.stderr.contains(poisoned) || output.stdout.contains(poisoned), "the failed one is named:\n{output}");
    let made = ids.iter().filter(|id| id.as_str() != poisoned).all(|id| site.count(id, "users") == 0);
    assert!(made, "every other tenant has its tables");
    cure(site, poisoned);
    init(&[]).code(0);
    assert_eq!(site.count(poisoned, "users"), 0);
}

fn tenants_are_chosen_by_pattern_and_left_out(site: &Site) {
    for id in ["shop-1", "shop-2", "shop-3", "bank-1"] {
        words::init(site, id);
    }
    let file = site.write("users.csv", words::users(5));
    let file = file.to_str().expect("a path in UTF-8");
    let load = |more: &[&str]| {
        let mut words = vec!["data", "load", file, "--data-types", "users", "--on-conflict", "skip"];
        words.extend(more);
        site.fixtool(words)
    };
    // A pattern is not an explicit target: consent by --yes alone is not enough for a write.
    let counts = || ["shop-1", "shop-2", "shop-3", "bank-1"].map(|id| site.count(id, "users"));
    load(&["--yes"]).code(2);
    assert_eq!(counts(), [0, 0, 0, 0], "nobody was named");
    load(&["--tenant", "shop-1", "--tenant", "shop-2", "--exclude", "shop-2", "--yes"]).code(0);
    assert_eq!(counts(), [5, 0, 0, 0]);
    load(&["--tenant", "shop-9", "--yes"]).code(2);
    assert_eq!(counts(), [5, 0, 0, 0]);
}

on_both_engines!(a_poisoned_tenant_does_not_stop_the_others, tenants_are_chosen_by_pattern_and_left_out);
