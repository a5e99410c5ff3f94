//! Rows of some tables come back into a living tenant: they are brought beside, compared, and go over in one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::beside;
use super::bring::Bring;
use super::error::SnapshotError;
use super::manifest::Manifest;
use super::room::Checks;
use super::source::SnapshotSource;
use super::take::Watch;
use crate::backends::database::joint::{JointStep, Pair, differ, matching};
use crate::backends::database::quote::{identifier, list, literal};
use crate::backends::database::{DatabaseError, Writer};
use crate::model::{Engine, ForeignKey, Model, Namespace, OnDelete, Table};

/// Whether the rows that a snapshot holds of these tables have a place in the tables of a model.
///
/// # Errors
/// If a table is not in both, or is not what it was.
pub fn fit(manifest: &Manifest, model: &Model, tables: &BTreeSet<String>) -> Result<(), SnapshotError> {
    for name in tables {
        let unknown = || SnapshotError::UnknownTable { table: name.clone() };
        let entry = manifest.table(name).ok_or_else(unknown)?;
        let table = model.tables.get(name).ok_or_else(unknown)?;
        let here: BTreeSet<&String> = table.columns.keys().collect();
        let there: BTreeSet<&String> = entry.columns.iter().collect();
        if here != there || table.primary_key != entry.key {
            return Err(SnapshotError::OtherStructure { table: name.clone() });
        }
        if table.primary_key.is_empty() {
            return Err(SnapshotError::NoKeyToMeetBy { table: name.clone() });
        }
    }
    Ok(())
}

/// Whether the tables of a living tenant were replaced by a run.
///
/// # Errors
/// When the database fails.
pub async fn is_replaced(database: &dyn Writer, living: &Namespace, run: &str) -> Result<bool, DatabaseError> {
    Ok(database.checkpoint(living, run, MARK).await?.is_some())
}

/// Removes what a run left beside the living tenant that was stopped after its rows had gone over, or before.
///
/// # Errors
/// When the database fails.
pub async fn tidy(database: &dyn Writer, run: &str) -> Result<(), DatabaseError> {
    let left = beside::namespace(BESIDE, run);
    if database.namespace_exists(&left).await? {
        database.drop_namespace(&left).await?;
    }
    Ok(())
}

/// What the namespace is called by, with the run.
const BESIDE: &str = "rows";

/// The step under which a run that replaced rows is noted in the tenant, in the transaction of the rows.
const MARK: u32 = 0;

/// Tables whose rows come back.
pub struct Rows<'a> {
    /// From where.
    pub source: Arc<dyn SnapshotSource>,
    /// Where to.
    pub database: Arc<dyn Writer>,
    /// The living tenant.
    pub living: Namespace,
    /// Its tables as they are now.
    pub model: &'a Model,
    /// Which of them.
    pub tables: &'a BTreeSet<String>,
    /// The run by which the namespace beside is called.
    pub run: &'a str,
    /// How rules are written as SQL.
    pub checks: Checks,
    /// Who is told, and asked whether to go on.
    pub watch: Arc<dyn Watch>,
}

/// What became of the rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The table.
    pub table: String,
    /// Rows that were not there.
    pub inserted: u64,
    /// Rows that were otherwise.
    pub updated: u64,
    /// Rows that the snapshot does not have.
    pub deleted: u64,
}

/// Where a count goes.
#[derive(Clone, Copy)]
enum Count {
    Inserted,
    Updated,
    Deleted,
    None,
}

impl Rows<'_> {
    /// Brings the rows back that are missing, and references that are lost, where they point at one of the tables in `gone`. What
    /// is there stays as it is. `None` when the user stopped it.
    ///
    /// # Errors
    /// When the database or the store fails; nothing has changed then.
    pub async fn add_missing(&self, gone: &BTreeSet<String>) -> Result<Option<Vec<Returned>>, SnapshotError> {
        self.over(Some(gone)).await
    }

    /// Makes the tables what they are in the snapshot. `None` when the user stopped it.
    ///
    /// # Errors
    /// When rows that have to go are referred to by others that stay, or the database or the store fails; nothing has changed then.
    pub async fn replace(&self) -> Result<Option<Vec<Returned>>, SnapshotError> {
        if is_replaced(&*self.database, &self.living, self.run).await? {
            tidy(&*self.database, self.run).await?;
            return Ok(Some(Vec::new()));
        }
        self.over(None).await
    }

    async fn over(&self, gone: Option<&BTreeSet<String>>) -> Result<Option<Vec<Returned>>, SnapshotError> {
        fit(self.source.manifest(), self.model, self.tables)?;
        let bring = Bring {
            source: self.source.clone(),
            database: self.database.clone(),
            namespace: beside::namespace(BESIDE, self.run),
            watch: self.watch.clone(),
        };
        let order = self.in_order();
        if !beside::some(&bring, self.checks, (&order, self.run)).await? {
            return Ok(None);
        }
        let engine = self.database.engine();
        let pair = Pair { living: self.living.clone(), beside: bring.namespace.clone() };
        let mut script = Script { engine, pair, model: self.model, order, steps: Vec::new(), counts: Vec::new() };
        match gone {
            Some(gone) => script.add_missing(gone),
            None => script.replace(self.run),
        }
        let changed = self.database.jointly(&script.pair, &script.steps).await;
        // What lies beside is of no use any more, whatever came of it.
        let cleared = self.database.drop_namespace(&bring.namespace).await;
        let returned = script.told(&changed?);
        cleared?;
        Ok(Some(returned))
    }

    /// The tables, parents before children.
    fn in_order(&self) -> Vec<String> {
        let levels = self.model.levels();
        let mut order: Vec<(u32, String)> =
            self.tables.iter().map(|name| (levels.get(name).copied().unwrap_or_default(), name.clone())).collect();
        order.sort();
        order.into_iter().map(|(_, name)| name).collect()
    }
}

