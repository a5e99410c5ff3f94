//! The rules, tried on text that breaks them: a scanner that finds nothing would be green forever.

use super::rules;
use super::source::{declared, named, tokens};

fn names(source: &str, module: &[&str]) -> Vec<String> {
    let module: Vec<String> = module.iter().map(ToString::to_string).collect();
    named(source, &module).into_iter().map(|named| format!("{}:{}", named.line, named.path.join("::"))).collect()
}

#[test]
fn comments_and_literals_hold_no_code() {
    let source = r##"
        // crate::a
        /* crate::b /* crate::c */ crate::d */
        /// [`crate::e`]
        let text = "crate::f \" crate::g";
        let raw = r#"crate::h " crate::i"#;
        let letter = '"'; let escaped = '\''; let byte = b'"'; let life: &'static str = crate::real::IT;
    "##;
    assert_eq!(names(source, &["model"]), ["7:real::IT"]);
    assert_eq!(tokens("r#type").first().map(|token| token.text.clone()), Some(String::from("type")));
}

#[test]
fn trees_of_use_are_unfolded() {
    let source = "use crate::{engine::{Plan, plan::{self, Step as Other}}, model::*};\npub use super::x::{self, Y};";
    assert_eq!(
        names(source, &["console", "plan_view"]),
        ["1:engine::Plan", "1:engine::plan", "1:engine::plan::Step", "1:model::*", "2:console::x", "2:console::x::Y"]
    );
}

#[test]
fn super_and_self_are_resolved_also_in_inline_modules() {
    let source =
        "mod tests {\n use super::super::super::engine;\n mod deep { use super::X; }\n}\nuse super::Y; use self::Z;";
    assert_eq!(
        names(source, &["model", "value"]),
        ["2:engine", "3:model::value::tests::X", "5:model::Y", "5:model::value::Z"]
    );
    assert_eq!(names("use super::super::{model::A, engine};", &["backends", "cache"]), ["1:model::A", "1:engine"]);
}

#[test]
fn paths_in_the_middle_of_code_are_seen() {
    let source = "fn f() -> Vec<crate::engine::Plan> { crate::model::parse::<u8>(&crate::console::shown()) }";
    assert_eq!(names(source, &["model"]), ["1:engine::Plan", "1:model::parse", "1:console::shown"]);
    assert_eq!(names("macro_rules! m { () => { $crate::console::x } }", &["model"]), ["1:console::x"]);
}

#[test]
fn forbidden_imports_are_found() {
    let broken = |path: &str, source: &str| rules::imports(path, source).len();
    assert_eq!(broken("src/model/tier.rs", "use crate::engine::Plan;"), 1);
    assert_eq!(broken("src/model/tier.rs", "use super::super::{config, model};"), 1);
    assert_eq!(broken("src/engine/plan.rs", "fn f(x: crate::model::Tier) {}"), 1);
    assert_eq!(broken("src/backends/database/mod.rs", "use crate::{model::A, engine::B};"), 1);
    assert_eq!(broken("src/backends/catalog/mod.rs", "use crate::{model::A, engine::Ledger};"), 0);
    assert_eq!(broken("src/console/mod.rs", "use crate::{engine::A, model::B, backends::C};"), 1);
    assert_eq!(broken("src/config/mod.rs", "use crate::console::A;"), 1);
    assert_eq!(broken("src/cli/run.rs", "use crate::{console, config, operations::data, engine};"), 0);
    assert_eq!(broken("src/operations/data/load/plan.rs", "use crate::operations::tenant::init;"), 1);
    assert_eq!(broken("src/operations/data/load/plan.rs", "use super::super::super::tenant;"), 1);
    assert_eq!(broken("src/operations/data/load/plan.rs", "use super::super::export; use crate::rules::Rule;"), 0);
    assert_eq!(broken("src/operations/data/load/plan.rs", "use crate::console::A;"), 1);
    assert_eq!(broken("src/operations/mod.rs", "pub use self::data::load::Request;"), 0);
    assert_eq!(broken("src/pantry/mod.rs", ""), 1, "a room that the table does not know");
}

