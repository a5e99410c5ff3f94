//! The last entry of the audit trail.

use sea_orm::entity::prelude::*;

/// The last entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "ledger_head")]
pub struct Model {
    /// Always one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub singleton: i32,
    /// Its place in the chain.
    pub seq: i64,
    /// Its digest.
    pub digest: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
