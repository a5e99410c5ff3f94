//! Whether a model makes sense: every mistake at once, each with the path that leads to it.

use std::collections::{BTreeSet, HashMap};

use super::literal::{self, DefaultValue};
use super::near::nearest;
use super::table::Format;
use super::{Column, ForeignKey, LogicalType, Model, OnDelete, Table};

/// Names longer than this are cut off by PostgreSQL.
pub const MAX_NAME: usize = 63;

/// So many mistakes are told of a model at once. Each carries its whole path, and hostile ones are many and long.
const MOST_FLAWS: usize = 500;

/// A mistake in a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFlaw {
    /// Keys that lead to it: `["tables", "users", "columns", "email", "pattern"]`.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// All mistakes of a model; none when it can be made into a database.
pub fn check(model: &Model) -> Vec<ModelFlaw> {
    let mut flaws = Flaws { path: vec!["tables".to_owned()], found: Vec::new() };
    let mut lower: HashMap<String, &str> = HashMap::new();
    let mut data_types: HashMap<&str, &str> = model.tables.keys().map(|name| (name.as_str(), name.as_str())).collect();
    for (name, table) in &model.tables {
        flaws.within(name, |flaws| {
            check_name(name, "table", flaws);
            if name.len() > MAX_NAME {
                return;
            }
            if let Some(other) = lower.insert(name.to_lowercase(), name) {
                flaws.add(format!("'{name}' and '{other}' differ only in upper and lower case, which SQLite ignores"));
            }
            for data_type in &table.data_types {
                match data_types.insert(data_type, name) {
                    Some(other) if other != name => flaws.at("data_types", |flaws| {
                        flaws.add(format!("the data type '{data_type}' means '{other}' already"));
                    }),
                    _ => {}
                }
            }
            check_table(name, table, model, flaws);
        });
    }
    flaws.found
}

/// Groups of tables that point at each other in a circle, so that none can be loaded first.
pub fn cycles(model: &Model) -> Vec<Vec<String>> {
    let reach = |from: &str| -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from.to_owned()];
        while let Some(name) = open.pop() {
            let keys = model.tables.get(&name).map(Table::all_foreign_keys).unwrap_or_default();
            for key in keys.into_iter().filter(|key| key.table != name) {
                if reached.insert(key.table.clone()) {
                    open.push(key.table);
                }
            }
        }
        reached
    };
    let reached: HashMap<&String, BTreeSet<String>> = model.tables.keys().map(|name| (name, reach(name))).collect();
    let mut cycles: Vec<Vec<String>> = Vec::new();
    for (name, mine) in model.tables.keys().filter_map(|name| Some((name, reached.get(name)?))) {
        if !mine.contains(name) || cycles.iter().any(|cycle| cycle.contains(name)) {
            continue;
        }
        let together = model
            .tables
            .keys()
            .filter(|other| mine.contains(*other) && reached.get(other).is_some_and(|theirs| theirs.contains(name)));
        cycles.push(together.cloned().collect());
    }
    cycles
}

struct Flaws {
    path: Vec<String>,
    found: Vec<ModelFlaw>,
}

impl Flaws {
    fn add(&mut self, message: impl Into<String>) {
        self.push(message.into(), None);
    }

    fn push(&mut self, message: String, help: Option<String>) {
        match self.found.len() {
            0..MOST_FLAWS => self.found.push(ModelFlaw { path: self.path.clone(), message, help }),
            MOST_FLAWS => {
                let message = "there are more mistakes than are told at once: correct these first".to_owned();
                self.found.push(ModelFlaw { path: self.path.clone(), message, help: None });
            }
            _ => {}
        }
    }

    fn within(&mut self, part: &str, check: impl FnOnce(&mut Self)) {
        self.path.push(part.to_owned());
        check(self);
        self.path.pop();
    }

    fn at(&mut self, part: &str, check: impl FnOnce(&mut Self)) {
        self.within(part, check);
    }

    fn unknown<'a>(&mut self, what: &str, name: &str, known: impl Iterator<Item = &'a String>) {
        let near = if self.found.len() < MOST_FLAWS { nearest(name, known.map(String::as_str)) } else { None };
        let help = near.map(|near| format!("did you mean '{near}'?"));
        self.push(format!("there is no {what} '{name}'"), help);
    }
}

fn check_name(name: &str, what: &str, flaws: &mut Flaws) {
    if name.is_empty() {
        flaws.add(format!("a {what} needs a name"));
    } else if name.len() > MAX_NAME {
        flaws.add(format!("the name has {} bytes, a {what}'s name has at most {MAX_NAME}", name.len()));
    } else if name.chars().any(char::is_control) {
        flaws.add(format!("the name of a {what} must not contain control characters"));
    } else if name.to_lowercase().starts_with("_fixtool") {
        flaws.add("names that begin with '_fixtool' are fixtool's own");
    } else if what == "table" && name.to_lowercase().starts_with("sqlite_") {
        flaws.add("names that begin with 'sqlite_' are SQLite's own");
    }
}