#[test]
fn other_breaches_are_found() {
    assert_eq!(rules::module_docs("a.rs", "use x;\n//! Docs come too late.").len(), 1);
    assert_eq!(rules::module_docs("a.rs", "//! x\n").len(), 1);
    assert_eq!(rules::module_docs("a.rs", "//! What this file is.\n").len(), 0);
    assert_eq!(rules::length("a.rs", &"x\n".repeat(400)).len(), 0);
    assert_eq!(rules::length("a.rs", &"x\n".repeat(401)).len(), 1);
    assert_eq!(rules::dry_run("src/engine/a.rs", "if self.is_dry_run {}").len(), 1);
    assert_eq!(rules::dry_run("src/engine/a.rs", "let key = \"dry_run\";").len(), 1);
    assert_eq!(rules::dry_run("src/cli/run.rs", "if dry_run {}").len(), 0);
    assert_eq!(rules::lints("a.rs", "#[allow(dead_code)] fn f() {}").len(), 1);
    assert_eq!(rules::lints("a.rs", "#![expect(dead_code)]").len(), 1);
    assert_eq!(rules::lints("a.rs", "#[expect(dead_code, reason = \"because\")] fn f() {}").len(), 0);
    assert_eq!(rules::name("src/engine/utils.rs").len(), 1);
    assert_eq!(rules::name("src/common/mod.rs").len(), 1);
    assert_eq!(rules::name("src/model/logical_type.rs").len(), 0);
    assert_eq!(rules::example("a.rs", &"x\n".repeat(24)).len(), 1);
    assert_eq!(rules::example("a.rs", &"x\n".repeat(46)).len(), 1);
}

#[test]
fn incomplete_verbs_are_found() {
    let paths = |files: &[&str]| files.iter().map(ToString::to_string).collect::<Vec<_>>();
    let query = paths(&["src/operations/tenant/list/mod.rs", "src/operations/tenant/list/observe.rs"]);
    assert!(rules::verbs(&query).is_empty());
    assert_eq!(rules::mirrors(&query).len(), 2);
    let half = paths(&["src/operations/data/load/mod.rs", "src/operations/data/load/plan.rs"]);
    assert_eq!(rules::verbs(&half).len(), 3);
}

#[test]
fn dead_paths_in_documents_are_found() {
    let exists = |path: &str| path == "docs/guide.md" || path == "src/lib.rs";
    let text = "see [the guide](guide.md#load), [gone](gone.md), [web](https://example.org/x.md),\n\
                `src/lib.rs`, `src/lost.rs`, `src/<noun>/`, `make test`";
    assert_eq!(
        rules::paths("docs/loading.md", text, exists),
        ["docs/loading.md:1: docs/gone.md", "docs/loading.md:2: src/lost.rs"]
    );
}

#[test]
fn modules_are_followed_to_their_files() {
    assert_eq!(declared("pub mod a;\nmod b { mod c; }\n// mod d;\n#[cfg(test)] mod tests {}"), ["a", "c"]);
    assert_eq!(rules::module_files("src/lib.rs", "a"), ["src/a.rs", "src/a/mod.rs"]);
    assert_eq!(rules::module_files("src/a/b.rs", "c"), ["src/a/b/c.rs", "src/a/b/c/mod.rs"]);
}

#[test]
fn an_operator_or_a_type_without_its_schema_is_found() {
    let found = |sql: &str| rules::unqualified("x.rs", &format!("let sql = \"{sql}\";")).len();
    assert_eq!(found("SELECT a FROM {t} WHERE b OPERATOR(pg_catalog.=) $1::pg_catalog.text AND c::{kind} IS NULL"), 0);
    assert_eq!(found("UPDATE t SET a = '1 = 1', b = 2 FROM u WHERE t.id OPERATOR(pg_catalog.=) u.id"), 0);
    assert_eq!(found("LOCK TABLE t IN SHARE MODE; SELECT 1"), 0);
    for wrong in ["a = b", "a || b", "a IN (1)", "a::text", "a::pg_catalog.name::regclass", "a <> b"] {
        assert_eq!(found(&format!("UPDATE t SET a = 1 WHERE {wrong}")), 1, "{wrong}");
    }
}
