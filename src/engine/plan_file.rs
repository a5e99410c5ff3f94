//! Plans saved for later: one file, one plan a target, provably unchanged.
//!
//! A plan file may hold what the user meant and what was seen, so only its owner can read it. It
//! can be looked at however old it is; [`Plan::approve`] decides whether it may still be carried out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Failure, FailureKind, Plan, Refusal, chain};

const SCHEMA: &str = "fixtool.plan";
const FORMAT_VERSION: u32 = 1;

/// The largest plan file that is written or read: 64 MiB, some ten thousand ordinary plans.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Plans as they lie in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    schema: String,
    format_version: u32,
    /// Over the digests of all plans: none was added, removed or moved.
    digest: String,
    plans: Vec<StoredPlan>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredPlan {
    digest: String,
    plan: Value,
}

/// What every document of fixtool begins with.
#[derive(Deserialize)]
struct Head {
    schema: String,
    format_version: u32,
}

/// Why plans could not be saved or loaded.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PlanFileError {
    /// The file system said no.
    #[error("the plan file {} cannot be {verb}: {reason}", .path.display())]
    #[diagnostic(code(fixtool::plan_file::io), help("check the path and who may write to it"))]
    Io {
        /// Which file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// The system's words.
        reason: String,
    },
    /// Something else lies there that saving would destroy.
    #[error("{} exists and is not a plan file", .path.display())]
    #[diagnostic(code(fixtool::plan_file::in_the_way), help("give another name to --plan-out, or remove the file"))]
    InTheWay {
        /// Which file.
        path: PathBuf,
    },
    /// It is too large.
    #[error("the plan file {} would be larger than {} MiB", .path.display(), MAX_BYTES / 1024 / 1024)]
    #[diagnostic(
        code(fixtool::plan_file::too_large),
        help("plan fewer tenants at a time, with --tenant, --tier or -l")
    )]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// It is not a plan file.
    #[error("{} is not a plan file: {reason}", .path.display())]
    #[diagnostic(code(fixtool::plan_file::not_a_plan), help("plan files are made with --plan-out FILE"))]
    NotAPlan {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// It comes from a later fixtool.
    #[error("{} was made by a newer fixtool (format {found}; this one reads up to {FORMAT_VERSION})", .path.display())]
    #[diagnostic(
        code(fixtool::plan_file::newer),
        help("use the newer fixtool, or make a new plan with --plan-out FILE")
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// A plan cannot be written as JSON.
    #[error("the plan cannot be written as JSON: {reason}")]
    #[diagnostic(code(fixtool::bug), help("please report it with the output of 'fixtool doctor'"))]
    Unserializable {
        /// What does not fit.
        reason: String,
    },
    /// A plan in it may not be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Refused(#[from] Refusal),
}

impl Failure for PlanFileError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Io { .. }
            | Self::InTheWay { .. }
            | Self::TooLarge { .. }
            | Self::NotAPlan { .. }
            | Self::Newer { .. } => FailureKind::Usage,
            Self::Unserializable { .. } => FailureKind::Bug,
            Self::Refused(refusal) => refusal.kind(),
        }
    }
}

impl PlanFile {
    /// Plans, ready to be saved.
    pub fn of<A: Action>(plans: &[Plan<A>]) -> Result<Self, PlanFileError> {
        let plans = plans
            .iter()
            .map(|plan| {
                let plan =
                    serde_json::to_value(plan).map_err(|e| PlanFileError::Unserializable { reason: e.to_string() })?;
                Ok(StoredPlan { digest: chain::digest(&plan), plan })
            })
            .collect::<Result<Vec<_>, PlanFileError>>()?;
        let digest = digest_of(&plans);
        Ok(Self { schema: SCHEMA.to_owned(), format_version: FORMAT_VERSION, digest, plans })
    }

