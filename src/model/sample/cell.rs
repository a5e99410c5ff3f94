//! Cells that are made up: one generator a column.

use super::dice::{Dice, seed_of};
use super::shape::{Choice, is_wide};
use super::text::{Text, base36_room};
use super::words::{HARD_TEXTS, WORDS};
use crate::model::literal::{self, DefaultValue};
use crate::model::{Column, LogicalType, Table, Value};

/// Two years, as microseconds since 1970: where moments fall that nothing else bounds.
const FIRST_MOMENT: i64 = 1_704_067_200_000_000;
const LAST_MOMENT: i64 = 1_767_225_600_000_000;

#[derive(Debug, Clone)]
enum Kind {
    Uuid,
    Bool,
    Enum(Vec<String>),
    Int {
        low: i64,
        high: i64,
    },
    /// Counted in the last digit after the point.
    Decimal {
        low: i64,
        high: i64,
        scale: u16,
    },
    Float {
        low: f64,
        high: f64,
    },
    Moment {
        low: i64,
        high: i64,
    },
    /// A while after another moment of the same row.
    After {
        first: Box<Own>,
        most: i64,
    },
    Day {
        low: i64,
        high: i64,
    },
    Json,
    Bytes,
    List,
    Text(Text),
}

/// The generator of one column.
#[derive(Debug, Clone)]
pub(super) struct Own {
    kind: Kind,
    seed: u64,
    nulls: bool,
    numbered: bool,
    wide: bool,
    choice: Choice,
}

impl Own {
    /// The generator that fits a column; `Err` says why none does.
    pub(super) fn of(path: &[&str], column: &Column, table: &Table, seed: u64) -> Result<Self, String> {
        let name = path.last().copied().unwrap_or_default();
        let required = column.required || table.primary_key.iter().any(|key| key == name);
        let kind = kind_of(path, column, table, seed)?;
        let counted = column
            .default
            .as_deref()
            .is_some_and(|default| matches!(DefaultValue::parse(default, &column.logical), Ok(DefaultValue::Serial)));
        let mut own = Self {
            kind,
            seed: seed_of(seed, path),
            nulls: !required,
            numbered: false,
            wide: is_wide(column),
            choice: Choice::Free,
        };
        if counted {
            own.number();
        }
        Ok(own)
    }

    pub(super) fn is_wide(&self) -> bool {
        self.wide
    }

    pub(super) fn is_numbered(&self) -> bool {
        self.numbered || matches!(self.kind, Kind::Uuid) || self.choice == Choice::Once
    }

    /// From now on every row has another value.
    pub(super) fn number(&mut self) {
        self.numbered = true;
        self.nulls = false;
        match &mut self.kind {
            Kind::Int { low, .. } => *low = (*low).max(1),
            Kind::After { .. } => self.kind = Kind::Moment { low: FIRST_MOMENT, high: LAST_MOMENT },
            _ => {}
        }
    }

    pub(super) fn choice(&self) -> Choice {
        self.choice
    }

    pub(super) fn choose(&mut self, choice: Choice) {
        self.choice = choice;
        self.nulls = false;
    }

    /// How many different values there are.
    pub(super) fn different(&self) -> u64 {
        let span = |low: i64, high: i64| high.saturating_sub(low).max(0).unsigned_abs().saturating_add(1);
        match &self.kind {
            Kind::Bool => 2,
            Kind::Enum(words) => words.len() as u64,
            Kind::Int { low, high } | Kind::Decimal { low, high, .. } | Kind::Day { low, high } => span(*low, *high),
            Kind::Moment { low, high } => span(*low, *high) / 1000,
            Kind::Float { .. } => u64::from(u32::MAX),
            Kind::Text(text) => base36_room(text.most()),
            Kind::Json | Kind::List => 1,
            Kind::Uuid | Kind::Bytes | Kind::After { .. } => u64::MAX,
        }
    }