fn check_table(name: &str, table: &Table, model: &Model, flaws: &mut Flaws) {
    if table.columns.is_empty() {
        flaws.add(format!("the table '{name}' has no columns"));
    }
    flaws.within("columns", |flaws| {
        let mut lower: HashMap<String, &str> = HashMap::new();
        for (column, definition) in &table.columns {
            flaws.within(column, |flaws| {
                check_name(column, "column", flaws);
                if column.len() > MAX_NAME {
                    return;
                }
                if let Some(other) = lower.insert(column.to_lowercase(), column) {
                    flaws.add(format!("'{column}' and '{other}' differ only in case, which SQLite ignores"));
                }
                check_column(definition, flaws);
            });
        }
    });
    check_keys(table, flaws);
    for key in table.all_foreign_keys() {
        check_foreign_key(&key, table, model, flaws);
    }
    check_descriptions(table, flaws);
}

fn check_column(column: &Column, flaws: &mut Flaws) {
    if let Some(default) = &column.default
        && let Err(error) = DefaultValue::parse(default, &column.logical)
    {
        flaws.at("default", |flaws| flaws.add(error.to_string()));
    }
    check_bounds(column, flaws);
    check_lengths(column, flaws);
    let text = is_text(&column.logical);
    if let Some(pattern) = &column.pattern {
        flaws.at("pattern", |flaws| match regex::Regex::new(pattern) {
            _ if !text => flaws.add(format!("a pattern is for texts, not for {}", column.logical)),
            Err(error) => flaws.add(format!("not a regular expression: {}", last_line(&error.to_string()))),
            Ok(_) => {}
        });
    }
    if let Some(format) = column.format.filter(|_| !text) {
        let name = match format {
            Format::Email => "email",
            Format::Url => "url",
            Format::Ip => "ip",
            Format::Country => "country",
            Format::Currency => "currency",
        };
        flaws.at("format", |flaws| flaws.add(format!("the format '{name}' is for texts, not for {}", column.logical)));
    }
    if column.secret.is_some() && !text && column.logical != LogicalType::Bytes {
        flaws.at("secret", |flaws| flaws.add(format!("a secret is kept as text, not as {}", column.logical)));
    }
    match &column.references {
        Some(to) if !to.contains('.') => {
            flaws.at("references", |flaws| flaws.add(format!("'{to}' names no column: write table.column")));
        }
        None if column.on_delete.is_some() => {
            flaws.at("on_delete", |flaws| flaws.add("'on_delete' says nothing without 'references'"));
        }
        _ => {}
    }
}

fn is_text(logical: &LogicalType) -> bool {
    matches!(logical, LogicalType::Text | LogicalType::String(_) | LogicalType::Enum(_) | LogicalType::Native(_))
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

fn check_bounds(column: &Column, flaws: &mut Flaws) {
    let ordered = matches!(
        column.logical,
        LogicalType::Int
            | LogicalType::BigInt
            | LogicalType::Decimal(..)
            | LogicalType::Float
            | LogicalType::Timestamp
            | LogicalType::Date
    );
    let mut read = |part: &str, text: &Option<String>| {
        let text = text.as_ref()?;
        let value = if ordered {
            literal::parse(text, &column.logical).map_err(|error| error.to_string())
        } else {
            Err(format!("bounds are for numbers and times, not for {}", column.logical))
        };
        value.map_err(|message| flaws.at(part, |flaws| flaws.add(message))).ok()
    };
    let (min, max) = (read("min", &column.min), read("max", &column.max));
    if let (Some(min), Some(max)) = (min, max)
        && literal::compare(&min, &max) != Some(std::cmp::Ordering::Less)
        && literal::compare(&min, &max) != Some(std::cmp::Ordering::Equal)
    {
        flaws.at("max", |flaws| flaws.add("'max' is less than 'min'"));
    }
}

fn check_lengths(column: &Column, flaws: &mut Flaws) {
    if (column.min_length.is_some() || column.max_length.is_some()) && !is_text(&column.logical) {
        let part = if column.min_length.is_some() { "min_length" } else { "max_length" };
        flaws.at(part, |flaws| flaws.add(format!("lengths are for texts, not for {}", column.logical)));
        return;
    }
    if let (Some(min), Some(max)) = (column.min_length, column.max_length)
        && min > max
    {
        flaws.at("max_length", |flaws| flaws.add("'max_length' is less than 'min_length'"));
    }
    if let LogicalType::String(most) = column.logical
        && column.min_length.is_some_and(|min| min > most)
    {
        flaws.at("min_length", |flaws| flaws.add(format!("no text of type string({most}) is that long")));
    }
}

fn check_keys(table: &Table, flaws: &mut Flaws) {
    let mut check = |part: &str, keys: &[Vec<String>]| {
        let mut seen: Vec<&Vec<String>> = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            flaws.within(part, |flaws| {
                flaws.within(&at.to_string(), |flaws| check_key(key, table, flaws));
                if seen.contains(&key) {
                    flaws.add(format!("({}) stands there twice", key.join(", ")));
                }
            });
            seen.push(key);
        }
    };
    check("unique", &table.unique);
    check("index", &table.index);
    if !table.primary_key.is_empty() {
        flaws.within("primary_key", |flaws| check_key(&table.primary_key, table, flaws));
    }
}

