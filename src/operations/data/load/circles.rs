//! Tables that refer to each other in a circle: which one is loaded first, and which of its references are set when the
//! others are there.

use std::collections::{BTreeMap, BTreeSet};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::observe::SeenTable;
use super::request::{OnError, Request};
use crate::backends::database::Conflict;
use crate::model::Table;

/// What of a source goes into its table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Everything.
    #[default]
    Whole,
    /// All but these columns: the rows that they point at come later.
    But(Vec<String>),
    /// The key and these columns alone.
    Only(Vec<String>),
}

impl Part {
    /// Whether it is everything.
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }

    /// Whether it sets references that were left open.
    pub fn closes(&self) -> bool {
        matches!(self, Self::Only(_))
    }

    /// Whether a column belongs to it.
    pub fn takes(&self, column: &String, key: &[String]) -> bool {
        match self {
            Self::Whole => true,
            Self::But(columns) => !columns.contains(column),
            Self::Only(columns) => columns.contains(column) || key.contains(column),
        }
    }
}

/// Columns of a table that point at another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The columns.
    pub columns: Vec<String>,
    /// The other table.
    pub table: String,
    /// Whether a row may have none.
    pub is_optional: bool,
}

impl Reference {
    /// Those of a table whose columns a source brings, but for rows of the table itself.
    pub fn all(name: &str, table: &Table, carried: &[String]) -> Vec<Self> {
        let keys = table.all_foreign_keys().into_iter();
        let others = keys.filter(|key| key.table != name && key.columns.iter().all(|column| carried.contains(column)));
        let open = |column: &String| {
            !table.primary_key.contains(column) && table.columns.get(column).is_some_and(|of| !of.required)
        };
        let reference = |key: crate::model::ForeignKey| Self {
            is_optional: key.columns.iter().all(open),
            columns: key.columns,
            table: key.table,
        };
        others.map(reference).collect()
    }
}

/// In which order tables are loaded.
#[derive(Debug, Default)]
pub struct Order {
    levels: BTreeMap<String, u32>,
    /// Columns that are set at the end, by table.
    pub open: BTreeMap<String, Vec<String>>,
}

impl Order {
    /// Tables of one level are loaded side by side.
    pub fn level(&self, table: &SeenTable) -> u32 {
        self.levels.get(&table.table).copied().unwrap_or(table.level)
    }
}

/// A load whose tables refer to each other, and that cannot be carried out.
#[derive(Debug, Error, Diagnostic)]
pub enum CircleError {
    /// No reference of the circle may be empty.
    #[error("the tables {tables} refer to each other, and every row must have its references at once")]
    #[diagnostic(
        code(fixtool::data::load::circle),
        help("let one of the references be empty in the model (without 'required'), so that it can be set at the end")
    )]
    Unbreakable {
        /// Their names.
        tables: String,
    },
    /// Rows of a circle cannot be rejected or kept one by one.
    #[error("the tables {tables} refer to each other; {flag} does not go with that")]
    #[diagnostic(
        code(fixtool::data::load::circle),
        help(
            "load them with --on-error stop and --on-conflict error, overwrite or merge, or one after the other in several loads"
        )
    )]
    Unsupported {
        /// Their names.
        tables: String,
        /// What the user asked for.
        flag: String,
    },
}

/// Orders tables by what they point at. Where they point at each other, one of them leaves its references open at first.
pub fn order(request: &Request, tables: &[&SeenTable], conflict: Conflict) -> Result<Order, CircleError> {
    let waits = |table: &SeenTable, on: &Reference| {
        tables.iter().any(|other| other.table == on.table && other.level >= table.level)
    };
    let mut order = Order::default();
    if !tables.iter().any(|table| table.references.iter().any(|on| waits(table, on))) {
        return Ok(order);
    }
    let mut left: BTreeMap<&str, &SeenTable> = tables.iter().map(|table| (table.table.as_str(), *table)).collect();
    let mut level = 0;
    while !left.is_empty() {
        let free = |table: &SeenTable| !table.references.iter().any(|on| left.contains_key(on.table.as_str()));
        let mut next: Vec<&str> = left.iter().filter(|(_, table)| free(table)).map(|(name, _)| *name).collect();
        if next.is_empty() {
            let circle = circle(&left);
            let names = circle.iter().copied().collect::<Vec<_>>().join(", ");
            let first = circle.iter().find_map(|name| left.get(name).and_then(|table| openable(table, &left)));
            let Some((first, columns)) = first else { return Err(CircleError::Unbreakable { tables: names }) };
            if let Some(flag) = unsupported(request, conflict) {
                return Err(CircleError::Unsupported { tables: names, flag });
            }
            order.open.insert(first.to_owned(), columns);
            next.push(first);
        }
        for name in next {
            left.remove(name);
            order.levels.insert(name.to_owned(), level);
        }
        level += 1;
    }
    Ok(order)
}

/// Tables that come back to themselves by their references.
fn circle<'t>(left: &BTreeMap<&'t str, &'t SeenTable>) -> BTreeSet<&'t str> {
    let comes_back = |from: &&'t str| {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut open = vec![*from];
        while let Some(name) = open.pop() {
            for on in left.get(name).iter().flat_map(|table| &table.references) {
                if left.contains_key(on.table.as_str()) && reached.insert(&on.table) {
                    open.push(&on.table);
                }
            }
        }
        reached.contains(from)
    };
    left.keys().copied().filter(|name| comes_back(name)).collect()
}

/// The columns that a table can leave open so that nothing is left that it waits for.
fn openable<'t>(table: &'t SeenTable, left: &BTreeMap<&str, &SeenTable>) -> Option<(&'t str, Vec<String>)> {
    let waiting: Vec<&Reference> = table.references.iter().filter(|on| left.contains_key(on.table.as_str())).collect();
    let has_key = !table.key.is_empty() && table.key.iter().all(|column| table.columns.contains(column));
    let can = has_key && waiting.iter().all(|on| on.is_optional);
    can.then(|| (table.table.as_str(), waiting.iter().flat_map(|on| on.columns.clone()).collect()))
}

fn unsupported(request: &Request, conflict: Conflict) -> Option<String> {
    if request.on_error == OnError::Reject {
        return Some("--on-error reject".to_owned());
    }
    match conflict {
        Conflict::Skip => Some("--on-conflict skip".to_owned()),
        Conflict::Newest => Some("--on-conflict newest".to_owned()),
        Conflict::Error | Conflict::Overwrite | Conflict::Merge => None,
    }
}
