//! PostgreSQL roles of a tenant: owner, read-write and read-only, without a login of their own.
//!
//! An application's login becomes a member of one of them: `GRANT "tenant_acme_rw_3f9a1c" TO app`. Roles belong to
//! the whole server while tenants belong to a database, so the names end in a part of the site's identity: two
//! installations on one server that both have a tenant `acme` never share its rights.

use super::quote::{identifier, literal, qualified};
use super::{DatabaseError, Writer, own_tables};
use crate::model::{Engine, Namespace, TenantRecord, TenantStatus};

/// PostgreSQL cuts names off after so many bytes.
const LONGEST: usize = 63;

/// The roles of one tenant, by name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TenantRoles {
    /// May do everything in the schema.
    pub owner: String,
    /// May read and change rows.
    pub read_write: String,
    /// May read rows.
    pub read_only: String,
}

/// A member of one of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// The role.
    pub role: String,
    /// Who is a member of it.
    pub member: String,
    /// Whether the member may add others.
    pub admin: bool,
}

impl TenantRoles {
    /// The names for a namespace of a site.
    pub fn of(namespace: &Namespace, site: &str) -> Self {
        let name = |kind: &str| role_name(namespace.as_str(), kind, site);
        Self { owner: name("owner"), read_write: name("rw"), read_only: name("ro") }
    }

    fn all(&self) -> [&str; 3] {
        [&self.owner, &self.read_write, &self.read_only]
    }

    /// Statements that make the roles where they do not exist.
    pub fn create(&self) -> Vec<String> {
        let make = |role: &str| {
            let body = format!(
                "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {}) THEN \
                 CREATE ROLE {} NOLOGIN; END IF; \
                 EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END",
                literal(role),
                identifier(role)
            );
            format!("DO {}", literal(&body))
        };
        self.all().into_iter().map(make).collect()
    }

    /// Statements that give the roles their rights on what is in the schema and on what will be.
    pub fn grant(&self, namespace: &Namespace) -> Vec<String> {
        let schema = identifier(namespace.as_str());
        let [owner, writer, reader] = self.all().map(identifier);
        let mut statements = vec![
            format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}"),
            format!("GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader}"),
        ];
        let rights = [
            ("ALL", "TABLES", &owner),
            ("ALL", "SEQUENCES", &owner),
            ("SELECT, INSERT, UPDATE, DELETE", "TABLES", &writer),
            ("USAGE, SELECT", "SEQUENCES", &writer),
            ("SELECT", "TABLES", &reader),
            ("SELECT", "SEQUENCES", &reader),
        ];
        for (right, things, role) in rights {
            statements.push(format!("GRANT {right} ON ALL {things} IN SCHEMA {schema} TO {role}"));
            statements.push(format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {right} ON {things} TO {role}"));
        }
        // What a load keeps for its undo holds rows as they were, and only fixtool writes its own tables.
        for table in own_tables::NAMES {
            let table_name = qualified(namespace, table);
            statements.push(format!("REVOKE ALL ON TABLE {table_name} FROM {owner}, {writer}, {reader}"));
            if !own_tables::is_internal(table) {
                statements.push(format!("GRANT SELECT ON TABLE {table_name} TO {owner}, {writer}, {reader}"));
            }
        }
        statements
    }

    /// Statements that take the way into the schema away from every member of the roles.
    pub fn lock_out(&self, namespace: &Namespace) -> Vec<String> {
        let schema = identifier(namespace.as_str());
        let revoke = |role: &str| if_exists(role, &format!("REVOKE ALL ON SCHEMA {schema} FROM {}", identifier(role)));
        self.all().into_iter().map(revoke).collect()
    }

    /// Statements that let the members of the roles in again.
    pub fn let_in(&self, namespace: &Namespace) -> Vec<String> {
        let schema = identifier(namespace.as_str());
        let rights = [("USAGE, CREATE", &self.owner), ("USAGE", &self.read_write), ("USAGE", &self.read_only)];
        let grant = |(right, role): (&str, &String)| {
            if_exists(role, &format!("GRANT {right} ON SCHEMA {schema} TO {}", identifier(role)))
        };
        rights.into_iter().map(grant).collect()
    }

    /// Statements that take every right in the schema back and remove the roles, while the schema stays.
    pub fn withdraw(&self, namespace: &Namespace) -> Vec<String> {
        let schema = identifier(namespace.as_str());
        let revoke = |role: &str| {
            let quoted = identifier(role);
            let all = ["TABLES", "SEQUENCES"].map(|things| {
                format!(
                    "REVOKE ALL ON ALL {things} IN SCHEMA {schema} FROM {quoted}; \
                     ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON {things} FROM {quoted}"
                )
            });
            if_exists(role, &format!("{}; REVOKE ALL ON SCHEMA {schema} FROM {quoted}", all.join("; ")))
        };
        self.all().into_iter().map(revoke).chain(self.drop()).collect()
    }

