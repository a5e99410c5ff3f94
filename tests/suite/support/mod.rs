//! What every test stands on: an environment of its own, a database of its own, and servers that
//! may be killed.
//!
//! A case for both engines is a function of a [`Site`], named once:
//!
//! ```ignore
//! fn a_second_init_changes_nothing(site: &Site) {
//!     site.fixtool(["tenant", "init", "acme"]).code(0);
//! }
//! on_both_engines!(a_second_init_changes_nothing);
//! ```

#![allow(dead_code, unused_imports, unused_macros, reason = "each topic uses its own part of this")]

pub mod backups;
pub mod environment;
pub mod generate;
pub mod pooler;
pub mod proxy;
pub mod redis;
pub mod server;
pub mod site;
pub mod words;

pub use environment::{Output, Running, TestEnvironment};
pub use pooler::Pooler;
pub use proxy::Proxy;
pub use redis::Redis;
pub use server::{PrivatePostgres, PrivateRedis, RedisCluster};
pub use site::{Engine, PostgresDatabase, Site};

use std::sync::atomic::{AtomicU32, Ordering};

/// Makes of each function `fn case(site: &Site)` two tests, `case::postgres` and `case::sqlite`.
macro_rules! on_both_engines {
    ($($case:ident),+ $(,)?) => {
        $(mod $case {
            #[test]
            fn postgres() {
                super::$case(&crate::support::Site::postgres());
            }

            #[test]
            fn sqlite() {
                super::$case(&crate::support::Site::sqlite());
            }
        })+
    };
}
pub(crate) use on_both_engines;

/// A variable of the test run; panics with the way out when it is missing, since a test that
/// skips itself proves nothing.
pub fn variable(name: &str) -> String {
    optional_variable(name)
        .unwrap_or_else(|| panic!("{name} is not set: run 'make test', or 'tests/with-services.sh cargo test …'"))
}

/// A variable of the test run that may be missing.
#[expect(clippy::disallowed_methods, reason = "the rule is for the program; this is how a test finds its servers")]
pub fn optional_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How often something is tried: the first number usually, the second one in `make test-thorough`.
pub fn often(usually: u32, thoroughly: u32) -> u32 {
    if optional_variable("FIXTOOL_TEST_THOROUGH").is_some() { thoroughly } else { usually }
}

/// A name that no other test of this run uses: `acme_7f3a_12`. Fit for a tenant, a database, a role.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{stem}_{:x}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
