//! What SQLite keeps only as text: the CHECKs inside a `CREATE TABLE` statement, and the comments in
//! which fixtool notes what the statement itself cannot say.

use crate::backends::database::ddl::{RULE, TYPE};

/// One CHECK of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    /// The condition as it was written, without comments.
    pub(super) condition: String,
    /// The rule that fixtool made it from.
    pub(super) rule: Option<String>,
    /// If it is `column IN ('a', 'b')`: the column and the words.
    pub(super) words: Option<(String, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A name between double quotes, backticks or brackets.
    Name(String),
    Literal(String),
    Comment(String),
    Symbol(char),
}

/// All CHECKs of a table, in order.
pub(super) fn checks(statement: &str) -> Vec<Check> {
    let tokens = tokens(statement);
    let mut checks = Vec::new();
    let mut at = 0;
    while let Some((token, _, _)) = tokens.get(at) {
        let opens = matches!(tokens.get(at + 1), Some((Token::Symbol('('), _, _)));
        if !(is_word(token, "check") && opens) {
            at += 1;
            continue;
        }
        let end = closing(&tokens, at + 1);
        let inside = tokens.get(at + 2..end).unwrap_or_default();
        checks.push(Check {
            name: name_before(&tokens, at),
            condition: source(statement, inside),
            rule: inside.iter().find_map(|(token, _, _)| noted(token, RULE)),
            words: words(inside),
        });
        at = end;
    }
    checks
}

/// The logical type that fixtool noted for the column that counts by itself.
pub(super) fn noted_type(statement: &str) -> Option<String> {
    tokens(statement).iter().find_map(|(token, _, _)| match token {
        Token::Comment(text) => text.trim().strip_prefix(TYPE).map(str::to_owned),
        _ => None,
    })
}

type Placed = (Token, usize, usize);

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(text) if text.eq_ignore_ascii_case(word))
}

/// The text of a comment that holds a JSON string behind this beginning.
fn noted(token: &Token, beginning: &str) -> Option<String> {
    let Token::Comment(text) = token else { return None };
    serde_json::from_str(text.trim().strip_prefix(beginning)?).ok()
}

/// `CONSTRAINT name` before a CHECK.
fn name_before(tokens: &[Placed], at: usize) -> Option<String> {
    let mut before = tokens.get(..at)?.iter().rev().filter(|(token, _, _)| !matches!(token, Token::Comment(_)));
    let name = match &before.next()?.0 {
        Token::Name(name) | Token::Word(name) | Token::Literal(name) => name.clone(),
        _ => return None,
    };
    is_word(&before.next()?.0, "constraint").then_some(name)
}

/// Place of the parenthesis that closes the one at this place, or the end.
fn closing(tokens: &[Placed], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, (token, _, _)) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// What was written, without comments.
fn source(statement: &str, inside: &[Placed]) -> String {
    let mut text = String::new();
    let mut last = None;
    for (_, start, end) in inside.iter().filter(|(token, _, _)| !matches!(token, Token::Comment(_))) {
        if last.is_some_and(|last| last < *start) {
            text.push(' ');
        }
        text.push_str(statement.get(*start..*end).unwrap_or_default());
        last = Some(*end);
    }
    text
}

fn words(inside: &[Placed]) -> Option<(String, Vec<String>)> {
    let mut tokens = inside.iter().map(|(token, _, _)| token).filter(|token| !matches!(token, Token::Comment(_)));
    let column = match tokens.next()? {
        Token::Name(name) | Token::Word(name) => name.clone(),
        _ => return None,
    };
    if !is_word(tokens.next()?, "in") || *tokens.next()? != Token::Symbol('(') {
        return None;
    }
    let mut words = Vec::new();
    loop {
        let Token::Literal(word) = tokens.next()? else { return None };
        if word.is_empty() || word.trim() != word || word.contains([',', '(', ')']) {
            return None;
        }
        words.push(word.clone());
        match tokens.next()? {
            Token::Symbol(',') => {}
            Token::Symbol(')') => return tokens.next().is_none().then_some((column, words)),
            _ => return None,
        }
    }
}

fn tokens(statement: &str) -> Vec<Placed> {
    let mut tokens = Vec::new();
    let mut rest = statement.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        let token = match c {
            '\'' => Token::Literal(quoted(&mut rest, '\'')),
            '"' | '`' => Token::Name(quoted(&mut rest, c)),
            '[' => Token::Name(quoted(&mut rest, ']')),
            '-' if rest.next_if(|(_, next)| *next == '-').is_some() => {
                let mut text = String::new();
                while let Some((_, c)) = rest.next_if(|(_, next)| *next != '\n') {
                    text.push(c);
                }
                Token::Comment(text)
            }
            '/' if rest.next_if(|(_, next)| *next == '*').is_some() => Token::Comment(comment(&mut rest)),
            c if c.is_whitespace() => continue,
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some((_, c)) = rest.next_if(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '$')) {
                    word.push(c);
                }
                Token::Word(word)
            }
            other => Token::Symbol(other),
        };
        let end = rest.peek().map_or(statement.len(), |(at, _)| *at);
        tokens.push((token, start, end));
    }
    tokens
}

type Rest<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

/// To the closing quote; a doubled one stands for itself.
fn quoted(rest: &mut Rest<'_>, close: char) -> String {
    let mut text = String::new();
    while let Some((_, c)) = rest.next() {
        if c == close && (close == ']' || rest.next_if(|(_, next)| *next == close).is_none()) {
            break;
        }
        text.push(c);
    }
    text
}

fn comment(rest: &mut Rest<'_>) -> String {
    let mut text = String::new();
    while let Some((_, c)) = rest.next() {
        if c == '*' && rest.next_if(|(_, next)| *next == '/').is_some() {
            break;
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_checks_among_all_else() {
        let found = checks(
            "CREATE TABLE \"check (a)\" (a text DEFAULT 'check (b)' CHECK(length(a)>1), -- check (c)\n\
             CONSTRAINT [my rule] CHECK (a <> ')' /* fixtool rule: \"a != ')'\" */ AND (a <> '''')), \
             CONSTRAINT x CHECK (\"a\" IN ('b', 'it''s')))",
        );
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], Check { name: None, condition: "length(a)>1".into(), rule: None, words: None });
        assert_eq!(found[1].name.as_deref(), Some("my rule"));
        assert_eq!(found[1].rule.as_deref(), Some("a != ')'"));
        assert_eq!(found[1].condition, "a <> ')' AND (a <> '''')");
        assert_eq!(found[2].words, Some(("a".into(), vec!["b".into(), "it's".into()])));
    }

    #[test]
    fn finds_a_noted_type() {
        let noted = noted_type("CREATE TABLE t (\"id\" integer PRIMARY KEY /* fixtool type: bigint */)");
        assert_eq!(noted.as_deref(), Some("bigint"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[a-z(),'\"\\[\\]`/*\\- \n]{0,60}|\\PC{0,30}") {
            let _ = (checks(&format!("check ({text}")), noted_type(&text), checks(&text));
        }
    }
}
