//! Names of fields that records bring along.

use std::collections::HashMap;

/// Names by place, in the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    pub(super) fn list(&self) -> &[String] {
        &self.list
    }

    /// The place of a name. Most records name their fields in the same order, so the place is
    /// guessed first; `None` if there are too many names already.
    pub(super) fn place(&mut self, name: &str, guess: usize, most: usize) -> Option<usize> {
        if self.list.get(guess).is_some_and(|known| known == name) {
            return Some(guess);
        }
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.list.len() >= most {
            return None;
        }
        self.places.insert(name.to_owned(), self.list.len());
        self.list.push(name.to_owned());
        Some(self.list.len() - 1)
    }
}
