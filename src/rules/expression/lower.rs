//! From the parser's tree to ours: everything that is not on the white list ends here.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function as SqlFunction, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    TrimWhereField, UnaryOperator,
};

use super::Scope;
use super::functions::{FUNCTIONS, Function};
use super::kinds::{
    Refusal, Typed, adapt, at, call, common, comparable, condition, constant, like_pattern, null, refusal, unify,
};
use super::node::{Arithmetic, Comparison, Kind, Node, Pattern};
use crate::model::near::nearest;
use crate::model::{LogicalType, Value};
use crate::rules::Coercer;
use crate::rules::reject::shown;

/// Deepest tree.
const DEEPEST: usize = 150;

/// Lowers a whole expression.
///
/// In an open scope every unknown name is a text column; the answer tells them in order.
pub(super) fn lower(expr: &Expr, scope: &Scope, open: bool) -> Result<(Typed, Vec<String>), Refusal> {
    let mut lowering = Lowering { scope, depth: 0, open, found: Vec::new() };
    let typed = lowering.expr(expr)?;
    Ok((typed, lowering.found))
}

struct Lowering<'a> {
    scope: &'a Scope,
    depth: usize,
    open: bool,
    found: Vec<String>,
}

impl Lowering<'_> {
    fn expr(&mut self, expr: &Expr) -> Result<Typed, Refusal> {
        if self.depth >= DEEPEST {
            return Err(refusal("it is nested too deep", "split it into several rules"));
        }
        self.depth += 1;
        let typed = self.admitted(expr);
        self.depth -= 1;
        typed
    }

    fn admitted(&mut self, expr: &Expr) -> Result<Typed, Refusal> {
        match expr {
            Expr::Nested(inner) => self.expr(inner),
            Expr::Identifier(name) => self.column(name),
            Expr::Value(value) => constant(&value.value).map_err(|e| at(value.span, e)),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) => self.is_null(inner, false),
            Expr::IsNotNull(inner) => self.is_null(inner, true),
            Expr::IsTrue(inner) => self.is_truth(inner, true, false),
            Expr::IsNotTrue(inner) => self.is_truth(inner, true, true),
            Expr::IsFalse(inner) => self.is_truth(inner, false, false),
            Expr::IsNotFalse(inner) => self.is_truth(inner, false, true),
            Expr::IsDistinctFrom(a, b) => self.distinct(a, b, false),
            Expr::IsNotDistinctFrom(a, b) => self.distinct(a, b, true),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Between { expr, negated, low, high } => {
                let low = self.compare(Comparison::GreaterOrEqual, expr, low)?;
                let high = self.compare(Comparison::LessOrEqual, expr, high)?;
                let both = Node::All(Box::new(low.node), Box::new(high.node));
                Ok(condition(if *negated { Node::Not(Box::new(both)) } else { both }))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.matches(expr, pattern, (true, false), *negated)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                self.matches(expr, pattern, (true, true), *negated)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { expr, data_type, format: None, .. } => self.cast(expr, &data_type.to_string()),
            Expr::Trim { trim_where, trim_what: None, expr, trim_characters: None } => {
                let function = match trim_where {
                    None | Some(TrimWhereField::Both) => Function::Trim,
                    Some(TrimWhereField::Leading) => Function::TrimStart,
                    Some(TrimWhereField::Trailing) => Function::TrimEnd,
                };
                let text = self.expr(expr)?;
                call(function, vec![text])
            }
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut arguments = vec![self.expr(expr)?, self.expr(from)?];
                if let Some(most) = substring_for {
                    arguments.push(self.expr(most)?);
                }
                call(Function::Substring, arguments)
            }
            Expr::Function(function) => self.function(function),
            _ => Err(refusal("this part of SQL is not admitted in a rule", ADMITTED)),
        }
    }

    fn column(&mut self, name: &Ident) -> Result<Typed, Refusal> {
        if self.open {
            let known = self.found.iter().position(|found| *found == name.value);
            let place = known.unwrap_or(self.found.len());
            if known.is_none() {
                self.found.push(name.value.clone());
            }
            return Ok(Typed { node: Node::Column(place, Kind::Text), kind: Kind::Text });
        }
        let Some((place, logical)) = self.scope.find(&name.value) else {
            let help = match self.scope.nearest(&name.value) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "name a column of the table; texts stand in single quotes".to_owned(),
            };
            return Err(at(name.span, refusal(format!("there is no column '{}'", shown(&name.value)), help)));
        };
        let kind = Kind::of(logical);
        Ok(Typed { node: Node::Column(place, kind), kind })
    }

    fn condition(&mut self, expr: &Expr) -> Result<Box<Node>, Refusal> {
        let typed = self.expr(expr)?;
        if matches!(typed.kind, Kind::Bool | Kind::Null) {
            return Ok(Box::new(typed.node));
        }
        let reason = format!("a condition is wanted, here stands {}", typed.kind.title());
        Err(refusal(reason, "compare it with something: length(name) > 0"))
    }

    fn text(&mut self, expr: &Expr) -> Result<Box<Node>, Refusal> {
        let typed = self.expr(expr)?;
        if matches!(typed.kind, Kind::Text | Kind::Null) {
            return Ok(Box::new(typed.node));
        }
        let reason = format!("text is wanted, here stands {}", typed.kind.title());
        Err(refusal(reason, "cast it: cast(x as text)"))
    }

    fn unary(&mut self, operator: UnaryOperator, expr: &Expr) -> Result<Typed, Refusal> {
        match operator {
            UnaryOperator::Not => Ok(condition(Node::Not(self.condition(expr)?))),
            UnaryOperator::Minus | UnaryOperator::Plus => {
                let typed = self.expr(expr)?;
                if !typed.kind.is_number() {
                    return Err(refusal(format!("a sign before {}", typed.kind.title()), "signs stand before numbers"));
                }
                let node = match (operator, typed.node) {
                    (UnaryOperator::Plus, node) => node,
                    (_, Node::Constant(Value::Int(number))) => Node::Constant(Value::Int(-number)),
                    (_, Node::Constant(Value::Decimal(text))) => Node::Constant(Value::Decimal(format!("-{text}"))),
                    (_, node) => Node::Negate(Box::new(node)),
                };
                Ok(Typed { node, kind: typed.kind })
            }
            _ => Err(refusal(format!("the operator {operator} is not admitted"), ADMITTED)),
        }
    }

    fn binary(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr) -> Result<Typed, Refusal> {
        use BinaryOperator as Op;
        match operator {
            Op::And => Ok(condition(Node::All(self.condition(left)?, self.condition(right)?))),
            Op::Or => Ok(condition(Node::Any(self.condition(left)?, self.condition(right)?))),
            Op::Eq => self.compare(Comparison::Equal, left, right),
            Op::NotEq => self.compare(Comparison::NotEqual, left, right),
            Op::Lt => self.compare(Comparison::Less, left, right),
            Op::LtEq => self.compare(Comparison::LessOrEqual, left, right),
            Op::Gt => self.compare(Comparison::Greater, left, right),
            Op::GtEq => self.compare(Comparison::GreaterOrEqual, left, right),
            Op::Plus => self.arithmetic(Arithmetic::Add, left, right),
            Op::Minus => self.arithmetic(Arithmetic::Subtract, left, right),
            Op::Multiply => self.arithmetic(Arithmetic::Multiply, left, right),
            Op::Divide => self.arithmetic(Arithmetic::Divide, left, right),
            Op::Modulo => self.arithmetic(Arithmetic::Remainder, left, right),
            Op::StringConcat => {
                let node = Node::Concat(self.text(left)?, self.text(right)?);
                Ok(Typed { node, kind: Kind::Text })
            }
            Op::PGRegexMatch => self.matches(left, right, (false, false), false),
            Op::PGRegexIMatch => self.matches(left, right, (false, true), false),
            Op::PGRegexNotMatch => self.matches(left, right, (false, false), true),
            Op::PGRegexNotIMatch => self.matches(left, right, (false, true), true),
            Op::LongArrow => self.json_get(left, right, false),
            _ => Err(refusal(format!("the operator {operator} is not admitted"), ADMITTED)),
        }
    }

    /// Two operands of one kind.
    fn pair(&mut self, left: &Expr, right: &Expr) -> Result<(Kind, Box<Node>, Box<Node>), Refusal> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let kind = common(&left, &right)?;
        Ok((kind, Box::new(adapt(left, kind)?), Box::new(adapt(right, kind)?)))
    }

    fn compare(&mut self, comparison: Comparison, left: &Expr, right: &Expr) -> Result<Typed, Refusal> {
        let (kind, left, right) = self.pair(left, right)?;
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        comparable(kind, ordered)?;
        Ok(condition(Node::Compare(comparison, kind, left, right)))
    }

    fn distinct(&mut self, left: &Expr, right: &Expr, negated: bool) -> Result<Typed, Refusal> {
        let (kind, left, right) = self.pair(left, right)?;
        comparable(kind, false)?;
        Ok(condition(Node::Distinct(kind, left, right, negated)))
    }

    fn is_null(&mut self, expr: &Expr, negated: bool) -> Result<Typed, Refusal> {
        Ok(condition(Node::IsNull(Box::new(self.expr(expr)?.node), negated)))
    }

    fn is_truth(&mut self, expr: &Expr, wanted: bool, negated: bool) -> Result<Typed, Refusal> {
        Ok(condition(Node::IsTruth(self.condition(expr)?, wanted, negated)))
    }

    fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Result<Typed, Refusal> {
        let mut wanted = self.expr(expr)?;
        let items = list.iter().map(|item| self.expr(item)).collect::<Result<Vec<_>, _>>()?;
        let mut kind = wanted.kind;
        for item in &items {
            let known = Typed { node: wanted.node, kind };
            kind = common(&known, item)?;
            wanted.node = known.node;
        }
        comparable(kind, false)?;
        let items = items.into_iter().map(|item| adapt(item, kind)).collect::<Result<Vec<_>, _>>()?;
        Ok(condition(Node::In(kind, Box::new(adapt(wanted, kind)?), items, negated)))
    }

    fn matches(
        &mut self,
        text: &Expr,
        pattern: &Expr,
        (like, any_case): (bool, bool),
        negated: bool,
    ) -> Result<Typed, Refusal> {
        let text = self.text(text)?;
        let Typed { node: Node::Constant(Value::Text(pattern)), .. } = self.expr(pattern)? else {
            return Err(refusal("a pattern must be a literal", "write the pattern in single quotes"));
        };
        let source = if like { like_pattern(&pattern) } else { pattern.clone() };
        let built = regex::RegexBuilder::new(&source).case_insensitive(any_case).size_limit(1 << 20).build();
        let regex = built.map_err(|e| {
            let reason = e.to_string().lines().last().unwrap_or_default().to_owned();
            refusal(format!("'{}' is no pattern: {reason}", shown(&pattern)), "correct the regular expression")
        })?;
        let pattern = Pattern { regex, text: pattern, like, any_case };
        Ok(condition(Node::Matches(text, pattern, negated)))
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &Expr, right: &Expr) -> Result<Typed, Refusal> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        for side in [&left, &right] {
            if !side.kind.is_number() && side.kind != Kind::Null {
                let reason = format!("arithmetic with {}", side.kind.title());
                return Err(refusal(reason, "arithmetic is for numbers; texts are joined by ||"));
            }
        }
        let mut kind = left.kind.wider(right.kind);
        if kind == Kind::Decimal && operator == Arithmetic::Divide {
            kind = Kind::Float;
        }
        let node = Node::Arithmetic(operator, kind, Box::new(left.node), Box::new(right.node));
        Ok(Typed { node, kind })
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Result<Typed, Refusal> {
        let mut whens = Vec::new();
        let mut results = Vec::new();
        for when in conditions {
            whens.push(match operand {
                Some(operand) => self.compare(Comparison::Equal, operand, &when.condition)?.node,
                None => *self.condition(&when.condition)?,
            });
            results.push(self.expr(&when.result)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => null(),
        });
        let (kind, results) = unify(results)?;
        let mut results = results.into_iter();
        let whens = whens.into_iter().zip(results.by_ref()).collect();
        let otherwise = results.next().unwrap_or(Node::Constant(Value::Null));
        Ok(Typed { node: Node::Case(whens, Box::new(otherwise)), kind })
    }

    fn cast(&mut self, expr: &Expr, sql_type: &str) -> Result<Typed, Refusal> {
        let typed = self.expr(expr)?;
        let name = sql_type.to_ascii_lowercase();
        let logical = match name.as_str() {
            "text" | "varchar" => LogicalType::Text,
            "int" | "integer" | "int4" => LogicalType::Int,
            "bigint" | "int8" => LogicalType::BigInt,
            "float" | "double precision" | "double" | "float8" | "real" => LogicalType::Float,
            "bool" | "boolean" => LogicalType::Bool,
            "date" => LogicalType::Date,
            "timestamp" | "timestamptz" | "timestamp with time zone" => LogicalType::Timestamp,
            "decimal" | "numeric" => LogicalType::Decimal(38, 18),
            other => {
                let decimal = other.replace("numeric", "decimal").parse().ok();
                decimal.filter(|logical| matches!(logical, LogicalType::Decimal(..))).ok_or_else(|| {
                    let help = "casts are to text, int, bigint, float, bool, date, timestamp and decimal(p,s)";
                    refusal(format!("there is no cast to {}", shown(sql_type)), help)
                })?
            }
        };
        let kind = Kind::of(&logical);
        if typed.kind == kind && !matches!(logical, LogicalType::Decimal(..)) {
            return Ok(typed);
        }
        let coercer = Coercer::for_type(logical.clone());
        Ok(Typed { node: Node::Cast(Box::new(typed.node), coercer, logical), kind })
    }

    fn json_get(&mut self, document: &Expr, path: &Expr, dotted: bool) -> Result<Typed, Refusal> {
        let document = self.expr(document)?;
        if !matches!(document.kind, Kind::Json | Kind::Null) {
            let reason = format!("JSON is wanted, here stands {}", document.kind.title());
            return Err(refusal(reason, "json_get and ->> read columns of type json"));
        }
        let Typed { node: Node::Constant(Value::Text(path)), .. } = self.expr(path)? else {
            return Err(refusal("the key must be a literal", "write the key in single quotes"));
        };
        let path: Vec<String> = if dotted { path.split('.').map(str::to_owned).collect() } else { vec![path] };
        Ok(Typed { node: Node::JsonText(Box::new(document.node), path), kind: Kind::Text })
    }

    fn function(&mut self, function: &SqlFunction) -> Result<Typed, Refusal> {
        let name = function.name.to_string().to_ascii_lowercase();
        let unknown = || {
            let help = match nearest(&name, FUNCTIONS.iter().map(|(known, _)| *known)) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", FUNCTIONS.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ")),
            };
            refusal(format!("there is no function {}", shown(&name)), help)
        };
        let place = |refused| match function.name.0.first().and_then(|part| part.as_ident()) {
            Some(ident) => at(ident.span, refused),
            None => refused,
        };
        let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
        let list: &[FunctionArg] = match &function.args {
            FunctionArguments::None => &[],
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
                &list.args
            }
            _ => return Err(place(unknown())),
        };
        let mut arguments = Vec::new();
        for argument in list {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if plain => arguments.push(expr),
                _ => return Err(place(unknown())),
            }
        }
        if name == "json_get" {
            let [document, path] = arguments.as_slice() else {
                return Err(place(refusal("json_get takes two arguments", "json_get(preferences, 'theme.name')")));
            };
            return self.json_get(document, path, true);
        }
        let known = Function::of_name(&name).ok_or_else(|| place(unknown()))?;
        let typed = arguments.into_iter().map(|argument| self.expr(argument)).collect::<Result<Vec<_>, _>>()?;
        call(known, typed).map_err(place)
    }
}

const ADMITTED: &str = "literals, columns, and or not, comparisons, is null, in, between, like, ~, arithmetic, ||, \
                        case, cast and functions are; see docs/loading.md";
