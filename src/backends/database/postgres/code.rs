//! What of a tenant's own making runs when its tables are written, and as whom it may run.
//!
//! A tenant's owner may hang code on a table: triggers, rules, defaults, conditions, index expressions, domains, casts.
//! fixtool usually has more rights than the owner, so none of that may run with fixtool's. What is a tenant's code is
//! told by what an expression names: functions and operators of PostgreSQL that only reckon are not, and neither are
//! those of extensions, which a superuser installed. PostgreSQL has functions that run what they are told to
//! (`query_to_xml`, `set_config`): those count as the tenant's code too.
//!
//! Must be asked in the transaction that writes, with the tables locked: afterwards no trigger can be added.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::error::translate;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Whether a function `f`, a member of the extension `m` if of any, only reckons: it runs nothing that it is told to run.
const HARMLESS: &str = r#"CASE
        WHEN f.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid THEN
            f.provolatile OPERATOR(pg_catalog.=) 'i'::pg_catalog."char"
            OR f.provolatile OPERATOR(pg_catalog.=) 's'::pg_catalog."char"
               AND f.proname::pg_catalog.text OPERATOR(pg_catalog.!~) '(_to_xml|^pg_input_)'
            OR f.proname OPERATOR(pg_catalog.=) ANY (ARRAY['nextval', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'random',
               'clock_timestamp', 'timeofday', 'txid_current', 'pg_current_xact_id']::pg_catalog.name[])
        ELSE m.extname IS NOT NULL AND (f.provolatile OPERATOR(pg_catalog.=) 'i'::pg_catalog."char"
            OR m.extname OPERATOR(pg_catalog.=) ANY (ARRAY['uuid-ossp', 'pgcrypto']::pg_catalog.name[]))
        END"#;

/// What a superuser's extensions brought.
const MEMBERS: &str = r#"
    SELECT d.classid, d.objid, e.extname FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
    JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) e.extowner AND o.rolsuper
    WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid
      AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char""#;

/// Of tables by their full names: with them those to which a foreign key passes a change on, or, where rows are removed
/// (`$2`), a removal, and the children of all of them.
pub(super) const REACHED: &str = r#"given AS (
    SELECT pg_catalog.to_regclass(w.name)::pg_catalog.oid AS id FROM pg_catalog.unnest($1::pg_catalog.text[]) AS w (name)
), reached (id, passed_on) AS (
    SELECT id, false FROM given
    UNION
    SELECT n.id, n.passed_on FROM reached r CROSS JOIN LATERAL (
        SELECT h.inhrelid AS id, r.passed_on FROM pg_catalog.pg_inherits h WHERE h.inhparent OPERATOR(pg_catalog.=) r.id
        UNION ALL
        SELECT k.conrelid, true FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) d.objid
        WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
          AND d.refobjid OPERATOR(pg_catalog.=) r.id
          AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid
          AND k.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog."char" AND k.confrelid OPERATOR(pg_catalog.=) r.id
          AND k.conrelid OPERATOR(pg_catalog.<>) r.id
          AND (k.confupdtype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::pg_catalog."char"[])
               OR $2 AND k.confdeltype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::pg_catalog."char"[]))
    ) n
)"#;

