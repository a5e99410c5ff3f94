//! The expression as SQL of one engine.

use super::functions::Function;
use super::node::{Arithmetic, Comparison, Kind, Node, Pattern};
use crate::model::{Engine, LogicalType, Value};

/// An engine cannot say a part of the expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot check {what} by itself; fixtool checks it while loading", engine.title())]
pub struct NotRenderable {
    /// The part.
    pub what: &'static str,
    /// The engine.
    pub engine: Engine,
}

/// Renders a node; every operation stands in parentheses, so that no precedence can differ.
pub(super) fn render(node: &Node, names: &[String], engine: Engine) -> Result<String, NotRenderable> {
    Sql { names, engine }.node(node)
}

struct Sql<'a> {
    names: &'a [String],
    engine: Engine,
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Sql<'_> {
    fn postgres(&self) -> bool {
        self.engine == Engine::Postgres
    }

    fn cannot(&self, what: &'static str) -> NotRenderable {
        NotRenderable { what, engine: self.engine }
    }

    fn node(&self, node: &Node) -> Result<String, NotRenderable> {
        Ok(match node {
            Node::Constant(value) => self.constant(value),
            Node::Column(place, _) => {
                let name = self.names.get(*place).map(String::as_str).unwrap_or_default();
                format!("\"{}\"", name.replace('"', "\"\""))
            }
            Node::Not(a) => format!("(NOT {})", self.node(a)?),
            Node::All(a, b) => format!("({} AND {})", self.node(a)?, self.node(b)?),
            Node::Any(a, b) => format!("({} OR {})", self.node(a)?, self.node(b)?),
            Node::Compare(comparison, kind, a, b) => {
                let (a, b) = (self.operand(a, *kind, *comparison)?, self.operand(b, *kind, *comparison)?);
                format!("({a} {} {b})", symbol(*comparison))
            }
            Node::Distinct(kind, a, b, negated) => {
                let word = if *negated { "IS NOT DISTINCT FROM" } else { "IS DISTINCT FROM" };
                format!("({} {word} {})", self.number(a, *kind)?, self.number(b, *kind)?)
            }
            Node::IsNull(a, negated) => format!("({} IS{} NULL)", self.node(a)?, not(*negated)),
            Node::IsTruth(a, wanted, negated) => {
                format!("({} IS{} {})", self.node(a)?, not(*negated), if *wanted { "TRUE" } else { "FALSE" })
            }
            Node::In(kind, a, list, negated) => {
                let items = list.iter().map(|item| self.number(item, *kind)).collect::<Result<Vec<_>, _>>()?;
                format!("({}{} IN ({}))", self.number(a, *kind)?, not(*negated), items.join(", "))
            }
            Node::Matches(a, pattern, negated) => self.matches(&self.node(a)?, pattern, *negated)?,
            Node::Arithmetic(operator, kind, a, b) => {
                let symbol = match operator {
                    Arithmetic::Add => '+',
                    Arithmetic::Subtract => '-',
                    Arithmetic::Multiply => '*',
                    Arithmetic::Divide => '/',
                    Arithmetic::Remainder => '%',
                };
                if *operator == Arithmetic::Remainder && *kind == Kind::Float {
                    return Err(self.cannot("% with floating point numbers"));
                }
                format!("({} {symbol} {})", self.number(a, *kind)?, self.number(b, *kind)?)
            }
            Node::Negate(a) => format!("(-{})", self.node(a)?),
            Node::Concat(a, b) => format!("({} || {})", self.node(a)?, self.node(b)?),
            Node::Case(whens, otherwise) => {
                let mut out = String::from("(CASE");
                for (when, then) in whens {
                    out.extend([" WHEN ", &self.node(when)?, " THEN ", &self.node(then)?]);
                }
                format!("{out} ELSE {} END)", self.node(otherwise)?)
            }
            Node::Call(function, arguments) => self.call(*function, arguments)?,
            Node::Cast(a, _, logical) => self.cast(&self.node(a)?, logical)?,
            Node::JsonText(a, path) => self.json(&self.node(a)?, path),
        })
    }

    fn constant(&self, value: &Value) -> String {
        let text = value.to_text().unwrap_or_default();
        match value {
            Value::Null => "NULL".to_owned(),
            Value::Bool(_) => text.to_ascii_uppercase(),
            Value::Int(_) | Value::Decimal(_) if text.starts_with('-') => format!("({text})"),
            Value::Int(_) | Value::Decimal(_) => text,
            Value::Float(_) if self.postgres() => format!("{}::double precision", quoted(&text)),
            Value::Float(_) => format!("CAST({} AS REAL)", quoted(&text)),
            Value::Timestamp(_) if self.postgres() => format!("{}::timestamptz", quoted(&text)),
            Value::Date(_) if self.postgres() => format!("{}::date", quoted(&text)),
            Value::Uuid(_) if self.postgres() => format!("{}::uuid", quoted(&text)),
            _ => quoted(&text),
        }
    }

    /// An operand of a comparison. Texts are ordered by their bytes, as in memory.
    fn operand(&self, node: &Node, kind: Kind, comparison: Comparison) -> Result<String, NotRenderable> {
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if self.postgres() && kind == Kind::Text && ordered {
            return Ok(format!("{} COLLATE \"C\"", self.node(node)?));
        }
        self.number(node, kind)
    }

    /// A node as a number of a kind; SQLite keeps decimals as text.
    fn number(&self, node: &Node, kind: Kind) -> Result<String, NotRenderable> {
        let text = self.node(node)?;
        let literal = matches!(node, Node::Constant(_));
        Ok(match kind {
            Kind::Decimal if !self.postgres() && !literal => format!("CAST({text} AS REAL)"),
            Kind::Float if self.postgres() => format!("({text})::double precision"),
            Kind::Float => format!("CAST({text} AS REAL)"),
            _ => text,
        })
    }

    fn matches(&self, text: &str, pattern: &Pattern, negated: bool) -> Result<String, NotRenderable> {
        let not = if negated { "NOT " } else { "" };
        let out = match (self.postgres(), pattern.like, pattern.any_case) {
            (true, true, any_case) => {
                let word = if any_case { "ILIKE" } else { "LIKE" };
                format!("({text} {not}{word} {} ESCAPE '\\')", quoted(&pattern.text))
            }
            (true, false, any_case) => {
                let bang = if negated { "!" } else { "" };
                let star = if any_case { "*" } else { "" };
                format!("({text} {bang}~{star} {})", quoted(&pattern.text))
            }
            (false, true, true) => format!("({text} {not}LIKE {} ESCAPE '\\')", quoted(&pattern.text)),
            (false, true, false) => format!("({text} {not}GLOB {})", quoted(&glob(&pattern.text))),
            (false, false, _) => return Err(self.cannot("regular expressions")),
        };
        Ok(out)
    }

    fn call(&self, function: Function, arguments: &[Node]) -> Result<String, NotRenderable> {
        let all = arguments.iter().map(|a| self.node(a)).collect::<Result<Vec<_>, _>>()?;
        let list = all.join(", ");
        Ok(match function {
            Function::Abs => format!("abs({})", self.as_number(arguments, &list)?),
            Function::Coalesce if all.len() == 1 => list,
            Function::Coalesce => format!("coalesce({list})"),
            Function::Concat if self.postgres() => format!("concat({list})"),
            Function::Concat => {
                let parts: Vec<String> = all.iter().map(|part| format!("coalesce({part}, '')")).collect();
                format!("({})", parts.join(" || "))
            }
            Function::Length => format!("length({list})"),
            Function::Lower => format!("lower({list})"),
            Function::Upper => format!("upper({list})"),
            Function::Trim if self.postgres() => format!("btrim({list})"),
            Function::Trim => format!("trim({list})"),
            Function::TrimStart => format!("ltrim({list})"),
            Function::TrimEnd => format!("rtrim({list})"),
            Function::Now if self.postgres() => "now()".to_owned(),
            Function::Now => "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')".to_owned(),
            Function::NullIf => format!("nullif({list})"),
            Function::Replace => format!("replace({list})"),
            Function::Round if self.postgres() => {
                let number = all.first().cloned().unwrap_or_default();
                let places = all.get(1).cloned().unwrap_or_else(|| "0".to_owned());
                let rounded = format!("round(({number})::numeric, {places})");
                let float = matches!(arguments.first(), Some(Node::Column(_, Kind::Float)));
                if float { format!("{rounded}::double precision") } else { rounded }
            }
            Function::Round => return Err(self.cannot("round")),
            Function::SplitPart if self.postgres() => format!("split_part({list})"),
            Function::SplitPart => return Err(self.cannot("split_part")),
            Function::Substring => format!("substr({list})"),
        })
    }

    /// The only argument of a function of numbers.
    fn as_number(&self, arguments: &[Node], list: &str) -> Result<String, NotRenderable> {
        match arguments.first() {
            Some(node @ Node::Column(_, Kind::Decimal)) => self.number(node, Kind::Decimal),
            _ => Ok(list.to_owned()),
        }
    }

    fn cast(&self, text: &str, logical: &LogicalType) -> Result<String, NotRenderable> {
        let name = match (logical, self.postgres()) {
            (LogicalType::Text, true) => "text".to_owned(),
            (LogicalType::Int, true) => "integer".to_owned(),
            (LogicalType::BigInt, true) => "bigint".to_owned(),
            (LogicalType::Float, true) => "double precision".to_owned(),
            (LogicalType::Bool, true) => "boolean".to_owned(),
            (LogicalType::Date, true) => "date".to_owned(),
            (LogicalType::Timestamp, true) => "timestamptz".to_owned(),
            (LogicalType::Decimal(precision, scale), true) => format!("numeric({precision},{scale})"),
            _ => return Err(self.cannot("casts")),
        };
        Ok(format!("CAST({text} AS {name})"))
    }

    fn json(&self, document: &str, path: &[String]) -> String {
        if self.postgres() {
            let keys: Vec<String> = path.iter().map(|key| quoted(key)).collect();
            return format!("({document} #>> ARRAY[{}])", keys.join(", "));
        }
        let steps: Vec<String> = path.iter().map(|key| format!(".\"{}\"", key.replace('"', "\\\""))).collect();
        let path = quoted(&format!("${}", steps.concat()));
        format!(
            "(CASE json_type({document}, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' \
             ELSE CAST(json_extract({document}, {path}) AS TEXT) END)"
        )
    }
}

fn not(negated: bool) -> &'static str {
    if negated { " NOT" } else { "" }
}

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// A pattern of `like` for SQLite's GLOB, which tells upper from lower case.
fn glob(like: &str) -> String {
    let mut out = String::new();
    let mut chars = like.chars();
    while let Some(c) = chars.next() {
        let literal = match c {
            '%' => {
                out.push('*');
                continue;
            }
            '_' => {
                out.push('?');
                continue;
            }
            '\\' => chars.next().unwrap_or('\\'),
            other => other,
        };
        if matches!(literal, '*' | '?' | '[') {
            out.push('[');
            out.push(literal);
            out.push(']');
        } else {
            out.push(literal);
        }
    }
    out
}
