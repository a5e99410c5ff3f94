//! Did you mean: the known name that is most like one that is not known.

/// Longer names are compared with nothing: the time that it takes grows with the product of the lengths.
const LONGEST: usize = 200;

/// The known name that is most like this one, if any is like enough to be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    known
        .filter(|known| known.len() <= LONGEST)
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_an_endless_name_costs_nothing() {
        assert_eq!(nearest("emial", ["id", "email", "name"].into_iter()), Some("email"));
        assert_eq!(nearest("salary", ["id", "email"].into_iter()), None);
        let (endless, other) = ("x".repeat(4 << 20), "xy".repeat(2 << 20));
        assert_eq!(nearest(&endless, ["x", &other].into_iter()), None);
        assert_eq!(nearest("x", [other.as_str()].into_iter()), None);
    }
}
