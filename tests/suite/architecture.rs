//! The house's rules.
