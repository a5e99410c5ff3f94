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

/// What each role may do with everything of a kind: the owner's, the writer's and the reader's, by place. `ALL` would
/// hold TRIGGER, REFERENCES and TRUNCATE too, which are code that runs as others, a lock on others, and a way past
/// every trigger and rule.
const RIGHTS: [(usize, &str, &str); 6] = [
    (0, "TABLES", "SELECT, INSERT, UPDATE, DELETE"),
    (0, "SEQUENCES", "USAGE, SELECT, UPDATE"),
    (1, "TABLES", "SELECT, INSERT, UPDATE, DELETE"),
    (1, "SEQUENCES", "USAGE, SELECT"),
    (2, "TABLES", "SELECT"),
    (2, "SEQUENCES", "SELECT"),
];

/// The roles of one tenant, by name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TenantRoles {
    /// May read and change rows, and make objects of its own in the schema.
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

    /// Statements that give the roles their rights on what will be in the schema.
    pub fn by_default(&self, namespace: &Namespace) -> Vec<String> {
        let (schema, owner) = (identifier(namespace.as_str()), identifier(&self.owner));
        let all = self.all().map(identifier);
        let rights = RIGHTS.iter().filter_map(|(role, things, right)| Some((all.get(*role)?, things, right)));
        rights
            .flat_map(|(role, things, right)| {
                let revoke = by_default(&schema, &owner, &format!("REVOKE ALL ON {things} FROM {role}"));
                let grant = by_default(&schema, &owner, &format!("GRANT {right} ON {things} TO {role}"));
                revoke.into_iter().chain(grant)
            })
            .collect()
    }

    /// Statements that give the roles their rights on what is in the schema and on what will be.
    pub fn grant(&self, namespace: &Namespace) -> Vec<String> {
        let schema = identifier(namespace.as_str());
        let [owner, writer, reader] = self.all().map(identifier);
        let mut statements = vec![
            format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}"),
            format!("GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader}"),
        ];
        let all = [&owner, &writer, &reader];
        for (role, things, right) in RIGHTS {
            let Some(role) = all.get(role) else { continue };
            // Roles made by an earlier fixtool have more than they should.
            statements.push(format!("REVOKE ALL ON ALL {things} IN SCHEMA {schema} FROM {role}"));
            statements.push(format!("GRANT {right} ON ALL {things} IN SCHEMA {schema} TO {role}"));
        }
        statements.extend(self.by_default(namespace));
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

    /// Statements that take every right in the schema away from every member of the roles.
    pub fn lock_out(&self, namespace: &Namespace) -> Vec<String> {
        let schema = identifier(namespace.as_str());
        let owner = identifier(&self.owner);
        let revoke = |role: &str| {
            let quoted = identifier(role);
            let mut statements = vec![format!("REVOKE ALL ON SCHEMA {schema} FROM {quoted}")];
            statements.extend(
                ["TABLES", "SEQUENCES", "ROUTINES"]
                    .map(|things| format!("REVOKE ALL ON ALL {things} IN SCHEMA {schema} FROM {quoted}")),
            );
            for things in ["TABLES", "SEQUENCES"] {
                statements.extend(by_default(&schema, &owner, &format!("REVOKE ALL ON {things} FROM {quoted}")));
            }
            if_exists(role, &statements.join("; "))
        };
        self.all().into_iter().map(revoke).collect()
    }

    /// Statements that take every right in the schema back and remove the roles, while the schema stays.
    pub fn withdraw(&self, namespace: &Namespace) -> Vec<String> {
        self.lock_out(namespace).into_iter().chain(self.drop()).collect()
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

/// A default privilege of what fixtool's user makes, and of what the owner's members make in its name where fixtool's
/// user may say so.
fn by_default(schema: &str, owner: &str, privilege: &str) -> [String; 2] {
    let of = |role: &str| format!("ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {schema} {privilege}");
    let body = format!(
        "BEGIN {}; EXCEPTION WHEN insufficient_privilege OR undefined_object OR invalid_schema_name THEN NULL; END",
        of(owner)
    );
    [of("CURRENT_USER"), format!("DO {}", literal(&body))]
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
