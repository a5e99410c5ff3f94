//! The tenant that a run means, and the salt of what the trail says of it.

use sea_orm::entity::prelude::*;

/// The tenant that a run means, and the salt of what the trail says of it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "run_identity")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// The tenant; see `tenant_incarnation`.
    pub incarnation: String,
    /// Under which the trail holds labels, results and failures; empty once they are erased.
    pub salt: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
