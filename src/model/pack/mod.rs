//! Packs: what a tenant is made of, version by version.
//!
//! | file | holds |
//! |---|---|
//! | [`manifest`] | `pack.yaml`: tiers, roles, integrations, clean-up |
//! | [`change`] | `migration.yaml`: the steps from version to version |
//! | [`mod@apply`] | what a step makes of a model |
//! | [`mod@invert`] | how a step is taken back |
//! | [`read`] | files into a [`Pack`], with every mistake at its place |
//! | [`mod@write`] | a model into the files of a pack |
//! | [`source`] | texts with the places of their parts |
//! | [`builtin`] | the packs that fixtool carries with it |
//! | [`schema`] | JSON schemas of the files, for editors |

pub mod apply;
pub mod builtin;
pub mod change;
pub mod invert;
pub mod manifest;
mod manifest_check;
pub mod read;
mod rename;
pub mod schema;
mod schema_manifest;
pub mod source;
pub mod write;

use std::collections::BTreeMap;

pub use apply::{ChangeError, apply};
pub use change::{Change, Migration};
pub use invert::invert;
pub use manifest::{Admin, Integration, Limit, Manifest, Policy, Quota, Role, Tier};
pub use manifest_check::is_name;
pub use source::{Flaw, PackError};

use super::{Model, Version};

/// The files of a pack: path inside the pack, with `/`, and content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A pack that was read and found right.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// What `pack.yaml` says.
    pub manifest: Manifest,
    /// Every version, oldest first; never empty.
    pub releases: Vec<Release>,
    /// Digest of all files: two packs of one digest are the same pack. Lower-case hex.
    pub digest: String,
}

/// One version of a pack.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Which.
    pub version: Version,
    /// How it comes from the version before; `None` for the base.
    pub migration: Option<Migration>,
    /// Its tables: the base model with all migrations up to here.
    pub model: Model,
    /// The validation rules in force, as written; `None` when no version up to here has any.
    pub rules: Option<String>,
    /// First data in force, in the order in which it can be loaded.
    pub fixtures: Vec<Fixture>,
}

/// A file of first data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    /// The data type: the file's name without its extension.
    pub data_type: String,
    /// The table that it is loaded into.
    pub table: String,
    /// The path inside the pack.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// The version that a pack does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("the pack '{pack}' has no version {version}")]
#[diagnostic(code(fixtool::pack::version), help("it has {known}"))]
pub struct UnknownVersion {
    /// The pack.
    pub pack: String,
    /// What was asked for.
    pub version: Version,
    /// The versions it has.
    pub known: String,
}

/// One hop between neighbouring versions, up or down.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// The version before it.
    pub from: Version,
    /// The version after it.
    pub to: Version,
    /// The steps, in the order in which they are carried out; on the way down already inverted.
    pub changes: Vec<Change>,
}

impl Pack {
    /// Reads a pack from its files. Every mistake is reported, each with file, line and column.
    pub fn from_files(name: &str, files: &Files) -> Result<Self, PackError> {
        read::read(name, files)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Its newest version.
    pub fn newest(&self) -> Version {
        self.releases.last().map_or(Version { major: 0, minor: 0, patch: 0 }, |release| release.version)
    }

    /// One version.
    pub fn release(&self, version: Version) -> Result<&Release, UnknownVersion> {
        self.releases.iter().find(|release| release.version == version).ok_or_else(|| UnknownVersion {
            pack: self.name().to_owned(),
            version,
            known: self.releases.iter().map(|r| r.version.to_string()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The tables of a version.
    pub fn model(&self, version: Version) -> Result<&Model, UnknownVersion> {
        self.release(version).map(|release| &release.model)
    }

    /// The hops from one version to another; none when they are the same.
    pub fn path(&self, from: Version, to: Version) -> Result<Vec<Hop>, UnknownVersion> {
        let place = |version| {
            self.release(version)?;
            Ok(self.releases.iter().position(|release| release.version == version).unwrap_or_default())
        };
        let (start, end): (usize, usize) = (place(from)?, place(to)?);
        let pairs = |low: usize, high: usize| {
            let releases = self.releases.get(low..=high).unwrap_or_default();
            releases.iter().zip(releases.iter().skip(1)).collect::<Vec<_>>()
        };
        if start <= end {
            return Ok(pairs(start, end).into_iter().map(|(before, after)| up(before, after)).collect());
        }
        Ok(pairs(end, start).into_iter().rev().map(|(before, after)| down(before, after)).collect())
    }
}

fn up(before: &Release, after: &Release) -> Hop {
    let changes = after.migration.as_ref().map(|migration| migration.steps.clone()).unwrap_or_default();
    Hop { from: before.version, to: after.version, changes }
}

fn down(before: &Release, after: &Release) -> Hop {
    let steps = after.migration.as_ref().map(|migration| migration.steps.as_slice()).unwrap_or_default();
    let mut model = before.model.clone();
    let mut changes = Vec::new();
    for step in steps {
        // Reading the pack has proved that every step can be made and taken back.
        if let (Ok(inverse), Ok(next)) = (invert(step, &model), apply(step, &model)) {
            changes.push(inverse);
            model = next;
        }
    }
    changes.reverse();
    Hop { from: after.version, to: before.version, changes }
}

/// The model of a later version: the base with the steps of every migration, in order. Pure.
pub fn derive<'a>(base: &Model, migrations: impl IntoIterator<Item = &'a Migration>) -> Result<Model, ChangeError> {
    let steps = migrations.into_iter().flat_map(|migration| &migration.steps);
    steps.into_iter().try_fold(base.clone(), |model, step| apply(step, &model))
}

#[cfg(test)]
mod tests;
