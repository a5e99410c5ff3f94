//! A sealed secret of a tenant.

use sea_orm::entity::prelude::*;

/// A sealed secret of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "credential")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Counts rotations, from one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub generation: i64,
    /// The secret, sealed with age and armored.
    pub sealed: String,
    /// When it was set.
    pub created_at: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
