//! Reads every pack; one that has mistakes is listed with them.

use super::{Listed, View};
use crate::backends::packs::{self, Origin};
use crate::operations::pack::{PackFault, Packs};

/// Looks at all packs.
pub fn observe(reader: &Packs) -> Result<View, PackFault> {
    let names = packs::names(&reader.folder)?;
    Ok(View { packs: names.into_iter().map(|(name, origin)| listed(name, &origin, reader)).collect() })
}

fn listed(name: String, origin: &Origin, reader: &Packs) -> Listed {
    let origin = match origin {
        Origin::BuiltIn => "built-in".to_owned(),
        Origin::Folder(folder) => folder.display().to_string(),
    };
    match packs::load(&name, &reader.folder) {
        Ok(pack) => Listed {
            name,
            title: Some(pack.manifest.title.clone()),
            versions: pack.manifest.versions.clone(),
            tables: pack.releases.last().map_or(0, |release| release.model.tables.len()),
            origin,
            problem: None,
        },
        Err(error) => {
            Listed { name, title: None, versions: Vec::new(), tables: 0, origin, problem: Some(error.to_string()) }
        }
    }
}
