//! When a record is right: one rule, parsed once, as a closure and as SQL.
