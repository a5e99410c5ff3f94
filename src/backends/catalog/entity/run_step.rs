//! A step of a run.

use sea_orm::entity::prelude::*;

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "run_step")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// Place in the plan, from zero.
    #[sea_orm(primary_key, auto_increment = false)]
    pub step: i64,
    /// One line for people.
    pub label: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// What came out, as JSON.
    pub outcome: Option<String>,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
