//! Places in the order of a key, as conditions.
//!
//! The values are literals without a type: the server reads each as the type of the column that it is
//! compared with, and compares by that column's own order, so that an index serves the condition.

use crate::backends::database::instant::{KeyBoundary, KeyRange};
use crate::backends::database::quote::{identifier, literal};

/// `WHERE …` for a range; empty for all rows.
pub(super) fn of_range(key: &[String], range: Option<&KeyRange>) -> String {
    let Some(range) = range else { return String::new() };
    let from = range.from.as_ref().map(|place| comparison(key, ">=", place));
    let to = range.to.as_ref().map(|place| comparison(key, "<", place));
    let parts: Vec<String> = from.into_iter().chain(to).collect();
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}

fn comparison(key: &[String], operator: &str, place: &KeyBoundary) -> String {
    let columns: Vec<String> = key.iter().take(place.0.len()).map(|column| identifier(column)).collect();
    let values: Vec<String> = place.0.iter().take(key.len()).map(|value| literal(value)).collect();
    match (columns.as_slice(), values.as_slice()) {
        ([column], [value]) => format!("{column} {operator} {value}"),
        _ => format!("ROW({}) {operator} ROW({})", columns.join(", "), values.join(", ")),
    }
}

/// The number of the range between these places in which a row lies, found by halves.
pub(super) fn number_of_range(key: &[String], places: &[KeyBoundary], first: usize) -> String {
    let middle = places.len() / 2;
    let Some(place) = places.get(middle) else { return first.to_string() };
    let (before, behind) = (places.get(..middle).unwrap_or_default(), places.get(middle + 1..).unwrap_or_default());
    format!(
        "CASE WHEN {} THEN {} ELSE {} END",
        comparison(key, "<", place),
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
        let range = KeyRange { from: Some(place(&["it's"])), to: Some(place(&["x", "2"])) };
        assert_eq!(
            of_range(&key, Some(&range)),
            " WHERE \"a\"\"\" >= 'it''s' AND ROW(\"a\"\"\", \"b\") < ROW('x', '2')"
        );
        assert_eq!(of_range(&key, Some(&KeyRange::default())), "");
    }

    #[test]
    fn places_are_found_by_halves() {
        let key = ["k".to_owned()];
        assert_eq!(number_of_range(&key, &[], 0), "0");
        assert_eq!(
            number_of_range(&key, &[place(&["a"]), place(&["b"]), place(&["c"])], 0),
            "CASE WHEN \"k\" < 'b' THEN CASE WHEN \"k\" < 'a' THEN 0 ELSE 1 END \
             ELSE CASE WHEN \"k\" < 'c' THEN 2 ELSE 3 END END"
        );
    }
}
