//! What the user meant with `data load`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::backends::database::Conflict;
use crate::formats::SourceOptions;
use crate::model::TenantId;

/// What is loaded, from where, and how strictly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Request {
    /// The tenant.
    pub tenant: TenantId,
    /// Files or directories; a directory's files are matched to data types by name.
    pub sources: Vec<Input>,
    /// Which data types; empty for all that the sources hold.
    pub data_types: Vec<String>,
    /// How the sources are read.
    pub options: SourceOptions,
    /// The zone of times that name none.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// A mapping file.
    pub mapping: Option<PathBuf>,
    /// Everything, or only what is new or changed.
    pub mode: Mode,
    /// What happens to a record whose key exists.
    pub conflict: Conflict,
    /// Whether a bad record ends the load.
    pub on_error: OnError,
    /// How many bad records are borne with [`OnError::Reject`].
    pub max_errors: MaxErrors,
    /// Records of a durable batch, when the table is not empty.
    pub batch_size: u32,
    /// Where rejected records are written: a directory, one file a data type.
    pub rejects: PathBuf,
    /// Whether rows that a complete source does not hold are deleted.
    pub delete_missing: bool,
    /// Whether the pack's own rules are checked beside types and constraints.
    pub validate: bool,
    /// Whether the cache's keys are left alone.
    pub keep_cache: bool,
    /// Whether rows are changed and deleted without a safety copy.
    #[serde(default)]
    pub no_safety_copy: bool,
}

impl Request {
    /// A plain load of one file into the data type of its name; rejects go below `state`.
    pub fn of_file(tenant: TenantId, file: PathBuf, state: &Path) -> Self {
        let name = file.display().to_string();
        Self {
            rejects: state.join("rejects").join(tenant.as_str()),
            tenant,
            sources: vec![Input { path: file, name }],
            data_types: Vec::new(),
            options: SourceOptions::default(),
            time_zone: None,
            mapping: None,
            mode: Mode::Batch,
            conflict: Conflict::Error,
            on_error: OnError::Stop,
            max_errors: MaxErrors::Unlimited,
            batch_size: 50_000,
            delete_missing: false,
            validate: true,
            keep_cache: false,
            no_safety_copy: false,
        }
    }
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The file or directory. What cannot be read twice (standard input, a query) was written to
    /// a private file before.
    pub path: PathBuf,
    /// What a person calls it: the path, `standard input`, or a masked address.
    pub name: String,
}

/// How much of the source is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every record.
    #[default]
    Batch,
    /// Only records that are new or differ from their row.
    Incremental,
}

/// What a bad record does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It ends the load.
    #[default]
    Stop,
    /// It goes to the rejects file.
    Reject,
}

/// How many bad records are borne.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxErrors {
    /// Any number.
    #[default]
    Unlimited,
    /// This many of one data type.
    Count(u64),
    /// This share of the records of one data type, in percent, judged at its end.
    Percent(f64),
}

impl MaxErrors {
    /// Whether `rejected` bad ones are too many already, before the end is reached.
    pub fn exceeded_by(self, rejected: u64) -> bool {
        matches!(self, Self::Count(most) if rejected > most)
    }

    /// Whether `rejected` of `read` are too many.
    pub fn exceeded_at_end(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Unlimited => false,
            Self::Count(most) => rejected > most,
            #[expect(
                clippy::cast_precision_loss,
                reason = "a share of more than 2^52 records is not judged to the record"
            )]
            Self::Percent(most) => rejected as f64 * 100.0 > most * read as f64,
        }
    }
}

impl std::fmt::Display for MaxErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlimited => f.write_str("any number"),
            Self::Count(most) => write!(f, "{most}"),
            Self::Percent(most) => write!(f, "{most}%"),
        }
    }
}

impl std::str::FromStr for MaxErrors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is neither a number of records nor a share such as 0.5%");
        match text.trim().strip_suffix('%') {
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| wrong())?;
                if (0.0..=100.0).contains(&share) { Ok(Self::Percent(share)) } else { Err(wrong()) }
            }
            None => text.trim().parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_or_weigh() {
        assert_eq!("10".parse(), Ok(MaxErrors::Count(10)));
        assert_eq!("0.5%".parse(), Ok(MaxErrors::Percent(0.5)));
        for wrong in ["", "-1", "101%", "NaN%", "x"] {
            assert!(wrong.parse::<MaxErrors>().is_err(), "{wrong}");
        }
        assert!(MaxErrors::Count(1).exceeded_by(2) && !MaxErrors::Percent(1.0).exceeded_by(2));
        assert!(MaxErrors::Percent(1.0).exceeded_at_end(2, 199) && !MaxErrors::Percent(1.0).exceeded_at_end(2, 200));
    }
}
