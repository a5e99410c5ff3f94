//! A proxy between a test and its server, which hangs up or falls silent when the test says so.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::PostgresDatabase;

/// A proxy before a server; it ends with the value.
pub struct Proxy {
    port: u16,
    database: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    server: String,
    /// So many connections are still to be hung up on.
    hang_up: AtomicU32,
    /// Not before something came.
    listen_first: AtomicBool,
    silent: AtomicBool,
    ended: AtomicBool,
    /// What clients said first.
    greetings: Mutex<Vec<Vec<u8>>>,
}

impl Proxy {
    /// Starts one before the server of this database.
    pub fn before(database: &PostgresDatabase) -> Self {
        let url = database.url();
        let (_, place) = url.split_once('@').expect("an address with a user");
        let (server, name) = place.split_once('/').expect("an address with a database");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its place").port();
        let state = Arc::new(State { server: server.to_owned(), ..State::default() });
        let own = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if own.ended.load(Ordering::SeqCst) {
                    break;
                }
                let own = Arc::clone(&own);
                thread::spawn(move || own.serve(client));
            }
        });
        Self { port, database: name.to_owned(), state }
    }

    /// The database's address through it.
    pub fn url(&self) -> String {
        format!("postgres://fixtool@127.0.0.1:{}/{}", self.port, self.database)
    }

    /// Hangs up on the next connections: at once, or when they have said who they are.
    pub fn hang_up(&self, times: u32, listen_first: bool) {
        self.state.listen_first.store(listen_first, Ordering::SeqCst);
        self.state.hang_up.store(times, Ordering::SeqCst);
    }

    /// How many connections are still to be hung up on.
    pub fn hang_ups_left(&self) -> u32 {
        self.state.hang_up.load(Ordering::SeqCst)
    }

    /// From now on nothing comes through, in either direction, and nothing breaks.
    pub fn fall_silent(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }

    /// Whether some client said this first.
    pub fn was_greeted_with(&self, text: &str) -> bool {
        let greetings = self.state.greetings.lock().expect("no panic in between");
        greetings.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(text))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn serve(self: Arc<Self>, mut client: TcpStream) {
        let less = |times: u32| times.checked_sub(1);
        if self.hang_up.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            if self.listen_first.load(Ordering::SeqCst) {
                let _ = client.read(&mut [0; 1024]);
            }
            return;
        }
        let Ok(server) = TcpStream::connect(&self.server) else { return };
        let back = (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
        let own = Arc::clone(&self);
        thread::spawn(move || own.pump(back, false));
        self.pump((client, server), true);
    }

    fn pump(&self, (mut from, mut to): (TcpStream, TcpStream), from_client: bool) {
        let _ = from.set_read_timeout(Some(Duration::from_millis(50)));
        let mut bytes = vec![0; 64 * 1024];
        while !self.ended.load(Ordering::SeqCst) {
            if self.silent.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(20));
                continue;
            }
            match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(length) => {
                    if from_client && bytes[..length].starts_with(&[0]) {
                        self.greetings.lock().expect("no panic").push(bytes[..length].to_vec());
                    }
                    if !self.silent.load(Ordering::SeqCst) && to.write_all(&bytes[..length]).is_err() {
                        break;
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
}
