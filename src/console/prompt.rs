//! Questions: only ever on a terminal, always on standard error.

use std::io::BufRead;

use super::Console;
use super::style::one_line;

/// What someone answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// They agreed.
    Yes,
    /// They did not, or went away.
    No,
}

impl Console {
    /// Asks for yes or no; anything but `y` or `yes` is a no. Blocks until a line was typed.
    pub fn ask(&self, question: &str, answers: &mut dyn BufRead) -> Answer {
        self.question(&format!("{} [y/N] ", one_line(question)));
        match line(answers).to_lowercase().as_str() {
            "y" | "yes" => Answer::Yes,
            _ => Answer::No,
        }
    }

    /// Asks for a name to be typed, for what destroys. Blocks until a line was typed.
    pub fn ask_for_name(&self, question: &str, name: &str, answers: &mut dyn BufRead) -> Answer {
        self.question(&format!("{} Type '{}' to go on: ", one_line(question), one_line(name)));
        if line(answers) == name { Answer::Yes } else { Answer::No }
    }

    fn question(&self, text: &str) {
        self.gate().write_err(text.as_bytes());
    }
}

/// One line without its end; empty at the end of the input.
fn line(answers: &mut dyn BufRead) -> String {
    let mut text = String::new();
    match answers.read_line(&mut text) {
        Ok(_) => text.trim().to_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Look;
    use super::super::gate::tests::captured;
    use super::*;

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        let (console, out, err) = captured(Look::PLAIN);
        for (typed, answer) in
            [("y\n", Answer::Yes), ("YES\n", Answer::Yes), ("yeah\n", Answer::No), ("", Answer::No), ("\n", Answer::No)]
        {
            assert_eq!(console.ask("Go on?", &mut typed.as_bytes()), answer, "{typed:?}");
        }
        assert!(err.text().starts_with("Go on? [y/N] ") && out.text().is_empty());
    }

    #[test]
    fn a_name_must_be_typed_exactly() {
        let (console, _, _) = captured(Look::PLAIN);
        for (typed, answer) in
            [("acme\n", Answer::Yes), ("Acme\n", Answer::No), ("acm\n", Answer::No), ("", Answer::No)]
        {
            assert_eq!(console.ask_for_name("Drop?", "acme", &mut typed.as_bytes()), answer, "{typed:?}");
        }
    }
}
