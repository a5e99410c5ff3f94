//! The rule file as it is written.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value as Any;

use super::TypeRules;
use super::examples::{self, Examples};
use super::shorthand;
use crate::model::near::nearest;
use crate::model::pack::source::{Document, Flaw};
use crate::model::{Model, Table};
use crate::rules::expression::{Expression, Scope};
use crate::rules::row_rule::RowRule;
use crate::rules::severity::Severity;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    version: u32,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    types: IndexMap<String, TypeEntry>,
    #[serde(default)]
    #[expect(dead_code, reason = "waivers are for findings of 'data validate'; while loading there are none")]
    ignore: Vec<Any>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    severity: Option<String>,
    #[expect(dead_code, reason = "read by checks over many rows")]
    tenant_column: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeEntry {
    table: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "read by checks over many rows")]
    key: Vec<String>,
    row_count: Option<Any>,
    #[serde(default)]
    columns: IndexMap<String, Vec<Any>>,
    #[serde(default)]
    rules: Vec<RuleEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    id: String,
    assert: Option<String>,
    metric: Option<String>,
    expect: Option<String>,
    failing_rows: Option<String>,
    severity: Option<String>,
    #[serde(rename = "where")]
    only_where: Option<String>,
    message: Option<String>,
    examples: Option<Examples>,
    #[expect(dead_code, reason = "thresholds are for findings over many rows")]
    fail_if: Option<Any>,
    #[expect(dead_code, reason = "thresholds are for findings over many rows")]
    warn_if: Option<Any>,
    #[expect(dead_code, reason = "repairs are for findings over many rows")]
    fix: Option<Any>,
    #[expect(dead_code, reason = "only 'failing_rows' is bound to engines")]
    engines: Option<Vec<String>>,
}

/// Where mistakes go.
struct Report<'a> {
    document: &'a Document,
    flaws: &'a mut Vec<Flaw>,
}

impl Report<'_> {
    fn wrong(&mut self, path: &[&str], message: impl Into<String>, help: Option<String>) {
        self.flaws.push(self.document.flaw(path, message).with_help(help));
    }
}

impl File {
    /// The rules by table; mistakes are added to `flaws`.
    pub(super) fn compile(
        &self,
        document: &Document,
        model: &Model,
        flaws: &mut Vec<Flaw>,
    ) -> Vec<(String, TypeRules)> {
        let mut report = Report { document, flaws };
        if self.version != 1 {
            report.wrong(&["version"], format!("version {} is not known; write 1", self.version), None);
        }
        let default = severity(self.defaults.severity.as_deref(), &["defaults", "severity"], &mut report);
        let mut types = Vec::new();
        for (name, entry) in &self.types {
            let wanted = entry.table.as_ref().unwrap_or(name);
            let Some((table_name, table)) = model.table_of(wanted) else {
                let near = nearest(wanted, model.tables.keys().map(String::as_str));
                let help = near.map(|near| format!("did you mean '{near}'?"));
                report.wrong(&["types", name], format!("there is no data type '{wanted}'"), help);
                continue;
            };
            types.push((table_name.to_owned(), entry.compile(name, table, default, &mut report)));
        }
        types
    }
}

impl TypeEntry {
    fn compile(&self, name: &str, table: &Table, default: Severity, report: &mut Report<'_>) -> TypeRules {
        let mut rules = TypeRules::default();
        rules.later.extend(self.row_count.is_some().then(|| "row_count".to_owned()));
        for (column, checks) in &self.columns {
            let Some(definition) = table.columns.get(column) else {
                let near = nearest(column, table.columns.keys().map(String::as_str));
                let help = near.map(|near| format!("did you mean '{near}'?"));
                report.wrong(&["types", name, "columns", column], format!("there is no column '{column}'"), help);
                continue;
            };
            for (place, check) in checks.iter().enumerate() {
                let place = place.to_string();
                let path = ["types", name, "columns", column, &place];
                match shorthand::rule(column, definition, check, default) {
                    Ok(shorthand::Reading::Row(rule)) => rules.rows.push(rule),
                    Ok(shorthand::Reading::Later(what)) => rules.later.push(format!("{column}: {what}")),
                    Ok(shorthand::Reading::Nothing) => {}
                    Err(reason) => report.wrong(&path, reason, None),
                }
            }
        }
        for (place, rule) in self.rules.iter().enumerate() {
            let place = place.to_string();
            rule.compile(&["types", name, "rules", &place], table, (default, &mut rules), report);
        }
        let scope = Scope::of_table(table);
        for rule in &rules.rows {
            let texts = std::iter::once(&rule.assert).chain(&rule.only_where);
            for error in texts.filter_map(|text| Expression::parse_condition(text, &scope).err()) {
                let place = self.rules.iter().position(|known| known.id == rule.id).map(|place| place.to_string());
                let path: Vec<&str> = match &place {
                    Some(place) => vec!["types", name, "rules", place, "assert"],
                    None => vec!["types", name, "columns"],
                };
                report.wrong(&path, error.to_string(), Some(error.help));
            }
        }
        rules
    }
}

impl RuleEntry {
    fn compile(
        &self,
        path: &[&str; 4],
        table: &Table,
        (default, rules): (Severity, &mut TypeRules),
        report: &mut Report<'_>,
    ) {
        let forms = [self.assert.is_some(), self.metric.is_some(), self.failing_rows.is_some()];
        if forms.iter().filter(|given| **given).count() != 1 {
            report.wrong(path, "a rule has one of assert, metric and failing_rows", None);
            return;
        }
        if self.metric.is_some() != self.expect.is_some() {
            report.wrong(path, "metric and expect belong together", None);
        }
        if rules.rows.iter().any(|known| known.id == self.id) {
            report.wrong(path, format!("there are two rules '{}'", self.id), None);
        }
        let at: Vec<&str> = path.iter().copied().chain(["severity"]).collect();
        let severity = match &self.severity {
            Some(_) => severity(self.severity.as_deref(), &at, report),
            None => default,
        };
        let Some(assert) = &self.assert else {
            rules.later.push(self.id.clone());
            return;
        };
        let rule = RowRule {
            id: self.id.clone(),
            assert: assert.clone(),
            severity,
            only_where: self.only_where.clone(),
            message: self.message.clone(),
        };
        if let Some(examples) = &self.examples {
            for wrong in examples::check(&rule, table, examples) {
                let at: Vec<&str> = path.iter().copied().chain(["examples"]).collect();
                report.wrong(&at, wrong, None);
            }
        }
        rules.rows.push(rule);
    }
}

fn severity(name: Option<&str>, path: &[&str], report: &mut Report<'_>) -> Severity {
    let Some(name) = name else { return Severity::High };
    Severity::of_name(name).unwrap_or_else(|| {
        let help = "write critical, high (or error), medium (or warn), low or info";
        report.wrong(path, format!("there is no severity '{name}'"), Some(help.to_owned()));
        Severity::High
    })
}
