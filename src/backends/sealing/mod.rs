//! Sealing: secrets at rest, with age.
