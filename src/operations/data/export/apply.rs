//! One step of an export: a private file beside its place, renamed into it when it is whole.

use std::path::Path;

use super::error::ExportError;
use super::plan::ExportAction;
use super::request::Request;
use super::stream::Export;
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::model::mask::{Masker, tied};

/// Carries out one action.
pub async fn perform(
    (request, masker): (&Request, &Masker),
    action: &ExportAction,
    writer: &SiteWriter,
    context: &StepContext,
) -> Result<Outcome, ExportError> {
    match action {
        ExportAction::Write { table, file, replaces, masked, .. } => {
            let export = prepared(request, (table, masked.then(|| masker.clone())), writer).await?;
            write(&export, (request, file, *replaces), writer, context).await
        }
        ExportAction::Remove { file } => match std::fs::remove_file(file) {
            Ok(()) => Ok(Outcome::default().with("removed", 1)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Outcome::default()),
            Err(source) => Err(ExportError::Unwritable { path: file.clone(), source }),
        },
    }
}

async fn prepared(
    request: &Request,
    (table, masker): (&str, Option<Masker>),
    writer: &SiteWriter,
) -> Result<Export, ExportError> {
    let tenant = writer.tenant(&request.tenant).await?;
    let model = writer.model_of(&tenant)?;
    let model = if masker.is_some() { tied(&model) } else { model };
    let lost = || ExportError::Bug { message: format!("the model has lost the table '{table}'") };
    Ok(Export {
        namespace: tenant.namespace,
        table: table.to_owned(),
        definition: model.tables.get(table).ok_or_else(lost)?.clone(),
        format: request.format,
        compression: request.compression,
        masker,
    })
}

async fn write(
    export: &Export,
    (request, file, replaces): (&Request, &Path, bool),
    writer: &SiteWriter,
    context: &StepContext,
) -> Result<Outcome, ExportError> {
    let unwritable = |source| ExportError::Unwritable { path: file.to_owned(), source };
    let tenant = writer.tenant(&request.tenant).await?;
    let database = writer.database(&tenant.placement).await?.as_reader();
    std::fs::create_dir_all(&request.directory)
        .map_err(|source| ExportError::Unwritable { path: request.directory.clone(), source })?;
    // Readable by the user alone from the first byte on, and gone if anything fails.
    let private = tempfile::Builder::new().prefix(".export-").tempfile_in(&request.directory).map_err(unwritable)?;
    context.set_done(0);
    let ran = export.run(database, private, (file, Some(context))).await;
    let (private, rows) = match ran {
        Err(ExportError::Unwritable { source, .. }) if source.kind() == std::io::ErrorKind::Interrupted => {
            return Ok(Outcome { interrupted: true, ..Outcome::default() });
        }
        ran => ran?,
    };
    private.as_file().sync_all().map_err(unwritable)?;
    if replaces {
        private.persist(file).map_err(|e| unwritable(e.error))?;
    } else {
        private.persist_noclobber(file).map_err(|e| match e.error.kind() {
            std::io::ErrorKind::AlreadyExists => ExportError::Exists { path: file.to_owned() },
            _ => unwritable(e.error),
        })?;
    }
    Ok(Outcome::default().with("read", rows).with("written", rows))
}
