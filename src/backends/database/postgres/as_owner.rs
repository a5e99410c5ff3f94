//! Statements that a role of the tenant carries out in our transaction, in a place that it cannot leave.
//!
//! `SET ROLE` is no boundary: a trigger says `RESET ROLE` and has our rights. Neither is a SECURITY DEFINER function
//! alone: a trigger that it defers fires at the end of the transaction, as us. PostgreSQL has one place that holds: what
//! refreshes a materialized view runs as the view's owner in a "security-restricted operation". There nobody can change
//! the role, defer a trigger, make a temporary table, prepare a statement or leave a setting behind. So the statements
//! are the body of a function, the function is the query of a materialized view that belongs to the role, and both are
//! gone when the transaction ends. Nobody else ever sees them.
//!
//! The function is the caller's in every respect: it has no rights of its own.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::code::{Effect, Road};
use super::error::translate;
use super::own;
use super::rows::run;
use super::session::{keep, owned_by_others};
use crate::backends::database::quote::{identifier, literal, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace};

/// A value that a statement names as `$1`, `$2` and so on.
#[derive(Debug, Clone, Copy)]
pub enum Bound<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Number(i64),
}

/// Who carries statements out, in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hand {
    /// We: nothing of the tenant's can run.
    #[default]
    Ours,
    /// A role of the tenant.
    Owner(Owner),
}

impl Hand {
    /// Locks tables, by their full names, and sees by whom they can be written. Nothing that would change the answer can be
    /// made before the transaction ends.
    pub async fn for_tables(
        connection: &mut PgConnection,
        namespace: &Namespace,
        (tables, effect): (&[String], Effect),
    ) -> Result<Self, DatabaseError> {
        own::hold(connection, namespace).await?;
        // An index that is made concurrently, and statistics, do not wait for whoever writes.
        let others = owned_by_others(connection, tables, "ROW EXCLUSIVE").await?;
        keep(connection, &others).await?;
        match Road::for_tables(connection, tables, effect).await? {
            Road::Direct => Ok(Self::Ours),
            Road::AsOwner(role) => Ok(Self::Owner(Owner::engage(connection, namespace, &role).await?)),
        }
    }

