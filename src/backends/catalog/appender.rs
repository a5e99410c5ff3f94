//! The one writer of the ledger in this process: entries of runs that work side by side are written in one
//! transaction, so that a fleet does not wait for the disk once an entry.
//!
//! Across processes the row of the chain's head is locked first, so there is one chain. A connection that breaks is
//! tried again; an entry whose commit went through although the answer was lost is not written twice.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sea_orm::sea_query::LockType;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait};
use sea_orm::{IntoActiveModel, QueryFilter, QuerySelect};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::entity::{ledger_entry, ledger_head};
use super::leases::Held;
use super::runs::Change;
use super::seal::{self, SealKey};
use super::{CatalogError, Writing, chain, now};
use crate::model::Engine;

/// Entries written in one transaction at most.
const GROUP: usize = 64;
/// Waits between tries, in milliseconds: together some thirty seconds, enough for a server to restart.
const WAITS: [u64; 10] = [50, 100, 250, 500, 1_000, 2_000, 4_000, 6_000, 8_000, 8_000];

/// With what the head is signed.
#[derive(Clone)]
pub(super) struct Signing {
    /// The file of the key, as soon as it is known.
    pub(super) file: Arc<OnceLock<PathBuf>>,
    /// The site that the signature speaks of.
    pub(super) site: String,
}

type Answer = Result<(), CatalogError>;

struct Job {
    change: Change,
    at: String,
    reply: oneshot::Sender<Answer>,
}

/// A handle to the task that writes.
pub(super) struct Appender {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Appender {
    pub(super) fn start(write: Writing, (engine, held): (Engine, Held), signing: Signing) -> Self {
        let (jobs, inbox) = mpsc::channel(4 * GROUP);
        let task = tokio::spawn(work(Ledger { write, engine, held, signing }, inbox));
        Self { jobs: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }
    }

