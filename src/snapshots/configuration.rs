//! What a tenant has beside its tables: roles, permissions, settings, sealed credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::error::SnapshotError;
use crate::backends::database::instant::LinesOf;
use crate::backends::database::quote::{identifier, qualified};
use crate::backends::database::{Instant, Refill, RefillSpec, Writer};
use crate::model::{Engine, LogicalType, Namespace};

/// fixtool's own tables that go with a tenant, and their columns.
pub const TABLES: [(&str, &[&str]); 3] = [
    ("_fixtool_role", &["name", "description"]),
    ("_fixtool_permission", &["role", "permission"]),
    ("_fixtool_setting", &["name", "value", "updated_at"]),
];

/// The name under which sealed credentials are kept.
pub const CREDENTIALS: &str = "credentials";

fn columns(names: &[&str]) -> Vec<(String, LogicalType)> {
    names.iter().map(|name| ((*name).to_owned(), LogicalType::Text)).collect()
}

/// Reads the tables, each as lines of COPY text.
pub async fn read(moment: &Arc<dyn Instant>) -> Result<BTreeMap<String, serde_json::Value>, SnapshotError> {
    let mut found = BTreeMap::new();
    for (table, names) in TABLES {
        let what = LinesOf { table: table.to_owned(), columns: columns(names), key: Vec::new(), range: None };
        let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
        let source = moment.clone();
        let reader = tokio::spawn(async move { source.lines(&what, sender).await });
        let mut text = Vec::new();
        while let Some(chunk) = receiver.recv().await {
            text.extend_from_slice(&chunk);
        }
        reader.await.map_err(|error| SnapshotError::damaged(table, error.to_string()))??;
        let text = String::from_utf8(text).map_err(|_| SnapshotError::damaged(table, "it is not UTF-8"))?;
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        found.insert(table.to_owned(), serde_json::json!(lines));
    }
    Ok(found)
}

/// Fills the tables of a fresh namespace.
pub async fn write(
    configuration: &BTreeMap<String, serde_json::Value>,
    database: &Arc<dyn Writer>,
    namespace: &Namespace,
) -> Result<(), SnapshotError> {
    // A second try finds what the first one wrote; children are emptied before their parents.
    let empty =
        TABLES.iter().rev().map(|(table, _)| format!("DELETE FROM {}", own(database.engine(), namespace, table)));
    database.execute(namespace, &empty.collect::<Vec<_>>()).await?;
    for (table, names) in TABLES {
        let Some(lines) = configuration.get(table) else { continue };
        let lines: Vec<String> =
            serde_json::from_value(lines.clone()).map_err(|error| SnapshotError::damaged(table, error.to_string()))?;
        let spec = RefillSpec {
            namespace: namespace.clone(),
            table: table.to_owned(),
            columns: columns(names),
            written_by: None,
            alone: false,
            checkpoint: None,
        };
        let (sender, receiver) = mpsc::channel(2);
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        // Two messages fit into the channel, so nothing waits for a receiver that may have failed.
        for message in [Refill::Lines(Bytes::from(text)), Refill::End] {
            let _ = sender.try_send(message);
        }
        database.refill(&spec, receiver).await?;
    }
    Ok(())
}

fn own(engine: Engine, namespace: &Namespace, table: &str) -> String {
    match engine {
        Engine::Postgres => qualified(namespace, table),
        Engine::Sqlite => identifier(table),
    }
}
