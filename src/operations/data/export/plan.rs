//! What an export does, step by step: a pure function of the request and of what was seen.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::ExportError;
use super::observe::Seen;
use super::request::Request;
use crate::engine::plan::Draft;
use crate::engine::{Action, Effect, Size, Step, Undo, Unit};

/// One thing that an export does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ExportAction {
    /// Writes one table into one file.
    Write {
        /// The table.
        table: String,
        /// The file.
        file: PathBuf,
        /// Rows when the plan was made.
        rows: u64,
        /// Whether a file is replaced.
        replaces: bool,
        /// Whether personal data is masked.
        masked: bool,
    },
    /// Removes a file that an export wrote.
    Remove {
        /// The file.
        file: PathBuf,
    },
}

impl Action for ExportAction {
    fn describe(&self) -> String {
        match self {
            Self::Write { table, file, masked, .. } => {
                let masked = if *masked { ", personal data masked" } else { "" };
                format!("export {table} to {}{masked}", file.display())
            }
            Self::Remove { file } => format!("remove {}", file.display()),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Write { replaces: false, .. } => Effect::Adds,
            Self::Write { replaces: true, .. } => Effect::Changes,
            Self::Remove { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Write { rows, .. } => Size { amount: Some(*rows), unit: Unit::Rows },
            Self::Remove { .. } => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::Write { replaces: false, file, .. } => Undo::Inverse(Self::Remove { file: file.clone() }),
            Self::Write { replaces: true, .. } => {
                Undo::Impossible { reason: "the file that was there is replaced".to_owned() }
            }
            Self::Remove { .. } => Undo::Impossible { reason: "run the export again instead".to_owned() },
        }
    }

    fn losses(&self) -> Vec<String> {
        match self {
            Self::Remove { file } => vec![file.display().to_string()],
            Self::Write { .. } => Vec::new(),
        }
    }
}

/// Decides the steps.
///
/// # Errors
/// If a file is in the way and may not be replaced.
pub fn decide(request: &Request, seen: &Seen) -> Result<Draft<ExportAction>, ExportError> {
    if let Some(first) = seen.tables.iter().find(|table| table.exists && !request.overwrite) {
        return Err(ExportError::Exists { path: first.file.clone() });
    }
    let steps = seen.tables.iter().map(|table| Step {
        stage: 0,
        action: ExportAction::Write {
            table: table.table.clone(),
            file: table.file.clone(),
            rows: table.rows,
            replaces: table.exists,
            masked: request.mask_pii,
        },
    });
    let notes = if request.mask_pii {
        vec!["masks are made with a secret of this run; hashes and sealed secrets are left out".to_owned()]
    } else {
        Vec::new()
    };
    Ok(Draft { steps: steps.collect(), notes })
}

#[cfg(test)]
mod tests {
    use super::super::observe::SeenTable;
    use super::*;
    use crate::formats::{Compression, SourceFormat};

    fn request(overwrite: bool) -> Request {
        Request {
            tenant: "acme".parse().unwrap(),
            data_types: Vec::new(),
            format: SourceFormat::Csv,
            compression: Compression::None,
            directory: "out".into(),
            mask_pii: false,
            overwrite,
        }
    }

    fn seen(exists: bool) -> Seen {
        let file = PathBuf::from("out/users.csv");
        let table = SeenTable { data_type: "users".into(), table: "users".into(), rows: 7, file, exists };
        Seen { model: String::new(), tables: vec![table] }
    }

    #[test]
    fn a_file_is_replaced_only_when_asked() {
        assert!(matches!(decide(&request(false), &seen(true)), Err(ExportError::Exists { .. })));
        let effect = |overwrite, exists| {
            let draft = decide(&request(overwrite), &seen(exists)).unwrap();
            (draft.steps[0].action.effect(), matches!(draft.steps[0].action.undo(), Undo::Inverse(_)))
        };
        assert_eq!(effect(false, false), (Effect::Adds, true));
        assert_eq!(effect(true, true), (Effect::Changes, false));
        assert_eq!(effect(true, false), (Effect::Adds, true));
    }
}
