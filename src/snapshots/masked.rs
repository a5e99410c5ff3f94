//! Lines of a table on their way into a copy, with masks in the place of personal data.
//!
//! Only the fields that are masked are taken apart; all others stay as they are, to the byte.

use memchr::memchr_iter;

use crate::backends::database::load::{copy_text, parse_text};
use crate::model::mask::Masker;
use crate::model::{Column, Table, Value};

/// Masks the lines of one table.
#[derive(Debug, Clone)]
pub struct MaskedLines {
    masker: Masker,
    /// Each column of the line; those that are masked.
    columns: Vec<Option<Column>>,
}

impl MaskedLines {
    /// For lines with all columns of a table of a [`tied`](crate::model::mask::tied) model; `None` if nothing of it
    /// is masked.
    pub fn of(masker: &Masker, table: &Table) -> Option<Self> {
        let columns: Vec<Option<Column>> =
            table.columns.values().map(|column| Masker::hides(column).then(|| column.clone())).collect();
        columns.iter().any(Option::is_some).then(|| Self { masker: masker.clone(), columns })
    }

    /// These whole lines, masked.
    ///
    /// # Errors
    /// What is wrong with a field that cannot be read, without its value.
    pub fn lines(&self, chunk: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 4);
        let mut start = 0;
        for end in memchr_iter(b'\n', chunk) {
            self.line(chunk.get(start..end).unwrap_or_default(), &mut out)?;
            start = end + 1;
        }
        Ok(out)
    }

    fn line(&self, line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        for (at, field) in line.split(|byte| *byte == b'\t').enumerate() {
            if at > 0 {
                out.push(b'\t');
            }
            match self.columns.get(at) {
                Some(Some(column)) if field != b"\\N" => self.field(field, column, out)?,
                _ => out.extend_from_slice(field),
            }
        }
        out.push(b'\n');
        Ok(())
    }

    fn field(&self, field: &[u8], column: &Column, out: &mut Vec<u8>) -> Result<(), String> {
        let unreadable = || format!("a value is no {}", column.logical);
        let text = parse_text::unescape(field).ok_or_else(unreadable)?;
        let value: Value = parse_text::value(&text, &column.logical).ok_or_else(unreadable)?;
        copy_text::encode_line(&vec![self.masker.mask(&value, column)], [&column.logical], out);
        // The end of the line comes after the last field.
        out.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogicalType;
    use crate::model::table::{Pii, Secret};

    #[test]
    fn only_marked_fields_change() {
        let mut table = Table::default();
        let plain = Column::of(LogicalType::Text);
        let personal = Column { pii: Some(Pii::FreeText), ..plain.clone() };
        let amount = Column { pii: Some(Pii::FreeText), ..Column::of(LogicalType::Decimal(9, 2)) };
        let secret = Column { secret: Some(Secret::Sealed), ..plain.clone() };
        for (name, column) in [("a", plain.clone()), ("b", personal), ("c", amount), ("d", secret)] {
            table.columns.insert(name.to_owned(), column);
        }
        let lines = MaskedLines::of(&Masker::new(b"s"), &table).unwrap();
        let out = String::from_utf8(lines.lines(b"x\\ty\tAb\\nC\t7.25\tage\nz\t\\N\t\\N\t\\N\n").unwrap()).unwrap();
        let fields: Vec<&str> = out.lines().next().unwrap().split('\t').collect();
        assert_eq!((fields[0], fields[2], fields[3]), ("x\\ty", "0.00", "\\N"));
        assert!(fields[1].len() == 5 && &fields[1][2..4] == "\\n" && fields[1] != "Ab\\nC", "{out}");
        assert_eq!(out.lines().nth(1), Some("z\t\\N\t\\N\t\\N"));
        assert_eq!(lines.lines(b"a\tb\\q\t1\td\n"), Err("a value is no text".to_owned()));
        let mut table = Table::default();
        table.columns.insert("a".to_owned(), plain);
        assert!(MaskedLines::of(&Masker::new(b"s"), &table).is_none());
    }
}