/// The statements of one transaction.
struct Script<'a> {
    engine: Engine,
    pair: Pair,
    model: &'a Model,
    order: Vec<String>,
    steps: Vec<JointStep>,
    counts: Vec<(String, Count)>,
}

impl Script<'_> {
    fn table(&self, name: &str) -> Option<&Table> {
        self.model.tables.get(name)
    }

    fn here(&self, name: &str) -> String {
        self.pair.living_table(self.engine, name)
    }

    fn there(&self, name: &str) -> String {
        self.pair.beside_table(self.engine, name)
    }

    fn change(&mut self, table: &str, count: Count, sql: String) {
        let table = table.to_owned();
        self.steps.push(JointStep::Change { table: table.clone(), sql });
        self.counts.push((table, count));
    }

    fn own(&mut self, sql: String) {
        self.steps.push(JointStep::Own(sql));
        self.counts.push((String::new(), Count::None));
    }

    fn told(&self, changed: &[u64]) -> Vec<Returned> {
        let mut all: Vec<Returned> = self
            .order
            .iter()
            .map(|table| Returned { table: table.clone(), inserted: 0, updated: 0, deleted: 0 })
            .collect();
        for ((table, count), rows) in self.counts.iter().zip(changed) {
            let Some(one) = all.iter_mut().find(|one| one.table == *table) else { continue };
            match count {
                Count::Inserted => one.inserted += rows,
                Count::Updated => one.updated += rows,
                Count::Deleted => one.deleted += rows,
                Count::None => {}
            }
        }
        all
    }

    fn add_missing(&mut self, gone: &BTreeSet<String>) {
        for name in self.order.clone() {
            let Some(table) = self.table(&name).cloned() else { continue };
            let parents = table.all_foreign_keys().into_iter().filter(|key| key.table != name);
            let found = parents.map(|key| {
                let nulls = key.columns.iter().map(|column| format!("b.{} IS NULL", identifier(column)));
                let nulls: Vec<String> = nulls.collect();
                format!("({} OR {})", nulls.join(" OR "), self.exists(&table, &key, "b"))
            });
            let mut wanted = vec![self.missing(&name, &table)];
            wanted.extend(found);
            let sql = format!("{} WHERE {} ON CONFLICT DO NOTHING", self.insert(&name, &table), wanted.join(" AND "));
            self.change(&name, Count::Inserted, sql);
            for key in table.all_foreign_keys() {
                if key.on_delete == OnDelete::SetNull && gone.contains(&key.table) {
                    let sql = self.mend(&name, &table, &key);
                    self.change(&name, Count::Updated, sql);
                }
            }
        }
    }

    fn replace(&mut self, run: &str) {
        for name in self.order.clone() {
            if self.engine == Engine::Postgres {
                let sql = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", self.here(&name));
                self.own(sql);
            }
        }
        for name in self.order.clone() {
            self.refuse_if_needed(&name);
        }
        for name in self.order.clone().into_iter().rev() {
            let Some(table) = self.table(&name).cloned() else { continue };
            let sql = format!("DELETE FROM {} AS t WHERE {}", self.here(&name), self.surplus(&name, &table));
            self.change(&name, Count::Deleted, sql);
        }
        for name in self.order.clone() {
            let Some(table) = self.table(&name).cloned() else { continue };
            if let Some(sql) = self.update(&name, &table) {
                self.change(&name, Count::Updated, sql);
            }
            let sql = format!("{} WHERE {}", self.insert(&name, &table), self.missing(&name, &table));
            self.change(&name, Count::Inserted, sql);
        }
        let sql = format!(
            "INSERT INTO {} (run, step, position, finished, state, updated_at) \
             VALUES ({}, {MARK}, 0, TRUE, '{{}}', CURRENT_TIMESTAMP)",
            self.here("_fixtool_checkpoint"),
            literal(run)
        );
        self.own(sql);
    }

    /// A row that goes must not take others with it that stay.
    fn refuse_if_needed(&mut self, name: &str) {
        let Some(table) = self.table(name).cloned() else { return };
        let children: Vec<(String, Table)> =
            self.model.tables.iter().map(|(child, table)| (child.clone(), table.clone())).collect();
        for (child, definition) in children {
            for key in definition.all_foreign_keys().into_iter().filter(|key| key.table == name) {
                let met = matching(self.engine, ("c", &definition, &key.columns), ("t", &key.to));
                let mut wanted = vec![self.surplus(name, &table)];
                // A row that goes itself is in nobody's way.
                if self.order.contains(&child) {
                    let stays = self.same("c", "o", &definition);
                    wanted.push(format!("EXISTS (SELECT 1 FROM {} o WHERE {stays})", self.there(&child)));
                }
                let query = format!(
                    "SELECT {}(*) FROM {} c JOIN {} t ON {met} WHERE {}",
                    if self.engine == Engine::Postgres { "pg_catalog.count" } else { "count" },
                    self.here(&child),
                    self.here(name),
                    wanted.join(" AND ")
                );
                let message = format!(
                    "rows of '{child}' refer to rows of '{name}' that the snapshot does not have, and that would have to go"
                );
                let help = format!("choose '{child}' as well, with --tables, or delete what refers to such rows first");
                self.steps.push(JointStep::Refuse { query, message, help });
                self.counts.push((name.to_owned(), Count::None));
            }
        }
    }

    fn insert(&self, name: &str, table: &Table) -> String {
        let columns: Vec<String> = table.columns.keys().cloned().collect();
        // A column that counts by itself takes the value that it had.
        let overriding = if self.engine == Engine::Postgres { " OVERRIDING SYSTEM VALUE" } else { "" };
        format!(
            "INSERT INTO {} ({}){overriding} SELECT {} FROM {} b",
            self.here(name),
            list("", &columns),
            list("b.", &columns),
            self.there(name)
        )
    }

    fn missing(&self, name: &str, table: &Table) -> String {
        let met = self.same("t", "b", table);
        format!("NOT EXISTS (SELECT 1 FROM {} t WHERE {met})", self.here(name))
    }

    fn surplus(&self, name: &str, table: &Table) -> String {
        let met = self.same("t", "b", table);
        format!("NOT EXISTS (SELECT 1 FROM {} b WHERE {met})", self.there(name))
    }

    /// Whether two rows of a table are one.
    fn same(&self, one: &str, other: &str, table: &Table) -> String {
        matching(self.engine, (one, table, &table.primary_key), (other, &table.primary_key))
    }

    /// Whether the row that is pointed at is there.
    fn exists(&self, table: &Table, key: &ForeignKey, row: &str) -> String {
        let met = matching(self.engine, (row, table, &key.columns), ("p", &key.to));
        format!("EXISTS (SELECT 1 FROM {} p WHERE {met})", self.here(&key.table))
    }

    /// Gives rows the reference back that they lost.
    fn mend(&self, name: &str, table: &Table, key: &ForeignKey) -> String {
        let each = |write: &dyn Fn(&str) -> String, between: &str| {
            key.columns.iter().map(|column| write(&identifier(column))).collect::<Vec<_>>().join(between)
        };
        format!(
            "UPDATE {} AS t SET {} FROM {} AS b WHERE {} AND {} AND {} AND {}",
            self.here(name),
            each(&|column| format!("{column} = b.{column}"), ", "),
            self.there(name),
            self.same("t", "b", table),
            each(&|column| format!("t.{column} IS NULL"), " AND "),
            each(&|column| format!("b.{column} IS NOT NULL"), " AND "),
            self.exists(table, key, "b")
        )
    }

    /// Gives rows the values that they had; `None` for a table that is nothing but its key.
    fn update(&self, name: &str, table: &Table) -> Option<String> {
        let others: Vec<String> =
            table.columns.keys().filter(|column| !table.primary_key.contains(column)).map(|c| identifier(c)).collect();
        if others.is_empty() {
            return None;
        }
        let set: Vec<String> = others.iter().map(|column| format!("{column} = b.{column}")).collect();
        let differs = others.iter().map(|c| differ(self.engine, &format!("t.{c}"), &format!("b.{c}")));
        Some(format!(
            "UPDATE {} AS t SET {} FROM {} AS b WHERE {} AND ({})",
            self.here(name),
            set.join(", "),
            self.there(name),
            self.same("t", "b", table),
            differs.collect::<Vec<_>>().join(" OR ")
        ))
    }
}
