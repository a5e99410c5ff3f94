//! Tables, columns and keys: the logical model of one version of a pack.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::LogicalType;

/// Every table of one version, in the order in which the pack names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Table by name.
    pub tables: IndexMap<String, Table>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What the table holds, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Names under which a user loads it, beside the table's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_types: Vec<String>,
    /// Column by name, in physical order.
    pub columns: IndexMap<String, Column>,
    /// Columns of the primary key, in order; empty when the table has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    /// Further unique keys of one or more columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique: Vec<Vec<String>>,
    /// Secondary indexes, each by its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub index: Vec<Vec<String>>,
    /// Conditions that each row must meet, in the rule language, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub check: IndexMap<String, String>,
    /// Foreign keys of several columns; those of one column stand at the column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKey>,
    /// Natural order for incremental work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// How long rows are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// The column that decides "newest wins".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// What it holds.
    #[serde(rename = "type")]
    pub logical: LogicalType,
    /// Whether NULL is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// `now()`, `uuid()`, or a literal written as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether the column alone is a unique key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// `table.column` that this column points at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<String>,
    /// What happens to this row when the row it points at goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<OnDelete>,
    /// Smallest value allowed, as a decimal literal, a date or a timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Largest value allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression that the whole text must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A well-known format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What kind of personal data it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pii: Option<Pii>,
    /// How a secret is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// What the column means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A foreign key of one or more columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// Columns of this table.
    pub columns: Vec<String>,
    /// The table pointed at.
    pub table: String,
    /// Its columns, in the same order.
    pub to: Vec<String>,
    /// What happens to the row when the row it points at goes.
    #[serde(default)]
    pub on_delete: OnDelete,
}

/// What happens to a row when the row it points at goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The deletion is refused.
    #[default]
    Restrict,
    /// The row goes too.
    Cascade,
    /// The column becomes NULL.
    SetNull,
}

/// How long rows are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The timestamp or date that tells a row's age.
    pub column: String,
    /// The age, as `90d`.
    pub keep: String,
}

/// Well-known text formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An e-mail address (RFC 5321's local part and domain, no comments, no quoted strings).
    Email,
    /// An absolute http or https address.
    Url,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A country, ISO 3166-1 alpha-2.
    Country,
    /// A currency, ISO 4217.
    Currency,
}

/// Kinds of personal data, for masks and for export and erasure of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pii {
    /// An e-mail address.
    Email,
    /// A person's name.
    Name,
    /// A telephone number.
    Phone,
    /// An IP address.
    Ip,
    /// Text that may name people.
    FreeText,
}

/// How a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// Only its argon2 hash.
    Argon2,
    /// Sealed with age.
    Sealed,
}

impl Column {
    /// Whether only the database can make its default.
    pub fn is_server_made(&self) -> bool {
        use super::literal::DefaultValue;
        let default = self.default.as_deref().map(|text| DefaultValue::parse(text, &self.logical));
        match default {
            Some(Ok(DefaultValue::Serial | DefaultValue::Sql(_))) => true,
            Some(Ok(DefaultValue::Now)) => !matches!(self.logical, LogicalType::Timestamp | LogicalType::Date),
            _ => false,
        }
    }

    /// A column of this type with nothing else said.
    pub fn of(logical: LogicalType) -> Self {
        Self {
            logical,
            required: false,
            default: None,
            unique: false,
            references: None,
            on_delete: None,
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            pattern: None,
            format: None,
            pii: None,
            secret: None,
            comment: None,
        }
    }
}

impl Table {
    /// All foreign keys, those of one column included, in the order of the columns.
    pub fn all_foreign_keys(&self) -> Vec<ForeignKey> {
        let single = self.columns.iter().filter_map(|(name, column)| {
            let (table, to) = column.references.as_deref()?.rsplit_once('.')?;
            Some(ForeignKey {
                columns: vec![name.clone()],
                table: table.to_owned(),
                to: vec![to.to_owned()],
                on_delete: column.on_delete.unwrap_or_default(),
            })
        });
        single.chain(self.foreign_keys.iter().cloned()).collect()
    }

    /// All unique keys beside the primary key, those of one column included.
    pub fn all_unique_keys(&self) -> Vec<Vec<String>> {
        let single = self.columns.iter().filter(|(_, c)| c.unique).map(|(name, _)| vec![name.clone()]);
        single.chain(self.unique.iter().cloned()).collect()
    }
}

impl Model {
    /// The table that a user means by a data type: its own name, or one of its `data_types`.
    pub fn table_of(&self, data_type: &str) -> Option<(&str, &Table)> {
        let by_name = self.tables.get_key_value(data_type);
        by_name
            .or_else(|| self.tables.iter().find(|(_, t)| t.data_types.iter().any(|d| d == data_type)))
            .map(|(name, table)| (name.as_str(), table))
    }

    /// Foreign-key level of each table: a table stands one above the highest table it points at.
    ///
    /// Tables of one level do not point at each other and may be loaded side by side. A table
    /// that points at itself does not count as a cycle; tables of a real cycle share the level
    /// after all others.
    pub fn levels(&self) -> IndexMap<String, u32> {
        let mut levels: IndexMap<String, u32> = IndexMap::new();
        let mut level = 0;
        while levels.len() < self.tables.len() {
            let ready: Vec<&String> = self
                .tables
                .iter()
                .filter(|(name, _)| !levels.contains_key(*name))
                .filter(|(name, table)| {
                    table.all_foreign_keys().iter().all(|key| {
                        key.table == **name
                            || !self.tables.contains_key(&key.table)
                            || levels.get(&key.table).is_some_and(|of| *of < level)
                    })
                })
                .map(|(name, _)| name)
                .collect();
            let stuck = ready.is_empty();
            let next: Vec<String> = if stuck {
                self.tables.keys().filter(|name| !levels.contains_key(*name)).cloned().collect()
            } else {
                ready.into_iter().cloned().collect()
            };
            for name in next {
                levels.insert(name, level);
            }
            level += 1;
        }
        levels
    }
}
