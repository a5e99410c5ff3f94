//! Which kinds go together, and what a literal becomes beside another.

use sqlparser::ast::Value as SqlValue;
use sqlparser::tokenizer::Span;

use super::functions::{FUNCTIONS, Function};
use super::node::{Kind, Node};
use crate::model::{LogicalType, Raw, Value, calendar};
use crate::rules::Coercer;
use crate::rules::reject::shown;

/// Why a tree is not admitted.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) place: (u64, u64),
    pub(super) reason: String,
    pub(super) help: String,
}

/// A node with its kind; a text literal takes on the kind of what it meets.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) kind: Kind,
}

pub(super) fn refusal(reason: impl Into<String>, help: impl Into<String>) -> Refusal {
    Refusal { place: (1, 1), reason: reason.into(), help: help.into() }
}

pub(super) fn at(span: Span, mut refusal: Refusal) -> Refusal {
    if span.start.line > 0 {
        refusal.place = (span.start.line, span.start.column);
    }
    refusal
}

pub(super) fn condition(node: Node) -> Typed {
    Typed { node, kind: Kind::Bool }
}

pub(super) fn null() -> Typed {
    Typed { node: Node::Constant(Value::Null), kind: Kind::Null }
}

pub(super) fn constant(value: &SqlValue) -> Result<Typed, Refusal> {
    let (value, kind) = match value {
        SqlValue::Null => return Ok(null()),
        SqlValue::Boolean(truth) => (Value::Bool(*truth), Kind::Bool),
        SqlValue::SingleQuotedString(text) if !text.contains('\0') => (Value::Text(text.clone()), Kind::Text),
        SqlValue::Number(text, false) => match text.parse() {
            Ok(number) => (Value::Int(number), Kind::Int),
            Err(_) => match Coercer::for_type(LogicalType::Decimal(68, 30)).coerce(Raw::Text(text)) {
                Ok(value) => (value, Kind::Decimal),
                Err(_) => (Value::Float(text.parse().unwrap_or(f64::NAN)), Kind::Float),
            },
        },
        _ => return Err(refusal("this literal is not admitted", "texts stand in single quotes, numbers bare")),
    };
    Ok(Typed { node: Node::Constant(value), kind })
}

fn is_text_literal(typed: &Typed) -> bool {
    matches!(typed.node, Node::Constant(Value::Text(_)))
}

/// The kind in which two operands meet.
pub(super) fn common(left: &Typed, right: &Typed) -> Result<Kind, Refusal> {
    let (a, b) = (left.kind, right.kind);
    let takes_literal = |kind: Kind| matches!(kind, Kind::Timestamp | Kind::Date | Kind::Uuid);
    Ok(match (a, b) {
        (Kind::Null, other) | (other, Kind::Null) => other,
        _ if a == b => a,
        _ if a.is_number() && b.is_number() => a.wider(b),
        _ if is_text_literal(right) && takes_literal(a) => a,
        _ if is_text_literal(left) && takes_literal(b) => b,
        _ => {
            let reason = format!("{} and {} do not go together", a.title(), b.title());
            return Err(refusal(reason, "cast one of them: cast(x as text)"));
        }
    })
}

/// A node in the kind that is wanted: text literals become days, instants and identifiers.
pub(super) fn adapt(typed: Typed, kind: Kind) -> Result<Node, Refusal> {
    let Node::Constant(Value::Text(text)) = &typed.node else { return Ok(typed.node) };
    let logical = match kind {
        Kind::Timestamp if text.len() == 10 => {
            let day = calendar::parse_date(text).map_err(|e| refusal(format!("'{}': {e}", shown(text)), ""))?;
            return Ok(Node::Constant(Value::Timestamp(i64::from(day) * 86_400_000_000)));
        }
        Kind::Timestamp => LogicalType::Timestamp,
        Kind::Date => LogicalType::Date,
        Kind::Uuid => LogicalType::Uuid,
        _ => return Ok(typed.node),
    };
    let value = Coercer::for_type(logical).coerce(Raw::Text(text));
    value.map(Node::Constant).map_err(|reject| refusal(reject.reason, "write the literal in that form"))
}

