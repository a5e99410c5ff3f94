//! What a failed load means: which exit code it ends with, and whether it is tried again.

use super::error::LoadError;
use super::safety;
use crate::backends::site::database_failure;
use crate::engine::{Failure, FailureKind};
use crate::formats::SourceError;

impl Failure for LoadError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Safety(error) => safety::kind(error),
            Self::Unload(error) => error.kind(),
            Self::Database(error) => database_failure(error),
            Self::Source(SourceError::Unreadable { .. })
            | Self::UnknownDataType { .. }
            | Self::NoSource { .. }
            | Self::Nothing { .. }
            | Self::Twice { .. }
            | Self::UnknownColumn { .. }
            | Self::MissingColumns { .. }
            | Self::KeyNotInSource { .. }
            | Self::SealedByPassphrase { .. }
            | Self::Rules(_)
            | Self::Circle(_)
            | Self::Mapping(_)
            | Self::MappingReads { .. }
            | Self::LookupTooLarge { .. }
            | Self::NoKey { .. }
            | Self::NoNewest { .. }
            | Self::DeleteNeedsIncremental
            | Self::StandardInput
            | Self::OneDataType
            | Self::WhatToRead
            | Self::TimeZone { .. }
            | Self::DeleteNeedsStop => FailureKind::Usage,
            Self::Quota { .. } | Self::SourceChanged { .. } => FailureKind::Refused,
            Self::Bug { .. } => FailureKind::Bug,
            _ => FailureKind::Failed,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Site(error) => error.is_transient(),
            Self::Safety(error) => safety::is_transient(error),
            Self::Unload(error) => error.is_transient(),
            _ => false,
        }
    }
}
