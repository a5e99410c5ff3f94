//! The load is right without Redis, with Redis, and with Redis killed in the middle; and it says what
//! happened to the cache.

use crate::support::{PrivateRedis, Redis, RedisCluster, Site, on_both_engines, unique, words};

const ROWS: u64 = 4_000;

fn without_redis(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(ROWS));
    words::load(site, &file, "acme", "users").code(0);
    assert_eq!(site.count("acme", "users"), ROWS);
}

/// The test changes a copy of the site's environment only through the variable of Redis.
fn with_redis_only_the_tenants_own_keys_go(mut site: Site) {
    site.set("REDIS_URL", Redis::shared_url());
    let tenant = unique("acme");
    words::init(&site, &tenant);
    let mut redis = Redis::connect(&Redis::shared_url());
    let other = format!("{tenant}x");
    for number in 0..2_500 {
        redis.set(&format!("tenant:{tenant}:page:{number}"), "old");
    }
    redis.set(&format!("tenant:{other}:page"), "kept");
    redis.set(&format!("session:{tenant}"), "kept");
    let file = site.write("users.csv", words::users(ROWS));
    words::load(&site, &file, &tenant, "users").code(0);
    assert!(redis.keys(&format!("tenant:{tenant}:page:*")).is_empty());
    assert_eq!(redis.keys(&format!("tenant:{other}:*")), [format!("tenant:{other}:page")]);
    assert_eq!(redis.keys(&format!("session:{tenant}")), [format!("session:{tenant}")]);
}

#[test]
fn with_redis_only_the_tenants_own_keys_go_on_postgres() {
    with_redis_only_the_tenants_own_keys_go(Site::postgres());
}

#[test]
fn with_redis_only_the_tenants_own_keys_go_on_sqlite() {
    with_redis_only_the_tenants_own_keys_go(Site::sqlite());
}

fn redis_dies_in_the_middle(mut site: Site) {
    let mut server = PrivateRedis::start();
    site.set("REDIS_URL", server.url());
    words::init(&site, "acme");
    Redis::connect(&server.url()).set("tenant:acme:page", "old");
    let file = site.write("users.csv", words::users(ROWS));
    let load = site.spawn(words::load_words(&file, "acme", "users", &[]));
    std::thread::sleep(std::time::Duration::from_millis(200));
    server.kill();
    let output = load.wait().code(0);
    assert!(output.stderr.to_lowercase().contains("cache"), "what happened to the cache is told:\n{output}");
    assert!(output.took < std::time::Duration::from_mins(1), "a dead Redis does not hold the load up");
    assert_eq!(site.count("acme", "users"), ROWS);
    // And when it was dead from the start.
    let again = site.fixtool(words::load_words(&file, "acme", "users", &["--on-conflict", "skip"])).code(0);
    assert!(again.stderr.to_lowercase().contains("cache"), "{again}");
}

#[test]
fn redis_dies_in_the_middle_on_postgres() {
    redis_dies_in_the_middle(Site::postgres());
}

#[test]
fn redis_dies_in_the_middle_on_sqlite() {
    redis_dies_in_the_middle(Site::sqlite());
}

#[test]
fn in_a_cluster_the_tenants_own_keys_go_from_every_node() {
    let cluster = RedisCluster::start();
    let mut site = Site::sqlite();
    site.set("REDIS_URL", &cluster.primaries()[0]);
    words::init(&site, "acme");
    let keys = |tenant: &str| (0..300).map(|number| format!("tenant:{tenant}:page:{number}")).collect::<Vec<_>>();
    cluster.set(&keys("acme"));
    cluster.set(&keys("acmex"));
    let kept = |pattern: &str| -> Vec<usize> {
        cluster.primaries().iter().map(|url| Redis::connect(url).keys(pattern).len()).collect()
    };
    let others = kept("tenant:acmex:*");
    assert!(
        others.iter().all(|count| *count > 0) && kept("tenant:acme:*").iter().all(|count| *count > 0),
        "{others:?}"
    );
    let file = site.write("users.csv", words::users(10));
    let load = words::load(&site, &file, "acme", "users").code(0);
    assert_eq!(kept("tenant:acme:*"), [0, 0, 0], "{load}");
    assert_eq!(kept("tenant:acmex:*"), others);
}

on_both_engines!(without_redis);
