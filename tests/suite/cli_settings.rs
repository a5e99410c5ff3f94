//! Settings: one layer over the other, each value with its origin, no secret shown.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::TestEnvironment;

/// A setting as `config show` tells it.
fn setting(env: &TestEnvironment, flags: &[&str], name: &str) -> Value {
    let mut words = vec!["config", "show", name, "-o", "json"];
    words.extend(flags);
    let output = env.fixtool(words).code(0);
    output.json()["settings"][0].clone()
}

fn shown(env: &TestEnvironment, flags: &[&str], name: &str) -> (String, String) {
    let setting = setting(env, flags, name);
    let text = |field: &str| setting[field].as_str().expect("a text").to_owned();
    (text("value"), text("origin"))
}

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.to_owned(), origin.to_owned())
}

#[test]
fn each_layer_overrides_the_one_below() {
    let mut env = TestEnvironment::new();
    let name = "output.format";
    assert_eq!(shown(&env, &[], "database.pool_size"), pair("8", "default"));
    let user = env.home().join(".config/fixtool");
    std::fs::create_dir_all(&user).expect("a folder");
    std::fs::write(user.join("fixtool.toml"), "[database]\npool_size = 2\n").expect("a file");
    let (value, origin) = shown(&env, &[], "database.pool_size");
    assert_eq!(value, "2");
    assert!(origin.ends_with("fixtool.toml:2"), "{origin}");
    let project = env.write("fixtool.toml", "# ours\n[database]\npool_size = 3\n");
    let (value, origin) = shown(&env, &[], "database.pool_size");
    assert_eq!((value.as_str(), origin), ("3", format!("{}:3", project.display())));
    env.set("DATABASE_POOL_SIZE", "4");
    assert_eq!(shown(&env, &[], "database.pool_size"), pair("4", "environment DATABASE_POOL_SIZE"));
    env.set("FIXTOOL_DATABASE_POOL_SIZE", "5");
    assert_eq!(shown(&env, &[], "database.pool_size"), pair("5", "environment FIXTOOL_DATABASE_POOL_SIZE"));
    let overrides = setting(&env, &[], "database.pool_size")["overrides"].clone();
    let values: Vec<&str> = overrides.as_array().expect("a list").iter().filter_map(|o| o["value"].as_str()).collect();
    assert_eq!(values, ["4", "3", "2"]);
    env.set("FIXTOOL_OUTPUT_FORMAT", "table");
    assert_eq!(shown(&env, &[], name), pair("json", "flag --output"));
    assert_eq!(
        shown(&env, &["--database-url", "sqlite:elsewhere"], "database.url"),
        pair("sqlite:elsewhere", "flag --database-url")
    );
    env.write("other.toml", "[database]\nconnect_timeout = \"3s\"\n");
    assert_eq!(shown(&env, &["--config", "other.toml"], "database.connect_timeout").0, "3s");
}

#[test]
fn the_names_of_the_old_system_are_understood() {
    let mut env = TestEnvironment::new();
    for (variable, value, name, shown_as) in [
        ("DATABASE_URL", "postgresql+asyncpg://ann@db/app", "database.url", "postgresql+asyncpg://ann@db/app"),
        ("DATABASE_POOL_SIZE", "7", "database.pool_size", "7"),
        ("REDIS_URL", "redis://cache:6379/0", "redis.url", "redis://cache:6379/0"),
        ("REDIS_POOL_SIZE", "3", "redis.pool_size", "3"),
        ("BACKUP_STORAGE_PATH", "/backups", "backup.path", "/backups"),
        ("BACKUP_ENCRYPTION_KEY", "hunter2", "backup.encryption_key", "***"),
        ("BACKUP_RETENTION_DAYS", "14", "backup.retention_days", "14"),
        ("MONITORING_INTERVAL_SECONDS", "90", "monitoring.interval", "1m 30s"),
        ("ALERT_EMAIL_RECIPIENTS", "a@b.org, c@d.org", "alerts.email", "a@b.org,c@d.org"),
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/x", "alerts.slack_webhook_url", "***"),
    ] {
        env.set(variable, value);
        assert_eq!(shown(&env, &[], name), pair(shown_as, &format!("environment {variable}")));
    }
}