/// Operands of one kind.
pub(super) fn unify(all: Vec<Typed>) -> Result<(Kind, Vec<Node>), Refusal> {
    let mut kind = Kind::Null;
    for typed in &all {
        let literal = is_text_literal(typed) && kind != Kind::Null && kind != Kind::Text;
        let so_far = Typed { node: Node::Constant(Value::Null), kind };
        kind = if literal || kind == Kind::Null { common(&so_far, typed)? } else { common(typed, &so_far)? };
    }
    let nodes = all.into_iter().map(|typed| adapt(typed, kind)).collect::<Result<Vec<_>, _>>()?;
    Ok((kind, nodes))
}

pub(super) fn comparable(kind: Kind, ordered: bool) -> Result<(), Refusal> {
    match kind {
        Kind::Json => Err(refusal("JSON documents are not compared", "compare a part: json_get(x, 'key') = 'value'")),
        Kind::List | Kind::Bytes if ordered => Err(refusal(format!("{} has no order", kind.title()), "use = or <>")),
        _ => Ok(()),
    }
}

/// A call whose arguments were lowered.
pub(super) fn call(function: Function, arguments: Vec<Typed>) -> Result<Typed, Refusal> {
    let form = FUNCTIONS.iter().find(|(name, _)| Function::of_name(name) == Some(function)).map_or("", |(_, f)| f);
    let (least, most) = function.arity();
    if !(least..=most).contains(&arguments.len()) {
        return Err(refusal(format!("{} arguments are not what it takes", arguments.len()), form));
    }
    for (place, argument) in arguments.iter().enumerate() {
        let wanted = function.wants(place);
        if wanted.is_some_and(|kind| kind != argument.kind && argument.kind != Kind::Null) {
            let reason = format!("argument {} is {}", place + 1, argument.kind.title());
            return Err(refusal(reason, form));
        }
    }
    positive(function, &arguments, form)?;
    let first = arguments.first().map_or(Kind::Null, |argument| argument.kind);
    let (kind, nodes) = match function {
        Function::Coalesce => unify(arguments)?,
        Function::NullIf => {
            let (_, nodes) = unify(arguments)?;
            (first, nodes)
        }
        Function::Abs | Function::Round if first.is_number() || first == Kind::Null => {
            (first, arguments.into_iter().map(|a| a.node).collect())
        }
        Function::Abs | Function::Round => return Err(refusal(format!("argument 1 is {}", first.title()), form)),
        Function::Now => (Kind::Timestamp, Vec::new()),
        Function::Length => (Kind::Int, arguments.into_iter().map(|a| a.node).collect()),
        _ => (Kind::Text, arguments.into_iter().map(|a| a.node).collect()),
    };
    Ok(Typed { node: Node::Call(function, nodes), kind })
}

/// Places and lengths are literals: engines differ in what they make of those below one.
fn positive(function: Function, arguments: &[Typed], form: &str) -> Result<(), Refusal> {
    for (place, argument) in arguments.iter().enumerate() {
        if function.wants(place) != Some(Kind::Int) {
            continue;
        }
        let least = i64::from(!matches!((function, place), (Function::Substring, 2) | (Function::Round, _)));
        match &argument.node {
            Node::Constant(Value::Int(number)) if *number >= least => {}
            _ => {
                let reason = format!("argument {} must be a number from {least}, written out", place + 1);
                return Err(refusal(reason, form));
            }
        }
    }
    Ok(())
}

/// A pattern of `like` as a regular expression: `%`, `_`, and `\` before a character that is meant.
pub(super) fn like_pattern(like: &str) -> String {
    let mut out = String::from("(?s)\\A");
    let mut chars = like.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' => out.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push_str("\\z");
    out
}