/// Tables of those that are reached whose writing runs a tenant's code, and that code.
const CODE: &str = r#"
WITH RECURSIVE {REACHED}, types (id, rel) AS (
    SELECT a.atttypid, r.id FROM reached r JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) r.id
    WHERE a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
      AND a.atttypid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
    UNION
    SELECT n.id, s.rel FROM types s JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) s.id
    CROSS JOIN LATERAL (
        SELECT t.typbasetype AS id UNION ALL SELECT t.typelem
        UNION ALL SELECT g.rngsubtype FROM pg_catalog.pg_range g WHERE g.rngtypid OPERATOR(pg_catalog.=) t.oid
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype OPERATOR(pg_catalog.=) 'c'::pg_catalog."char" AND a.attrelid OPERATOR(pg_catalog.=) t.typrelid
          AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
    ) n WHERE n.id OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
), trees (rel, what, tree) AS (
    SELECT r.id, pg_catalog.format('the default or generated value of %I', a.attname), f.adbin::pg_catalog.text
    FROM reached r JOIN pg_catalog.pg_attrdef f ON f.adrelid OPERATOR(pg_catalog.=) r.id
    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) r.id AND a.attnum OPERATOR(pg_catalog.=) f.adnum
    UNION ALL
    SELECT r.id, pg_catalog.format('the check %I', k.conname), k.conbin::pg_catalog.text
    FROM reached r JOIN pg_catalog.pg_constraint k ON k.conrelid OPERATOR(pg_catalog.=) r.id WHERE k.conbin IS NOT NULL
    UNION ALL
    SELECT r.id, pg_catalog.format('the index %I', c.relname),
           pg_catalog.concat(i.indexprs::pg_catalog.text, i.indpred::pg_catalog.text)
    FROM reached r JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) r.id
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    UNION ALL
    SELECT r.id, pg_catalog.format('the statistics %I', x.stxname), pg_catalog.to_jsonb(x) OPERATOR(pg_catalog.->>) 'stxexprs'
    FROM reached r JOIN pg_catalog.pg_statistic_ext x ON x.stxrelid OPERATOR(pg_catalog.=) r.id
    UNION ALL
    SELECT r.id, 'the partition key', p.partexprs::pg_catalog.text
    FROM reached r JOIN pg_catalog.pg_partitioned_table p ON p.partrelid OPERATOR(pg_catalog.=) r.id
    UNION ALL
    SELECT s.rel, pg_catalog.format('the condition of the domain %I', t.typname), k.conbin::pg_catalog.text
    FROM types s JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) s.id
    JOIN pg_catalog.pg_constraint k ON k.contypid OPERATOR(pg_catalog.=) s.id WHERE k.conbin IS NOT NULL
    UNION ALL
    SELECT s.rel, pg_catalog.format('the default of the domain %I', t.typname), t.typdefaultbin::pg_catalog.text
    FROM types s JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) s.id
    WHERE t.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog."char" AND t.typdefaultbin IS NOT NULL
), named (rel, what, kind, id) AS (
    SELECT t.rel, t.what, m.part[1], m.part[2]::pg_catalog.oid
    FROM trees t CROSS JOIN LATERAL pg_catalog.regexp_matches(t.tree,
         ':(funcid|opfuncid|opno|resulttype|consttype|vartype|funcresulttype|opresulttype|typeId) ([0-9]+)', 'g') AS m (part)
    UNION
    SELECT t.rel, t.what, 'opno', n.id::pg_catalog.oid
    FROM trees t CROSS JOIN LATERAL pg_catalog.regexp_matches(t.tree, ':opnos \(o ([0-9 ]+)\)', 'g') AS m (part)
    CROSS JOIN LATERAL pg_catalog.regexp_split_to_table(m.part[1], ' ') AS n (id) WHERE n.id OPERATOR(pg_catalog.<>) ''
), members AS (
{MEMBERS}
), functions AS (
    SELECT n.rel, n.what, p.oid, p.proname, p.provolatile, p.pronamespace, p.proowner
    FROM named n LEFT JOIN pg_catalog.pg_operator o
         ON n.kind OPERATOR(pg_catalog.=) 'opno' AND o.oid OPERATOR(pg_catalog.=) n.id
    JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=)
         CASE WHEN n.kind OPERATOR(pg_catalog.=) 'opno' THEN o.oprcode::pg_catalog.oid ELSE n.id END
    WHERE n.kind OPERATOR(pg_catalog.=) ANY (ARRAY['funcid', 'opfuncid', 'opno'])
), found (rel, what, owner) AS (
    SELECT r.id, pg_catalog.format('the trigger %I', t.tgname), p.proowner
    FROM reached r JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) r.id AND NOT t.tgisinternal
    JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
    WHERE t.tgenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog."char"
    UNION ALL
    SELECT r.id, pg_catalog.format('the rule %I', w.rulename), c.relowner
    FROM reached r JOIN pg_catalog.pg_rewrite w ON w.ev_class OPERATOR(pg_catalog.=) r.id
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.id
    WHERE w.ev_type OPERATOR(pg_catalog.<>) '1'::pg_catalog."char" AND w.ev_enabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog."char"
    UNION ALL
    SELECT f.rel, pg_catalog.format('%s (%I)', f.what, f.proname), f.proowner
    FROM functions f LEFT JOIN members m
         ON m.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
         AND m.objid OPERATOR(pg_catalog.=) f.oid
    WHERE NOT {HARMLESS}
    UNION ALL
    SELECT u.rel, pg_catalog.format('%s (the type %I)', u.what, t.typname), t.typowner
    FROM (SELECT s.rel, 'a column'::pg_catalog.text AS what, s.id FROM types s
          UNION SELECT n.rel, n.what, n.id FROM named n
          WHERE n.kind OPERATOR(pg_catalog.<>) ALL (ARRAY['funcid', 'opfuncid', 'opno'])
            AND n.id OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid) u
    JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) u.id
    LEFT JOIN members m ON m.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid
         AND m.objid OPERATOR(pg_catalog.=) u.id
    WHERE m.objid IS NULL
)
SELECT c.oid::pg_catalog.regclass::pg_catalog.text AS name, f.what, r.passed_on, w.rolname::pg_catalog.text AS table_owner,
       w.rolsuper OR w.rolname OPERATOR(pg_catalog.=) current_user AS ours, o.rolname::pg_catalog.text AS made_by,
       o.rolsuper OR o.rolname OPERATOR(pg_catalog.=) current_user AS by_us,
       f.what OPERATOR(pg_catalog.~) '^a column ' AS by_type, n.oid::pg_catalog.int8 AS schema
