//! Expressions as words: enough to follow a column's new name and to compare two spellings. What an
//! expression means is the business of the rules.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Word};

/// The words of an expression, each as it was written; `None` when it cannot be taken apart.
fn tokens(expression: &str) -> Option<Vec<Token>> {
    Tokenizer::new(&GenericDialect {}, expression).with_unescape(false).tokenize().ok()
}

fn is(word: &Word, column: &str) -> bool {
    match word.quote_style {
        Some(_) => word.value.replace("\"\"", "\"") == column,
        None => word.value.eq_ignore_ascii_case(column),
    }
}

/// Whether a name means the same with and without quotes.
fn is_plain(name: &str) -> bool {
    let allowed = |(at, b): (usize, u8)| b == b'_' || b.is_ascii_lowercase() || (at > 0 && b.is_ascii_digit());
    !name.is_empty() && name.bytes().enumerate().all(allowed)
}

/// Whether an expression names this column. What cannot be read may name anything.
pub fn mentions(expression: &str, column: &str) -> bool {
    tokens(expression)
        .is_none_or(|tokens| tokens.iter().any(|token| matches!(token, Token::Word(word) if is(word, column))))
}

/// The expression with another name for a column.
pub fn renamed(expression: &str, from: &str, to: &str) -> String {
    let Some(tokens) = tokens(expression) else {
        return expression.to_owned();
    };
    let rename = |token: Token| match &token {
        Token::Word(word) if is(word, from) => {
            if is_plain(to) && word.quote_style.is_none() {
                to.to_owned()
            } else {
                format!("\"{}\"", to.replace('"', "\"\""))
            }
        }
        _ => token.to_string(),
    };
    tokens.into_iter().map(rename).collect()
}

/// The expression in one spelling: no comments, one space between words, no quotes and no upper
/// case where they mean nothing.
pub fn canonical(expression: &str) -> String {
    let Some(tokens) = tokens(expression) else {
        return expression.split_whitespace().collect::<Vec<_>>().join(" ");
    };
    let words = tokens.into_iter().filter_map(|token| match token {
        Token::Whitespace(_) => None,
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_lowercase()),
        Token::Word(word) if word.quote_style == Some('"') && is_plain(&word.value) => Some(word.value),
        other => Some(other.to_string()),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_followed_but_not_into_texts() {
        assert_eq!(renamed("name <> 'name' and \"name\" > 1", "name", "title"), "title <> 'name' and \"title\" > 1");
        assert_eq!(renamed("name > 1", "name", "Full \"Name\""), "\"Full \"\"Name\"\"\" > 1");
        assert_eq!(renamed("\"a\"\"b\" = 'it''s' and c", "c", "d"), "\"a\"\"b\" = 'it''s' and d");
        assert_eq!(renamed("\"a\"\"b\" > 0", "a\"b", "c"), "\"c\" > 0");
        assert!(mentions("length(Name) > 0", "name") && !mentions("length(nickname) > 0", "name"));
        assert!(mentions("'not closed", "anything"));
    }

    #[test]
    fn spelling_does_not_count_but_meaning_does() {
        assert_eq!(canonical("\"price\"  >  0 AND Status IN('a')"), canonical("price > 0 and status in ( 'a' )"));
        assert_ne!(canonical("\"Price\" > 0"), canonical("price > 0"));
        assert_ne!(canonical("a = 'A'"), canonical("a = 'a'"));
    }
}
