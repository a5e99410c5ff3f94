//! Look-ups by natural key: the rows that a mapping asks for, read once before the load begins.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::error::LoadError;
use crate::backends::database::{Reader, Select};
use crate::model::{LogicalType, Model, Namespace, Row, Value};
use crate::rules::{Coercer, LookupNeed};

/// Most rows of a table that can be looked up: memory stays bounded.
const MOST_ROWS: usize = 250_000;

/// What each look-up of a mapping finds, by key.
#[derive(Debug, Default)]
pub struct Lookups {
    tables: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    need: LookupNeed,
    coercers: Vec<Coercer>,
    rows: HashMap<Vec<String>, Value>,
}

impl Lookups {
    /// Reads what the mapping needs.
    pub async fn read(
        needs: &[LookupNeed],
        model: &Model,
        (namespace, database): (&Namespace, &dyn Reader),
    ) -> Result<Self, LoadError> {
        let mut tables = Vec::new();
        for need in needs {
            let logical = |column: &String| -> Result<LogicalType, LoadError> {
                let table = model.tables.get(&need.table);
                let found = table.and_then(|table| table.columns.get(column)).map(|c| c.logical.clone());
                found.ok_or_else(|| LoadError::Bug { message: format!("no column {}.{column}", need.table) })
            };
            let mut columns = Vec::new();
            for column in need.key.iter().chain(std::iter::once(&need.take)) {
                columns.push((column.clone(), logical(column)?));
            }
            let coercers = columns.iter().take(need.key.len()).map(|(_, of)| Coercer::for_type(of.clone())).collect();
            let what = Select { namespace: namespace.clone(), table: need.table.clone(), columns, order: Vec::new() };
            let rows = rows(&what, need, database).await?;
            tables.push(Found { need: need.clone(), coercers, rows });
        }
        Ok(Self { tables })
    }

    /// What a key stands for; the error is a sentence for people.
    pub fn find(&self, lookup: usize, key: &[String]) -> Result<&Value, String> {
        let Some(found) = self.tables.get(lookup) else { return Err("the look-up was not read".to_owned()) };
        let canonical: Option<Vec<String>> = key
            .iter()
            .zip(&found.coercers)
            .map(|(text, coercer)| coercer.coerce(crate::model::Raw::Text(text)).ok()?.to_text())
            .collect();
        canonical
            .and_then(|key| found.rows.get(&key))
            .ok_or_else(|| format!("no row of {} has this ({})", found.need.table, found.need.key.join(", ")))
    }
}

async fn rows(
    what: &Select,
    need: &LookupNeed,
    database: &dyn Reader,
) -> Result<HashMap<Vec<String>, Value>, LoadError> {
    let (sender, mut receiver) = mpsc::channel::<Vec<Row>>(4);
    let collect = async move {
        let mut rows = HashMap::new();
        while let Some(chunk) = receiver.recv().await {
            for mut row in chunk {
                let Some(taken) = row.pop() else { continue };
                let key: Option<Vec<String>> = row.iter().map(Value::to_text).collect();
                rows.extend(key.map(|key| (key, taken)));
            }
            if rows.len() > MOST_ROWS {
                break;
            }
        }
        rows
    };
    let (read, rows) = tokio::join!(database.select(what, sender), collect);
    read?;
    if rows.len() > MOST_ROWS {
        return Err(LoadError::LookupTooLarge { table: need.table.clone(), most: MOST_ROWS });
    }
    Ok(rows)
}
