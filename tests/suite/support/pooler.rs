//! `PgBouncer` in transaction mode between a test and its database.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{PostgresDatabase, server};

/// A pooler with three backends; it ends with the value.
pub struct Pooler {
    child: Child,
    /// The database's address through it.
    pub url: String,
    _folder: TempDir,
}

impl Pooler {
    /// It refuses startup parameters that it does not know, or swallows them: both are in use.
    pub const WAYS: [&'static str; 2] = ["", "ignore_startup_parameters=options,extra_float_digits"];

    /// Starts one before this database, with these lines more in its configuration.
    pub fn start(database: &PostgresDatabase, settings: &str) -> Self {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
            .into_iter()
            .find(|program| Path::new(program).exists())
            .expect("PgBouncer: tests/services/install.sh installs it");
        let url = database.url();
        let (_, place) = url.split_once('@').expect("an address with a user");
        let (server, name) = place.split_once('/').expect("an address with a database");
        let (host, port) = server.split_once(':').expect("an address with a port");
        let folder = TempDir::new().expect("a folder");
        let listen = server::free_port();
        let configuration = format!(
            "[databases]\n{name} = host={host} port={port} user=fixtool\n[pgbouncer]\nlisten_addr=127.0.0.1\n\
             listen_port={listen}\nauth_type=any\npool_mode=transaction\ndefault_pool_size=3\nunix_socket_dir=\n{settings}\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, configuration).expect("its configuration");
        let mut command = Command::new(program);
        if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            // It refuses to run as root, and must be able to read its configuration.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a folder for all");
            command.args(["-u", "nobody"]);
        }
        command.arg("-q").arg(&file).stdin(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("PgBouncer");
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", listen)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "PgBouncer does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, url: format!("postgres://fixtool@127.0.0.1:{listen}/{name}"), _folder: folder }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
