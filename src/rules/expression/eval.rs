//! The value of an expression for one row.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::call::{call, fits, json_get};
use super::node::{Arithmetic, Comparison, Kind, Node};
use super::number::Exact;
use crate::model::{Raw, Value};

/// Why an expression has no value for a row. A database would refuse the row likewise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalFault {
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A number is beyond what can be held.
    #[error("a number is too large")]
    Overflow,
    /// A text that it makes has more bytes than this.
    #[error("a text becomes longer than {0} bytes")]
    TextTooLong(usize),
    /// A cast cannot be made.
    #[error("{0}")]
    Cast(String),
}

/// A value on its way; texts are borrowed where they can be.
#[derive(Debug, Clone)]
pub(super) enum Datum<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Exact(Exact),
    Text(Cow<'a, str>),
    Timestamp(i64),
    Date(i32),
    /// Uuid, bytes, list.
    Other(&'a Value),
}

impl<'a> Datum<'a> {
    fn of(value: &'a Value) -> Result<Self, EvalFault> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Decimal(text) => Self::Exact(Exact::parse(text)?),
            Value::Text(text) | Value::Json(text) => Self::Text(Cow::Borrowed(text)),
            Value::Timestamp(micros) => Self::Timestamp(*micros),
            Value::Date(days) => Self::Date(*days),
            Value::Uuid(_) | Value::Bytes(_) | Value::List(_) => Self::Other(value),
        })
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Exact(number) => Value::Decimal(number.to_text()),
            Self::Text(text) => Value::Text(text.into_owned()),
            Self::Timestamp(micros) => Value::Timestamp(micros),
            Self::Date(days) => Value::Date(days),
            Self::Other(value) => value.clone(),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    fn truth(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text),
            other => other.into_value().to_text().map(Cow::Owned),
        }
    }

    pub(super) fn exact(&self) -> Result<Exact, EvalFault> {
        match self {
            Self::Int(number) => Ok(Exact::whole(*number)),
            Self::Exact(number) => Ok(*number),
            _ => Err(EvalFault::Overflow),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "SQL too converts a whole number to the nearest binary one")]
    fn float(&self) -> f64 {
        match self {
            Self::Int(number) => *number as f64,
            Self::Float(number) => *number,
            Self::Exact(number) => number.to_float(),
            _ => f64::NAN,
        }
    }

    pub(super) fn int(&self) -> Result<i64, EvalFault> {
        if let Self::Int(number) = self { Ok(*number) } else { Err(EvalFault::Overflow) }
    }
}

