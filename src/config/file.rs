//! `fixtool.toml`: read with the place of every value, so that a mistake can be pointed at.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::keys::{KEYS, PLACEMENT_KEYS};

/// One value of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The whole name: `database.url`, `databases.eu.url`.
    pub name: String,
    /// The value as text; a list is joined by commas.
    pub value: String,
    /// The file.
    pub path: PathBuf,
    /// The line, from one.
    pub line: usize,
}

/// Reads a file. `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Vec<Entry>>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() }),
    };
    parse(&text, path).map(Some)
}

/// Takes a file's text apart.
pub fn parse(text: &str, path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let file = File { text, path };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        place: file.place(error.span().map_or(0, |span| span.start)),
        // Only the message: the parser's own rendering shows the line, which may hold a password.
        reason: error.message().to_owned(),
    })?;
    let mut entries = Vec::new();
    file.collect(table.get_ref(), "", &mut entries)?;
    Ok(entries)
}

struct File<'a> {
    text: &'a str,
    path: &'a Path,
}

impl File<'_> {
    fn collect(&self, table: &DeTable<'_>, prefix: &str, entries: &mut Vec<Entry>) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            let start = key.span().start;
            match value.get_ref() {
                DeValue::Table(inner) if is_table(&name) => self.collect(inner, &name, entries)?,
                _ if !is_setting(&name) => return Err(self.unknown(&name, start)),
                other => {
                    let value = scalar(other).map_err(|reason| ConfigError::Value {
                        place: self.place(start),
                        name: name.clone(),
                        reason,
                        help: "'fixtool config show' lists every setting".to_owned(),
                    })?;
                    entries.push(Entry { name, value, path: self.path.to_owned(), line: self.position(start).0 });
                }
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str, start: usize) -> ConfigError {
        let shown: String = name.chars().take(80).collect();
        let help = match closest(name) {
            Some(close) => format!("did you mean '{close}'?"),
            None => "'fixtool config show' lists every setting".to_owned(),
        };
        ConfigError::UnknownKey { place: self.place(start), name: shown, help }
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    fn place(&self, offset: usize) -> String {
        let (line, column) = self.position(offset);
        format!("{}:{line}:{column}", self.path.display())
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Array(items) => {
            let texts = items.iter().map(Spanned::get_ref).map(DeValue::as_str).collect::<Option<Vec<_>>>();
            texts.map(|t| t.join(",")).ok_or_else(|| "a list may hold texts only".to_owned())
        }
        other => Err(format!("it is a {}, where a text or a whole number is expected", other.type_str())),
    }
}

/// Whether a table of this name may stand in the file.
fn is_table(name: &str) -> bool {
    let prefix = format!("{name}.");
    name == "databases" || is_placement(name) || KEYS.iter().any(|key| key.name.starts_with(&prefix))
}

fn is_placement(name: &str) -> bool {
    name.strip_prefix("databases.").is_some_and(|rest| !rest.is_empty() && !rest.contains('.'))
}

fn is_setting(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name) || placement_key(name).is_some()
}

/// Name of the placement and of its key in `databases.<name>.<key>`.
pub fn placement_key(name: &str) -> Option<(&str, &'static super::keys::Key)> {
    let (placement, key) = name.strip_prefix("databases.")?.split_once('.')?;
    PLACEMENT_KEYS.iter().find(|k| k.name == key).map(|key| (placement, key))
}

/// The setting that was probably meant.
pub fn closest(name: &str) -> Option<String> {
    let tables = KEYS.iter().filter_map(|key| key.name.split_once('.')).map(|(table, _)| table.to_owned());
    let mut names: Vec<String> = KEYS.iter().map(|key| key.name.to_owned()).chain(tables).collect();
    if let Some((placement, _)) = name.strip_prefix("databases.").and_then(|rest| rest.split_once('.')) {
        names = PLACEMENT_KEYS.iter().map(|key| format!("databases.{placement}.{}", key.name)).collect();
    }
    // A key without its table is the commonest slip.
    let unqualified = KEYS.iter().find(|key| key.name.split_once('.').is_some_and(|(_, key)| key == name));
    if let Some(key) = unqualified {
        return Some(key.name.to_owned());
    }
    let scored = names.into_iter().map(|n| (strsim::jaro_winkler(&n, name), n));
    scored.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Entry>, ConfigError> {
        parse(text, Path::new("fixtool.toml"))
    }

    #[test]
    fn values_come_with_their_line() {
        let entries = parsed("[database]\nurl = \"sqlite:x\"\npool_size = 4\n[databases.eu]\nurl = \"postgres://eu/x\"\n[alerts]\nemail = [\"a@b\", \"c@d\"]\n").unwrap();
        let short: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.value.as_str(), e.line)).collect();
        assert!(short.contains(&("database.pool_size", "4", 3)));
        assert!(short.contains(&("databases.eu.url", "postgres://eu/x", 5)));
        assert!(short.contains(&("alerts.email", "a@b,c@d", 7)));
    }

    #[test]
    fn a_wrong_key_is_pointed_at_with_a_guess() {
        for (text, place, guess) in [
            ("[database]\nulr = \"x\"\n", "fixtool.toml:2:1", "database.url"),
            ("pool_size = 3\n", "fixtool.toml:1:1", "database.pool_size"),
            ("[databse]\nurl = \"x\"\n", "fixtool.toml:1:2", "database"),
            ("[databases.eu]\nulr = \"x\"\n", "fixtool.toml:2:1", "databases.eu.url"),
        ] {
            match parsed(text) {
                Err(ConfigError::UnknownKey { place: found, help, .. }) => {
                    assert_eq!(found, place, "{text}");
                    assert!(help.contains(guess), "{text}: {help}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_syntax_error_never_shows_the_line() {
        let error = parsed("[database]\nurl = \"postgres://ann:s3cret@h/d\n").unwrap_err();
        assert!(error.to_string().starts_with("fixtool.toml:2:"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"));
        assert!(parsed("[database]\npool_size = true\n").unwrap_err().to_string().contains("database.pool_size"));
        assert!(parsed("database = 1\n").is_err());
    }
}
