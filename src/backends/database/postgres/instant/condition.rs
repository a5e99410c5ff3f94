//! Places in the order of a key, as conditions.
//!
//! The values are literals without a type: the server reads each as the type of the column that it is
//! compared with, and compares by that column's own order, so that an index serves the condition. Where a column's
//! order is not PostgreSQL's own, its operators are named one by one.

use crate::backends::database::instant::{KeyBoundary, KeyRange, LinesOf, PageRange, Range};
use crate::backends::database::postgres::operators::{Comparison, Operators};
use crate::backends::database::quote::{identifier, list, literal};

/// `WHERE …` and `ORDER BY …` for lines.
pub(super) fn of_lines(operators: &Operators, what: &LinesOf) -> String {
    match &what.range {
        Some(Range::Pages(range)) => of_pages(*range),
        Some(Range::Added(range, since)) => {
            // Of a moment that cannot be told from others, nothing is older.
            let older = Since::of(since).map_or_else(|| "false".to_owned(), |since| since.older(WRITTEN_BY));
            format!("{} AND NOT ({older})", of_pages(*range))
        }
        Some(Range::Keys(range)) => format!("{}{}", of_range((operators, &what.key), Some(range)), order(&what.key)),
        None => order(&what.key),
    }
}

/// The transaction that wrote a row, modulo 2³².
///
/// `xmin` is a number without a cast to one. Its age has one: the distance from the server's next transaction,
/// which stays the same while a transaction lasts. Rows that a server before 9.4 froze have an age without end;
/// they are all told as -1.
pub(super) const WRITTEN_BY: &str = "\
CASE WHEN pg_catalog.age(xmin) OPERATOR(pg_catalog.=) 2147483647 THEN -1 \
ELSE (pg_catalog.age('3'::pg_catalog.xid)::pg_catalog.int8 OPERATOR(pg_catalog.-) pg_catalog.age(xmin)::pg_catalog.int8 \
OPERATOR(pg_catalog.+) 3) OPERATOR(pg_catalog.&) 4294967295 END";

/// An earlier moment of the same server, as what it could see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Since {
    /// The first transaction that had not begun.
    next: u64,
    /// Transactions before it that had not ended.
    running: Vec<u64>,
}

impl Since {
    /// From a position: `postgres:<origin>:<first>:<next>:<running>,…`.
    pub(super) fn of(position: &str) -> Option<Self> {
        let mut parts = position.rsplitn(4, ':');
        let (running, next, _first) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |text: &str| text.parse::<u64>().ok();
        let running: Option<Vec<u64>> = running.split(',').filter(|text| !text.is_empty()).map(number).collect();
        Some(Self { next: number(next)?, running: running? })
    }

    /// The condition that a transaction was seen then. It errs about subtransactions of those that had not ended,
    /// and about rows that are older than two thousand million transactions; whoever compares the state of the
    /// older rows notices.
    pub(super) fn older(&self, written_by: &str) -> String {
        let next = self.next & 0xffff_ffff;
        let distance = format!(
            "((({written_by}) OPERATOR(pg_catalog.-) {next} OPERATOR(pg_catalog.+) 2147483648) \
             OPERATOR(pg_catalog.&) 4294967295) OPERATOR(pg_catalog.-) 2147483648"
        );
        let behind = |number: &u64| format!("-{}", self.next.saturating_sub(*number));
        let running: Vec<String> = self.running.iter().map(behind).collect();
        let ended = if running.is_empty() {
            String::new()
        } else {
            format!(" AND {distance} OPERATOR(pg_catalog.<>) ALL ('{{{}}}'::pg_catalog.int8[])", running.join(","))
        };
        format!("({written_by}) OPERATOR(pg_catalog.=) -1 OR ({distance} OPERATOR(pg_catalog.<) 0{ended})")
    }
}

fn order(key: &[String]) -> String {
    if key.is_empty() { String::new() } else { format!(" ORDER BY {}", list("", key)) }
}

/// `WHERE …` for some pages. The server reads no others (a TID range scan, from version 14 on).
pub(super) fn of_pages(range: PageRange) -> String {
    let to =
        range.to.map_or_else(String::new, |to| format!(" AND ctid OPERATOR(pg_catalog.<) '({to},0)'::pg_catalog.tid"));
    format!(" WHERE ctid OPERATOR(pg_catalog.>=) '({},0)'::pg_catalog.tid{to}", range.from)
}

/// `WHERE …` for a range; empty for all rows.
pub(super) fn of_range(key: (&Operators, &[String]), range: Option<&KeyRange>) -> String {
    let Some(range) = range else { return String::new() };
    let from = range.from.as_ref().map(|place| comparison(key, Comparison::AtLeast, place));
    let to = range.to.as_ref().map(|place| comparison(key, Comparison::Less, place));
    let parts: Vec<String> = from.into_iter().chain(to).collect();
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}

