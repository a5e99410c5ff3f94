//! Tables that are read by the pages of their files: nothing is lost or seen twice, and what was added
//! since an earlier moment is told from what was there.

use std::collections::BTreeSet;
use std::sync::Arc;

use fixtool::backends::database::Instant;
use fixtool::backends::database::instant::{LinesOf, PageRange, Range, RangeMark};
use fixtool::model::{Model, Value};
use sqlx::{Connection, PgConnection};

use super::lines::{lines, split, what};
use super::{Place, model, namespace, on_postgres, on_sqlite};

const NOTES: &str = "
tables:
  notes: {columns: {id: {type: int, required: true}, fill: {type: text}}, primary_key: [id]}
  loose: {columns: {n: {type: int}}}
";

const ROWS: i64 = 6_000;
const STEP: u64 = 50;

async fn with_rows(place: &Place) -> (Model, LinesOf) {
    let (model, here) = (model(NOTES), namespace("tenant_a"));
    place.create(&here, &model).await;
    let rows =
        (0..ROWS).map(|id| vec![Value::Int(id), Value::Text("x".repeat(200 + usize::try_from(id % 90).unwrap()))]);
    place.fill(&here, &model, "notes", rows.collect()).await;
    let of = what(&model, "notes");
    (model, of)
}

async fn moment(place: &Place) -> Arc<dyn Instant> {
    place.writer.instant(&namespace("tenant_a"), &["notes".into(), "loose".into()], 2).await.unwrap()
}

/// More pages than the table has: empty ranges at its end do no harm.
fn grid() -> Vec<PageRange> {
    PageRange::grid(400, STEP)
}

async fn ids(moment: &Arc<dyn Instant>, of: &LinesOf, range: Range) -> Vec<i64> {
    let found = lines(moment, &LinesOf { range: Some(range), ..of.clone() }).await;
    split(&found).iter().map(|line| line.split('\t').next().unwrap().parse().unwrap()).collect()
}

async fn all_marks(moment: &Arc<dyn Instant>, of: &LinesOf) -> Vec<RangeMark> {
    moment.page_marks(of, &grid(), None).await.unwrap().into_iter().map(|mark| mark.all).collect()
}

async fn execute(place: &Place, sql: &str) {
    place.writer.execute(&namespace("tenant_a"), &[sql.to_owned()]).await.unwrap();
}

/// What was added to each range whose older rows are as they were; `None` for the others.
async fn added(now: &Arc<dyn Instant>, of: &LinesOf, then: &str, before: &[RangeMark]) -> Vec<Option<Vec<i64>>> {
    let marks = now.page_marks(of, &grid(), Some(then)).await.unwrap();
    let mut all = Vec::new();
    for ((range, mark), before) in grid().into_iter().zip(marks).zip(before) {
        let older = mark.older.unwrap();
        if older != *before {
            all.push(None);
            continue;
        }
        let new = ids(now, of, Range::Added(range, then.to_owned())).await;
        assert_eq!(older.rows + new.len() as u64, mark.all.rows);
        all.push(Some(new));
    }
    all
}

#[test]
fn ranges_of_pages_hold_every_row_exactly_once() {
    on_postgres(|place| async move {
        let (_, of) = with_rows(&place).await;
        let now = moment(&place).await;
        // Whatever is written meanwhile is not seen.
        execute(&place, "UPDATE \"tenant_a\".notes SET fill = 'new' WHERE id % 3 = 0").await;
        execute(&place, "DELETE FROM \"tenant_a\".notes WHERE id % 7 = 0").await;
        let mut seen = Vec::new();
        for range in grid() {
            seen.extend(ids(&now, &of, Range::Pages(range)).await);
        }
        assert_eq!(seen, (0..ROWS).collect::<Vec<i64>>(), "in the order in which they were written");
        let marks = all_marks(&now, &of).await;
        assert_eq!(marks.iter().map(|mark| mark.rows).sum::<u64>(), ROWS.unsigned_abs());
        let own = now.pages(&["notes".into(), "loose".into()]).await.unwrap();
        // Before 14, PostgreSQL reads a whole table for a range of its pages.
        let pays = place.writer.capabilities().version_number >= 140_000;
        let grids = if pays { [Some(vec![PageRange { from: 0, to: None }]), Some(vec![])] } else { [None, None] };
        assert_eq!(own, grids);
        now.close().await;
        // Rows of a table that others inherit from lie in several files.
        execute(&place, "CREATE TABLE \"tenant_a\".heir () INHERITS (\"tenant_a\".loose)").await;
        let now = moment(&place).await;
        assert_eq!(now.pages(&["loose".into(), "nothing".into()]).await.unwrap(), [None, None]);
        now.close().await;
    });
    on_sqlite(|place| async move {
        with_rows(&place).await;
        let now = moment(&place).await;
        assert_eq!(now.pages(&["notes".into()]).await.unwrap(), [None]);
        now.close().await;
    });
}

