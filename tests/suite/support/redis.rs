//! A few words of the Redis protocol: enough to lay keys down and to look whether they are gone.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::variable;

/// A connection to a Redis server. Tests part by their tenants' names ([`super::unique`]).
#[derive(Debug)]
pub struct Redis {
    stream: BufReader<TcpStream>,
}

impl Redis {
    /// Address of the server of the test run.
    pub fn shared_url() -> String {
        variable("FIXTOOL_TEST_REDIS")
    }

    /// Connects to `redis://HOST:PORT`.
    pub fn connect(url: &str) -> Self {
        let place = url.strip_prefix("redis://").expect("a redis:// address").trim_end_matches('/');
        let stream = TcpStream::connect(place).expect("Redis listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a command and returns the answer's lines; nil is the empty list.
    pub fn command(&mut self, words: &[&str]) -> Vec<String> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            let _ = write!(request, "${}\r\n{word}\r\n", word.len());
        }
        self.stream.get_mut().write_all(request.as_bytes()).expect("Redis listens");
        self.answer()
    }

    /// Lays down a key.
    pub fn set(&mut self, key: &str, value: &str) {
        assert_eq!(self.command(&["SET", key, value]), ["OK"]);
    }

    /// All keys of a pattern, sorted.
    pub fn keys(&mut self, pattern: &str) -> Vec<String> {
        let mut keys = self.command(&["KEYS", pattern]);
        keys.sort();
        keys
    }

    /// The next message of the server: after `SUBSCRIBE`, what is published.
    pub fn answer(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("Redis answers");
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "+" | ":" => vec![rest.to_owned()],
            "-" => panic!("Redis refuses: {rest}"),
            "$" => {
                let Ok(length) = rest.parse::<usize>() else { return Vec::new() };
                let mut bytes = vec![0; length + 2];
                self.stream.read_exact(&mut bytes).expect("a whole answer");
                bytes.truncate(length);
                vec![String::from_utf8_lossy(&bytes).into_owned()]
            }
            "*" => (0..rest.parse().unwrap_or(0)).flat_map(|_| self.answer()).collect(),
            _ => panic!("an answer of an unknown kind: {line}"),
        }
    }
}
