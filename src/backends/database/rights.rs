//! Every right that somebody has in a schema of PostgreSQL: taken while a tenant is suspended, and given back as it was.
//!
//! To take the schema's USAGE alone is not enough: names that a session, a view or a function resolved before need it
//! no more. So the rights on the schema, its tables, columns, sequences and routines go, whoever has them, but for
//! superusers and fixtool's own user.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::quote::{identifier, literal};
use super::roles::TenantRoles;
use super::{DatabaseError, Reader};
use crate::model::{Namespace, Value};

/// Rights of one grantee on one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Right {
    /// `SCHEMA`, `TABLE`, `SEQUENCE` or `ROUTINE`.
    pub kind: String,
    /// The object, as statements name it.
    pub object: String,
    /// The grantee; `None` for everybody (PUBLIC).
    pub grantee: Option<String>,
    /// The rights, as statements name them.
    pub rights: String,
    /// Whether the grantee may give them to others.
    pub grantable: bool,
    /// Whether the grantee owns the object, and so can give itself the rights back.
    pub owns: bool,
}

/// The rights of a schema, with the name that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// The schema.
    pub namespace: Namespace,
    /// Its rights.
    pub rights: Vec<Right>,
}

/// Sessions of one login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// The login.
    pub user: String,
    /// How many.
    pub open: usize,
}

impl Right {
    /// Takes it.
    fn take(&self) -> String {
        let Self { kind, object, rights, .. } = self;
        format!("REVOKE {rights} ON {kind} {object} FROM {} CASCADE", self.to())
    }

    /// Gives it; leaves it out where the object or the grantee is gone.
    fn give(&self) -> String {
        let Self { kind, object, rights, .. } = self;
        let more = if self.grantable { " WITH GRANT OPTION" } else { "" };
        let grant = format!("GRANT {rights} ON {kind} {object} TO {}{more}", self.to());
        let gone =
            "undefined_object OR undefined_table OR undefined_function OR undefined_column OR invalid_schema_name";
        format!("DO {}", literal(&format!("BEGIN {grant}; EXCEPTION WHEN {gone} THEN NULL; END")))
    }

    fn to(&self) -> String {
        self.grantee.as_deref().map_or_else(|| "PUBLIC".to_owned(), identifier)
    }

    /// Whether it holds all of another one.
    pub fn covers(&self, other: &Self) -> bool {
        let all = |rights: &str| rights.split(", ").map(ToOwned::to_owned).collect::<std::collections::BTreeSet<_>>();
        (&self.kind, &self.object, &self.grantee) == (&other.kind, &other.object, &other.grantee)
            && all(&other.rights).is_subset(&all(&self.rights))
    }

    /// For people.
    pub fn whose(&self) -> &str {
        self.grantee.as_deref().unwrap_or("PUBLIC")
    }
}

impl Rights {
    /// What anybody has in a schema now.
    ///
    /// # Errors
    /// If the server refuses the question.
    pub async fn of(database: &dyn Reader, namespace: &Namespace) -> Result<Self, DatabaseError> {
        let rows = texts(database, &question(namespace)).await?;
        let right = |row: Vec<Option<String>>| match <[Option<String>; 6]>::try_from(row) {
            Ok([Some(kind), Some(object), grantee, Some(rights), Some(grantable), Some(owns)]) => {
                Some(Right { kind, object, grantee, rights, grantable: grantable == "yes", owns: owns == "yes" })
            }
            _ => None,
        };
        Ok(Self { namespace: namespace.clone(), rights: rows.into_iter().filter_map(right).collect() })
    }

    /// Statements that take all of them.
    pub fn take(&self) -> Vec<String> {
        self.rights.iter().map(Right::take).collect()
    }

    /// Statements that give all of them back.
    pub fn give(&self) -> Vec<String> {
        self.rights.iter().map(Right::give).collect()
    }

