//! Whether a server that this process works with has fallen silent.
//!
//! In a black hole nothing comes any more and nothing breaks, which looks like a statement that takes long; and the driver
//! lets nobody set a time-out on its connections. So somebody else asks meanwhile: over a fresh connection, with the
//! shortest question that there is. A server that is busy answers it at once, and one that is down refuses it, which the
//! work hears by itself.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Host and port.
type Server = (String, u16);

/// The servers that this process has connected to, and how long each may take to answer.
static SERVERS: LazyLock<Mutex<BTreeMap<Server, Duration>>> = LazyLock::new(Mutex::default);

/// A server that takes longer to say that it is there has not answered.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many questions in a row that nobody answers are no accident.
const SILENCES: u32 = 3;
/// How soon somebody looks for servers that were connected to since. A server is asked for the first time while it surely
/// answers: one that has nothing to say to the question is not watched.
const LOOK: Duration = Duration::from_millis(200);

/// "Do you speak GSSAPI?" Whoever asks and goes away leaves no line in the server's log, unlike with TLS.
const QUESTION: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// Remembers a server that has answered; `patience` is how long a connection may take.
pub(super) fn remember(host: &str, port: u16, patience: Duration) {
    // On a Unix socket nothing gets lost.
    if !host.starts_with('/') {
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        servers.insert((host.to_owned(), port), patience.min(PATIENCE));
    }
}

/// Returns when a server that answered before has not done so for a while, or never.
pub async fn silence() -> DatabaseError {
    let mut silent: BTreeMap<Server, u32> = BTreeMap::new();
    let mut asked_at: BTreeMap<Server, Instant> = BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        servers.retain(|server, patience| asked_at.get(server).is_none_or(|then| then.elapsed() >= *patience));
        asked_at.extend(servers.keys().map(|server| (server.clone(), Instant::now())));
        let asked = servers.into_iter().map(|(server, patience)| async move {
            let answer = tokio::time::timeout(patience, ask(&server)).await;
            (server, answer.is_ok())
        });
        for (server, answered) in join_all(asked).await {
            if answered {
                silent.insert(server, 0);
            } else if let Some(times) = silent.get_mut(&server) {
                *times += 1;
                tracing::debug!(host = server.0, port = server.1, times, "the server does not answer");
                if *times >= SILENCES {
                    return fell_silent(&server);
                }
            }
        }
    }
}

/// Whatever comes, a refusal too, is an answer.
async fn ask((host, port): &Server) {
    let Ok(mut stream) = TcpStream::connect((host.as_str(), *port)).await else { return };
    if stream.write_all(&QUESTION).await.is_ok() {
        let _ = stream.read(&mut [0]).await;
    }
}

fn fell_silent((host, port): &Server) -> DatabaseError {
    let message = format!("{host}:{port} does not answer any more, and does not refuse either");
    DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unreachable, message).with_help(
        "check the network between here and the server; what was committed stays, and the server takes the rest back: \
         'fixtool op log' shows the run, 'fixtool op resume RUN' goes on",
    )
}