fn comparison((operators, key): (&Operators, &[String]), how: Comparison, place: &KeyBoundary) -> String {
    let compare = |column: &String, how: Comparison, value: &String| {
        operators.compare(column, &identifier(column), how, &literal(value))
    };
    match (key, place.0.as_slice()) {
        ([column, ..], [value]) => compare(column, how, value),
        (key, values) if operators.are_builtin(key) => {
            let columns: Vec<String> = key.iter().take(values.len()).map(|column| identifier(column)).collect();
            let values: Vec<String> = values.iter().take(key.len()).map(|value| literal(value)).collect();
            let sign = if how == Comparison::Less { "<" } else { ">=" };
            format!("ROW({}) OPERATOR(pg_catalog.{sign}) ROW({})", columns.join(", "), values.join(", "))
        }
        // A row is compared by one operator's name; here each column has its own.
        (key, values) => {
            let less = by_columns(key.iter().zip(values), &compare);
            if how == Comparison::Less { less } else { format!("NOT ({less})") }
        }
    }
}

/// `a < x OR (a = x AND (b < y OR …))`.
fn by_columns<'a>(
    mut rest: impl Iterator<Item = (&'a String, &'a String)>,
    compare: &dyn Fn(&String, Comparison, &String) -> String,
) -> String {
    let Some((column, value)) = rest.next() else { return "false".to_owned() };
    format!(
        "({} OR ({} AND {}))",
        compare(column, Comparison::Less, value),
        compare(column, Comparison::Equal, value),
        by_columns(rest, compare)
    )
}

/// The number of the range between these places in which a row lies, found by halves.
pub(super) fn number_of_range(key: (&Operators, &[String]), places: &[KeyBoundary], first: usize) -> String {
    let middle = places.len() / 2;
    let Some(place) = places.get(middle) else { return first.to_string() };
    let (before, behind) = (places.get(..middle).unwrap_or_default(), places.get(middle + 1..).unwrap_or_default());
    format!(
        "CASE WHEN {} THEN {} ELSE {} END",
        comparison(key, Comparison::Less, place),
        number_of_range(key, before, first),
        number_of_range(key, behind, first + middle + 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(values: &[&str]) -> KeyBoundary {
        KeyBoundary(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn ranges_become_conditions() {
        let key = ["a\"".to_owned(), "b".to_owned()];
        let by = (&Operators::default(), key.as_slice());
        let range = KeyRange { from: Some(place(&["it's"])), to: Some(place(&["x", "2"])) };
        assert_eq!(
            of_range(by, Some(&range)),
            " WHERE \"a\"\"\" OPERATOR(pg_catalog.>=) 'it''s' \
             AND ROW(\"a\"\"\", \"b\") OPERATOR(pg_catalog.<) ROW('x', '2')"
        );
        assert_eq!(of_range(by, Some(&KeyRange::default())), "");
    }

    #[test]
    fn an_earlier_moment_is_read_from_its_position() {
        let since = |text| Since::of(text);
        let seen = since("postgres:7300.1/5:740:745:741,743").unwrap();
        assert_eq!(seen, Since { next: 745, running: vec![741, 743] });
        assert!(
            seen.older("x").contains("OPERATOR(pg_catalog.<>) ALL ('{-4,-2}'::pg_catalog.int8[])"),
            "{}",
            seen.older("x")
        );
        assert!(since("postgres:unknown/5:740:740:").unwrap().running.is_empty());
        assert_eq!(since("sqlite:1"), None);
        assert_eq!(since("postgres:a:1:2:3;DROP"), None);
    }

    #[test]
    fn pages_become_conditions() {
        let range = |from, to| of_pages(PageRange { from, to });
        assert_eq!(range(0, None), " WHERE ctid OPERATOR(pg_catalog.>=) '(0,0)'::pg_catalog.tid");
        assert_eq!(
            range(8, Some(16)),
            " WHERE ctid OPERATOR(pg_catalog.>=) '(8,0)'::pg_catalog.tid \
             AND ctid OPERATOR(pg_catalog.<) '(16,0)'::pg_catalog.tid"
        );
    }

    #[test]
    fn places_are_found_by_halves() {
        let key = ["k".to_owned()];
        let by = (&Operators::default(), key.as_slice());
        assert_eq!(number_of_range(by, &[], 0), "0");
        assert_eq!(
            number_of_range(by, &[place(&["a"]), place(&["b"]), place(&["c"])], 0),
            "CASE WHEN \"k\" OPERATOR(pg_catalog.<) 'b' THEN CASE WHEN \"k\" OPERATOR(pg_catalog.<) 'a' THEN 0 ELSE 1 END \
             ELSE CASE WHEN \"k\" OPERATOR(pg_catalog.<) 'c' THEN 2 ELSE 3 END END"
        );
    }
}
