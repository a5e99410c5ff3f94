//! `pack list`: which packs there are.

pub mod observe;

use serde::Serialize;

use super::{PackFault, Packs};
use crate::engine::Query;
use crate::model::Version;

/// The query.
#[derive(Debug, Clone, Copy, Default)]
pub struct List;

/// All packs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// The built-in ones, then those of one's own by name.
    pub packs: Vec<Listed>,
}

/// One pack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// The name by which it is chosen.
    pub name: String,
    /// Its name for people; `None` when it cannot be read.
    pub title: Option<String>,
    /// Its versions, oldest first.
    pub versions: Vec<Version>,
    /// How many tables the newest version has.
    pub tables: usize,
    /// `built-in`, or the folder.
    pub origin: String,
    /// What is wrong with it; `fixtool pack check` says more.
    pub problem: Option<String>,
}

impl Query for List {
    const NAME: &'static str = "pack.list";
    type Reader = Packs;
    type View = View;
    type Error = PackFault;

    async fn observe(&self, reader: &Packs) -> Result<View, PackFault> {
        observe::observe(reader)
    }
}
