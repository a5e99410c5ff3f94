//! A model into the files of a pack: what `pack new` and `pack introspect` write.

use super::Files;
use super::manifest::Manifest;
use crate::model::{Model, Version};

/// Why a pack could not be put into words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pack cannot be written as YAML: {0}")]
pub struct WriteError(pub String);

/// The files of a pack of one version.
pub fn files(manifest: &Manifest, version: Version, model: &Model) -> Result<Files, WriteError> {
    Ok(Files::from([
        ("pack.yaml".to_owned(), yaml(manifest)?.into_bytes()),
        (format!("{version}/model.yaml"), yaml(model)?.into_bytes()),
    ]))
}

/// A manifest that says nothing but what every pack must say.
pub fn manifest(name: &str, title: &str, version: Version) -> Manifest {
    Manifest {
        name: name.to_owned(),
        title: title.to_owned(),
        description: None,
        versions: vec![version],
        quotas: indexmap::IndexMap::new(),
        tiers: indexmap::IndexMap::new(),
        permissions: indexmap::IndexMap::new(),
        roles: indexmap::IndexMap::new(),
        admin: None,
        settings: indexmap::IndexMap::new(),
        integrations: indexmap::IndexMap::new(),
        cache_keys: vec!["tenant:{tenant}:*".to_owned()],
        files: "tenants/{tenant}/".to_owned(),
        cleanup: indexmap::IndexMap::new(),
    }
}

fn yaml<T: serde::Serialize>(value: &T) -> Result<String, WriteError> {
    serde_saphyr::to_string(value).map_err(|error| WriteError(error.to_string()))
}