FROM found f JOIN reached r ON r.id OPERATOR(pg_catalog.=) f.rel
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.rel
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_roles w ON w.oid OPERATOR(pg_catalog.=) c.relowner
LEFT JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) f.owner
ORDER BY r.passed_on, name, f.what"#;

/// Expressions that the planner looks at whenever a table is read, with the tenant's functions in them: it reckons what
/// hangs on no row beforehand, for a count as well as for a COPY of a query. Only the owner of a table can hang them
/// on it, so tables that are ours or a superuser's are not looked at. The functions of a view are called as whoever reads it.
const PLANNED: &str = r#"
WITH trees (name, what, tree) AS (
    SELECT w.name, x.what, x.tree FROM pg_catalog.unnest($1::pg_catalog.text[]) AS w (name)
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(w.name)::pg_catalog.oid
    JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) c.relowner AND NOT o.rolsuper
         AND o.rolname OPERATOR(pg_catalog.<>) current_user
    CROSS JOIN LATERAL (
        SELECT pg_catalog.format('the index %I', n.relname) AS what,
               pg_catalog.concat(i.indexprs::pg_catalog.text, i.indpred::pg_catalog.text) AS tree
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class n ON n.oid OPERATOR(pg_catalog.=) i.indexrelid
        WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid
        UNION ALL
        SELECT pg_catalog.format('the statistics %I', s.stxname), pg_catalog.to_jsonb(s) OPERATOR(pg_catalog.->>) 'stxexprs'
        FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid OPERATOR(pg_catalog.=) c.oid
        UNION ALL
        SELECT 'the partition key', p.partexprs::pg_catalog.text
        FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid OPERATOR(pg_catalog.=) c.oid
        UNION ALL
        SELECT 'the query', r.ev_action::pg_catalog.text
        FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid
          AND c.relkind OPERATOR(pg_catalog.=) 'v'::pg_catalog."char" AND r.ev_type OPERATOR(pg_catalog.=) '1'::pg_catalog."char"
        UNION ALL
        SELECT 'the query', k.conbin::pg_catalog.text
        FROM pg_catalog.pg_rewrite r
        CROSS JOIN LATERAL pg_catalog.regexp_matches(r.ev_action::pg_catalog.text, ':resulttype ([0-9]+)', 'g') AS m (part)
        JOIN pg_catalog.pg_type d ON d.oid OPERATOR(pg_catalog.=) m.part[1]::pg_catalog.oid
        JOIN pg_catalog.pg_constraint k ON k.contypid OPERATOR(pg_catalog.=) ANY (ARRAY[d.oid, d.typbasetype])
        WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid AND d.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog."char"
    ) x WHERE x.tree OPERATOR(pg_catalog.<>) ''
), members AS ({MEMBERS}
)
SELECT DISTINCT t.name, t.what, t.tree, x.part[1] AS kind, x.part[2] AS id, f.proname::pg_catalog.text AS function,
       l.lanname OPERATOR(pg_catalog.=) 'sql'::pg_catalog.name OR t.what OPERATOR(pg_catalog.=) 'the query' AS inlined
