//! `fixtool data export`: what it writes, `data load` reads back to the same rows.

use std::io::Read as _;

use crate::support::{Site, on_both_engines, words};

const USERS: &str = "id,email,name,role,spotify_user_id,preferences,is_active,last_login_at,created_at,updated_at
00000000-0000-4000-8000-000000000001,ada@example.com,\"Ada \"\"the first\"\", Lovelace\",owner,\"\",\
\"{\"\"a\"\": [1.10, \"\"x\"\", null], \"\"é\"\": \"\"😀\"\"}\",true,2024-02-29T23:59:59.999999Z,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z
00000000-0000-4000-8000-000000000002,bob@example.com,\"two
lines\tand a tab\",user,,,false,,2024-01-01T00:00:00.000001Z,2024-01-02T00:00:00Z
00000000-0000-4000-8000-000000000003,eve@example.com,=1+1,admin,NULL,[],true,,2024-01-01T00:00:00Z,2024-01-03T00:00:00Z
";
const SPOTIFY: &str =
    "{\"id\":\"00000000-0000-4000-8000-000000000011\",\"user_id\":\"00000000-0000-4000-8000-000000000001\",\
\"spotify_user_id\":\"s1\",\"scopes\":[\"a,b\",\"c \\\"d\\\"\",\"\",null,\"NULL\"],\"profile\":{\"n\":1}}
{\"id\":\"00000000-0000-4000-8000-000000000012\",\"user_id\":\"00000000-0000-4000-8000-000000000002\",\
\"spotify_user_id\":\"s2\",\"scopes\":[]}
";
const SESSIONS: &str = "id,user_id,session_type\n\
00000000-0000-4000-8000-000000000021,00000000-0000-4000-8000-000000000001,chat\n";
const CONTENT: &str = "id,session_id,user_id,content_type,content_data,quality_score,feedback_score
00000000-0000-4000-8000-000000000031,00000000-0000-4000-8000-000000000021,00000000-0000-4000-8000-000000000001,a,{},0.90,5
00000000-0000-4000-8000-000000000032,00000000-0000-4000-8000-000000000021,00000000-0000-4000-8000-000000000001,b,[],1,
";
const TABLES: [&str; 4] = ["users", "spotify_connections", "ai_sessions", "content_generated"];

fn fill(site: &Site) {
    words::init(site, "acme");
    site.write("seed/users.csv", USERS);
    site.write("seed/spotify.ndjson", SPOTIFY);
    site.write("seed/sessions.csv", SESSIONS);
    site.write("seed/content.csv", CONTENT);
    site.line("fixtool data load seed --tenant acme --yes").code(0);
    for (table, rows) in TABLES.into_iter().zip([3, 2, 1, 2]) {
        assert_eq!(site.count("acme", table), rows, "{table}");
    }
}

fn what_is_exported_loads_back_to_the_same_rows(site: &Site) {
    fill(site);
    for (n, flags) in
        ["--format csv", "--format ndjson --compression zstd", "--format json --compression gzip"].iter().enumerate()
    {
        let (out, copy) = (format!("out{n}"), format!("copy{n}"));
        site.line(&format!("fixtool data export --tenant acme --output-dir {out} {flags} --yes")).code(0);
        words::init(site, &copy);
        site.line(&format!("fixtool data load {out} --tenant {copy} --yes")).code(0);
        for table in TABLES {
            assert_eq!(site.contents(&copy, table, "id"), site.contents("acme", table, "id"), "{table} {flags}");
        }
        // And the copy's own export is the same, byte for byte.
        site.line(&format!("fixtool data export --tenant {copy} --output-dir again{n} {flags} --yes")).code(0);
        for file in std::fs::read_dir(site.path(&out)).unwrap() {
            let name = file.unwrap().file_name();
            let bytes = |folder: &str| std::fs::read(site.path(folder).join(&name)).unwrap();
            assert_eq!(bytes(&out), bytes(&format!("again{n}")), "{} {flags}", name.display());
        }
    }
}

fn files_are_private_whole_and_never_replaced_unasked(site: &Site) {
    use std::os::unix::fs::PermissionsExt as _;
    fill(site);
    site.line("fixtool data export -t acme --data-types users,content --output-dir out --yes").code(0);
    let names: Vec<String> = std::fs::read_dir(site.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "nothing but the files: {names:?}");
    for name in &names {
        let mode = site.path("out").join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let before = site.read("out/users.csv");
    site.line("fixtool data export -t acme --data-types users --output-dir out --yes")
        .code(6)
        .says(&["users.csv", "--overwrite"]);
    site.query("acme", "delete from users where email = 'eve@example.com'");
    site.line("fixtool data export -t acme --data-types users --output-dir out --overwrite --yes").code(0);
    assert_eq!(site.read("out/users.csv").lines().count(), before.lines().count() - 1);
    site.line("fixtool data export -t acme --data-types people --output-dir out").code(2).says(&["people"]);
    site.line("fixtool data export -t acme --format yaml --output-dir out").code(2);
    site.line("fixtool data export -t acme --data-types users --output-dir dry --dry-run").code(0);
    assert!(!site.path("dry").exists());
}

fn an_export_can_be_undone(site: &Site) {
    fill(site);
    site.line("fixtool data export -t acme --data-types users --output-dir out --yes").code(0);
    let run = words::newest_run(site).expect("a run");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
    assert!(!site.path("out/users.csv").exists());
}

fn standard_output_holds_the_records_and_nothing_else(site: &Site) {
    fill(site);
    site.line("fixtool data export -t acme --data-types users --output-dir out --yes").code(0);
    let direct = site.line("fixtool data export -t acme --data-types users --output-dir -").code(0);
    assert_eq!(direct.stdout, site.read("out/users.csv"));
    site.line("fixtool data export -t acme --output-dir -").code(2).says(&["one data type"]);
}

fn masks_hide_people_and_keep_references(site: &Site) {
    fill(site);
    site.line("fixtool data export -t acme --output-dir out --mask-pii --compression gzip --yes").code(0);
    let mut text = String::new();
    let file = std::fs::File::open(site.path("out/users.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    for secret in ["ada@", "Lovelace", "bob@", "eve@"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("00000000-0000-4000-8000-000000000001"));
    words::init(site, "masked");
    site.line("fixtool data load out --tenant masked --yes").code(0);
    assert_eq!(site.count("masked", "users"), 3);
    assert_eq!(site.count("masked", "spotify_connections"), 2);
}

on_both_engines!(
    what_is_exported_loads_back_to_the_same_rows,
    files_are_private_whole_and_never_replaced_unasked,
    an_export_can_be_undone,
    standard_output_holds_the_records_and_nothing_else,
    masks_hide_people_and_keep_references,
);