    /// Writes the file, readable by its owner only, whole or not at all. An earlier plan file of
    /// that name is replaced; anything else that lies there is left alone and refused.
    pub fn save(&self, path: &Path) -> Result<(), PlanFileError> {
        let failed = |e: io::Error| PlanFileError::Io { path: path.into(), verb: "written", reason: e.to_string() };
        if path.symlink_metadata().is_ok() && !may_replace(path) {
            return Err(PlanFileError::InTheWay { path: path.into() });
        }
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|e| PlanFileError::Unserializable { reason: e.to_string() })?;
        text.push(b'\n');
        if u64::try_from(text.len()).map_or(true, |len| len > MAX_BYTES) {
            return Err(PlanFileError::TooLarge { path: path.into() });
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|e| failed(e.error))?;
        Ok(())
    }

    /// Reads a file. That the plans in it are unchanged is seen when they are
    /// [taken out](Self::plans).
    pub fn load(path: &Path) -> Result<Self, PlanFileError> {
        let text = read(path)?;
        let not_a_plan = |e: serde_json::Error| PlanFileError::NotAPlan { path: path.into(), reason: e.to_string() };
        let head: Head = serde_json::from_slice(&text).map_err(not_a_plan)?;
        if head.schema != SCHEMA {
            let reason = format!("it is a {:?}", head.schema);
            return Err(PlanFileError::NotAPlan { path: path.into(), reason });
        }
        if head.format_version > FORMAT_VERSION {
            return Err(PlanFileError::Newer { path: path.into(), found: head.format_version.into() });
        }
        if head.format_version == 0 {
            return Err(PlanFileError::NotAPlan { path: path.into(), reason: "there is no format 0".to_owned() });
        }
        serde_json::from_slice(&text).map_err(not_a_plan)
    }

    /// The operation of the plans, to find out of which type they are. `None` when the file holds
    /// no plan.
    pub fn operation(&self) -> Option<&str> {
        self.plans.first().and_then(|stored| stored.plan.get("operation")).and_then(Value::as_str)
    }

    /// The names of the targets, in order.
    pub fn targets(&self) -> Vec<&str> {
        self.plans.iter().map(|stored| target(&stored.plan)).collect()
    }

    /// The plans, when they are exactly what was saved.
    pub fn plans<A: Action>(&self) -> Result<Vec<Plan<A>>, PlanFileError> {
        if digest_of(&self.plans) != self.digest {
            return Err(Refusal::Edited { target: self.targets().join(", ") }.into());
        }
        self.plans.iter().map(StoredPlan::typed).collect()
    }
}

impl StoredPlan {
    fn typed<A: Action>(&self) -> Result<Plan<A>, PlanFileError> {
        let name = || target(&self.plan).to_owned();
        if chain::digest(&self.plan) != self.digest {
            return Err(Refusal::Edited { target: name() }.into());
        }
        let unreadable = |e: serde_json::Error| Refusal::Unreadable { target: name(), reason: e.to_string() };
        let plan: Plan<A> = serde_json::from_value(self.plan.clone()).map_err(unreadable)?;
        // Another version may leave out what it does not know, and the plan would count as a new one.
        if plan.digest().map_err(unreadable)? != self.digest {
            let reason = "it says more than this version understands".to_owned();
            return Err(Refusal::Unreadable { target: name(), reason }.into());
        }
        Ok(plan)
    }
}

fn target(plan: &Value) -> &str {
    plan.pointer("/target/name").and_then(Value::as_str).unwrap_or("?")
}

fn digest_of(plans: &[StoredPlan]) -> String {
    chain::digest(&plans.iter().map(|stored| stored.digest.as_str()).collect())
}

/// Nothing is lost when an earlier plan or an empty file is replaced.
fn may_replace(path: &Path) -> bool {
    let is_file = path.metadata().is_ok_and(|m| m.is_file());
    let is_empty = path.metadata().is_ok_and(|m| m.len() == 0);
    is_file && (is_empty || matches!(PlanFile::load(path), Ok(_) | Err(PlanFileError::Newer { .. })))
}

fn read(path: &Path) -> Result<Vec<u8>, PlanFileError> {
    let failed = |e: io::Error| PlanFileError::Io { path: path.into(), verb: "read", reason: e.to_string() };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(PlanFileError::NotAPlan { path: path.into(), reason: "it is a folder".to_owned() });
    }
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if u64::try_from(text.len()).map_or(true, |len| len > MAX_BYTES) {
        return Err(PlanFileError::TooLarge { path: path.into() });
    }
    Ok(text)
}
