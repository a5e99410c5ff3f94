//! One operation on many targets.