/// The truth of a condition; `None` if it is unknown.
pub(super) fn truth(node: &Node, row: &[Value], now: i64) -> Result<Option<bool>, EvalFault> {
    match node {
        Node::Not(a) => Ok(truth(a, row, now)?.map(|t| !t)),
        Node::All(a, b) => Ok(match truth(a, row, now)? {
            Some(false) => Some(false),
            first => match (first, truth(b, row, now)?) {
                (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
        }),
        Node::Any(a, b) => Ok(match truth(a, row, now)? {
            Some(true) => Some(true),
            first => match (first, truth(b, row, now)?) {
                (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }),
        Node::IsNull(a, negated) => Ok(Some(eval(a, row, now)?.is_null() != *negated)),
        Node::IsTruth(a, wanted, negated) => Ok(Some((truth(a, row, now)? == Some(*wanted)) != *negated)),
        Node::Compare(comparison, kind, a, b) => {
            let (a, b) = (eval(a, row, now)?, eval(b, row, now)?);
            Ok(compare(&a, &b, *kind)?.map(|order| holds(*comparison, order)))
        }
        Node::Distinct(kind, a, b, negated) => {
            let (a, b) = (eval(a, row, now)?, eval(b, row, now)?);
            let distinct = match (a.is_null(), b.is_null()) {
                (false, false) => compare(&a, &b, *kind)? != Some(Ordering::Equal),
                (a, b) => a != b,
            };
            Ok(Some(distinct != *negated))
        }
        Node::In(kind, a, list, negated) => {
            let a = eval(a, row, now)?;
            let mut unknown = a.is_null();
            for item in list {
                match compare(&a, &eval(item, row, now)?, *kind)? {
                    Some(Ordering::Equal) => return Ok(Some(!negated)),
                    Some(_) => {}
                    None => unknown = true,
                }
            }
            Ok((!unknown).then_some(*negated))
        }
        Node::Matches(a, pattern, negated) => {
            let text = eval(a, row, now)?.into_text();
            Ok(text.map(|text| pattern.regex.is_match(&text) != *negated))
        }
        other => Ok(eval(other, row, now)?.truth()),
    }
}

/// The value of a node.
pub(super) fn eval<'a>(node: &'a Node, row: &'a [Value], now: i64) -> Result<Datum<'a>, EvalFault> {
    match node {
        Node::Constant(value) => Datum::of(value),
        Node::Column(place, _) => row.get(*place).map_or(Ok(Datum::Null), Datum::of),
        Node::Arithmetic(operator, kind, a, b) => {
            let (a, b) = (eval(a, row, now)?, eval(b, row, now)?);
            if a.is_null() || b.is_null() { Ok(Datum::Null) } else { arithmetic(*operator, *kind, &a, &b) }
        }
        Node::Negate(a) => match eval(a, row, now)? {
            Datum::Int(number) => number.checked_neg().map(Datum::Int).ok_or(EvalFault::Overflow),
            Datum::Float(number) => Ok(Datum::Float(-number)),
            Datum::Exact(number) => Ok(Datum::Exact(number.negate())),
            _ => Ok(Datum::Null),
        },
        Node::Concat(a, b) => {
            let (a, b) = (eval(a, row, now)?.into_text(), eval(b, row, now)?.into_text());
            let Some((a, b)) = a.zip(b) else { return Ok(Datum::Null) };
            fits(a.len().saturating_add(b.len()))?;
            Ok(Datum::Text(a + b))
        }
        Node::Case(whens, otherwise) => {
            for (when, then) in whens {
                if truth(when, row, now)? == Some(true) {
                    return eval(then, row, now);
                }
            }
            eval(otherwise, row, now)
        }
        Node::Call(function, arguments) => call(*function, arguments, row, now),
        Node::Cast(a, coercer, _) => match eval(a, row, now)?.into_text() {
            None => Ok(Datum::Null),
            Some(text) => {
                let value = coercer.coerce(Raw::Text(&text)).map_err(|reject| EvalFault::Cast(reject.reason))?;
                owned(value)
            }
        },
        Node::JsonText(a, path) => {
            let document = eval(a, row, now)?.into_text();
            Ok(document.and_then(|text| json_get(&text, path)).map_or(Datum::Null, |t| Datum::Text(Cow::Owned(t))))
        }
        condition => Ok(truth(condition, row, now)?.map_or(Datum::Null, Datum::Bool)),
    }
}

/// A value that no row holds. Casts to uuid, bytes and lists are not admitted.
fn owned<'a>(value: Value) -> Result<Datum<'a>, EvalFault> {
    Ok(match value {
        Value::Text(text) | Value::Json(text) => Datum::Text(Cow::Owned(text)),
        Value::Bool(truth) => Datum::Bool(truth),
        Value::Int(number) => Datum::Int(number),
        Value::Float(number) => Datum::Float(number),
        Value::Decimal(text) => Datum::Exact(Exact::parse(&text)?),
        Value::Timestamp(micros) => Datum::Timestamp(micros),
        Value::Date(days) => Datum::Date(days),
        Value::Null | Value::Uuid(_) | Value::Bytes(_) | Value::List(_) => Datum::Null,
    })
}

fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    }
}

/// The order of two values; `None` if one is NULL. NaN is greater than all numbers and equal to
/// itself, as in PostgreSQL.
pub(super) fn compare(a: &Datum<'_>, b: &Datum<'_>, kind: Kind) -> Result<Option<Ordering>, EvalFault> {
    if a.is_null() || b.is_null() {
        return Ok(None);
    }
    Ok(match (a, b) {
        (Datum::Bool(a), Datum::Bool(b)) => Some(a.cmp(b)),
        (Datum::Int(a), Datum::Int(b)) | (Datum::Timestamp(a), Datum::Timestamp(b)) => Some(a.cmp(b)),
        (Datum::Date(a), Datum::Date(b)) => Some(a.cmp(b)),
        (Datum::Text(a), Datum::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Datum::Other(Value::Uuid(a)), Datum::Other(Value::Uuid(b))) => Some(a.cmp(b)),
        (Datum::Other(Value::Bytes(a)), Datum::Other(Value::Bytes(b))) => Some(a.cmp(b)),
        (Datum::Other(Value::List(a)), Datum::Other(Value::List(b))) => Some(a.cmp(b)),
        _ if kind == Kind::Float => {
            let (a, b) = (a.float(), b.float());
            Some(a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
        }
        _ => Some(a.exact()?.compare(b.exact()?)?),
    })
}

fn arithmetic<'a>(operator: Arithmetic, kind: Kind, a: &Datum<'_>, b: &Datum<'_>) -> Result<Datum<'a>, EvalFault> {
    match kind {
        Kind::Int => {
            let (a, b) = (a.int()?, b.int()?);
            let result = match operator {
                Arithmetic::Add => a.checked_add(b),
                Arithmetic::Subtract => a.checked_sub(b),
                Arithmetic::Multiply => a.checked_mul(b),
                Arithmetic::Divide | Arithmetic::Remainder if b == 0 => return Err(EvalFault::DivisionByZero),
                Arithmetic::Divide => a.checked_div(b),
                Arithmetic::Remainder => a.checked_rem(b),
            };
            result.map(Datum::Int).ok_or(EvalFault::Overflow)
        }
        Kind::Decimal => {
            let (a, b) = (a.exact()?, b.exact()?);
            match operator {
                Arithmetic::Add => a.add(b),
                Arithmetic::Subtract => a.add(b.negate()),
                Arithmetic::Multiply => a.multiply(b),
                _ if b.is_zero() => Err(EvalFault::DivisionByZero),
                Arithmetic::Divide | Arithmetic::Remainder => a.remainder(b),
            }
            .map(Datum::Exact)
        }
        _ => {
            let (a, b) = (a.float(), b.float());
            let result = match operator {
                Arithmetic::Add => a + b,
                Arithmetic::Subtract => a - b,
                Arithmetic::Multiply => a * b,
                Arithmetic::Divide | Arithmetic::Remainder if b == 0.0 => return Err(EvalFault::DivisionByZero),
                Arithmetic::Divide => a / b,
                Arithmetic::Remainder => a % b,
            };
            if result.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(EvalFault::Overflow);
            }
            Ok(Datum::Float(result))
        }
    }
}
