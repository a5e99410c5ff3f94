//! What runs say of people: kept beside the trail, which holds digests of it under a salt, so that it can be taken away.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::entity::{run, run_identity, run_step};
use super::runs::{Change, known};
use super::{Catalog, CatalogError};

impl Catalog {
    /// Takes away what a run says of people: its plan, its labels, results and messages, with the salt of their digests.
    /// The trail stays whole, and says that it was done.
    pub async fn erase_run(&self, run: &str) -> Result<(), CatalogError> {
        self.appender()?.append(Change::Erased { run: run.to_owned() }).await
    }
}

/// Under what the trail holds what a run says of people; `None` for one of an earlier fixtool, whose entries hold it
/// as it is.
pub(super) async fn salt(transaction: &DatabaseTransaction, run: &str) -> Result<Option<String>, CatalogError> {
    Ok(run_identity::Entity::find_by_id(run).one(transaction).await?.map(|row| row.salt))
}

/// Takes it away, with the salt of its digests; the body of the entry that says so.
pub(super) async fn erase(transaction: &DatabaseTransaction, run: &str) -> Result<Value, CatalogError> {
    let gone = run::Entity::update_many()
        .col_expr(run::Column::Plan, Expr::value("null"))
        .col_expr(run::Column::FailureMessage, Expr::value(Option::<String>::None))
        .filter(run::Column::Run.eq(run));
    known(run, gone.exec(transaction).await?.rows_affected)?;
    let steps = run_step::Entity::update_many()
        .col_expr(run_step::Column::Label, Expr::value(""))
        .col_expr(run_step::Column::Outcome, Expr::value(Option::<String>::None))
        .filter(run_step::Column::Run.eq(run));
    steps.exec(transaction).await?;
    let salt = run_identity::Entity::update_many()
        .col_expr(run_identity::Column::Salt, Expr::value(""))
        .filter(run_identity::Column::Run.eq(run));
    salt.exec(transaction).await?;
    Ok(json!({}))
}
