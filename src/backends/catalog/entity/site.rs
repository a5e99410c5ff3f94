//! The identity of the installation.

use sea_orm::entity::prelude::*;

/// The identity of the installation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "site")]
pub struct Model {
    /// Always one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub singleton: i32,
    /// The identity.
    pub site_id: String,
    /// When the catalog was made.
    pub created_at: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
