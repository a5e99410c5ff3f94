//! Why a value or a record is not taken.

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The column that was to take it; `None` if the whole record is meant.
    pub column: Option<String>,
    /// The source field it came from, as its place among the fields.
    pub field: Option<usize>,
    /// A short stable name: `not_int`, `out_of_range`, `required`, …
    pub code: &'static str,
    /// What is wrong, for people. Values of personal or secret columns are not in it.
    pub reason: String,
}

impl Reject {
    pub(super) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { column: None, field: None, code, reason: reason.into() }
    }

    /// The same for this column and source field.
    #[must_use]
    pub fn at(mut self, column: &str, field: Option<usize>) -> Self {
        self.column = Some(column.to_owned());
        self.field = field;
        self
    }
}

/// A value for people: control characters escaped, cut after 60 characters.
pub(super) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}
