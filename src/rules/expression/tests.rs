//! Tests of expressions: truth, errors with their place, and SQL.

use super::*;

fn scope() -> Scope {
    let columns = [
        ("id", "uuid"),
        ("name", "text"),
        ("role", "enum(admin,user)"),
        ("age", "int"),
        ("score", "decimal(6,2)"),
        ("ratio", "float"),
        ("active", "bool"),
        ("started", "timestamp"),
        ("ended", "timestamp"),
        ("born", "date"),
        ("prefs", "json"),
        ("o\"dd", "int"),
    ];
    Scope::new(columns.map(|(name, logical)| (name.to_owned(), logical.parse().unwrap())))
}

fn row() -> Vec<Value> {
    vec![
        Value::Uuid([7; 16]),
        Value::Text(" Ada O'Hara ".into()),
        Value::Text("admin".into()),
        Value::Int(36),
        Value::Decimal("10.50".into()),
        Value::Float(0.5),
        Value::Bool(true),
        Value::Timestamp(1_000_000),
        Value::Null,
        Value::Date(1),
        Value::Json(r#"{"theme":{"name":"d\u0061rk","n":1.10,"on":true,"off":null}}"#.into()),
        Value::Int(1),
    ]
}

fn truth(text: &str) -> Option<bool> {
    Expression::parse_condition(text, &scope()).unwrap_or_else(|e| panic!("{e}")).truth(&row(), 5_000_000).unwrap()
}

fn value(text: &str) -> Value {
    Expression::parse(text, &scope()).unwrap_or_else(|e| panic!("{e}")).value(&row(), 5_000_000).unwrap()
}

#[test]
fn conditions_follow_the_logic_of_null() {
    for text in [
        "ended is null or ended >= started",
        "age between 18 and 150 and not age > 100",
        "score = 10.5 and score > 10 and score < 10.51 and ratio = 0.50",
        "score * 2 = 21 and score + 0.25 = 10.75 and score % 3 = 1.5",
        "age / 10 = 3 and age % 10 = 6 and -age < 0 and score / 3 > 3.49",
        "role in ('admin', 'user') and role not in ('owner')",
        "name like '%O''Hara_' and name not like 'ada%' and name ilike '% ADA%'",
        "name ~ 'O.Hara' and name !~ '^Ada' and name ~* 'ADA'",
        "active and active = true and active is true and ended is not distinct from null",
        "born = '1970-01-02' and started > '1970-01-01' and started < '1970-01-01T00:00:02Z'",
        "id = '07070707-0707-0707-0707-070707070707'",
        "started < now() and (ended > started) is not true",
        "\"o\"\"dd\" = 1",
        "case role when 'admin' then age > 18 else false end",
        "cast(age as text) = '36' and '0036'::text <> '36' and cast('7' as int) = 7",
        "true or 1/0 = 1",
    ] {
        assert_eq!(truth(text), Some(true), "{text}");
    }
    for text in [
        "ended > started",
        "not (ended > started)",
        "ended in ('1970-01-01')",
        "null",
        "age in (1, null)",
        "ended > started and active",
        "ended > started or not active",
        "ended like 'x' or null",
    ] {
        if let Ok(condition) = Expression::parse_condition(text, &scope()) {
            assert_eq!(condition.truth(&row(), 0).unwrap(), None, "{text}");
        }
    }
    for text in ["ended > started and not active", "age not in (36, null)", "age <> 36", "name = 'Ada'"] {
        assert_eq!(truth(text), Some(false), "{text}");
    }
}

#[test]
fn functions_give_what_sql_gives() {
    for (text, expected) in [
        ("length(name)", "12"),
        ("trim(name)", "Ada O'Hara"),
        ("ltrim(name) || '|' || rtrim(name)", "Ada O'Hara | Ada O'Hara"),
        ("upper('äb') || lower('ÄB')", "ÄBäb"),
        ("coalesce(null, 'x')", "x"),
        ("nullif(age, 1)", "36"),
        ("abs(-7) + abs(-2)", "9"),
        ("round(2.345, 2)", "2.35"),
        ("round(-2.5)", "-3"),
        ("substring('äöü', 2, 1) || substring('abc' from 2) || substr('abc', 9)", "öbc"),
        ("replace('aXbX', 'X', '--')", "a--b--"),
        ("split_part('a,b,c', ',', 2) || split_part('a', ',', 5)", "b"),
        ("concat('a', null, 'b')", "ab"),
        ("json_get(prefs, 'theme.name')", "dark"),
        ("json_get(prefs, 'theme.n') || json_get(prefs, 'theme.on')", "1.10true"),
        ("case when age > 50 then 'old' when age > 30 then 'mid' else 'new' end", "mid"),
        ("cast('2026-11-23' as date)", "2026-11-23"),
        ("0.1 + 0.2", "0.3"),
    ] {
        assert_eq!(value(text).to_text().as_deref(), Some(expected), "{text}");
    }
    for text in ["json_get(prefs, 'theme.off')", "prefs ->> 'nothing'", "length(null)", "nullif(age, 36)", "1 + null"] {
        assert_eq!(value(text), Value::Null, "{text}");
    }
}

#[test]
fn what_has_no_value_says_why() {
    let fault = |text: &str| Expression::parse(text, &scope()).unwrap().value(&row(), 0).unwrap_err();
    assert_eq!(fault("1 / (age - 36)"), EvalFault::DivisionByZero);
    assert_eq!(fault("age % 0"), EvalFault::DivisionByZero);
    assert_eq!(fault("9223372036854775807 + age"), EvalFault::Overflow);
    assert_eq!(fault("-(-9223372036854775807 - 1)"), EvalFault::Overflow);
    assert!(matches!(fault("cast(name as int)"), EvalFault::Cast(_)));
    assert_eq!(fault("99999999999999999999999999999.5 * 99999999999999999999.5"), EvalFault::Overflow);
}

#[test]
fn a_text_grows_to_a_bound_only() {
    let tenfold = |text: &str| format!("replace({text}, 'a', 'aaaaaaaaaa')");
    let fault = |text: &str| Expression::parse(text, &scope()).unwrap().value(&row(), 0).unwrap_err();
    let million = (0..6).fold("'a'".to_owned(), |text, _| tenfold(&text));
    assert_eq!(value(&format!("length({million})")), Value::Int(1_000_000));
    let endless = (0..40).fold("'a'".to_owned(), |text, _| tenfold(&text));
    let twice = |text: &str, times: usize| vec![text; times].join("||");
    let ten_million = tenfold(&million);
    for text in
        [endless, twice(&ten_million, 4), format!("concat({ten_million}, {ten_million}, {ten_million}, {ten_million})")]
    {
        assert!(matches!(fault(&text), EvalFault::TextTooLong(_)), "{text}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, place, reason) in [
        ("age > 1 and nam = 'x'", (1, 13), "there is no column 'nam'"),
        ("length(name) > 0\nand sleep(1)", (2, 5), "there is no function sleep"),
        ("(select 1) = 1", (1, 1), "not admitted"),
        ("age = (select max(age) from users)", (1, 1), "not admitted"),
        ("exists (select 1)", (1, 1), "not admitted"),
        ("age >", (1, 1), "Expected"),
        ("age > 1 drop table users", (1, 9), "Expected"),
        ("age = 'x'", (1, 1), "do not go together"),
        ("started = '2026-99-99'", (1, 1), "there is no such day"),
        ("prefs = prefs", (1, 1), "not compared"),
        ("name ~ '('", (1, 1), "no pattern"),
        ("name ~ name", (1, 1), "must be a literal"),
        ("substring(name, 0)", (1, 1), "from 1"),
        ("length(age)", (1, 1), "argument 1"),
        ("length()", (1, 1), "arguments"),
        ("name + 1", (1, 1), "arithmetic with text"),
        ("users.age > 1", (1, 1), "not admitted"),
        ("age = $1", (1, 7), "literal"),
        ("count(*) > 1", (1, 1), "there is no function count"),
        ("", (1, 1), "Expected"),
    ] {
        let error = Expression::parse(text, &scope()).expect_err(text);
        assert_eq!((error.line, error.column), place, "{text}: {error}");
        assert!(error.reason.contains(reason), "{text}: {}", error.reason);
    }
    let not_a_condition = Expression::parse_condition("age + 1", &scope()).unwrap_err();
    assert!(not_a_condition.reason.contains("not a condition"));
}

#[test]
fn size_and_depth_are_bounded() {
    for text in [
        format!("{}1{}", "(".repeat(900), ")".repeat(900)),
        format!("{}true", "not ".repeat(490)),
        vec!["1"; 900].join("+"),
        "x".repeat(5000),
        format!("age > 0{}", " and age > 0".repeat(160)),
    ] {
        assert!(Expression::parse(&text, &scope()).is_err(), "{}", &text[..20]);
    }
}

#[test]
fn sql_is_quoted_and_typed_for_each_engine() {
    let sql = |text: &str, engine| Expression::parse(text, &scope()).unwrap().to_sql(engine);
    let both = |text: &str| (sql(text, Engine::Postgres).unwrap(), sql(text, Engine::Sqlite).unwrap());
    assert_eq!(
        both("\"o\"\"dd\" = 1 and name = 'it''s'"),
        (
            r#"(("o""dd" = 1) AND ("name" = 'it''s'))"#.to_owned(),
            r#"(("o""dd" = 1) AND ("name" = 'it''s'))"#.to_owned()
        )
    );
    assert_eq!(
        both("score > 0.5 or started >= '2026-01-01'"),
        (
            r#"(("score" > 0.5) OR ("started" >= '2026-01-01T00:00:00.000000Z'::timestamptz))"#.to_owned(),
            r#"((CAST("score" AS REAL) > 0.5) OR ("started" >= '2026-01-01T00:00:00.000000Z'))"#.to_owned()
        )
    );
    assert_eq!(
        both(r"name like 'a*\%_%'"),
        (r#"("name" LIKE 'a*\%_%' ESCAPE '\')"#.to_owned(), r#"("name" GLOB 'a[*]%?*')"#.to_owned())
    );
    assert_eq!(sql("name ~ 'a'", Engine::Postgres).unwrap(), r#"("name" ~ 'a')"#);
    assert!(sql("name ~ 'a'", Engine::Sqlite).is_err());
    let late = Expression::parse("started < now()", &scope()).unwrap();
    assert!(!late.is_stable() && late.to_check_sql(Engine::Postgres).is_err() && late.to_sql(Engine::Postgres).is_ok());
    assert_eq!(late.columns(), [7]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z0-9 ()+*/<>=',.%|~:\"\\n-]{0,60}") {
            if let Ok(expression) = Expression::parse(&text, &scope()) {
                let _ = expression.value(&row(), 0);
                let _ = expression.to_sql(Engine::Sqlite);
            }
        }
    }
}
