//! A rule over one row.

use super::severity::Severity;

/// A condition that each row must meet, as a rule file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRule {
    /// Its name.
    pub id: String,
    /// The condition; unknown counts as met.
    pub assert: String,
    /// How much it matters.
    pub severity: Severity,
    /// The rows that it speaks of; all if there is none.
    pub only_where: Option<String>,
    /// What to tell people, with `{column}` for values.
    pub message: Option<String>,
}

impl RowRule {
    /// A condition of the model.
    pub fn of_condition(name: &str, condition: &str) -> Self {
        Self {
            id: name.to_owned(),
            assert: condition.to_owned(),
            severity: Severity::High,
            only_where: None,
            message: None,
        }
    }
}
