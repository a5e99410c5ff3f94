//! Reads Rust source just far enough to know which paths of this crate it names: comments and
//! literals are left out, `use` trees are unfolded, `self` and `super` are resolved.

/// A word or a sign, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// An identifier, `::`, the text of a string with its quotes, or one other character.
    pub text: String,
    /// Its line, from one.
    pub line: usize,
}

/// A path that the source names, from the root of the crate: `["engine", "Plan"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its parts.
    pub path: Vec<String>,
    /// Its line, from one.
    pub line: usize,
}

/// Parts source into tokens. Comments and whitespace are gone; a number is taken for a word.
pub fn tokens(source: &str) -> Vec<Token> {
    let letters: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < letters.len() {
        let end = match letters[at] {
            '/' if letters.get(at + 1) == Some(&'/') => {
                letters[at..].iter().position(|&letter| letter == '\n').map_or(letters.len(), |length| at + length)
            }
            '/' if letters.get(at + 1) == Some(&'*') => block_comment(&letters, at),
            letter if letter.is_whitespace() => at + 1,
            _ => {
                let end = token_end(&letters, at);
                let text: String = letters[at..end].iter().collect();
                tokens.push(Token { text: text.strip_prefix("r#").unwrap_or(&text).to_owned(), line });
                end
            }
        };
        line += letters[at..end].iter().filter(|&&letter| letter == '\n').count();
        at = end;
    }
    tokens
}

fn block_comment(letters: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start + 2, 1);
    while at < letters.len() && depth > 0 {
        match (letters[at], letters.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at.min(letters.len())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn token_end(letters: &[char], at: usize) -> usize {
    match letters[at] {
        '"' => quoted_end(letters, at, '"'),
        '\'' => quote_or_lifetime_end(letters, at),
        ':' if letters.get(at + 1) == Some(&':') => at + 2,
        letter if is_word(letter) => {
            let end = letters[at..].iter().position(|&letter| !is_word(letter)).map_or(letters.len(), |n| at + n);
            let prefix: String = letters[at..end].iter().collect();
            match (prefix.as_str(), letters.get(end)) {
                ("b" | "c", Some('"')) => quoted_end(letters, end, '"'),
                ("b", Some('\'')) => quoted_end(letters, end, '\''),
                ("r" | "br" | "cr", Some('"' | '#')) => raw_end(letters, end),
                _ => end,
            }
        }
        _ => at + 1,
    }
}

fn quoted_end(letters: &[char], start: usize, mark: char) -> usize {
    let mut at = start + 1;
    while at < letters.len() && letters[at] != mark {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(letters.len())
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime.
fn quote_or_lifetime_end(letters: &[char], at: usize) -> usize {
    match (letters.get(at + 1), letters.get(at + 2)) {
        (Some('\\'), _) | (_, Some('\'')) => quoted_end(letters, at, '\''),
        _ => at + 1,
    }
}

/// `r#"…"#` with any number of marks, or a raw identifier like `r#type`.
fn raw_end(letters: &[char], start: usize) -> usize {
    let marks = letters[start..].iter().take_while(|&&letter| letter == '#').count();
    let mut at = start + marks;
    if letters.get(at) != Some(&'"') {
        return letters[at..].iter().position(|&letter| !is_word(letter)).map_or(letters.len(), |n| at + n);
    }
    at += 1;
    while at < letters.len() {
        if letters[at] == '"' && letters[at + 1..].iter().take(marks).filter(|&&letter| letter == '#').count() == marks
        {
            return at + 1 + marks;
        }
        at += 1;
    }
    letters.len()
}

/// Every path of this crate that the source of the module at `module` names, in `use` trees and in
/// the middle of code.
pub fn named(source: &str, module: &[String]) -> Vec<Named> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    // The inline modules that are open, each with the depth of braces at which it closes.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "mod" if text(&tokens, at + 2) == "{" => {
                inline.push((text(&tokens, at + 1).to_owned(), depth));
                at += 1;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last().is_some_and(|(_, closes)| *closes == depth) {
                    inline.pop();
                }
            }
            "crate" | "super" | "self"
                if text(&tokens, at + 1) == "::" && (at == 0 || text(&tokens, at - 1) != "::") =>
            {
                let here: Vec<String> = module.iter().chain(inline.iter().map(|(name, _)| name)).cloned().collect();
                at = unfold(&tokens, at, &here, &[], &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

/// Follows one path, and each branch of a group in braces; returns the place after it.
fn unfold(tokens: &[Token], start: usize, here: &[String], before: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = before.to_vec();
    let mut at = start;
    let line = tokens[start].line;
    loop {
        match text(tokens, at) {
            "crate" => path.clear(),
            "self" if at == start && before.is_empty() => path = here.to_vec(),
            "self" => {}
            "super" => {
                if at == start && before.is_empty() {
                    path = here.to_vec();
                }
                path.pop();
            }
            "{" => return unfold_group(tokens, at, here, &path, found),
            word => path.push(word.to_owned()),
        }
        at += 1;
        let continues = text(tokens, at) == "::"
            && text(tokens, at + 1).starts_with(|letter: char| is_word(letter) || letter == '{' || letter == '*');
        if !continues {
            found.push(Named { path, line });
            return at;
        }
        at += 1;
    }
}

fn unfold_group(tokens: &[Token], open: usize, here: &[String], path: &[String], found: &mut Vec<Named>) -> usize {
    let mut at = open + 1;
    while at < tokens.len() && text(tokens, at) != "}" {
        if text(tokens, at) == "," {
            at += 1;
            continue;
        }
        at = unfold_branch(tokens, at, here, path, found);
        if text(tokens, at) == "as" {
            at += 2;
        }
    }
    at + 1
}

fn unfold_branch(tokens: &[Token], at: usize, here: &[String], path: &[String], found: &mut Vec<Named>) -> usize {
    // The paths of a group go on from the group's own, which is not empty but for `use crate::{…}`.
    let rooted: Vec<String> = if path.is_empty() { vec![String::from("crate")] } else { path.to_vec() };
    let from = found.len();
    let end = unfold(tokens, at, here, &rooted, found);
    if path.is_empty() {
        for named in &mut found[from..] {
            named.path.remove(0);
        }
    }
    end
}

/// The modules that a file declares with a file of their own: `mod name;`.
pub fn declared(source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let mut names = Vec::new();
    for at in 0..tokens.len() {
        if text(&tokens, at) == "mod" && text(&tokens, at + 2) == ";" {
            names.push(text(&tokens, at + 1).to_owned());
        }
    }
    names
}
