//! A run of an operation.

use sea_orm::entity::prelude::*;

/// A run of an operation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "run")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// The fleet run that it is a part of.
    pub parent: Option<String>,
    /// The run that it resumes or undoes.
    pub follows: Option<String>,
    /// `noun.verb`.
    pub operation: String,
    /// The target, by name.
    pub target: String,
    /// Digest of the plan.
    pub plan_digest: String,
    /// The plan, as JSON.
    pub plan: String,
    /// Who.
    pub actor: String,
    /// How it stands.
    pub status: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Code of the failure.
    pub failure_code: Option<String>,
    /// Message of the failure.
    pub failure_message: Option<String>,
    /// The run that undid it.
    pub undone_by: Option<String>,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
