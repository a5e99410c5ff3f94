//! Records that the database refused: a second pass over the source finds their lines and texts.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::LoadError;
use super::reading::broken_record;
use super::rejects::{Rejected, RejectsFile};
use super::shaper::Fault;
use crate::backends::database::load::{Refused, RefusedReason};
use crate::formats::{Record, Source, SourceOptions};

/// Where a source is, and how it is read.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What a person calls it.
    pub name: &'a str,
    /// The file.
    pub path: &'a Path,
    /// How it is read.
    pub options: &'a SourceOptions,
}

/// Lists refused records in the rejects file.
pub fn list(place: Place<'_>, refused: &[Refused], rejects: &mut RejectsFile) -> Result<(), LoadError> {
    visit(place, refused, &mut |entry| rejects.write(&entry))
}

/// The first refused record as the error that ends the load.
pub fn error(place: Place<'_>, refused: &[Refused]) -> LoadError {
    let mut first = None;
    let earliest = refused.iter().min_by_key(|r| r.ordinal).cloned();
    let seen = visit(place, earliest.as_slice(), &mut |entry| {
        first.get_or_insert(entry);
        Ok(())
    });
    match (first, seen) {
        (Some(entry), _) => entry.into_error(),
        (None, Err(error)) => error,
        (None, Ok(())) => LoadError::SourceChanged { name: place.name.to_owned() },
    }
}

type Visit<'a> = dyn FnMut(Rejected) -> Result<(), LoadError> + 'a;

fn visit(place: Place<'_>, refused: &[Refused], visit: &mut Visit<'_>) -> Result<(), LoadError> {
    let wanted: BTreeMap<u64, &Refused> = refused.iter().map(|r| (r.ordinal, r)).collect();
    let mut lines: BTreeMap<u64, u64> = refused.iter().filter_map(|r| Some((r.other?, 0))).collect();
    let Some(last) = wanted.keys().last().copied() else {
        return Ok(());
    };
    let mut source = Source::open(place.path, place.options)?;
    let mut record = Record::default();
    loop {
        match source.reader.next(&mut record) {
            Ok(true) => {}
            // Records that cannot be read were listed when they were met first.
            Err(error) if error.recoverable => continue,
            Err(error) => return Err(broken_record(place.name, error)),
            // The first pass went further than this.
            Ok(false) => return Err(LoadError::SourceChanged { name: place.name.to_owned() }),
        }
        if let Some(line) = lines.get_mut(&record.ordinal) {
            *line = record.line;
        }
        if let Some(refused) = wanted.get(&record.ordinal) {
            let fields = source.reader.fields();
            let other = refused.other.and_then(|o| lines.get(&o)).copied().filter(|line| *line > 0);
            let faults = vec![fault(refused, fields, other)];
            visit(Rejected::of_record((place.name, source.format), &record, fields, faults))?;
        }
        if record.ordinal >= last {
            return Ok(());
        }
    }
}

fn fault(refused: &Refused, fields: &[String], other: Option<u64>) -> Fault {
    let columns = refused.columns.join(", ");
    let (code, reason) = match refused.reason {
        RefusedReason::Duplicate => match other {
            Some(line) => ("duplicate", format!("the record at line {line} has the same ({columns})")),
            None => ("duplicate", format!("an earlier record of the source has the same ({columns})")),
        },
        RefusedReason::Exists => ("exists", format!("a row with this ({columns}) exists")),
        RefusedReason::Reference => ("unknown_reference", format!("the row that ({columns}) points at does not exist")),
        RefusedReason::Incomplete => ("required", format!("the row is new and needs a value of ({columns})")),
        RefusedReason::Database => {
            let words = refused.message.as_deref().unwrap_or("it said no more");
            ("refused", format!("the database refused it: {words}; correct the record, and load it again"))
        }
    };
    let column = refused.columns.first().cloned();
    let field = column.as_ref().and_then(|c| fields.iter().position(|f| f == c));
    Fault { column, field, code: code.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reading_that_ends_early_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let refused = Refused {
            ordinal: 2,
            reason: RefusedReason::Exists,
            columns: vec!["id".to_owned()].into(),
            other: None,
            message: None,
        };
        let options = SourceOptions::default();
        let place = Place { name: "x.csv", path: &path, options: &options };
        let seen = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let mut count = 0;
            let end = visit(place, std::slice::from_ref(&refused), &mut |_| {
                count += 1;
                Ok(())
            });
            (count, end)
        };
        assert!(matches!(seen("id\n1\n2\n3\n"), (1, Ok(()))));
        assert!(matches!(seen("id\n1\n2\n"), (0, Err(LoadError::SourceChanged { .. }))));
        assert!(matches!(seen("id\n1\n\"2\n3\n"), (0, Err(LoadError::BrokenRecord { .. }))));
    }
}