    /// The value of a row.
    pub(super) fn value(&self, row: u64) -> Value {
        let mut dice = Dice::of(self.seed, row);
        if self.nulls && dice.once_in(12) {
            return Value::Null;
        }
        let offset = i64::try_from(row).unwrap_or(i64::MAX);
        match &self.kind {
            Kind::Uuid => uuid(&mut dice),
            Kind::Bool => Value::Bool(self.choice.of(row, 2, self.seed) == 1),
            Kind::Enum(words) => {
                let at = usize::try_from(self.choice.of(row, words.len() as u64, self.seed)).unwrap_or_default();
                words.get(at).cloned().map_or(Value::Null, Value::Text)
            }
            Kind::Int { low, high } if self.numbered => Value::Int(low.saturating_add(offset).min(*high)),
            Kind::Int { low, high } => Value::Int(edge(&mut dice, *low, *high)),
            Kind::Decimal { low, high, scale } => {
                let number = if self.numbered { low.saturating_add(offset) } else { edge(&mut dice, *low, *high) };
                Value::Decimal(scaled(number, *scale))
            }
            Kind::Float { low, .. } if self.numbered => {
                Value::Float(low + f64::from(u32::try_from(row).unwrap_or(u32::MAX)))
            }
            Kind::Float { low, high } => {
                let part = f64::from(u32::try_from(dice.next() >> 32).unwrap_or_default()) / f64::from(u32::MAX);
                Value::Float(low + (high - low) * part)
            }
            Kind::Moment { low, .. } if self.numbered => {
                Value::Timestamp(low.saturating_add(offset.saturating_mul(1000)))
            }
            Kind::Moment { low, high } => Value::Timestamp(edge(&mut dice, *low, *high)),
            Kind::After { first, most } => match first.value(row) {
                Value::Timestamp(moment) => Value::Timestamp(moment.saturating_add(dice.between(0, *most))),
                other => other,
            },
            Kind::Day { low, high } => {
                let day =
                    if self.numbered { low.saturating_add(offset).min(*high) } else { edge(&mut dice, *low, *high) };
                Value::Date(i32::try_from(day).unwrap_or_default())
            }
            Kind::Json => Value::Json(json(&mut dice)),
            Kind::Bytes => Value::Bytes(bytes(&mut dice, self.numbered.then_some(row))),
            Kind::List => Value::List(list(&mut dice)),
            Kind::Text(text) => Value::Text(text.make(&mut dice, self.numbered.then_some(row))),
        }
    }
}

fn kind_of(path: &[&str], column: &Column, table: &Table, seed: u64) -> Result<Kind, String> {
    let bound = |text: &Option<String>| text.as_deref().and_then(|text| literal::parse(text, &column.logical).ok());
    let (min, max) = (bound(&column.min), bound(&column.max));
    let range = |low: i64, high: i64, of: fn(&Value) -> Option<i64>| {
        let low =
            min.as_ref().and_then(of).unwrap_or_else(|| max.as_ref().and_then(of).map_or(low, |max| low.min(max)));
        let high = max.as_ref().and_then(of).unwrap_or(high.max(low.saturating_add(1000)));
        (low, high)
    };
    let number = |value: &Value| match value {
        Value::Int(n) | Value::Timestamp(n) => Some(*n),
        Value::Date(n) => Some(i64::from(*n)),
        _ => None,
    };
    Ok(match &column.logical {
        LogicalType::Uuid => Kind::Uuid,
        LogicalType::Bool => Kind::Bool,
        LogicalType::Enum(words) => Kind::Enum(words.clone()),
        LogicalType::Int | LogicalType::BigInt => {
            let unique = column.unique || table.primary_key.len() == 1;
            let most = if column.logical == LogicalType::Int { i64::from(i32::MAX) } else { i64::MAX };
            let (low, high) = range(0, if unique { most } else { 100_000 }, number);
            Kind::Int { low, high: high.min(most) }
        }
        LogicalType::Decimal(precision, scale) => decimal_kind(*precision, *scale, min.as_ref(), max.as_ref()),
        LogicalType::Float => {
            let real = |value: &Option<Value>| match value {
                Some(Value::Float(n)) => Some(*n),
                _ => None,
            };
            let low = real(&min).unwrap_or(0.0);
            Kind::Float { low, high: real(&max).unwrap_or(low + 1000.0) }
        }
        LogicalType::Timestamp => moment_kind(path, table, seed, range(FIRST_MOMENT, LAST_MOMENT, number)),
        LogicalType::Date => {
            let (low, high) = range(0, 20_453, number);
            Kind::Day { low, high }
        }
        LogicalType::Json => Kind::Json,
        LogicalType::Bytes => Kind::Bytes,
        LogicalType::ListText => Kind::List,
        LogicalType::Text | LogicalType::String(_) => Kind::Text(Text::of(path, column)?),
        LogicalType::Native(name) => return Err(format!("its type {name} is known to one engine only")),
    })
}