    /// Writes one change with its entry, and returns when it is committed.
    pub(super) async fn append(&self, change: Change) -> Answer {
        let gone = || CatalogError::Unreachable("the catalog was closed".to_owned());
        let sender = self.jobs.lock().await.clone().ok_or_else(gone)?;
        let (reply, answer) = oneshot::channel();
        sender.send(Job { change, at: now(), reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Writes what is waiting and ends the task.
    pub(super) async fn stop(&self) {
        self.jobs.lock().await.take();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the ledger's writer ended badly");
        }
    }
}

/// What the entries are written to.
struct Ledger {
    write: Writing,
    engine: Engine,
    held: Held,
    signing: Signing,
}

impl Ledger {
    async fn sign(&self, transaction: &DatabaseTransaction, head: &ledger_head::Model) -> Result<(), CatalogError> {
        let Some(file) = self.signing.file.get() else { return Ok(()) };
        match SealKey::make(file) {
            Ok(key) => seal::sign(transaction, (&key, &self.signing.site), head).await,
            // What was done must be written down, signed or not; whoever proves the trail is told.
            Err(error) => {
                tracing::warn!(%error, "the audit trail is not signed");
                Ok(())
            }
        }
    }
}

async fn work(ledger: Ledger, mut inbox: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut group, GROUP).await > 0 {
        let changes: Vec<(&Change, &str)> = group.iter().map(|job| (&job.change, job.at.as_str())).collect();
        match write_patiently(&ledger, &changes).await {
            Ok(answers) => {
                for (job, answer) in group.drain(..).zip(answers) {
                    // Whoever asked may have gone; the entry stands all the same.
                    let _ = job.reply.send(answer);
                }
            }
            // One of them cannot be written: each alone, so that only its own run hears of it.
            Err(_) if group.len() > 1 => {
                for job in group.drain(..) {
                    let alone = write_patiently(&ledger, &[(&job.change, &job.at)]).await;
                    let _ = job.reply.send(alone.and_then(|answers| answers.into_iter().next().unwrap_or(Ok(()))));
                }
            }
            Err(error) => {
                if let Some(job) = group.pop() {
                    let _ = job.reply.send(Err(error));
                }
            }
        }
    }
}

async fn write_patiently(ledger: &Ledger, changes: &[(&Change, &str)]) -> Result<Vec<Answer>, CatalogError> {
    let mut tried = String::new();
    for wait in WAITS {
        match write_group(ledger, changes, &mut tried).await {
            Err(error @ (CatalogError::Unreachable(_) | CatalogError::Busy(_))) => {
                tracing::debug!(%error, "the ledger is tried again");
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            other => return other,
        }
    }
    write_group(ledger, changes, &mut tried).await
}

/// `tried` holds the digest that an earlier try was about to commit, to recognise it when only the answer was lost.
async fn write_group(
    ledger: &Ledger,
    changes: &[(&Change, &str)],
    tried: &mut String,
) -> Result<Vec<Answer>, CatalogError> {
    let (write, engine) = (&ledger.write, ledger.engine);
    let durable = changes.iter().any(|(change, _)| change.must_survive_power_loss());
    if engine == Engine::Sqlite {
        let level = if durable { "PRAGMA fixtool.synchronous = FULL" } else { "PRAGMA fixtool.synchronous = NORMAL" };
        write.connection.execute_unprepared(level).await?;
    }
    let transaction = write.begin().await?;
    // On a server every entry waits for the disk: the server may go down while this process lives
    // on, and would then miss what it was told.
    let mut head = lock_head(&transaction, engine).await?;
    if !tried.is_empty() && exists(&transaction, &head, tried).await? {
        transaction.rollback().await?;
        return Ok(changes.iter().map(|_| Ok(())).collect());
    }
    let lost = ledger.held.lost(&transaction, changes.iter().map(|(change, _)| change.run())).await?;
    let mut answers = Vec::with_capacity(changes.len());
    for (change, at) in changes {
        answers.push(if let Some(target) = lost.get(change.run()) {
            Err(CatalogError::LeaseLost { target: target.clone() })
        } else if let Some(refusal) = change.refusal(&transaction).await? {
            Err(refusal)
        } else {
            let body = change.apply(&transaction, at).await?;
            add(&transaction, &mut head, change, (at, body)).await?;
            Ok(())
        });
    }
    if answers.iter().all(Result::is_err) {
        transaction.rollback().await?;
        return Ok(answers);
    }
    head.clone().into_active_model().reset_all().update(&transaction).await?;
    ledger.sign(&transaction, &head).await?;
    if answers.iter().all(Result::is_ok) {
        tried.clone_from(&head.digest);
    }
    transaction.commit().await?;
    Ok(answers)
}

async fn lock_head(transaction: &DatabaseTransaction, engine: Engine) -> Result<ledger_head::Model, CatalogError> {
    let mut query = ledger_head::Entity::find();
    if engine == Engine::Postgres {
        query = query.lock(LockType::Update);
    }
    let head = query.one(transaction).await?;
    head.ok_or_else(|| CatalogError::Damaged("the trail has no head".to_owned()))
}

async fn exists(
    transaction: &DatabaseTransaction,
    head: &ledger_head::Model,
    digest: &str,
) -> Result<bool, CatalogError> {
    Ok(ledger_entry::Entity::find()
        // Others may have written behind it since, but not many.
        .filter(ledger_entry::Column::Seq.gt(head.seq.saturating_sub(10_000)))
        .filter(ledger_entry::Column::Digest.eq(digest))
        .one(transaction)
        .await?
        .is_some())
}

async fn add(
    transaction: &DatabaseTransaction,
    head: &mut ledger_head::Model,
    change: &Change,
    (at, body): (&str, serde_json::Value),
) -> Result<(), CatalogError> {
    let mut entry = ledger_entry::Model {
        seq: head.seq + 1,
        written_at: at.to_owned(),
        run: change.run().to_owned(),
        kind: change.kind().to_owned(),
        body: body.to_string(),
        previous: head.digest.clone(),
        digest: String::new(),
    };
    entry.digest = chain::digest_of(&entry, &entry.previous)
        .ok_or_else(|| CatalogError::Damaged("an entry is not JSON".to_owned()))?;
    head.seq = entry.seq;
    head.digest.clone_from(&entry.digest);
    ledger_entry::Entity::insert(entry.into_active_model().reset_all()).exec_without_returning(transaction).await?;
    Ok(())
}
