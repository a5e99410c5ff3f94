//! A field as a source has it, before its column's type gives it a meaning.

/// A field of a record, with the kind that the source's format gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw<'a> {
    /// The record does not name the field (JSON and YAML only).
    Absent,
    /// The record says that there is no value.
    Null,
    /// Text of a CSV or TSV file; the column's type decides what it means.
    Text(&'a str),
    /// A string of a JSON or YAML source, unescaped.
    String(&'a str),
    /// A number of a JSON or YAML source, exactly as it was written.
    Number(&'a str),
    /// A boolean of a JSON or YAML source.
    Bool(bool),
    /// An array or object of a JSON or YAML source, as JSON text.
    Json(&'a str),
}

/// Anything that has fields by place.
pub trait Fields {
    /// The field at this place; [`Raw::Absent`] where there is none.
    fn field(&self, place: usize) -> Raw<'_>;
}

impl Fields for [Raw<'_>] {
    fn field(&self, place: usize) -> Raw<'_> {
        self.get(place).copied().unwrap_or(Raw::Absent)
    }
}
