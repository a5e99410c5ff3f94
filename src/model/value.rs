//! Values: one cell of a record after it was coerced to its column's logical type.

/// One record: a value for each column, in the order that the reader was told.
pub type Row = Vec<Value>;

/// A cell. What stands here round-trips exactly between engines and formats.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// `int` and `bigint`.
    Int(i64),
    /// `float`; may be infinite or not a number where the engine allows it.
    Float(f64),
    /// `decimal`: canonical text, sign, digits, optional point and digits, no exponent.
    Decimal(String),
    /// `text`, `string(n)`, `enum(…)` and `native(…)`.
    Text(String),
    /// `uuid`, most significant byte first.
    Uuid([u8; 16]),
    /// `timestamp`: microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// `date`: days since 1970-01-01.
    Date(i32),
    /// `json`: a valid document as text, as it was written.
    Json(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `list(text)`; an element may be null.
    List(Vec<Option<String>>),
}

impl Value {
    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}
