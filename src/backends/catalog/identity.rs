//! Which identity a site has before its catalog exists.
//!
//! A plan is bound to its site, and the first plan of all is made before anything is written. So the identity is
//! derived from what exists already: on PostgreSQL from the cluster's system identifier and the database's oid,
//! on SQLite from the place of the file. It is stored when the catalog is made, and from then on the stored one
//! counts: a catalog that moves with its database stays the same site.

use std::path::{Path, PathBuf};

use sqlx::Row;

use crate::backends::database::address::PostgresAddress;

/// The identity of a site whose catalog would be this file.
pub(super) fn of_file(file: &Path) -> String {
    digest("sqlite", &canonical(file).to_string_lossy())
}

/// The identity of a site whose catalog would be in this database.
pub(super) async fn of_database(connection: &mut sqlx::PgConnection, address: &PostgresAddress) -> String {
    let sql = "SELECT pg_catalog.concat(c.system_identifier, '/', d.oid) \
               FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d \
               WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
    let found = sqlx::raw_sql(sql).fetch_one(connection).await.and_then(|row| row.try_get::<String, _>(0));
    match found {
        Ok(text) => digest("postgres", &text),
        Err(error) => {
            // Some services hide the system identifier; the address is the next best thing.
            tracing::debug!(%error, "no system identifier, the site is identified by its address");
            let host = address.host.as_deref().unwrap_or_default();
            let database = address.database.as_ref().or(address.user.as_ref()).map_or("", String::as_str);
            digest("postgres", &format!("{host}:{}/{database}", address.port.unwrap_or(5432)))
        }
    }
}

fn digest(engine: &str, text: &str) -> String {
    let hash = blake3::hash(format!("fixtool site\n{engine}\n{text}").as_bytes()).to_hex();
    hash.chars().take(32).collect()
}

/// The path with links resolved as far as it exists, so that it is the same before and after it is made.
fn canonical(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    for ancestor in absolute.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
            // Joining an empty rest would end the path with a slash.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_the_same_identity_before_and_after_its_file_exists() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("state").join("catalog.db");
        let before = of_file(&file);
        std::fs::create_dir(place.path().join("state")).unwrap();
        assert_eq!(of_file(&file), before);
        std::fs::write(&file, "x").unwrap();
        assert_eq!(of_file(&file), before);
        assert_ne!(of_file(&place.path().join("other").join("catalog.db")), before);
        assert_eq!(before.len(), 32);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_place_is_the_same_site() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("real")).unwrap();
        std::os::unix::fs::symlink(place.path().join("real"), place.path().join("link")).unwrap();
        let by_link = of_file(&place.path().join("link").join("catalog.db"));
        assert_eq!(by_link, of_file(&place.path().join("real").join("catalog.db")));
    }
}
