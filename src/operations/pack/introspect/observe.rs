//! Reads the schema and puts it into the words of a pack.

use super::{IntrospectError, Request};
use crate::backends::database::Reader;
use crate::backends::packs::PackSourceError;
use crate::model::pack::{builtin, is_name, write};
use crate::model::table::Pii;
use crate::model::{Engine, LogicalType, Model, Pack, Table};
use crate::operations::pack::check::observe::readable;
use crate::operations::pack::files::Folder;

/// Looks at the schema and at the folder.
pub async fn observe(request: &Request, reader: &dyn Reader) -> Result<Folder, IntrospectError> {
    let name = request.name.as_str();
    if !is_name(name) || builtin::names().contains(&name) {
        return Err(IntrospectError::Name { shown: name.chars().take(80).flat_map(char::escape_debug).collect() });
    }
    if !reader.namespace_exists(&request.namespace).await? {
        return Err(unknown(request, reader.engine()));
    }
    let mut model = reader.introspect(&request.namespace).await?;
    if model.tables.is_empty() {
        return Err(IntrospectError::Empty { namespace: request.namespace.to_string() });
    }
    let mut notes = describe(&mut model);
    let title = format!("{} as it was found", request.namespace);
    let files = write::files(&write::manifest(name, &title, request.version), request.version, &model)?;
    Pack::from_files(name, &files).map_err(PackSourceError::from)?;
    notes.push(format!("then 'fixtool pack check {}' says whether it is still right", request.folder.display()));
    Ok(Folder::observe(request.folder.clone(), files, notes))
}

fn unknown(request: &Request, engine: Engine) -> IntrospectError {
    let (what, help) = match engine {
        Engine::Postgres => ("schema", "list them with: psql -c '\\dn'".to_owned()),
        Engine::Sqlite => {
            ("file", "the namespace is the name of a file in the database's folder, without '.db'".to_owned())
        }
    };
    let namespace = request.namespace.as_str().chars().take(80).flat_map(char::escape_debug).collect();
    IntrospectError::NoNamespace { what, namespace, help }
}

/// Adds what names tell and structure does not, and leaves out what lies outside; answers with remarks.
fn describe(model: &mut Model) -> Vec<String> {
    let mut notes = outside(model);
    for (name, table) in &mut model.tables {
        if table.primary_key.is_empty() && table.all_unique_keys().is_empty() {
            notes.push(format!("'{name}' has no key: it can be loaded, but not compared with a source"));
        }
        let unreadable: Vec<String> =
            table.check.keys().filter(|check| readable(name, table, check).is_err()).cloned().collect();
        for check in unreadable {
            notes.push(format!("the check '{check}' of '{name}' is left out: only the database can read it"));
            table.check.shift_remove(&check);
        }
        table.newest = table.newest.take().or_else(|| newest(table));
        for (column, definition) in &mut table.columns {
            if let LogicalType::Native(native) = &definition.logical {
                notes.push(format!("'{name}.{column}' is of type {native}, which only this engine has"));
            }
            let text = matches!(definition.logical, LogicalType::Text | LogicalType::String(_));
            if text && definition.pii.is_none() {
                definition.pii = personal(column);
            }
        }
    }
    notes
}

/// Leaves out foreign keys to tables of other schemas: a tenant's tables point at its own.
fn outside(model: &mut Model) -> Vec<String> {
    let mut notes = Vec::new();
    let known: Vec<String> = model.tables.keys().cloned().collect();
    for (name, table) in &mut model.tables {
        let mut left_out = |column: &str, target: &str| {
            notes.push(format!(
                "'{name}.{column}' points at '{target}' outside of the schema; the reference is left out"
            ));
        };
        for (column, definition) in &mut table.columns {
            let target = definition.references.as_deref().and_then(|to| to.rsplit_once('.')).map(|(table, _)| table);
            if let Some(target) = target.filter(|target| !known.iter().any(|k| k == target)) {
                left_out(column, target);
                definition.references = None;
                definition.on_delete = None;
            }
        }
        table.foreign_keys.retain(|key| {
            let inside = known.contains(&key.table);
            if !inside {
                left_out(&key.columns.join(", "), &key.table);
            }
            inside
        });
    }
    notes
}

fn newest(table: &Table) -> Option<String> {
    let names = ["updated_at", "last_update", "last_updated", "modified_at"];
    let is_moment = |name: &&&str| table.columns.get(**name).is_some_and(|c| c.logical == LogicalType::Timestamp);
    names.iter().find(is_moment).map(|name| (*name).to_owned())
}

/// What kind of personal data a column of this name holds, where the name leaves no doubt.
fn personal(column: &str) -> Option<Pii> {
    match column.to_ascii_lowercase().as_str() {
        "email" | "email_address" | "e_mail" => Some(Pii::Email),
        "first_name" | "last_name" | "full_name" | "display_name" | "firstname" | "lastname" => Some(Pii::Name),
        "phone" | "phone_number" | "mobile" | "fax" => Some(Pii::Phone),
        "ip" | "ip_address" => Some(Pii::Ip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fingerprint;

    #[test]
    fn what_names_tell_is_added_and_what_lies_outside_is_left_out() {
        let text = "tables:\n  people:\n    columns:\n      id: {type: int}\n      Email: {type: text}\n      \
                    last_update: {type: timestamp}\n      shape: {type: native(point)}\n      \
                    boss: {type: int, references: staff.id}\n    primary_key: [id]\n  loose:\n    columns:\n      \
                    n: {type: int}\n";
        let mut model: Model = serde_saphyr::from_str(text).unwrap();
        let notes = describe(&mut model);
        let people = &model.tables["people"];
        assert_eq!(people.columns["Email"].pii, Some(Pii::Email));
        assert_eq!(people.newest.as_deref(), Some("last_update"));
        assert_eq!(people.columns["boss"].references, None);
        assert_eq!(notes.len(), 3, "{notes:?}");
        let before = fingerprint(&model);
        describe(&mut model);
        assert_eq!(fingerprint(&model), before);
    }
}
