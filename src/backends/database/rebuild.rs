//! What stands around a table's rows and is cheaper to build after them than to keep beside them.

/// Statements that strip a table of its indexes and keys, and those that bring them back exactly.
///
/// They come from the living catalog, not from the model: an index that somebody added by hand
/// comes back too. What could not come back exactly is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuild {
    /// In the order in which they go.
    pub drop: Vec<String>,
    /// In the order in which they come back: keys, then indexes, then foreign keys.
    pub build: Vec<String>,
}
