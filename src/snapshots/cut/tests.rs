//! Cuts depend on keys alone.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Small parts, so that a test needs few rows.
const RULE: CutRule = CutRule { least_rows: 32, bits: 3, most_bytes: 1 << 20 };

fn parts(rows: impl IntoIterator<Item = (u32, usize)>, rule: CutRule) -> Vec<RawPart> {
    let mut collector = Collector::new(Cutter::new(rule, 7), vec![1]);
    let mut parts = Vec::new();
    for (key, size) in rows {
        let line = format!("{}\t{key:08}\tend\n", "x".repeat(size));
        parts.extend(collector.line(line.as_bytes()).unwrap());
    }
    parts.extend(collector.finish().unwrap());
    parts
}

fn ends(parts: &[RawPart]) -> Vec<String> {
    parts.iter().map(|part| part.rows.last[0].clone()).collect()
}

fn bytes(parts: &[RawPart]) -> BTreeSet<Vec<u8>> {
    parts.iter().map(|part| part.bytes.clone()).collect()
}

#[test]
fn nothing_is_lost_and_parts_say_what_they_hold() {
    let all = parts((0..5000).map(|key| (key, 3)), RULE);
    assert!(all.len() > 50, "{}", all.len());
    let whole: Vec<u8> = all.iter().flat_map(|part| part.bytes.clone()).collect();
    let expected: Vec<String> = (0..5000).map(|key| format!("xxx\t{key:08}\tend\n")).collect();
    assert_eq!(whole, expected.concat().as_bytes());
    assert_eq!(all.iter().map(|part| part.rows.count).sum::<u64>(), 5000);
    assert_eq!(all[0].rows.first, ["00000000"]);
    for pair in all.windows(2) {
        let (last, first): (u32, u32) = (pair[0].rows.last[0].parse().unwrap(), pair[1].rows.first[0].parse().unwrap());
        assert_eq!(last + 1, first);
        assert!(pair[0].rows.count >= 32);
    }
    assert!(parts([], RULE).is_empty());
}

#[test]
fn a_million_rows_make_parts_of_the_right_size() {
    let rule = CutRule::for_rows_of(200);
    assert_eq!(rule, CutRule::for_rows_of(180));
    let mut cutter = Cutter::new(rule, 1);
    let (mut sizes, mut size) = (Vec::new(), 0_u64);
    for key in 0..1_000_000_u32 {
        size += 200;
        if cutter.row(200, [key.to_string().as_bytes()]) == Cut::After {
            sizes.push(std::mem::take(&mut size));
        }
    }
    assert!((14..=32).contains(&sizes.len()), "{sizes:?}");
    assert!(sizes.iter().all(|size| (6 << 20..=MOST_BYTES).contains(size)), "{sizes:?}");
    assert_eq!(CutRule::for_rows_of(0).bits, 20);
    assert_eq!(CutRule::for_rows_of(u64::MAX), CutRule { least_rows: 1, bits: 0, most_bytes: MOST_BYTES });
}

#[test]
fn without_a_key_size_decides_and_no_part_is_too_large() {
    let mut collector = Collector::new(Cutter::new(CutRule { most_bytes: 100, ..RULE }, 0), vec![]);
    let mut sizes = Vec::new();
    for size in [40, 50, 20, 500, 10, 95, 3] {
        let line = "y".repeat(size - 1) + "\n";
        sizes.extend(collector.line(line.as_bytes()).unwrap().map(|part| part.bytes.len()));
    }
    sizes.extend(collector.finish().unwrap().map(|part| part.bytes.len()));
    assert_eq!(sizes.iter().sum::<usize>(), 718);
    assert!(sizes.iter().all(|size| *size <= 100 || *size == 500), "{sizes:?}");
}

#[test]
fn composite_keys_are_found_and_short_lines_refused() {
    let mut collector = Collector::new(Cutter::new(RULE, 0), vec![2, 0]);
    assert!(collector.line(b"a\\tb\tmiddle\tlast\n").unwrap().is_none());
    assert_eq!(collector.finish().unwrap().unwrap().rows.first, ["last", "a\\tb"]);
    assert!(collector.line(b"only\ttwo\n").is_err());
    assert_ne!(hash(0, [&b"a"[..], b"bc"].into_iter()), hash(0, [&b"ab"[..], b"c"].into_iter()));
}

proptest! {
    #[test]
    fn an_update_moves_no_cut(sizes in proptest::collection::vec(0_usize..200, 400..1200), seed in any::<u64>()) {
        let before = parts((0_u32..).zip(sizes.iter().copied()), RULE);
        let mut random = fastrand::Rng::with_seed(seed);
        let changed: Vec<usize> = sizes.iter().map(|size| if random.u8(..) < 40 { random.usize(..400) } else { *size }).collect();
        let after = parts((0_u32..).zip(changed), RULE);
        prop_assert_eq!(ends(&before), ends(&after));
    }

    #[test]
    fn appended_rows_change_the_last_part_alone(count in 400_u32..2000, more in 1_u32..400) {
        let before = parts((0..count).map(|key| (key, 5)), RULE);
        let after = parts((0..count + more).map(|key| (key, 5)), RULE);
        prop_assert_eq!(&before[..before.len() - 1], &after[..before.len() - 1]);
    }

    #[test]
    fn a_deleted_or_inserted_row_changes_neighbours_alone(at in 0_u32..20_000) {
        // Even keys exist; one of them goes, or an odd one comes.
        let rows = |skip: u32, extra: u32| {
            (0..20_000).filter(move |key| (key % 2 == 0 && *key != skip) || *key == extra).map(|key| (key, 5))
        };
        let before = parts(rows(u32::MAX, u32::MAX), RULE);
        let after = if at % 2 == 0 { parts(rows(at, u32::MAX), RULE) } else { parts(rows(u32::MAX, at), RULE) };
        let changed = bytes(&after).difference(&bytes(&before)).count();
        prop_assert!(changed <= 40, "{} of {} parts changed", changed, after.len());
    }
}