fn moment_kind(path: &[&str], table: &Table, seed: u64, (low, high): (i64, i64)) -> Kind {
    let [table_name, name] = path else { return Kind::Moment { low, high } };
    let begun = table.columns.get("created_at").filter(|c| c.logical == LogicalType::Timestamp);
    let later = ["updated_at", "ended_at", "finished_at", "completed_at", "expires_at", "last_login_at", "joined_at"];
    match begun {
        Some(_) if later.contains(name) => {
            let first = Own {
                kind: Kind::Moment { low, high },
                seed: seed_of(seed, &[table_name, "created_at"]),
                nulls: false,
                numbered: false,
                wide: true,
                choice: Choice::Free,
            };
            Kind::After { first: Box::new(first), most: 30 * 86_400_000_000 }
        }
        _ => Kind::Moment { low, high },
    }
}

fn decimal_kind(precision: u16, scale: u16, min: Option<&Value>, max: Option<&Value>) -> Kind {
    let shown = scale.min(9);
    let count = |value: Option<&Value>| match value {
        Some(Value::Decimal(text)) => unscaled(text, shown),
        _ => None,
    };
    let whole = u32::from(precision - scale.min(precision)).min(6);
    let most = 10_i64.pow(whole + u32::from(shown)) - 1;
    let low = count(min).unwrap_or_else(|| count(max).map_or(0, |max| max.min(0)));
    Kind::Decimal { low, high: count(max).unwrap_or(most.max(low)), scale: shown }
}

/// A decimal as a count of its last digit, with `scale` digits after the point; what is finer is cut off.
fn unscaled(text: &str, scale: u16) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(scale.into()).collect();
    format!("{whole}{digits}").parse().ok()
}

fn scaled(number: i64, scale: u16) -> String {
    let digits = number.unsigned_abs().to_string();
    let width = usize::from(scale) + 1;
    let digits = format!("{digits:0>width$}");
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Any number of a range; now and then one of its ends.
fn edge(dice: &mut Dice, low: i64, high: i64) -> i64 {
    match dice.below(64) {
        0 => low,
        1 => high,
        _ => dice.between(low, high),
    }
}

fn uuid(dice: &mut Dice) -> Value {
    let bits = (u128::from(dice.next()) << 64) | u128::from(dice.next());
    Value::Uuid(*uuid::Builder::from_random_bytes(bits.to_be_bytes()).as_uuid().as_bytes())
}

fn json(dice: &mut Dice) -> String {
    let mut object = serde_json::Map::new();
    for _ in 0..dice.below(5) {
        object.insert(dice.pick(WORDS).to_owned(), json_value(dice, 2));
    }
    serde_json::Value::Object(object).to_string()
}

fn json_value(dice: &mut Dice, depth: u8) -> serde_json::Value {
    match dice.below(if depth == 0 { 6 } else { 8 }) {
        0 => serde_json::Value::Null,
        1 => (dice.below(2) == 1).into(),
        2 => dice.between(-1000, 1000).into(),
        3 => dice.next().cast_signed().into(),
        4 => dice.pick(HARD_TEXTS).into(),
        5 => dice.pick(WORDS).into(),
        6 => (0..dice.below(4)).map(|_| json_value(dice, depth - 1)).collect(),
        _ => {
            let mut object = serde_json::Map::new();
            for _ in 0..dice.below(3) {
                object.insert(dice.pick(WORDS).to_owned(), json_value(dice, depth - 1));
            }
            object.into()
        }
    }
}

fn bytes(dice: &mut Dice, row: Option<u64>) -> Vec<u8> {
    let mut bytes: Vec<u8> = row.map(|row| row.to_be_bytes().to_vec()).unwrap_or_default();
    for _ in 0..dice.below(6) {
        bytes.extend(dice.next().to_be_bytes());
    }
    bytes
}

fn list(dice: &mut Dice) -> Vec<Option<String>> {
    let mut element = |_| match dice.below(40) {
        0 => None,
        1 => Some(String::new()),
        2 => Some(dice.pick(HARD_TEXTS).to_owned()),
        _ => Some(dice.pick(WORDS).to_owned()),
    };
    let length = element(0).map_or(0, |word| word.len() % 5);
    (0..length).map(element).collect()
}
