//! The command lines that many tests type, in one place.

use std::path::Path;

use super::site::files_below;
use super::{Output, Site, generate};

/// The version of the built-in pack whose columns the generated files have.
pub const PACK_VERSION: &str = "1.0.0";

/// A CSV of this many users.
pub fn users(rows: u64) -> String {
    generate::users_csv(rows, 1)
}

/// Makes an empty tenant without limits.
pub fn init(site: &Site, tenant: &str) {
    site.fixtool(["tenant", "init", tenant, "--tier", "enterprise", "--version", PACK_VERSION, "--yes"]).code(0);
}

/// Makes an empty tenant whose tables are these, of a pack that has nothing else.
pub fn init_with(site: &Site, tenant: &str, model: impl AsRef<[u8]>) {
    site.write("packs/lean/pack.yaml", include_str!("../../fixtures/lean/pack.yaml"));
    site.write("packs/lean/1.0.0/model.yaml", model);
    init_lean(site, tenant);
}

/// Makes another one.
pub fn init_lean(site: &Site, tenant: &str) {
    site.line(&format!("fixtool tenant init {tenant} --pack lean --tier enterprise --yes")).code(0);
}

/// The words of a load, with consent.
pub fn load_words<'a>(file: &'a Path, tenant: &'a str, data_type: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let file = file.to_str().expect("a path in UTF-8");
    let mut words = vec!["data", "load", file, "--tenant", tenant, "--data-types", data_type, "--yes"];
    words.extend(more);
    words
}

/// Loads a file.
pub fn load(site: &Site, file: &Path, tenant: &str, data_type: &str) -> Output {
    site.fixtool(load_words(file, tenant, data_type, &[]))
}

/// Loads a file and sets bad records aside into the folder `rejects`; what it then holds, a line each.
pub fn load_rejecting(site: &Site, file: &Path, tenant: &str, data_type: &str) -> (Output, Vec<serde_json::Value>) {
    let _ = std::fs::remove_dir_all(site.path("rejects"));
    let words = load_words(file, tenant, data_type, &["--on-error", "reject", "--rejects", "rejects"]);
    let output = site.fixtool(words);
    (output, rejects(site))
}

/// Every line of the rejects files in the folder `rejects`.
pub fn rejects(site: &Site) -> Vec<serde_json::Value> {
    let files = files_below(&site.path("rejects"));
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("a rejects file is UTF-8"));
    let lines: Vec<String> = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.iter().map(|line| serde_json::from_str(line).expect("a rejects line is JSON")).collect()
}

/// The newest run of the log: its id.
pub fn newest_run(site: &Site) -> Option<String> {
    let log = site.fixtool(["op", "log", "--output", "json"]).code(0).json();
    let runs = log.get("runs").and_then(serde_json::Value::as_array).expect("the log has runs");
    runs.first().and_then(|run| run.get("run")).and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// The newest run of an operation that came to a good end.
pub fn done_run(site: &Site, operation: &str) -> String {
    let log = site.fixtool(["op", "log", "--output", "json"]).code(0).json();
    let runs = log.get("runs").and_then(serde_json::Value::as_array).expect("the log has runs");
    let text = |run: &serde_json::Value, key: &str| run.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let done = |run: &&serde_json::Value| {
        text(run, "operation").as_deref() == Some(operation) && text(run, "status").as_deref() == Some("done")
    };
    runs.iter().find(done).and_then(|run| text(run, "run")).unwrap_or_else(|| panic!("no {operation} was done: {log}"))
}

/// Whether a run came to a good end.
pub fn is_done(site: &Site, run: &str) -> bool {
    let shown = site.fixtool(["op", "show", run, "--output", "json"]).code(0).json();
    status(&shown).expect("a run has a status") == "done"
}

/// The `status` of a run, wherever the document has it.
fn status(document: &serde_json::Value) -> Option<String> {
    let at = |value: &serde_json::Value| value.get("status").and_then(serde_json::Value::as_str).map(str::to_owned);
    at(document).or_else(|| document.get("run").and_then(at))
}

/// A folder of files as the old system loaded it: users, AI sessions and content, by their names.
pub fn fixtures(site: &Site, folder: &str) {
    let mut sessions = Vec::new();
    generate::write_sessions(&mut sessions, 0..300, (120, 1), |_| None).expect("memory takes it");
    site.write(format!("{folder}/users.csv"), users(120));
    site.write(format!("{folder}/ai_sessions.csv"), &sessions);
    let content: String = String::from_utf8(sessions)
        .expect("UTF-8")
        .lines()
        .skip(1)
        .take(50)
        .filter_map(|line| {
            let mut fields = line.split(',');
            let (session, user) = (fields.next()?, fields.next()?);
            Some(format!(
                "{{\"session_id\": \"{session}\", \"user_id\": \"{user}\", \"content_type\": \"playlist\", \
                 \"content_data\": {{\"tracks\": 12}}, \"quality_score\": 0.75}}\n"
            ))
        })
        .collect();
    site.write(format!("{folder}/content.ndjson"), content);
}

/// Makes a key for backups in `key.txt`; from now on they are sealed for it, and opened with it.
pub fn seal_backups(site: &Site) {
    site.line("fixtool backup keygen --output-path key.txt --yes").code(0);
    let key = site.read("key.txt");
    let public = key.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("the public half");
    site.write("fixtool.toml", format!("[backup]\nrecipients = [\"{public}\"]\nidentities = [\"./key.txt\"]\n"));
}

/// What otherwise takes half a minute: the leases of processes that died expire.
pub fn let_leases_expire(site: &Site) {
    site.catalog("UPDATE fixtool.lease SET expires_at = '2000-01-01T00:00:00.000000Z'");
}

/// The same for tables of the pack's newest version, which is what `tenant init` makes unless told otherwise.
pub fn fixtures_of_the_newest(site: &Site, folder: &str) {
    fixtures(site, folder);
    let users: String = site
        .read(format!("{folder}/users.csv"))
        .replacen(",name,", ",display_name,username,", 1)
        .lines()
        .enumerate()
        .map(|(number, line)| {
            if number == 0 {
                format!("{line}\n")
            } else {
                let mut fields: Vec<&str> = line.splitn(4, ',').collect();
                let (name, username) = (fields[2].to_owned(), fields[1].to_owned());
                fields[2] = &name;
                format!("{},{},{name},{username},{}\n", fields[0], fields[1], fields[3])
            }
        })
        .collect();
    site.write(format!("{folder}/users.csv"), users);
    let sessions = site.read(format!("{folder}/ai_sessions.csv")).replace(",chat,", ",general,");
    site.write(format!("{folder}/ai_sessions.csv"), sessions);
}
