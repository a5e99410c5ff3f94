//! `fixtool pack list|show|check|new|schema`, as they are typed.

use crate::support::Site;

#[test]
fn the_built_in_pack_is_listed_shown_and_right() {
    let site = Site::sqlite();
    let list = site.line("fixtool pack list -o json").code(0).json();
    assert_eq!(list["schema"], "fixtool.pack.list");
    assert_eq!(list["packs"][0]["name"], "spotify-ai-agent");
    assert_eq!(list["packs"][0]["versions"], serde_json::json!(["1.0.0", "1.1.0", "1.2.0", "2.0.0"]));

    let shown = site.line("fixtool pack show -o json").code(0).json();
    assert_eq!(shown["version"], "2.0.0");
    assert_eq!(shown["manifest"]["tiers"]["starter"]["quotas"]["users"], 10);
    assert_eq!(shown["manifest"]["tiers"]["enterprise"]["quotas"]["users"], "unlimited");
    assert!(shown["model"]["tables"]["users"]["columns"].get("name").is_none());
    let base = site.line("fixtool pack show spotify-ai-agent --version 1.0.0 --table sessions -o json").code(0).json();
    assert_eq!(base["model"]["tables"].as_object().expect("tables").len(), 1);
    assert!(base["model"]["tables"]["ai_sessions"].is_object());
    site.line("fixtool pack show --table usrs").code(2).says(&["no table 'usrs'", "did you mean 'users'?"]);
    site.line("fixtool pack show --version 9.9.9")
        .code(2)
        .says(&["has no version 9.9.9", "1.0.0, 1.1.0, 1.2.0, 2.0.0"]);
    site.line("fixtool pack show spotfy-ai-agent").code(2).says(&["did you mean 'spotify-ai-agent'?"]);

    let checked = site.line("fixtool pack check spotify-ai-agent -o json").code(0).json();
    let records: Vec<u64> = checked["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|v| v["records"].as_u64().expect("a number"))
        .collect();
    assert_eq!(records, [17, 18, 18, 18]);
    assert_eq!(checked["notes"], serde_json::json!([]));
    assert!(!site.path(".fixtool").exists(), "looking at packs opens no database");
}

#[test]
fn a_new_pack_is_right_and_nothing_is_overwritten() {
    let site = Site::sqlite();
    site.line("fixtool pack new mine --dry-run").code(0);
    assert!(!site.path("packs").exists());
    site.line("fixtool pack new mine --yes").code(0);
    assert!(site.line("fixtool pack check mine").code(0).stdout.contains("the pack 'mine' is right"));
    site.line("fixtool pack check ./packs/mine").code(0);
    let before = site.read("packs/mine/pack.yaml");
    site.line("fixtool pack new mine --yes").code(6).says(&["exists already"]);
    assert_eq!(site.read("packs/mine/pack.yaml"), before);

    site.line("fixtool pack new copy --from spotify-ai-agent --output-path elsewhere/copy --yes").code(0);
    let copy = site.line("fixtool pack check ./elsewhere/copy -o json").code(0).json();
    assert_eq!((copy["pack"].as_str(), copy["versions"].as_array().map(Vec::len)), (Some("copy"), Some(4)));
    for name in ["Mine", "a b", "../x", "spotify-ai-agent", "1a", "-"] {
        site.fixtool(["pack", "new", "--yes", "--", name]).code(2).says(&["is no name for a pack"]);
    }
    let list = site.line("fixtool pack list -o json").code(0).json();
    assert_eq!(list["packs"][1]["name"], "mine");
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let site = Site::sqlite();
    site.line("fixtool pack new mine --yes").code(0);
    let model = site.read("packs/mine/1.0.0/model.yaml");
    site.write(
        "packs/mine/1.0.0/model.yaml",
        model.replace("default: user", "default: usr").replace("[updated_at, id]", "[updatd_at]"),
    );
    let failed = site.line("fixtool pack check mine").code(2);
    failed.says(&["1.0.0/model.yaml:8:56", "'usr'", "1.0.0/model.yaml:12:13", "did you mean 'updated_at'?"]);
    let error = site.line("fixtool pack check mine -o json").code(2).error_json();
    assert_eq!(error["details"].as_array().map(Vec::len), Some(2), "{error}");
    let list = site.line("fixtool pack list -o json").code(0).json();
    assert!(list["packs"][1]["problem"].is_string());

    site.write("packs/mine/1.0.0/model.yaml", &model);
    let users = site.read("packs/mine/1.0.0/fixtures/users.csv");
    for (record, said) in [
        ("7d4f0f0e-6f0b-4c39-9c1c-0a5b8f8f2a10,x@example.com,Again,user", "the same as in line 2"),
        ("7d4f0f0e-6f0b-4c39-9c1c-0a5b8f8f2a11,nobody,No Address,user", "email"),
        ("7d4f0f0e-6f0b-4c39-9c1c-0a5b8f8f2a12,y@example.com,Wrong Role,king", "role"),
        ("7d4f0f0e-6f0b-4c39-9c1c-0a5b8f8f2a13,z@example.com,,user", "name"),
    ] {
        site.write("packs/mine/1.0.0/fixtures/users.csv", format!("{users}{record}\n"));
        site.line("fixtool pack check mine").code(2).says(&["fixtures/users.csv:3", said]);
    }
}

#[test]
fn rules_are_held_against_the_tables_their_examples_and_the_first_data() {
    let site = Site::sqlite();
    site.line("fixtool pack new mine --yes").code(0);
    let with = |rule: &str| {
        let rules = format!("version: 1\ntypes:\n  users:\n    rules:\n      - {{id: names, {rule}}}\n");
        site.write("packs/mine/1.0.0/rules.yaml", rules);
        site.line("fixtool pack check mine")
    };
    with("assert: \"name <> 'Nobody'\"").code(0);
    with("assert: \"nmae <> 'Nobody'\"").code(2).says(&["1.0.0/rules.yaml:5", "nmae"]);
    with("assert: \"name <> 'Nobody'\", examples: {pass: [{name: Nobody}]}").code(2).says(&["1.0.0/rules.yaml"]);
    with("assert: \"name <> 'Robin Hale'\"").code(2).says(&["fixtures/users.csv:2", "Robin Hale"]);
    with("assert: \"name <> 'Robin Hale'\", severity: low").code(0);
}

#[test]
fn hostile_folders_are_refused() {
    let site = Site::sqlite();
    site.line("fixtool pack new mine --yes").code(0);
    std::os::unix::fs::symlink("/etc/passwd", site.path("packs/mine/1.0.0/rules.yaml")).expect("a link");
    site.line("fixtool pack check mine").code(2).says(&["it is a link"]);
    std::fs::remove_file(site.path("packs/mine/1.0.0/rules.yaml")).expect("removed");
    site.write("packs/mine/pack.yaml", [0xFF, 0xFE, 0x00]);
    site.line("fixtool pack check mine").code(2).says(&["not UTF-8"]);
    site.write("packs/mine/pack.yaml", "a: &a [*a, *a]\n");
    site.line("fixtool pack check mine").code(2);
    site.write("packs/mine/pack.yaml", format!("name: {}", "[".repeat(20_000)));
    site.line("fixtool pack check mine").code(2);
}

#[test]
fn schemas_are_printed_for_editors() {
    let site = Site::sqlite();
    for file in ["pack", "model", "migration"] {
        let output = site.line(&format!("fixtool pack schema {file}")).code(0);
        let schema = output.json();
        assert_eq!(schema["title"], format!("{file}.yaml"));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}
