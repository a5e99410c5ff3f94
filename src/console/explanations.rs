//! What each error code means, at length. `docs/errors.md` holds the texts, so that the
//! documentation and `fixtool explain` cannot differ.

use serde::Serialize;

const PAGE: &str = include_str!("../../docs/errors.md");

/// The long text of one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The code: `fixtool::noun::verb::what`.
    pub code: String,
    /// Its first sentence.
    pub title: String,
    /// All of it.
    pub text: String,
}

/// All codes, in the order of the page.
pub fn all() -> Vec<Explanation> {
    PAGE.split("\n### ").skip(1).filter_map(explanation).collect()
}

fn explanation(section: &str) -> Option<Explanation> {
    let (heading, body) = section.split_once('\n')?;
    let body = body.split("\n## ").next().unwrap_or(body).trim();
    let code = heading.trim().trim_matches('`').to_owned();
    let title = body.lines().next().unwrap_or_default().to_owned();
    Some(Explanation { code, title, text: body.to_owned() })
}

/// One code, with or without `fixtool::` before it.
pub fn find(code: &str) -> Option<Explanation> {
    let full = format!("fixtool::{code}");
    all().into_iter().find(|e| e.code == code || e.code == full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_a_code_with_a_text() {
        let all = all();
        assert!(!all.is_empty());
        for explanation in &all {
            assert!(explanation.code.starts_with("fixtool::"), "{}", explanation.code);
            assert!(explanation.title.len() > 20, "{}", explanation.code);
        }
        let mut codes: Vec<_> = all.iter().map(|e| &e.code).collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), all.len());
    }

    #[test]
    fn a_code_is_found_with_and_without_its_first_word() {
        assert!(find("fixtool::config::unknown_key").is_some());
        assert!(find("config::unknown_key").is_some());
        assert!(find("config::unknown").is_none());
    }
}
