//! What a table held when it was last loaded.

use sea_orm::entity::prelude::*;

/// What a table held when it was last loaded.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "source_mark")]
pub struct Model {
    /// Whose table it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub table_name: String,
    /// Digest of the source.
    pub source_digest: String,
    /// Digest of the mapping and of the options that change what is loaded.
    pub mapping_digest: String,
    /// Structural fingerprint of the tenant's model.
    pub fingerprint: String,
    /// Condensed state of the table's content after the load.
    pub mark: String,
    /// Counts of the load, as a JSON object.
    pub counts: String,
    /// The run that loaded.
    pub run: String,
    /// When.
    pub marked_at: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
