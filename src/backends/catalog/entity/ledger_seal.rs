//! The last entry that the holder of a key wrote, signed.

use sea_orm::entity::prelude::*;

/// The last entry that the holder of a key wrote, signed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "ledger_seal")]
pub struct Model {
    /// Which key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: String,
    /// The entry's place in the chain.
    pub seq: i64,
    /// Its digest.
    pub digest: String,
    /// Over both.
    pub signature: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