    /// Carries out a statement; the rows that it changed.
    pub async fn execute(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<u64, DatabaseError> {
        match self {
            Self::Ours => {
                let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
                let query = values.iter().fold(query, |query, value| match value {
                    Bound::Text(text) => query.bind((*text).to_owned()),
                    Bound::Number(number) => query.bind(*number),
                });
                query.execute(connection).await.map(|done| done.rows_affected()).map_err(translate)
            }
            Self::Owner(owner) => owner.execute(connection, sql, values).await,
        }
    }

    /// What a query gives; all its columns are texts.
    pub async fn texts<const COLUMNS: usize>(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<Vec<[Option<String>; COLUMNS]>, DatabaseError> {
        match self {
            Self::Ours => {
                let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
                let query = values.iter().fold(query, |query, value| match value {
                    Bound::Text(text) => query.bind((*text).to_owned()),
                    Bound::Number(number) => query.bind(*number),
                });
                let rows = query.fetch_all(connection).await.map_err(translate)?;
                let read = |row: &sqlx::postgres::PgRow| {
                    let mut texts = [const { None }; COLUMNS];
                    for (at, text) in texts.iter_mut().enumerate() {
                        *text = row.try_get(at).map_err(translate)?;
                    }
                    Ok(texts)
                };
                rows.iter().map(read).collect()
            }
            Self::Owner(owner) => {
                let names: Vec<String> = (0..COLUMNS).map(|at| format!("c{at}")).collect();
                let names = names.join(", ");
                let sql = format!("SELECT ARRAY[{names}]::pg_catalog.text[] FROM ({sql}) AS q ({names})");
                let rows = owner.texts(connection, &sql, values).await?;
                Ok(rows
                    .into_iter()
                    .map(|row| <[_; COLUMNS]>::try_from(row).unwrap_or([const { None }; COLUMNS]))
                    .collect())
            }
        }
    }

    /// The one number that a query gives as a text; 0 for none.
    pub async fn number(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<u64, DatabaseError> {
        let rows = self.texts::<1>(connection, sql, values).await?;
        let first = rows.into_iter().next().and_then(|[number]| number);
        Ok(first.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// Lets a role of the tenant read a table of ours, given by its full name.
    pub async fn show(&self, connection: &mut PgConnection, table: &str) -> Result<(), DatabaseError> {
        match self {
            Self::Ours => Ok(()),
            Self::Owner(owner) => owner.show(connection, table).await,
        }
    }

    /// Lets a role of the tenant read a namespace of ours.
    pub async fn show_schema(&self, connection: &mut PgConnection, namespace: &Namespace) -> Result<(), DatabaseError> {
        let Self::Owner(owner) = self else { return Ok(()) };
        let (schema, role) = (identifier(namespace.as_str()), identifier(&owner.role));
        run(
            connection,
            format!(
                "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
            ),
        )
        .await
    }

    /// Lets a role of the tenant write to a table in a namespace of ours; statements that take back what was lent.
    pub async fn lend(
        &self,
        connection: &mut PgConnection,
        (namespace, table): (&Namespace, &str),
    ) -> Result<Vec<String>, DatabaseError> {
        let Self::Owner(owner) = self else { return Ok(Vec::new()) };
        let schema = identifier(namespace.as_str());
        let mut lent = owner.grant(connection, ("schema", &schema), ("USAGE", "USAGE")).await?;
        lent.extend(owner.grant(connection, ("table", table), ("INSERT", "INSERT")).await?);
        Ok(lent)
    }

    /// Must be called before the transaction is committed.
    pub async fn dismiss(&self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        match self {
            Self::Ours => Ok(()),
            Self::Owner(owner) => owner.dismiss(connection).await,
        }
    }
}

/// The function and the view that are made for one call.
const FUNCTION: &str = "_fixtool_as_owner";
const RESULT: &str = "_fixtool_result";

const NOT_ALLOWED: &str = "a trigger or function of the tenant's did what it may not do when fixtool writes for it: change \
    the role, defer a trigger, make a temporary table, prepare a statement";

/// What we are to a role. A membership has options from version 16 on.
const MEMBERSHIP: &str = "\
SELECT current_user::pg_catalog.text,
    pg_catalog.pg_has_role($1::pg_catalog.name, CASE WHEN v.options THEN 'SET' ELSE 'MEMBER' END)
        AND pg_catalog.pg_has_role($1::pg_catalog.name, 'USAGE'),
    CASE WHEN v.options THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END,
    (SELECT pg_catalog.format(' WITH INHERIT %s, SET %s',
            pg_catalog.to_jsonb(m) OPERATOR(pg_catalog.->>) 'inherit_option',
            pg_catalog.to_jsonb(m) OPERATOR(pg_catalog.->>) 'set_option')
     FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.roleid
     JOIN pg_catalog.pg_roles u ON u.oid OPERATOR(pg_catalog.=) m.member
     WHERE v.options AND r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name
       AND u.rolname OPERATOR(pg_catalog.=) current_user AND m.grantor OPERATOR(pg_catalog.=) m.member)
FROM (SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 160000) v (options)";

struct Membership {
    user: String,
    /// We may give things to the role, and work with them.
    suffices: bool,
    /// The options that a grant needs.
    options: String,
    /// The options of what we granted ourselves beforehand.
    before: Option<String>,
}

impl Membership {
    async fn of(connection: &mut PgConnection, role: &str) -> Result<Self, DatabaseError> {
        let row = sqlx::query(MEMBERSHIP).bind(role).fetch_one(connection).await.map_err(translate)?;
        Ok(Self {
            user: row.try_get(0).map_err(translate)?,
            suffices: row.try_get(1).map_err(translate)?,
            options: row.try_get(2).map_err(translate)?,
            before: row.try_get(3).map_err(translate)?,
        })
    }
}

/// A role of the tenant, ready to work in this transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    namespace: Namespace,
    role: String,
    /// Statements that take back what it was lent.
    lent: Vec<String>,
}

impl Owner {
    /// Lets a role work on fixtool's own tables until [`dismiss`](Self::dismiss). Whatever fails in between takes that back with
    /// the transaction.
    async fn engage(connection: &mut PgConnection, namespace: &Namespace, role: &str) -> Result<Self, DatabaseError> {
        let mut owner = Self { namespace: namespace.clone(), role: role.to_owned(), lent: Vec::new() };
        let joined = owner.join(connection).await?;
        // Whatever the tenant deferred is looked at when it happens.
        run(connection, "SET CONSTRAINTS ALL IMMEDIATE".to_owned()).await?;
        let rights = ("DELETE", "SELECT, INSERT, UPDATE, DELETE");
        owner.lent = owner.grant(connection, ("table", &owner.journal()), rights).await?;
        owner.lent.extend(joined);
        Ok(owner)
    }

    /// Makes us a member of the role until the transaction ends, unless we have its rights; the statement that takes that
    /// back. Only who is a member may give a thing to a role and still work with it.
    async fn join(&self, connection: &mut PgConnection) -> Result<Option<String>, DatabaseError> {
        let membership = Membership::of(connection, &self.role).await?;
        if membership.suffices {
            return Ok(None);
        }
        let role = identifier(&self.role);
        let grant = format!("GRANT {role} TO CURRENT_USER{}", membership.options);
        let refused = || {
            let user = identifier(&membership.user);
            let message = format!(
                "the tenant's code that this write runs must run as the role {role}, and fixtool's user {user} may not act for it"
            );
            DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message).with_help(format!(
                "let a superuser say: GRANT {role} TO {user}{}; ALTER ROLE {user} INHERIT",
                membership.options
            ))
        };
        run(connection, grant).await.map_err(|error| match error.kind {
            DatabaseErrorKind::Permission => refused(),
            _ => error,
        })?;
        if !Membership::of(connection, &self.role).await?.suffices {
            return Err(refused());
        }
        Ok(Some(match &membership.before {
            Some(options) => format!("GRANT {role} TO CURRENT_USER{options}"),
            None => format!("REVOKE {role} FROM CURRENT_USER"),
        }))
    }

    /// Gives the role rights unless it has them, told by the first; the statement that takes them back. Who owns a thing
    /// has its rights already, and would lose them if they were taken back.
    async fn grant(
        &self,
        connection: &mut PgConnection,
        (kind, name): (&str, &str),
        (told_by, rights): (&str, &str),
    ) -> Result<Vec<String>, DatabaseError> {
        let sql = format!(
            "SELECT pg_catalog.has_{kind}_privilege($1::pg_catalog.name, $2::pg_catalog.text, $3::pg_catalog.text)"
        );
        // A schema's name is looked for as it is, a table's as it is written.
        let looked_for = if kind == "schema" { self.namespace.as_str() } else { name };
        let has: bool = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(&self.role)
            .bind(looked_for)
            .bind(told_by)
            .fetch_one(&mut *connection)
            .await
            .map_err(translate)?;
        if has {
            return Ok(Vec::new());
        }
        let role = identifier(&self.role);
        run(connection, format!("GRANT {rights} ON {kind} {name} TO {role}")).await?;
        Ok(vec![format!("REVOKE {rights} ON {kind} {name} FROM {role}")])
    }

    /// Takes the rights back, and what the tenant's code may have locked for the whole session.
    async fn dismiss(&self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let mut statements = self.lent.clone();
        statements.push("SELECT pg_catalog.pg_advisory_unlock_all()".to_owned());
        run(connection, statements.join("; ")).await
    }

    fn journal(&self) -> String {
        qualified(&self.namespace, "_fixtool_undo")
    }

    /// Lets the role read a table of ours, given by its full name.
    async fn show(&self, connection: &mut PgConnection, table: &str) -> Result<(), DatabaseError> {
        run(connection, format!("GRANT SELECT ON {table} TO {}", identifier(&self.role))).await
    }

    async fn execute(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<u64, DatabaseError> {
        let body = format!(
            "DECLARE n pg_catalog.int8; BEGIN EXECUTE {}{}; GET DIAGNOSTICS n = ROW_COUNT; \
             RETURN NEXT ARRAY[n::pg_catalog.text]; END",
            literal(sql),
            using(values)
        );
        let rows = self.work(connection, &body).await?;
        let count = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or_default())
    }

    /// What a query gives: each row as one array of texts.
    async fn texts(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        self.work(connection, &format!("BEGIN RETURN QUERY EXECUTE {}{}; END", literal(sql), using(values))).await
    }

    async fn work(&self, connection: &mut PgConnection, body: &str) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        // A name that nobody can have taken beforehand.
        let mark = uuid::Uuid::new_v4().simple();
        let function = qualified(&self.namespace, &format!("{FUNCTION}_{mark}"));
        let result = qualified(&self.namespace, &format!("{RESULT}_{mark}"));
        let (role, schema) = (identifier(&self.role), identifier(self.namespace.as_str()));
        // What the tenant wrote finds its own names, as it does for the tenant's application.
        let make = format!(
            "CREATE FUNCTION {function}() RETURNS SETOF pg_catalog.text[] LANGUAGE plpgsql VOLATILE \
             SET search_path = {schema}, public, pg_temp AS {}; \
             CREATE MATERIALIZED VIEW {result} AS SELECT w.r FROM {function}() AS w (r) WITH NO DATA; \
             ALTER MATERIALIZED VIEW {result} OWNER TO {role}",
            literal(body)
        );
        run(connection, make).await?;
        run(connection, format!("REFRESH MATERIALIZED VIEW {result}")).await.map_err(|error| match error.kind {
            DatabaseErrorKind::Permission => error.with_help(NOT_ALLOWED),
            _ => error,
        })?;
        let rows: Vec<Vec<Option<String>>> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT r FROM {result}")))
            .fetch_all(&mut *connection)
            .await
            .map_err(translate)?;
        run(connection, format!("DROP MATERIALIZED VIEW {result}; DROP FUNCTION {function}()")).await?;
        Ok(rows)
    }
}

fn using(values: &[Bound<'_>]) -> String {
    let value = |value: &Bound<'_>| match value {
        Bound::Text(text) => format!("{}::pg_catalog.text", literal(text)),
        Bound::Number(number) => format!("({number})::pg_catalog.int8"),
    };
    let values: Vec<String> = values.iter().map(value).collect();
    if values.is_empty() { String::new() } else { format!(" USING {}", values.join(", ")) }
}
