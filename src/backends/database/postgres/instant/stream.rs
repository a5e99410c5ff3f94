//! Lines out of a moment: the server's own COPY text, handed on as it comes.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use sqlx::PgConnection;
use tokio::sync::mpsc;

use super::{Moment, condition};
use crate::backends::database::DatabaseError;
use crate::backends::database::instant::{CHUNK, LinesOf, Range};
use crate::backends::database::postgres::error::translate;
use crate::backends::database::postgres::operators::Operators;
use crate::backends::database::quote::list;

/// Room for the line that fills a chunk, so that it is rarely moved.
const MARGIN: usize = 16 << 10;

impl Moment {
    pub(super) async fn stream(&self, what: &LinesOf, out: &mpsc::Sender<Bytes>) -> Result<u64, DatabaseError> {
        let mut seat = self.seat().await?;
        let operators = match &what.range {
            Some(Range::Keys(_)) => self.operators(seat.connection()?, &what.table).await?,
            _ => Operators::default(),
        };
        let copied = copy(seat.connection()?, &self.copy_sql(&operators, what), out).await?;
        if copied.complete {
            seat.leave();
        }
        Ok(copied.rows)
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
) -> Result<Copied, DatabaseError> {
    let mut stream = connection.copy_out_raw(statement).await.map_err(translate)?;
    let mut chunk = BytesMut::with_capacity(CHUNK + MARGIN);
    let mut rows = 0;
    // The server sends one message a row, and the driver hands them on one by one.
    while let Some(line) = stream.next().await.transpose().map_err(translate)? {
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
