//! A registered tenant.

use sea_orm::entity::prelude::*;

/// A registered tenant.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "fixtool", table_name = "tenant")]
pub struct Model {
    /// The name a user types.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Where its tables live.
    pub namespace: String,
    /// The database server, by its name in the configuration.
    pub placement: String,
    /// The pack it was made from.
    pub pack: String,
    /// The version its structure has.
    pub version: String,
    /// Its tier.
    pub tier: String,
    /// Its state.
    pub status: String,
    /// Labels, as a JSON object.
    pub labels: String,
    /// The first administrator.
    pub admin_email: Option<String>,
    /// Whether it existed before fixtool took it over.
    pub adopted: bool,
    /// Structural fingerprint of its model.
    pub fingerprint: String,
    /// Quotas, as a JSON object.
    pub quotas: String,
    /// Settings of integrations, as JSON.
    pub integrations: String,
    /// When it was registered.
    pub created_at: String,
    /// When the row last changed.
    pub updated_at: String,
}

/// Relations are not used: every query of the catalog is about one table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