FROM trees t
CROSS JOIN LATERAL pg_catalog.regexp_matches(t.tree, ':(funcid|opfuncid|opno|aggfnoid|winfnoid) ([0-9]+)', 'g') AS x (part)
LEFT JOIN pg_catalog.pg_operator o ON x.part[1] OPERATOR(pg_catalog.=) 'opno'
     AND o.oid OPERATOR(pg_catalog.=) x.part[2]::pg_catalog.oid
JOIN pg_catalog.pg_proc f ON f.oid OPERATOR(pg_catalog.=) COALESCE(o.oprcode::pg_catalog.oid, x.part[2]::pg_catalog.oid)
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) f.prolang
LEFT JOIN members m ON m.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
     AND m.objid OPERATOR(pg_catalog.=) f.oid
WHERE NOT {HARMLESS}"#;

/// The tables, by their full names, a query of which would run their owner's code with our rights, each with the refusal.
pub(super) async fn planned(
    connection: &mut PgConnection,
    tables: &[String],
) -> Result<BTreeMap<String, DatabaseError>, DatabaseError> {
    let sql = PLANNED.replace("{MEMBERS}", MEMBERS).replace("{HARMLESS}", HARMLESS);
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(tables).fetch_all(connection).await.map_err(translate)?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let text = |column: &str| row.try_get::<String, _>(column).map_err(translate);
        let inlined: bool = row.try_get("inlined").map_err(translate)?;
        if inlined || is_reckoned(&text("tree")?, &format!(":{} {} ", text("kind")?, text("id")?)) {
            let (table, function, what) = (text("name")?, text("function")?, text("what")?);
            let message = format!(
                "to ask {table} would run {function} of {what}, which is its owner's code, with fixtool's rights"
            );
            let error = DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message).with_help(
                "drop it, or give fixtool an address whose user is the table's owner: then it has no other rights than his",
            );
            found.entry(table).or_insert(error);
        }
    }
    Ok(found)
}

/// Whether a call in a tree, found by what names it, hangs on no column, so that the planner may reckon it.
fn is_reckoned(tree: &str, call: &str) -> bool {
    tree.match_indices(call).any(|(at, _)| {
        // The call's node begins before what names it, and ends where its braces do.
        let begin = tree.get(..at).and_then(|before| before.rfind('{')).unwrap_or_default();
        let mut depth = 0_i32;
        let end = tree.get(begin..).unwrap_or_default().find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let node = tree.get(begin..begin + end.unwrap_or_default()).unwrap_or_default();
        !node.contains("{VAR ")
    })
}

/// Roles that may make things in a schema, and are neither ours nor superusers: the tenant's owners. fixtool's own
/// owner role comes first.
const OWNERS: &str = "\
SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
WHERE n.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'
  AND NOT r.rolsuper AND r.rolname OPERATOR(pg_catalog.<>) current_user
ORDER BY r.rolname::pg_catalog.text OPERATOR(pg_catalog.!~) '_owner_[0-9a-f]{1,6}$', r.rolname";

/// What a write does to a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Inserts and updates.
    Writes,
    /// Removes as well, which foreign keys may pass on.
    Removes,
}

/// As whom statements on some tables are carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Road {
    /// Nothing of the tenant's can run: by us.
    Direct,
    /// Something of the tenant's runs: by this role, in a place that it cannot leave.
    AsOwner(String),
}