#[test]
fn no_secret_is_shown_in_any_form() {
    let mut env = TestEnvironment::new();
    env.set("DATABASE_URL", "postgres://ann:s3cret@127.0.0.1:1/app?password=s3cret");
    env.set("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0");
    env.set("BACKUP_ENCRYPTION_KEY", "s3cret");
    env.set("FIXTOOL_SEALING_PASSPHRASE", "s3cret");
    env.set("FIXTOOL_DATABASE_CONNECT_TIMEOUT", "1s");
    for line in ["config show --origin", "config show -o json", "config show -o ndjson", "doctor", "doctor -o json -vv"]
    {
        let output = env.fixtool(line.split(' '));
        assert!(!output.stdout.contains("s3cret") && !output.stderr.contains("s3cret"), "{line}:\n{output}");
        assert!(!output.stdout.is_empty());
    }
    let refused = env.fixtool(["--database-url", "postgres://ann:s3cret@h/d", "config", "show"]).code(2);
    assert!(!refused.stderr.contains("s3cret") && refused.stderr.contains("PGPASSFILE"), "{refused}");
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let mut env = TestEnvironment::new();
    let file = env.write("secret", "postgres://ann:s3cret@db/app\nmore\n");
    env.set("DATABASE_URL_FILE", file.to_str().expect("UTF-8"));
    let (value, origin) = shown(&env, &[], "database.url");
    assert_eq!(value, "postgres://ann:***@db/app");
    assert!(origin.starts_with("environment DATABASE_URL_FILE"), "{origin}");
    env.set("DATABASE_URL_FILE", "nothing-here");
    env.fixtool(["config", "show"]).code(2).says(&["nothing-here"]);
}

#[test]
fn a_mistake_is_told_with_its_place_and_a_guess() {
    let mut env = TestEnvironment::new();
    for (text, said) in [
        ("[database]\nulr = \"x\"\n", vec!["fixtool.toml:2:1", "database.ulr", "did you mean 'database.url'"]),
        ("[database]\npool_size = 0\n", vec!["fixtool.toml:2", "database.pool_size", "1 to 512"]),
        ("[database\n", vec!["fixtool.toml:1"]),
        ("[output]\nformat = \"xml\"\n", vec!["output.format", "ndjson"]),
        ("[databases.eu]\npool_size = 3\n", vec!["databases.eu.url", "missing"]),
    ] {
        env.write("fixtool.toml", text);
        env.fixtool(["config", "show"]).code(2).says(&said);
        // What helps to mend a broken file works with a broken file.
        env.fixtool(["explain", "--list"]).code(0);
        env.fixtool(["completions", "bash"]).code(0);
    }
    env.write("fixtool.toml", "");
    env.set("DATABASE_POOL_SIZE", "many");
    env.fixtool(["config", "show"]).code(2).says(&["DATABASE_POOL_SIZE", "whole number"]);
    env.set("FIXTOOL_DATABASE_POOL_SIZE", "3");
    let show = env.fixtool(["config", "show", "-o", "json"]).code(0).json();
    let problems = show["problems"].to_string();
    assert!(problems.contains("DATABASE_POOL_SIZE") && problems.contains("overridden"), "{problems}");
    env.set("FIXTOOL_DATABSE_URL", "x");
    let show = env.fixtool(["config", "show", "-o", "json"]).code(0).json();
    assert!(show["problems"].to_string().contains("did you mean FIXTOOL_DATABASE_URL"), "{show}");
    env.fixtool(["--config", "nowhere.toml", "config", "show"]).code(2).says(&["nowhere.toml"]);
}

#[test]
fn config_init_writes_a_file_once_and_privately() {
    let env = TestEnvironment::new();
    env.fixtool(["config", "init"]).code(0);
    let file = env.path("fixtool.toml");
    assert_eq!(file.metadata().expect("the file").permissions().mode() & 0o777, 0o600);
    env.fixtool(["config", "show"]).code(0);
    env.fixtool(["config", "init"]).code(2).says(&["exists"]);
    let path = env.fixtool(["config", "path", "-o", "json"]).code(0).json();
    assert_eq!(path["files"][0]["layer"], "project");
    assert_eq!(path["files"][0]["exists"], true);
}

#[test]
fn a_log_goes_where_it_is_asked_for() {
    let mut env = TestEnvironment::new();
    env.set("FIXTOOL_DATABSE_URL", "x");
    let output = env.fixtool(["config", "show", "database.url"]).code(0);
    assert!(output.stderr.contains("FIXTOOL_DATABSE_URL"), "a warning is logged:\n{output}");
    let output = env.fixtool(["config", "show", "database.url", "--log-format", "json"]).code(0);
    let line: Value = serde_json::from_str(output.stderr.lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["level"], "WARN");
    let output = env.fixtool(["config", "show", "database.url", "--log-file", "fixtool.log"]).code(0);
    assert!(output.stderr.is_empty(), "{output}");
    assert!(env.read("fixtool.log").contains("FIXTOOL_DATABSE_URL"));
    let quiet = env.fixtool(["-q", "config", "show", "database.url"]).code(0);
    assert!(quiet.stderr.is_empty(), "{quiet}");
}
