//! Which columns of a row its record leaves out: they hold what a new row takes, and a row that is
//! there keeps what it has.

use std::collections::BTreeSet;

use super::LoadSpec;

/// The column of the staging table that holds them, as SQL names it.
pub const GAPS: &str = "\"_fixtool_gaps\"";

/// Its bare name.
pub const GAPS_NAME: &str = "_fixtool_gaps";

/// The columns that a record leaves out, one sign a column, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    signs: String,
}

/// The record carries the column.
pub const CARRIED: char = '0';

/// It does not; a new row takes the default.
const LEFT_OUT: char = '1';

/// It does not, and without it a new row is not right.
pub const NEEDED: char = '!';

impl Gaps {
    /// From what is left out and what of it a new row needs.
    pub fn of(left_out: &[bool], needed: &[bool]) -> Self {
        let sign = |(place, out): (usize, &bool)| match (*out, needed.get(place)) {
            (true, Some(true)) => NEEDED,
            (true, _) => LEFT_OUT,
            (false, _) => CARRIED,
        };
        Self { signs: left_out.iter().enumerate().map(sign).collect() }
    }

    /// From the text that it was written as.
    pub fn parse(text: &str) -> Self {
        Self { signs: text.to_owned() }
    }

    /// As text.
    pub fn into_text(self) -> String {
        self.signs
    }

    /// Whether the column at a place is left out.
    pub fn leaves_out(&self, place: usize) -> bool {
        self.signs.as_bytes().get(place).is_some_and(|sign| char::from(*sign) != CARRIED)
    }

    /// The columns, among these, that a new row needs.
    pub fn needed(&self, columns: &[String]) -> Vec<String> {
        let signs = self.signs.chars().zip(columns);
        signs.filter(|(sign, _)| *sign == NEEDED).map(|(_, column)| column.clone()).collect()
    }
}

/// Staged rows that leave out the same columns of those that only the database can fill.
#[derive(Debug, Clone)]
pub struct Group {
    /// The columns that are inserted.
    pub columns: Vec<String>,
    /// Which rows, as a condition over the staged row `s`.
    pub rows: String,
}

impl Group {
    /// All rows with all columns.
    pub fn whole(spec: &LoadSpec) -> Self {
        Self { columns: spec.columns.clone(), rows: "1 IS NOT NULL".to_owned() }
    }

    /// The groups of a batch whose rows have these gaps. `carried` is the condition that a row
    /// carries the column at a place.
    pub fn of(spec: &LoadSpec, found: &[String], carried: fn(usize) -> String) -> Vec<Self> {
        let made: Vec<(usize, &String)> = spec.server_made().collect();
        let left_out = |text: &String| {
            let gaps = Gaps::parse(text);
            made.iter().map(|(place, _)| gaps.leaves_out(*place)).collect()
        };
        let distinct: BTreeSet<Vec<bool>> = found.iter().map(left_out).collect();
        let group = |out: Vec<bool>| {
            let test = |((place, _), out): (&(usize, &String), &bool)| {
                if *out { format!("NOT {}", carried(*place)) } else { carried(*place) }
            };
            let rows = made.iter().zip(&out).map(test).collect::<Vec<_>>().join(" AND ");
            let omitted = |column: &&String| made.iter().zip(&out).any(|((_, made), out)| *out && made == column);
            Self { columns: spec.columns.iter().filter(|c| !omitted(c)).cloned().collect(), rows }
        };
        distinct.into_iter().map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let gaps = Gaps::of(&[false, true, true], &[true, false, true]);
        assert_eq!(gaps.clone().into_text(), "01!");
        let back = Gaps::parse("01!");
        assert_eq!(back, gaps);
        assert_eq!([0, 1, 2, 3].map(|place| back.leaves_out(place)), [false, true, true, false]);
        assert_eq!(back.needed(&["a".into(), "b".into(), "c".into()]), ["c"]);
    }
}
