//! Servers of one test alone, which may be stopped, restarted and killed in the middle.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A port on which nobody listens now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// A PostgreSQL server in a folder of its own.
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
}

impl PrivatePostgres {
    /// Makes and starts one. Each setting is `name=value`.
    pub fn start(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("fixtool-postgres-").tempdir().expect("a temporary folder");
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let server = Self { folder, port: free_port(), settings };
        server.start_again();
        server
    }

    /// Address of the superuser on the database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://fixtool@127.0.0.1:{}/postgres", self.port)
    }

    /// The port that it listens on, the same after each restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the cluster.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The server's log from this byte on.
    pub fn log(&self, from: usize) -> String {
        let log = std::fs::read(self.folder.path().join("log")).expect("the server's log");
        String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned()
    }

    /// Stops it as `pg_ctl stop -m MODE` does: `fast` rolls back, `immediate` is a crash.
    pub fn stop(&self, mode: &str) {
        assert!(self.script("stop", &[mode.to_owned()]), "PostgreSQL stops");
    }

    /// Starts it on the same port.
    pub fn start_again(&self) {
        let mut arguments = vec![self.port.to_string()];
        arguments.extend(self.settings.iter().cloned());
        assert!(self.script("start", &arguments), "PostgreSQL starts");
    }

    fn script(&self, action: &str, arguments: &[String]) -> bool {
        Command::new("bash")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/postgres.sh"))
            .arg(action)
            .arg(self.folder.path())
            .args(arguments)
            .stdin(Stdio::null())
            .status()
            .expect("tests/services/postgres.sh")
            .success()
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.script("stop", &["immediate".to_owned()]);
        }
    }
}

/// A Redis server in a folder of its own.
#[derive(Debug)]
pub struct PrivateRedis {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl PrivateRedis {
    /// Starts one.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("fixtool-redis-").tempdir().expect("a temporary folder");
        let mut server = Self { folder, port: free_port(), child: None };
        server.start_again();
        server
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut does; what it held is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill -9");
            child.wait().expect("the end");
        }
    }

    /// Starts it, empty, on the same port.
    pub fn start_again(&mut self) {
        self.kill();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &self.port.to_string()])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server");
        self.child = Some(child);
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "Redis starts");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.kill();
    }
}
