//! A result for people, built from few parts: headings, facts, lines and tables.

use super::style::{Paint, Tone, one_line, printable};
use super::table::Table;

/// A result for people. Commands fill it; the console prints it, or prints JSON instead.
#[derive(Debug, Clone, Default)]
pub struct Page {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Heading(String),
    Line(Tone, String),
    Facts(Vec<(String, String)>),
    Table(Table),
    Blank,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// A heading, with a blank line before it unless it is the first part.
    pub fn heading(&mut self, text: &str) {
        if !self.parts.is_empty() {
            self.parts.push(Part::Blank);
        }
        self.parts.push(Part::Heading(one_line(text)));
    }

    /// A line of text.
    pub fn line(&mut self, text: &str) {
        self.toned_line(Tone::Plain, text);
    }

    /// A line of text with a tone.
    pub fn toned_line(&mut self, tone: Tone, text: &str) {
        self.parts.push(Part::Line(tone, printable(text)));
    }

    /// Names and values, one pair a line, the values aligned.
    pub fn facts<N: AsRef<str>, V: AsRef<str>>(&mut self, facts: impl IntoIterator<Item = (N, V)>) {
        let facts = facts.into_iter().map(|(name, value)| (one_line(name.as_ref()), one_line(value.as_ref())));
        self.parts.push(Part::Facts(facts.collect()));
    }

    /// A table.
    pub fn table(&mut self, table: Table) {
        self.parts.push(Part::Table(table));
    }

    /// As text with line ends.
    pub fn render(&self, paint: Paint, width: Option<u16>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Blank => text.push('\n'),
                Part::Heading(heading) => push_line(&mut text, &paint.tone(Tone::Bold, heading)),
                Part::Line(tone, line) => push_line(&mut text, &paint.tone(*tone, line)),
                Part::Facts(facts) => push_facts(&mut text, facts, paint),
                Part::Table(table) => text.push_str(&table.render(paint.enabled, width)),
            }
        }
        text
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn push_facts(text: &mut String, facts: &[(String, String)], paint: Paint) {
    let widest = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in facts {
        let gap = " ".repeat(widest - name.chars().count() + 2);
        push_line(text, format!("{}{gap}{value}", paint.tone(Tone::Dim, name)).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_headings_facts_lines_and_tables() {
        let mut page = Page::new();
        page.heading("acme");
        page.facts([("tier", "starter"), ("status", "active")]);
        page.heading("Tables");
        let mut table = Table::new(&["table", ">rows"]);
        table.row(["users", "3"]);
        page.table(table);
        page.line("1 table");
        let text = page.render(Paint { enabled: false }, None);
        assert_eq!(text, "acme\ntier    starter\nstatus  active\n\nTables\nTABLE  ROWS\nusers     3\n1 table\n");
    }
}
