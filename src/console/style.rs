//! Colour and emphasis, and the guard that no escape byte of foreign text reaches a terminal.

/// An emphasis with a meaning; the colour follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// Less important.
    Dim,
    /// A heading.
    Bold,
    /// Went well.
    Good,
    /// Deserves attention.
    Warn,
    /// Lost, failed or destroyed.
    Bad,
}

/// Whether one stream gets colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Escape sequences are written.
    pub enabled: bool,
}

impl Paint {
    /// The text with its tone, or the text alone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Dim => "2",
            Tone::Bold => "1",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "1;31",
        };
        if self.enabled { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Foreign text made harmless for a terminal: control characters, and those that turn the
/// direction of writing, are spelled out. Line ends and tabs stay.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(c),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                safe.extend(c.escape_unicode());
            }
            c if c.is_control() => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

/// Text of our own making with foreign parts: colours stay when wanted, every other escape
/// sequence is spelled out.
pub fn printable_with_colour(text: &str, colour: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        let (before, sequence) = rest.split_at(start);
        safe.push_str(&printable(before));
        let body = sequence.get(2..).unwrap_or_default();
        let length = body.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(body.len());
        let (parameters, after) = body.split_at(length);
        if let (true, Some(after)) = (colour, after.strip_prefix('m')) {
            safe.push_str("\u{1b}[");
            safe.push_str(parameters);
            safe.push('m');
            rest = after;
        } else {
            safe.push_str("\\u{1b}[");
            rest = body;
        }
    }
    safe.push_str(&printable(rest));
    safe
}

/// The same for one line: line ends and tabs are spelled out as well.
pub fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// A number with its thousands parted, as people read it.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time span as people say it: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..=9 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}"), "a\\u{1b}[31mb\\u{7}");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(one_line("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(printable("Zoë 漢字"), "Zoë 漢字");
    }

    #[test]
    fn numbers_are_told_as_people_read_them() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(span(420), "0.4 s");
        assert_eq!(span(200_000), "3 min 20 s");
    }

    #[test]
    fn no_escape_bytes_without_colour() {
        assert_eq!(Paint { enabled: false }.tone(Tone::Bad, "lost"), "lost");
        assert_eq!(Paint { enabled: true }.tone(Tone::Bad, "lost"), "\u{1b}[1;31mlost\u{1b}[0m");
    }
}
