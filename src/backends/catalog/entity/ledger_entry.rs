//! An entry of the audit trail.

use sea_orm::entity::prelude::*;

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "ledger_entry")]
pub struct Model {
    /// Its place in the chain, from one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// When.
    pub written_at: String,
    /// The run it speaks of.
    pub run: String,
    /// What happened.
    pub kind: String,
    /// The rest, as JSON.
    pub body: String,
    /// Digest of the entry before; empty for the first.
    pub previous: String,
    /// Digest of this entry.
    pub digest: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