    /// Who owns objects, in order: without superusers and fixtool's own user.
    pub fn owners(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.rights.iter().filter(|right| right.owns).map(|right| right.whose().to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Who has any of them, without the tenant's own roles, in order.
    pub fn others(&self, roles: &TenantRoles) -> Vec<String> {
        let own = [&roles.owner, &roles.read_write, &roles.read_only];
        let others = self.rights.iter().map(Right::whose).filter(|whose| !own.iter().any(|role| role == whose));
        let mut names: Vec<String> = others.map(ToOwned::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The same rights in a schema that was renamed since, with the roles that go by its name.
    #[must_use]
    pub fn moved(mut self, to: &Namespace, site: &str) -> Self {
        if self.namespace == *to {
            return self;
        }
        let (from, roles) = (TenantRoles::of(&self.namespace, site), TenantRoles::of(to, site));
        let renamed =
            [(from.owner, roles.owner), (from.read_write, roles.read_write), (from.read_only, roles.read_only)];
        // The server leaves the quotes out where a name needs none.
        let was = [identifier(self.namespace.as_str()), self.namespace.to_string()];
        let is = identifier(to.as_str());
        for right in &mut self.rights {
            let rest = was.iter().find_map(|was| right.object.strip_prefix(was.as_str()));
            if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('.')) {
                right.object = format!("{is}{rest}");
            }
            let role = renamed.iter().find(|(old, _)| right.grantee.as_ref() == Some(old));
            if let Some((_, new)) = role {
                right.grantee = Some(new.clone());
            }
        }
        self.namespace = to.clone();
        self
    }
}

/// Sessions of members of the tenant's roles in this database, without superusers and fixtool's own user.
///
/// # Errors
/// If the server refuses the question.
pub async fn sessions(database: &dyn Reader, roles: &TenantRoles) -> Result<Vec<Sessions>, DatabaseError> {
    let sql = format!(
        "SELECT s.usename::pg_catalog.text, pg_catalog.count(*)::pg_catalog.text {} GROUP BY 1 ORDER BY 1",
        members_at_work(roles)
    );
    let rows = texts(database, &sql).await?;
    let told = |row: Vec<Option<String>>| match row.as_slice() {
        [Some(user), Some(open)] => Some(Sessions { user: user.clone(), open: open.parse().unwrap_or_default() }),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(told).collect())
}

/// The statement that ends these sessions. One that may not be ended stays, and is found by [`sessions`] again.
pub fn end_sessions(roles: &TenantRoles) -> String {
    let body = format!(
        "DECLARE found record; BEGIN FOR found IN SELECT s.pid {} LOOP \
         BEGIN PERFORM pg_catalog.pg_terminate_backend(found.pid); \
         EXCEPTION WHEN insufficient_privilege THEN NULL; END; END LOOP; END",
        members_at_work(roles)
    );
    format!("DO {}", literal(&body))
}

fn members_at_work(roles: &TenantRoles) -> String {
    let names = [&roles.owner, &roles.read_write, &roles.read_only].map(|role| literal(role)).join(", ");
    format!(
        "FROM pg_catalog.pg_stat_activity s JOIN pg_catalog.pg_roles u ON u.oid OPERATOR(pg_catalog.=) s.usesysid \
         WHERE s.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
         AND s.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND NOT u.rolsuper \
         AND u.rolname OPERATOR(pg_catalog.<>) current_user \
         AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname::pg_catalog.text IN ({names}) \
         AND pg_catalog.pg_has_role(u.oid, r.oid, 'MEMBER'::pg_catalog.text))"
    )
}

/// One row a grantee and object. Members of extensions are left out: they are nobody's data.
fn question(namespace: &Namespace) -> String {
    let name = literal(namespace.as_str());
    format!(
        "WITH place AS (SELECT n.oid, n.nspname, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n \
           WHERE n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) {name}::pg_catalog.text), \
         found AS ( \
           SELECT 'SCHEMA' AS kind, pg_catalog.quote_ident(p.nspname) AS object, NULL::pg_catalog.text AS part, \
             p.nspowner AS owner, COALESCE(p.nspacl, pg_catalog.acldefault('n', p.nspowner)) AS acl FROM place p \
           UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, \
             pg_catalog.format('%I.%I', p.nspname, c.relname), NULL, c.relowner, COALESCE(c.relacl, \
             pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's'::\"char\" ELSE 'r'::\"char\" END, c.relowner)) \
             FROM place p JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) p.oid \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
           UNION ALL SELECT 'TABLE', pg_catalog.format('%I.%I', p.nspname, c.relname), \
             pg_catalog.quote_ident(a.attname), c.relowner, a.attacl \
             FROM place p JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) p.oid \
             JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid \
             WHERE a.attacl IS NOT NULL AND NOT a.attisdropped \
           UNION ALL SELECT 'ROUTINE', pg_catalog.format('%I.%I(%s)', p.nspname, f.proname, \
             pg_catalog.pg_get_function_identity_arguments(f.oid)), NULL, f.proowner, \
             COALESCE(f.proacl, pg_catalog.acldefault('f', f.proowner)) \
             FROM place p JOIN pg_catalog.pg_proc f ON f.pronamespace OPERATOR(pg_catalog.=) p.oid \
             WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
               WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass \
               AND d.objid OPERATOR(pg_catalog.=) f.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'::\"char\")) \
         SELECT f.kind, f.object, g.rolname::pg_catalog.text, pg_catalog.string_agg(DISTINCT \
           pg_catalog.concat(x.privilege_type, CASE WHEN f.part IS NULL THEN '' ELSE ' (' END, f.part, \
           CASE WHEN f.part IS NULL THEN '' ELSE ')' END), ', '), \
           CASE WHEN x.is_grantable THEN 'yes' ELSE 'no' END, \
           CASE WHEN x.grantee OPERATOR(pg_catalog.=) f.owner THEN 'yes' ELSE 'no' END \
         FROM found f CROSS JOIN LATERAL pg_catalog.aclexplode(f.acl) x \
         LEFT JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) x.grantee \
         WHERE (x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR (NOT g.rolsuper AND \
           g.rolname OPERATOR(pg_catalog.<>) current_user)) \
         GROUP BY 1, 2, 3, 5, 6 ORDER BY 1, 2, 3, 5"
    )
}

async fn texts(database: &dyn Reader, sql: &str) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
    let (sender, mut receiver) = mpsc::channel(1);
    let text = |value: Value| match value {
        Value::Text(text) => Some(text),
        _ => None,
    };
    let (read, found) = tokio::join!(database.query(sql, sender), async {
        let mut found = Vec::new();
        while let Some(rows) = receiver.recv().await {
            found.extend(rows.into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>()));
        }
        found
    });
    read?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_go_with_a_schema_that_is_renamed() {
        let (old, new) = (Namespace("tenant_a".into()), Namespace("tenant_b".into()));
        let roles = TenantRoles::of(&old, "3f9a1c");
        let right = |object: &str, grantee: &str| Right {
            kind: "TABLE".into(),
            object: object.into(),
            grantee: Some(grantee.into()),
            rights: "SELECT".into(),
            grantable: false,
            owns: false,
        };
        let rights = vec![right("\"tenant_a\".x", &roles.read_only), right("\"tenant_a2\".x", "someone")];
        let moved = Rights { namespace: old, rights }.moved(&new, "3f9a1c");
        assert_eq!(moved.rights[0].object, "\"tenant_b\".x");
        assert_eq!(moved.rights[0].grantee, Some(TenantRoles::of(&new, "3f9a1c").read_only));
        assert_eq!((moved.rights[1].object.as_str(), moved.rights[1].whose()), ("\"tenant_a2\".x", "someone"));
    }

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        let right = Right {
            kind: "TABLE".into(),
            object: "\"s\".\"t\"".into(),
            grantee: Some("x\"; DROP ROLE y; --'".into()),
            rights: "SELECT".into(),
            grantable: true,
            owns: false,
        };
        assert!(right.take().ends_with("FROM \"x\"\"; DROP ROLE y; --'\" CASCADE"), "{}", right.take());
        let body = right.give();
        let body = body.strip_prefix("DO '").and_then(|s| s.strip_suffix('\'')).unwrap();
        assert!(!body.replace("''", "").contains('\''), "{body}");
    }
}
