//! Lines out of a moment: the server's own COPY text, handed on as it comes.

use std::sync::PoisonError;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use sqlx::PgConnection;
use tokio::sync::mpsc;

use super::{Moment, condition};
use crate::backends::database::instant::{CHUNK, KeyRange, LinesOf, PageRange, Range};
use crate::backends::database::postgres::error::translate;
use crate::backends::database::postgres::operators::Operators;
use crate::backends::database::postgres::plain::{self, Content, Family};
use crate::backends::database::quote::list;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Room for the line that fills a chunk, so that it is rarely moved.
const MARGIN: usize = 16 << 10;

impl Moment {
    pub(super) async fn stream(&self, what: &LinesOf, out: &mpsc::Sender<Bytes>) -> Result<u64, DatabaseError> {
        if let Some(family) = self.other(&what.table) {
            return self.stream_other(family, what, out).await;
        }
        let mut seat = self.seat().await?;
        let operators = match &what.range {
            Some(Range::Keys(_)) => self.operators(seat.connection()?, &what.table).await?,
            _ => Operators::default(),
        };
        let copied = copy(seat.connection()?, &self.copy_sql(&operators, what), out, None).await?;
        if copied.complete {
            seat.leave();
        }
        Ok(copied.rows)
    }

    /// All rows of a table that is not named in a query. No other range of it is ever cut.
    async fn stream_other(
        &self,
        family: &Family,
        what: &LinesOf,
        out: &mpsc::Sender<Bytes>,
    ) -> Result<u64, DatabaseError> {
        let all = Range::Pages(PageRange { from: 0, to: None });
        if what.range.as_ref().is_some_and(|range| *range != all && *range != Range::Keys(KeyRange::default())) {
            let message = format!("{} belongs to another role and is read as a whole", family.name);
            return Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message));
        }
        let mut seat = self.seat().await?;
        let mut content = Content::default();
        for place in family.places()? {
            let statement = plain::copy_sql(place, &what.names());
            let copied = copy(seat.connection()?, &statement, out, Some(&mut content)).await?;
            if !copied.complete {
                return Ok(content.rows);
            }
        }
        seat.leave();
        self.know(what, content);
        Ok(content.rows)
    }

    fn know(&self, what: &LinesOf, content: Content) {
        let mut known = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((what.table.clone(), what.names().join("\t")), content);
    }

    /// What a table that is not named in a query holds; read again unless that is known.
    pub(super) async fn content(&self, family: &Family, what: &LinesOf) -> Result<Content, DatabaseError> {
        let of = (what.table.clone(), what.names().join("\t"));
        let known = self.contents.lock().unwrap_or_else(PoisonError::into_inner).get(&of).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut seat = self.seat().await?;
        let content = plain::content(seat.connection()?, family, &what.names()).await?;
        seat.leave();
        self.know(what, content);
        Ok(content)
    }

    fn copy_sql(&self, operators: &Operators, what: &LinesOf) -> String {
        format!(
            "COPY (SELECT {} FROM {}{}) TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')",
            list("", &what.names()),
            self.table(&what.table),
            condition::of_lines(operators, what)
        )
    }
}

struct Copied {
    rows: u64,
    /// Whether the server said all that it had to say.
    complete: bool,
}

async fn copy(
    connection: &mut PgConnection,
    statement: &str,
    out: &mpsc::Sender<Bytes>,
    mut content: Option<&mut Content>,
) -> Result<Copied, DatabaseError> {
    let mut stream = connection.copy_out_raw(statement).await.map_err(translate)?;
    let mut chunk = BytesMut::with_capacity(CHUNK + MARGIN);
    let mut rows = 0;
    // The server sends one message a row, and the driver hands them on one by one.
    while let Some(line) = stream.next().await.transpose().map_err(translate)? {
        if let Some(content) = content.as_deref_mut() {
            content.add(&line);
        }
        chunk.extend_from_slice(&line);
        rows += 1;
        if chunk.len() >= CHUNK {
            let full = std::mem::replace(&mut chunk, BytesMut::with_capacity(CHUNK + MARGIN));
            if out.send(full.freeze()).await.is_err() {
                return Ok(Copied { rows, complete: false });
            }
        }
    }
    drop(stream);
    if !chunk.is_empty() {
        // Whoever does not want the rest any more does not miss it.
        let _ = out.send(chunk.freeze()).await;
    }
    Ok(Copied { rows, complete: true })
}