#[test]
fn what_was_added_is_told_from_what_was_there() {
    on_postgres(|place| async move {
        let (_, of) = with_rows(&place).await;
        let then = moment(&place).await;
        let (position, before) = (then.position().to_owned(), all_marks(&then, &of).await);
        then.close().await;
        let now = moment(&place).await;
        assert!(added(&now, &of, &position, &before).await.iter().all(|new| new.as_deref() == Some(&[])));
        assert_eq!(all_marks(&now, &of).await, before, "nothing was written");
        // A moment of another server says nothing about this one.
        let other = position.replacen("postgres:", "postgres:9", 1);
        assert!(now.page_marks(&of, &grid(), Some(&other)).await.unwrap()[0].older.is_none());
        now.close().await;

        execute(&place, "INSERT INTO \"tenant_a\".notes SELECT 100000 + n, 'more' FROM generate_series(1, 300) n")
            .await;
        execute(&place, "UPDATE \"tenant_a\".notes SET fill = fill WHERE id = 0").await;
        let now = moment(&place).await;
        let found = added(&now, &of, &position, &before).await;
        assert!(found[0].is_none(), "a row of the first range was changed");
        let new: BTreeSet<i64> = found.iter().skip(1).flatten().flatten().copied().collect();
        assert!(found.iter().skip(1).all(Option::is_some));
        assert!(new.iter().all(|id| *id == 0 || *id > 100_000) && new.len() > 200, "{new:?}");
        now.close().await;

        execute(&place, "DELETE FROM \"tenant_a\".notes WHERE id = 1500").await;
        let now = moment(&place).await;
        let found = added(&now, &of, &position, &before).await;
        assert_eq!(found.iter().filter(|new| new.is_none()).count(), 2, "{found:?}");
        now.close().await;
    });
}

#[test]
fn what_was_not_committed_then_is_added_now() {
    on_postgres(|place| async move {
        let (_, of) = with_rows(&place).await;
        let mut open = PgConnection::connect(&place.database().unwrap().url()).await.unwrap();
        let mut nested = PgConnection::connect(&place.database().unwrap().url()).await.unwrap();
        let run = "BEGIN; INSERT INTO \"tenant_a\".notes VALUES (200001, 'open')";
        sqlx::raw_sql(run).execute(&mut open).await.unwrap();
        // The rows of a subtransaction bear its own number, which no list of running transactions names.
        let run = "BEGIN; INSERT INTO \"tenant_a\".notes VALUES (200002, 'open'); SAVEPOINT s;
                   INSERT INTO \"tenant_a\".notes VALUES (200003, 'nested')";
        sqlx::raw_sql(run).execute(&mut nested).await.unwrap();
        execute(&place, "INSERT INTO \"tenant_a\".notes VALUES (200004, 'committed')").await;
        let then = moment(&place).await;
        let (position, before) = (then.position().to_owned(), all_marks(&then, &of).await);
        assert_eq!(before.iter().map(|mark| mark.rows).sum::<u64>(), ROWS.unsigned_abs() + 1);
        then.close().await;
        sqlx::raw_sql("COMMIT").execute(&mut open).await.unwrap();
        let now = moment(&place).await;
        let found = added(&now, &of, &position, &before).await;
        assert_eq!(found.iter().flatten().flatten().collect::<Vec<_>>(), [&200_001], "{found:?}");
        now.close().await;

        sqlx::raw_sql("COMMIT").execute(&mut nested).await.unwrap();
        let now = moment(&place).await;
        let found = added(&now, &of, &position, &before).await;
        let ranges_with_news = found.iter().filter(|new| new.as_ref().is_none_or(|new| !new.is_empty())).count();
        assert!(found.iter().any(Option::is_none), "a subtransaction's row passes for an old one, and is noticed");
        assert_eq!(ranges_with_news, 1, "{found:?}");
        now.close().await;
    });
}