    /// Statements that remove the roles once the schema is gone. A role that somebody gave rights elsewhere stays.
    pub fn drop(&self) -> Vec<String> {
        let remove = |role: &str| {
            let body = format!(
                "BEGIN DROP ROLE IF EXISTS {}; EXCEPTION WHEN dependent_objects_still_exist OR \
                 insufficient_privilege THEN NULL; END",
                identifier(role)
            );
            format!("DO {}", literal(&body))
        };
        self.all().into_iter().map(remove).collect()
    }

    /// A query for the members of the roles: role, member, and whether the member may add others.
    pub fn members(&self) -> String {
        let names = self.all().map(literal).join(", ");
        format!(
            "SELECT r.rolname::text, m.rolname::text, a.admin_option FROM pg_catalog.pg_auth_members a \
             JOIN pg_catalog.pg_roles r ON r.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member \
             WHERE r.rolname IN ({names}) AND m.rolname <> current_user ORDER BY 1, 2"
        )
    }

    /// Statements that make these members of the roles again. Roles of anything else are left alone, and so are
    /// members that the server does not know any more.
    pub fn enrol(&self, members: &[Member]) -> Vec<String> {
        let own = members.iter().filter(|one| self.all().contains(&one.role.as_str()));
        let grant = |one: &Member| {
            let admin = if one.admin { " WITH ADMIN OPTION" } else { "" };
            format!("GRANT {} TO {}{admin}", identifier(&one.role), identifier(&one.member))
        };
        own.map(|one| if_exists(&one.member, &grant(one))).collect()
    }

    /// Statements that give the roles the names of another namespace.
    pub fn rename(&self, to: &Self) -> Vec<String> {
        let rename = |(from, to): (&str, &str)| {
            if_exists(from, &format!("ALTER ROLE {} RENAME TO {}", identifier(from), identifier(to)))
        };
        self.all().into_iter().zip(to.all()).map(rename).collect()
    }
}

/// Whether an engine has roles.
pub fn has_roles(engine: Engine) -> bool {
    engine == Engine::Postgres
}

/// Gives the tenant's roles their rights in a namespace, whatever it is called at the moment.
///
/// # Errors
/// If the server refuses it.
pub async fn admit(
    database: &dyn Writer,
    tenant: &TenantRecord,
    (namespace, site): (&Namespace, &str),
) -> Result<(), DatabaseError> {
    if !has_roles(database.engine()) {
        return Ok(());
    }
    let roles = TenantRoles::of(&tenant.namespace, site);
    let mut statements = roles.create();
    statements.extend(roles.grant(namespace));
    if tenant.status == TenantStatus::Suspended {
        statements.extend(roles.lock_out(namespace));
    }
    database.execute(namespace, &statements).await
}

/// Statements about a role that are left out where it does not exist.
fn if_exists(role: &str, statements: &str) -> String {
    let known = format!("EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {})", literal(role));
    format!("DO {}", literal(&format!("BEGIN IF {known} THEN {statements}; END IF; END")))
}

fn role_name(namespace: &str, kind: &str, site: &str) -> String {
    let site: String = site.chars().take(6).collect();
    let ending = format!("_{kind}_{site}");
    let room = LONGEST.saturating_sub(ending.len());
    if namespace.len() <= room {
        return format!("{namespace}{ending}");
    }
    // Two long names must not become one.
    let hash: String = blake3::hash(namespace.as_bytes()).to_hex().chars().take(8).collect();
    let mut cut = room.saturating_sub(hash.len() + 1);
    while !namespace.is_char_boundary(cut) {
        cut -= 1;
    }
    let (head, _) = namespace.split_at(cut);
    format!("{head}_{hash}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "3f9a1c77aa";

    #[test]
    fn names_fit_and_never_meet() {
        let name = |namespace: &str| TenantRoles::of(&Namespace(namespace.to_owned()), SITE).read_write;
        assert_eq!(name("tenant_acme"), "tenant_acme_rw_3f9a1c");
        let long = format!("tenant_{}", "x".repeat(50));
        let longer = format!("{}{}", "ü".repeat(40), 1);
        for namespace in [long.as_str(), longer.as_str()] {
            assert!(name(namespace).len() <= LONGEST, "{}", name(namespace));
        }
        assert_ne!(name(&format!("{}a", "x".repeat(80))), name(&format!("{}b", "x".repeat(80))));
        let elsewhere = TenantRoles::of(&Namespace("tenant_acme".into()), "other");
        assert_ne!(elsewhere.read_write, name("tenant_acme"));
    }

    #[test]
    fn a_hostile_namespace_stays_inside_its_quotes() {
        let namespace = Namespace("a\"; DROP ROLE x; --'$fixtool$".into());
        let roles = TenantRoles::of(&namespace, SITE);
        let blocks = [roles.create(), roles.drop(), roles.lock_out(&namespace), roles.withdraw(&namespace)].concat();
        for statement in &blocks {
            let body = statement.strip_prefix("DO '").and_then(|s| s.strip_suffix('\'')).unwrap();
            assert!(!body.replace("''", "").contains('\''), "{statement}");
        }
        for statement in roles.grant(&namespace) {
            assert!(!statement.replace("\"\"", "").contains("a\";"), "{statement}");
        }
    }
}
