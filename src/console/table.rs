//! Tables for people: aligned, without frames, safe against escape bytes in foreign text.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, presets};

use super::style::{Tone, one_line};

/// A table for people.
#[derive(Debug, Clone, Default)]
pub struct Table {
    header: Vec<String>,
    right: Vec<usize>,
    rows: Vec<Vec<(Tone, String)>>,
}

impl Table {
    /// With these column titles; a title that starts with `>` makes a column of numbers, aligned right.
    pub fn new(titles: &[&str]) -> Self {
        let right = titles.iter().enumerate().filter(|(_, t)| t.starts_with('>')).map(|(place, _)| place).collect();
        let header = titles.iter().map(|t| t.trim_start_matches('>').to_owned()).collect();
        Self { header, right, rows: Vec::new() }
    }

    /// Adds a row of plain cells.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|c| (Tone::Plain, one_line(c.as_ref()))).collect());
    }

    /// Adds a row whose cells have tones.
    pub fn toned_row(&mut self, cells: impl IntoIterator<Item = (Tone, String)>) {
        self.rows.push(cells.into_iter().map(|(tone, text)| (tone, one_line(&text))).collect());
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As text with line ends. `width` wraps to a terminal; `None` never wraps, so that a line
    /// stays one record for scripts that cut columns.
    pub fn render(&self, colour: bool, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        match width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(self.header.iter().map(|t| Cell::new(t.to_uppercase()).add_attribute(Attribute::Bold)));
        for row in &self.rows {
            table.add_row(row.iter().map(|(tone, text)| toned(*tone, text)));
        }
        for place in 0..self.header.len() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, 2));
                if self.right.contains(&place) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut text = String::new();
        for line in table.to_string().lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        if text.is_empty() {
            text.push('\n');
        }
        text
    }
}

/// Columns of the terminal, when there is one.
pub fn terminal_width() -> Option<u16> {
    comfy_table::Table::new().width()
}

fn toned(tone: Tone, text: &str) -> Cell {
    let cell = Cell::new(text);
    match tone {
        Tone::Plain => cell,
        Tone::Dim => cell.add_attribute(Attribute::Dim),
        Tone::Bold => cell.add_attribute(Attribute::Bold),
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Warn => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let mut table = Table::new(&["tenant", ">rows"]);
        table.row(["acme", "1,204"]);
        table.row(["b\u{1b}[2J", "7"]);
        assert_eq!(table.render(false, None), "TENANT       ROWS\nacme        1,204\nb\\u{1b}[2J      7\n");
    }

    #[test]
    fn colour_is_written_only_when_wanted() {
        let mut table = Table::new(&["effect"]);
        table.toned_row([(Tone::Bad, "destroys".to_owned())]);
        assert!(!table.render(false, None).contains('\u{1b}'));
        assert!(table.render(true, None).contains('\u{1b}'));
    }
}
