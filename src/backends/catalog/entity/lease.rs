//! Who is at work on a target.

use sea_orm::entity::prelude::*;

/// Who is at work on a target.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "lease")]
pub struct Model {
    /// The target, by name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub target: String,
    /// The run that holds it.
    pub run: String,
    /// What it is doing.
    pub operation: String,
    /// Who: user, host and process.
    pub holder: String,
    /// Since when.
    pub acquired_at: String,
    /// When it was last renewed.
    pub heartbeat_at: String,
    /// When it may be taken over.
    pub expires_at: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
