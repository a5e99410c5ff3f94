//! What the plan of an export rests on: the tables, and the files that are there already.

use std::path::PathBuf;

use serde::Serialize;

use super::error::ExportError;
use super::request::Request;
use crate::backends::site::SiteReader;
use crate::engine::Fingerprint;
use crate::formats::{check_format, file_name};
use crate::model::Model;

/// What was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Structural fingerprint of the tenant's model.
    pub model: String,
    /// The tables, in foreign-key order.
    pub tables: Vec<SeenTable>,
}

/// One table and its file.
#[derive(Debug, Clone, Serialize)]
pub struct SeenTable {
    /// The data type as the user named it, or the table's name.
    pub data_type: String,
    /// The table.
    pub table: String,
    /// Rows. They may change until the export; the plan does not rest on them.
    #[serde(skip)]
    pub rows: u64,
    /// Where it is written.
    pub file: PathBuf,
    /// Whether that file exists.
    pub exists: bool,
}

impl Fingerprint for Seen {
    fn fingerprint(&self) -> String {
        // Plain data always has a JSON form.
        let text = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&text).to_hex().to_string()
    }
}

/// Looks at everything that the plan needs.
pub async fn observe(request: &Request, site: &SiteReader) -> Result<Seen, ExportError> {
    check_format(request.format)?;
    let tenant = site.tenant(&request.tenant).await?;
    let database = site.database(&tenant.placement).await?;
    let model = site.model_of(&tenant)?;
    let chosen = chosen(request, &model)?;
    let names: Vec<String> = chosen.iter().map(|(_, table)| table.clone()).collect();
    let stats = database.table_stats(&tenant.namespace, &names).await?;
    let tables = chosen.into_iter().map(|(data_type, table)| {
        let file = request.directory.join(file_name(&data_type, request.format, request.compression));
        SeenTable {
            rows: stats.iter().find(|s| s.table == table).map_or(0, |s| s.rows),
            exists: file.symlink_metadata().is_ok(),
            data_type,
            table,
            file,
        }
    });
    Ok(Seen { model: crate::model::fingerprint(&model), tables: tables.collect() })
}

/// The data types with their tables, in foreign-key order, each table once.
pub(super) fn chosen(request: &Request, model: &Model) -> Result<Vec<(String, String)>, ExportError> {
    let mut chosen: Vec<(String, String)> = Vec::new();
    for data_type in &request.data_types {
        let (table, _) = model.table_of(data_type).ok_or_else(|| unknown(request, model, data_type))?;
        if !chosen.iter().any(|(_, known)| known == table) {
            chosen.push((data_type.clone(), table.to_owned()));
        }
    }
    if request.data_types.is_empty() {
        chosen = model.tables.keys().map(|table| (table.clone(), table.clone())).collect();
    }
    let levels = model.levels();
    chosen.sort_by_key(|(_, table)| levels.get(table).copied().unwrap_or_default());
    Ok(chosen)
}

fn unknown(request: &Request, model: &Model, name: &str) -> ExportError {
    let known = model.tables.iter().flat_map(|(table, of)| std::iter::once(table).chain(&of.data_types));
    let near = known
        .map(|k| (strsim::jaro_winkler(k, name), k))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let help = match near {
        Some((_, near)) => format!("did you mean '{near}'?"),
        None => format!("there are {}", model.tables.keys().cloned().collect::<Vec<_>>().join(", ")),
    };
    ExportError::UnknownDataType { tenant: request.tenant.to_string(), name: name.to_owned(), help }
}
