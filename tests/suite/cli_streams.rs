//! Standard output holds the result and nothing else; colour and escape bytes only where they are wanted; every
//! JSON document begins with its schema.

use serde_json::Value;

use crate::support::{Output, TestEnvironment};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn no_escapes(output: &Output) {
    assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "{output}");
}

#[test]
fn without_words_it_prints_the_short_help_with_four_examples() {
    let env = TestEnvironment::new();
    let output = env.fixtool([""; 0]).code(0);
    let examples = output.stdout.lines().filter(|line| line.starts_with("  fixtool ")).count();
    assert_eq!(examples, 4, "{output}");
    assert!(output.stdout.starts_with("Examples:") && output.stderr.is_empty(), "{output}");
    assert!(!output.stdout.contains("--redis-url"), "the short help is short:\n{output}");
}

#[test]
fn a_usage_error_goes_to_standard_error_with_exit_2() {
    let env = TestEnvironment::new();
    for (words, said) in [
        (vec!["confg"], "did you mean 'config'"),
        (vec!["config", "shw"], "did you mean 'show'"),
        (vec!["config", "show", "--orign"], "did you mean '--origin'"),
        (vec!["completions", "klingon"], "bash"),
        (vec!["config", "sh"], "'sh'"),
        (vec!["-o", "xml", "config", "show"], "ndjson"),
        (vec!["explain"], "CODE"),
    ] {
        let output = env.fixtool(&words).code(2);
        assert!(output.stdout.is_empty(), "{output}");
        assert!(output.stderr.contains(said), "{words:?} says {said}:\n{output}");
        no_escapes(&output);
    }
}

#[test]
fn an_error_is_one_json_object_for_programs() {
    let env = TestEnvironment::new();
    for (words, code) in [
        (vec!["-o", "json", "confg"], "fixtool::usage"),
        (vec!["config", "show", "nothing", "--output=json"], "fixtool::config::show::unknown"),
        (vec!["explain", "fixtool::nothing", "-ojson"], "fixtool::explain::unknown_code"),
        (vec!["cleanup", "apply", "-o", "json"], "fixtool::usage::not_available"),
    ] {
        let output = env.fixtool(&words).code(2);
        let error = json(&output.stderr);
        assert_eq!(error["schema"], "fixtool.error", "{output}");
        assert_eq!(error["format_version"], 1);
        assert_eq!((error["code"].as_str(), error["exit_code"].as_u64()), (Some(code), Some(2)), "{output}");
        assert!(error["message"].is_string() && error["causes"].is_array() && !error["help"].is_null(), "{output}");
        assert!(output.stdout.is_empty(), "{output}");
    }
    let lines = env.fixtool(["-o", "ndjson", "config", "show", "nothing"]).code(2);
    assert_eq!(lines.stderr.lines().count(), 1, "{lines}");
}

#[test]
fn commands_of_later_versions_say_so() {
    let env = TestEnvironment::new();
    for line in [
        "fixtool backup watch",
        "fixtool cleanup plan",
        "fixtool migrate apply --tenant acme",
        "fixtool monitor check --help",
        "fixtool data validate --tenant acme",
        "fixtool data diff",
    ] {
        let output = env.line(line).code(2);
        assert!(output.stderr.contains("not available yet"), "{line}:\n{output}");
        assert!(output.stderr.contains("until then"), "{line} says what to do:\n{output}");
    }
    env.line("fixtool load_fixtures --tenant-id acme").code(2).says(&["fixtool data load"]);
}

#[test]
fn colour_comes_only_when_asked_for_off_a_terminal() {
    let mut env = TestEnvironment::new();
    no_escapes(&env.fixtool(["config", "show"]).code(0));
    no_escapes(&env.fixtool(["config", "show", "nothing"]).code(2));
    let forced = env.fixtool(["--color", "always", "config", "show"]).code(0);
    assert!(forced.stdout.contains('\u{1b}'), "{forced}");
    env.set("NO_COLOR", "1");
    no_escapes(&env.fixtool(["config", "show"]).code(0));
    no_escapes(&env.fixtool(["--color", "never", "config", "--help"]).code(0));
}

#[test]
fn json_is_one_document_and_ndjson_is_lines() {
    let env = TestEnvironment::new();
    let document = json(&env.fixtool(["config", "show", "-o", "json"]).code(0).stdout);
    assert_eq!(document["schema"], "fixtool.config.show");
    assert_eq!(document["format_version"], 1);
    let settings = document["settings"].as_array().expect("a list").len();
    assert!(settings > 20);
    let lines = env.fixtool(["config", "show", "-o", "ndjson"]).code(0);
    let lines: Vec<Value> = lines.stdout.lines().map(json).collect();
    assert_eq!(lines.len(), settings);
    assert!(lines.iter().all(|line| line["schema"] == "fixtool.config.show" && line["record"] == "settings"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let env = TestEnvironment::new();
    let binary = env.command().get_program().to_owned();
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg("\"$0\" completions bash | head -1 >/dev/null; \"$0\" config show 2>&1 | head -1")
        .arg(binary)
        .env_clear()
        .current_dir(env.work())
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.starts_with("SETTING") && !text.contains("panicked"), "{text}");
}

#[test]
fn quiet_leaves_the_result_and_errors() {
    let env = TestEnvironment::new();
    let output = env.fixtool(["-q", "config", "show", "output.format"]).code(0);
    assert!(output.stdout.contains("output.format") && output.stderr.is_empty(), "{output}");
    assert!(!env.fixtool(["-q", "config", "show", "nothing"]).code(2).stderr.is_empty());
    env.fixtool(["-q", "-v", "config", "show"]).code(2);
}

#[test]
fn completions_and_man_pages_are_made_of_the_same_tree() {
    let env = TestEnvironment::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = env.fixtool(["completions", shell]).code(0);
        assert!(output.stdout.contains("fixtool") && output.stdout.contains("doctor"), "{shell}");
    }
    assert!(env.fixtool(["man"]).code(0).stdout.contains(".TH fixtool"));
    env.fixtool(["man", "--directory", "pages"]).code(0);
    let page = env.read("pages/fixtool-config-show.1");
    assert!(page.contains("config show") && page.contains("\\-\\-origin"), "{page}");
}

#[test]
fn explain_says_more_and_guesses() {
    let env = TestEnvironment::new();
    let text = env.fixtool(["explain", "fixtool::config::unknown_key"]).code(0).stdout;
    assert!(text.contains("misspelt setting"), "{text}");
    env.fixtool(["explain", "fixtool::config::unknwn_key"])
        .code(2)
        .says(&["did you mean 'fixtool::config::unknown_key'"]);
    let list = json(&env.fixtool(["explain", "--list", "-o", "json"]).code(0).stdout);
    assert!(list["codes"].as_array().expect("a list").len() > 10);
}
