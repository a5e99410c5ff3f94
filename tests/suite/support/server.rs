//! Servers of one test alone, which may be stopped, restarted and killed in the middle.

use std::io::Write as _;
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

    /// Starts one on a copy of another's folder, which was stopped.
    pub fn copy_of(stopped: &Path, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("fixtool-postgres-").tempdir().expect("a temporary folder");
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(stopped.join("data"))
            .arg(folder.path())
            .status()
            .expect("cp");
        assert!(copied.success(), "the cluster is copied");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("the server's user may go there");
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let server = Self { folder, port: free_port(), settings };
        server.start_again();
        server
    }

    /// Stops it, and leaves its folder to whoever keeps this path.
    pub fn keep(self, path: &Path) {
        self.stop("fast");
        let moved = Command::new("mv").arg(self.folder.path()).arg(path).status().expect("mv");
        assert!(moved.success(), "the folder is moved");
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

/// Three Redis servers that share the keys, and a replica of each.
#[derive(Debug)]
pub struct RedisCluster {
    folder: TempDir,
    ports: Vec<u16>,
    nodes: Vec<Child>,
}

impl RedisCluster {
    /// Starts one.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("fixtool-redis-").tempdir().expect("a temporary folder");
        let mut cluster = Self { folder, ports: Vec::new(), nodes: Vec::new() };
        for number in 0..6 {
            let port = free_port();
            let child = Command::new("redis-server")
                .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
                .args(["--cluster-enabled", "yes", "--cluster-config-file", &format!("{number}.conf")])
                .args(["--cluster-port", &free_port().to_string()])
                .current_dir(cluster.folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("redis-server");
            cluster.ports.push(port);
            cluster.nodes.push(child);
        }
        let until = Instant::now() + Duration::from_secs(10);
        while cluster.ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            assert!(Instant::now() < until, "Redis starts");
            std::thread::sleep(Duration::from_millis(10));
        }
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(cluster.ports.iter().map(|port| format!("127.0.0.1:{port}")))
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .expect("redis-cli");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        // Each node has to hear of it before it takes keys.
        let is_ready = |port: &u16| {
            let mut node = super::Redis::connect(&format!("redis://127.0.0.1:{port}"));
            node.command(&["CLUSTER", "INFO"]).concat().contains("cluster_state:ok")
        };
        while !cluster.ports.iter().all(is_ready) {
            assert!(Instant::now() < until, "the cluster is ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster
    }

    /// The addresses of the three primaries.
    pub fn primaries(&self) -> Vec<String> {
        self.ports[..3].iter().map(|port| format!("redis://127.0.0.1:{port}")).collect()
    }

    /// Lays down keys, each where it belongs.
    pub fn set(&self, keys: &[String]) {
        let mut child = Command::new("redis-cli")
            .args(["-c", "-p", &self.ports[0].to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-cli");
        let lines: String = keys.iter().flat_map(|key| ["SET ", key, " old\n"]).collect();
        child.stdin.take().expect("its input").write_all(lines.as_bytes()).expect("redis-cli reads");
        assert!(child.wait().expect("the end").success(), "the keys are laid down");
    }
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}
