//! Texts made from the list of settings: the file to start from, and the table of the documentation.

use std::fmt::Write as _;

use super::keys::{KEYS, Key, PLACEMENT_KEYS, Secrecy};

/// A `fixtool.toml` with every setting at its default, commented out.
pub fn starter_file() -> String {
    let mut text = String::from(
        "# Settings of fixtool. A line without '#' overrides the default; the environment and flags override it.\n\
         # 'fixtool config show --origin' prints each value and where it comes from.\n",
    );
    let mut table = "";
    for key in KEYS {
        let (of_key, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if of_key != table {
            let _ = write!(text, "\n[{of_key}]\n");
            table = of_key;
        }
        let number = matches!(key.kind, super::kind::Kind::Count(..));
        let value = if number { key.default.to_owned() } else { format!("\"{}\"", key.default) };
        let _ = write!(text, "# {}\n# {name} = {value}\n", key.doc);
    }
    text.push_str(
        "\n# Further databases on which tenants may live: 'fixtool tenant init ID --placement eu'.\n# [databases.eu]\n",
    );
    for key in PLACEMENT_KEYS {
        let value = match key.name {
            "url" => "\"postgres://fixtool@db-eu/app\"",
            "password_file" => "\"/run/secrets/db-eu\"",
            _ => key.default,
        };
        let _ = writeln!(text, "# {} = {value}", key.name);
    }
    text
}

/// The table of `docs/configuration.md`, in Markdown.
pub fn reference_table() -> String {
    let mut text =
        String::from("| setting | value | default | variables | flag | meaning |\n|---|---|---|---|---|---|\n");
    for key in KEYS {
        row(&mut text, key.name, key, &key.variables());
    }
    for key in PLACEMENT_KEYS {
        let name = format!("databases.NAME.{}", key.name);
        row(&mut text, &name, key, &[super::keys::variable(&name)]);
    }
    text
}

fn row(text: &mut String, name: &str, key: &Key, variables: &[String]) {
    let default = if key.default.is_empty() { "–".to_owned() } else { format!("`{}`", key.default) };
    let file_variant = if key.secrecy == Secrecy::Open { "" } else { " (or with `_FILE`)" };
    let variables = variables.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ");
    let flag = key.flag.map_or_else(|| "–".to_owned(), |flag| format!("`{flag}`"));
    let kind = key.kind.describe().replace('|', "\\|");
    let _ = writeln!(text, "| `{name}` | {kind} | {default} | {variables}{file_variant} | {flag} | {} |", key.doc);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_file_is_valid_as_it_is_and_with_every_line_switched_on() {
        let text = starter_file();
        assert!(super::super::file::parse(&text, "x".as_ref()).unwrap().is_empty());
        let on: String = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|l| l.contains(" = ") || l.starts_with('[')).unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let entries = super::super::file::parse(&on, "x".as_ref()).unwrap();
        assert_eq!(entries.len(), KEYS.len() + PLACEMENT_KEYS.len());
    }
}
