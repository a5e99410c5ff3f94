//! Names of constraints and indexes, the way PostgreSQL itself would choose them.

use std::collections::HashSet;

/// Most bytes of a name on PostgreSQL; longer ones would be cut off silently, and may then collide.
const LONGEST: usize = 63;

/// What a name is for; its suffix tells it again when a structure is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The primary key.
    PrimaryKey,
    /// A unique key.
    Unique,
    /// A secondary index.
    Index,
    /// A foreign key.
    ForeignKey,
    /// The words of an `enum`.
    Enum,
}

impl Kind {
    /// The end of every name of this kind.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::PrimaryKey => "_pkey",
            Self::Unique => "_key",
            Self::Index => "_idx",
            Self::ForeignKey => "_fkey",
            Self::Enum => "_enum",
        }
    }
}

/// Names given so far in one namespace, where no two things may share one.
#[derive(Debug, Clone, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// With these names in use already.
    pub fn with(taken: impl IntoIterator<Item = String>) -> Self {
        Self { taken: taken.into_iter().map(|name| name.to_lowercase()).collect() }
    }

    /// A name for something of one table: `users_email_key`.
    ///
    /// A digest goes in where the plain name is too long or taken: table `a_b` with column `c` and
    /// table `a` with column `b_c` would share one.
    pub fn give(&mut self, kind: Kind, table: &str, columns: &[String]) -> String {
        let columns = if kind == Kind::PrimaryKey { &[] } else { columns };
        let stem = std::iter::once(table).chain(columns.iter().map(String::as_str)).collect::<Vec<_>>().join("_");
        let plain = format!("{stem}{}", kind.suffix());
        if plain.len() <= LONGEST && self.taken.insert(plain.to_lowercase()) {
            return plain;
        }
        let room = LONGEST - kind.suffix().len() - DIGEST - 1;
        let name = format!("{}_{}{}", cut(&stem, room), digest(table, columns), kind.suffix());
        self.taken.insert(name.to_lowercase());
        name
    }
}

/// Digits of a digest in a name.
const DIGEST: usize = 8;

fn digest(table: &str, columns: &[String]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(table).chain(columns.iter().map(String::as_str)) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(DIGEST).collect()
}

/// The longest beginning of at most this many bytes that ends between two characters.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn names_are_short_and_never_shared() {
        let mut names = Names::default();
        assert_eq!(names.give(Kind::Unique, "users", &columns(&["email"])), "users_email_key");
        assert_eq!(names.give(Kind::PrimaryKey, "users", &columns(&["id"])), "users_pkey");
        let one = names.give(Kind::Index, "a_b", &columns(&["c"]));
        let other = names.give(Kind::Index, "a", &columns(&["b", "c"]));
        assert_ne!(one, other);
        let long = names.give(Kind::ForeignKey, &"ü".repeat(40), &columns(&["x"]));
        assert!(long.len() <= 63 && long.ends_with("_fkey"), "{long}");
        let longer = names.give(Kind::ForeignKey, &"ü".repeat(40), &columns(&["y"]));
        assert_ne!(long, longer);
    }
}