fn check_key(key: &[String], table: &Table, flaws: &mut Flaws) {
    if key.is_empty() {
        flaws.add("name at least one column");
    }
    for (at, column) in key.iter().enumerate() {
        if !table.columns.contains_key(column) {
            flaws.within(&at.to_string(), |flaws| flaws.unknown("column", column, table.columns.keys()));
        } else if key.iter().take(at).any(|other| other == column) {
            flaws.within(&at.to_string(), |flaws| flaws.add(format!("'{column}' stands there twice")));
        }
    }
}

fn check_foreign_key(key: &ForeignKey, table: &Table, model: &Model, flaws: &mut Flaws) {
    let path: &[&str] = match key.columns.as_slice() {
        [only] if !table.foreign_keys.contains(key) => &["columns", only, "references"],
        _ => &["foreign_keys"],
    };
    let depth = flaws.path.len();
    flaws.path.extend(path.iter().map(|part| (*part).to_owned()));
    check_target(key, table, model, flaws);
    flaws.path.truncate(depth);
}

fn check_target(key: &ForeignKey, table: &Table, model: &Model, flaws: &mut Flaws) {
    let Some(target) = model.tables.get(&key.table) else {
        flaws.unknown("table", &key.table, model.tables.keys());
        return;
    };
    if key.columns.is_empty() || key.columns.len() != key.to.len() {
        flaws.add("a foreign key has as many columns as it points at, and at least one");
        return;
    }
    for (from, to) in key.columns.iter().zip(&key.to) {
        match (table.columns.get(from), target.columns.get(to)) {
            (None, _) => flaws.unknown("column", from, table.columns.keys()),
            (_, None) => flaws.unknown("column", to, target.columns.keys()),
            (Some(mine), Some(theirs)) => {
                if !comparable(&mine.logical, &theirs.logical) {
                    flaws.add(format!("{} cannot point at {} of '{}.{to}'", mine.logical, theirs.logical, key.table));
                }
                if key.on_delete == OnDelete::SetNull && (mine.required || table.primary_key.contains(from)) {
                    flaws.add(format!("'{from}' is required and cannot be set to NULL"));
                }
            }
        }
    }
    let wanted: BTreeSet<&String> = key.to.iter().collect();
    let unique = target.all_unique_keys().into_iter().chain([target.primary_key.clone()]);
    if !unique.into_iter().any(|columns| columns.iter().collect::<BTreeSet<_>>() == wanted) {
        flaws.add(format!("({}) is no primary or unique key of '{}'", key.to.join(", "), key.table));
    }
}

fn comparable(left: &LogicalType, right: &LogicalType) -> bool {
    let number = |of: &LogicalType| matches!(of, LogicalType::Int | LogicalType::BigInt | LogicalType::Decimal(..));
    left == right || (number(left) && number(right)) || (is_text(left) && is_text(right))
}

fn check_descriptions(table: &Table, flaws: &mut Flaws) {
    flaws.within("check", |flaws| {
        for (name, condition) in &table.check {
            flaws.within(name, |flaws| {
                check_name(name, "check", flaws);
                if condition.trim().is_empty() {
                    flaws.add("the condition is empty");
                }
            });
        }
    });
    flaws.within("order", |flaws| {
        if !table.order.is_empty() {
            check_key(&table.order, table, flaws);
        }
    });
    if let Some(retention) = &table.retention {
        flaws.within("retention", |flaws| {
            flaws.at("column", |flaws| {
                check_moment(&retention.column, table, &[LogicalType::Timestamp, LogicalType::Date], flaws);
            });
            if let Err(error) = humantime::parse_duration(&retention.keep) {
                flaws.at("keep", |flaws| flaws.add(format!("not an age such as 90d: {error}")));
            }
        });
    }
    if let Some(newest) = &table.newest {
        let ordered = [LogicalType::Timestamp, LogicalType::Date, LogicalType::Int, LogicalType::BigInt];
        flaws.at("newest", |flaws| check_moment(newest, table, &ordered, flaws));
    }
}

fn check_moment(name: &str, table: &Table, allowed: &[LogicalType], flaws: &mut Flaws) {
    match table.columns.get(name) {
        None => flaws.unknown("column", name, table.columns.keys()),
        Some(column) if !allowed.contains(&column.logical) => {
            let allowed: Vec<String> = allowed.iter().map(LogicalType::to_string).collect();
            flaws.add(format!("'{name}' is of type {}, but must be {}", column.logical, allowed.join(" or ")));
        }
        Some(_) => {}
    }
}
