//! Hostile input, end to end: never a panic, always an error or a rejects line that names the place.

mod cases;
mod names;

use crate::support::{Output, Site, on_both_engines, words};
use cases::{Case, Expect};

/// Loads each case's file into an empty table and looks at what came of it.
fn every_hostile_file_is_loaded_rejected_or_refused(site: &Site) {
    words::init(site, "acme");
    let cases = cases::all();
    assert!(cases.len() >= 50, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let table = case.table();
        site.query("acme", &format!("DELETE FROM {table}"));
        let file = site.write(case.file, &case.bytes);
        let (output, rejects) = words::load_rejecting(site, &file, "acme", table);
        let rows = site.count("acme", table);
        let lines: Vec<u64> = rejects.iter().filter_map(|line| line.get("line")?.as_u64()).collect();
        if let Some(complaint) = complaint(case, &output, rows, &lines) {
            wrong.push(format!("{}: {complaint}; {rows} rows, rejected lines {lines:?}\n{output}", case.name));
        }
        let nameless =
            rejects.iter().any(|line| ["reason", "code"].iter().any(|key| line.get(key).is_none_or(|of| of == "")));
        if nameless {
            wrong.push(format!("{}: a rejects line without code or reason: {rejects:?}", case.name));
        }
        std::fs::remove_file(file).expect("the file is removed");
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}
on_both_engines!(every_hostile_file_is_loaded_rejected_or_refused);

/// What is wrong with the outcome of a case, if anything.
fn complaint(case: &Case, output: &Output, rows: u64, lines: &[u64]) -> Option<String> {
    if output.stderr.contains("panicked") || output.code >= 70 {
        return Some(String::from("it broke down"));
    }
    if output.stderr.contains('\u{1b}') || output.stdout.contains('\u{1b}') {
        return Some(String::from("an escape byte reaches the terminal"));
    }
    if output.stderr.len() > 20_000 {
        return Some(format!("{} bytes on standard error", output.stderr.len()));
    }
    let (code, fits) = match &case.expect {
        Expect::Loaded(wanted) => (output.code == 0, rows == *wanted && lines.is_empty()),
        Expect::Rejected(wanted, good) => (output.code == 3, rows == *good && lines == *wanted),
        Expect::Refused(texts) => {
            let said = output.stderr.to_lowercase();
            (matches!(output.code, 1 | 2), rows == 0 && texts.iter().all(|text| said.contains(text)))
        }
    };
    (!code || !fits).then(|| format!("{:?} was expected", case.expect))
}