impl Road {
    /// The road for tables, given by their full names, which must be locked.
    ///
    /// # Errors
    /// If code would run with our rights and there is no role of the tenant's that could run it.
    pub async fn for_tables(
        connection: &mut PgConnection,
        tables: &[String],
        effect: Effect,
    ) -> Result<Self, DatabaseError> {
        let sql = CODE.replace("{REACHED}", REACHED).replace("{MEMBERS}", MEMBERS).replace("{HARMLESS}", HARMLESS);
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(tables)
            .bind(effect == Effect::Removes)
            .fetch_all(&mut *connection)
            .await
            .map_err(translate)?;
        let mut found: Vec<Code> = rows.iter().map(Code::read).collect::<Result<_, _>>()?;
        // A type of our own is none of the tenant's making.
        found.retain(|code| !(code.by_type && code.by_us));
        let Some(first) = found.first() else { return Ok(Self::Direct) };
        // A foreign key removes rows as the owner of their table, whoever asked for it.
        if let Some(passed) = found.iter().find(|code| code.passed_on && code.ours && !code.by_us) {
            return Err(passed.refused("a foreign key would run it with the rights of the table's owner"));
        }
        if !first.ours {
            return Ok(Self::AsOwner(first.table_owner.clone()));
        }
        let owners: Vec<String> =
            sqlx::query_scalar(OWNERS).bind(first.schema).fetch_all(&mut *connection).await.map_err(translate)?;
        let mut others = found.iter().filter(|code| !code.by_us);
        match (owners.into_iter().next(), others.next()) {
            (Some(owner), _) => Ok(Self::AsOwner(owner)),
            // Nobody but us could have made it, or can change what it means.
            (None, None) => Ok(Self::AsOwner(first.table_owner.clone())),
            (None, Some(other)) => match &other.made_by {
                Some(maker) if others.all(|code| code.made_by.as_ref() == Some(maker)) => {
                    Ok(Self::AsOwner(maker.clone()))
                }
                _ => Err(other.refused("there is no role of the tenant's that could run it")),
            },
        }
    }
}

/// A piece of a tenant's code.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none follows from another")]
struct Code {
    table: String,
    what: String,
    /// It is reached by a foreign key.
    passed_on: bool,
    table_owner: String,
    /// The table belongs to us or to a superuser.
    ours: bool,
    /// Whose code it is.
    made_by: Option<String>,
    /// The code was made by us or by a superuser.
    by_us: bool,
    /// It is there because a column's type is not PostgreSQL's own.
    by_type: bool,
    schema: i64,
}

impl Code {
    fn read(row: &sqlx::postgres::PgRow) -> Result<Self, DatabaseError> {
        Ok(Self {
            table: row.try_get("name").map_err(translate)?,
            what: row.try_get("what").map_err(translate)?,
            passed_on: row.try_get("passed_on").map_err(translate)?,
            table_owner: row.try_get("table_owner").map_err(translate)?,
            ours: row.try_get("ours").map_err(translate)?,
            made_by: row.try_get("made_by").map_err(translate)?,
            by_type: row.try_get("by_type").map_err(translate)?,
            by_us: row.try_get::<Option<bool>, _>("by_us").map_err(translate)?.unwrap_or_default(),
            schema: row.try_get("schema").map_err(translate)?,
        })
    }

    fn refused(&self, why: &str) -> DatabaseError {
        let mut message = format!("{} of the table {} is not ours", self.what, self.table);
        // Writing to a string cannot fail.
        let _ = write!(message, ", and {why}");
        DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message)
            .with_help("remove it, disable it, or give the table to a role of the tenant: ALTER TABLE … OWNER TO …")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_hangs_on_no_column_is_reckoned_beforehand() {
        let call = |arguments: &str| format!("{{FUNCEXPR :funcid 16400 :args ({arguments}) :location 9}}");
        let column = "{VAR :varno 1 :varattno 2}";
        assert!(is_reckoned(&call("{CONST :constvalue 4 [ 8 0 0 0 120 ]}"), ":funcid 16400 "));
        assert!(is_reckoned(&call(""), ":funcid 16400 "));
        assert!(!is_reckoned(&call(column), ":funcid 16400 "));
        let inside = format!("{{OPEXPR :opno 98 :opfuncid 67 :args ({} {column})}}", call(""));
        assert!(is_reckoned(&inside, ":funcid 16400 "));
        assert!(!is_reckoned(&inside, ":opfuncid 67 "));
    }
}
