//! Passwords from files: `…_FILE` variables, `password_file` settings, and PostgreSQL's own
//! password file, read as libpq reads it.

use std::path::Path;

use super::{ConfigError, Environment, Secret};

/// The first line of a file, without its line end.
pub fn first_line(path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    Ok(text.lines().next().unwrap_or_default().trim_end_matches('\r').to_owned())
}

/// What a line of the password file is matched against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Host, or `localhost` for a local socket.
    pub host: String,
    /// Port as text.
    pub port: String,
    /// Database.
    pub database: String,
    /// Role.
    pub user: String,
}

impl Login {
    /// From an address; what it leaves out takes libpq's defaults. `None` for other engines, and
    /// for an address that holds a password already.
    pub fn of(address: &str, environment: &Environment) -> Option<Self> {
        if !address.starts_with("postgres") || super::secret::has_password(address) {
            return None;
        }
        let url = url::Url::parse(address).ok()?;
        let parameter = |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        let variable = |name: &str| environment.get(name).map(str::to_owned);
        let filled = |text: &str| (!text.is_empty()).then(|| decode(text));
        let user = filled(url.username())
            .or_else(|| parameter("user"))
            .or_else(|| variable("PGUSER"))
            .or_else(|| variable("USER"))
            .unwrap_or_default();
        let host = url.host_str().and_then(filled).or_else(|| parameter("host")).or_else(|| variable("PGHOST"));
        Some(Self {
            host: host.filter(|h| !h.starts_with('/')).unwrap_or_else(|| "localhost".to_owned()),
            port: url
                .port()
                .map(|p| p.to_string())
                .or_else(|| parameter("port"))
                .or_else(|| variable("PGPORT"))
                .unwrap_or_else(|| "5432".to_owned()),
            database: filled(url.path().trim_start_matches('/'))
                .or_else(|| parameter("dbname"))
                .unwrap_or_else(|| user.clone()),
            user,
        })
    }
}

/// The password that the environment or PostgreSQL's password file holds for this login, with
/// where it was found; or what is wrong with that file.
pub fn of_postgres(login: &Login, environment: &Environment) -> Result<Option<(Secret, String)>, String> {
    if let Some(password) = environment.get("PGPASSWORD") {
        return Ok(Some((Secret::new(password), "environment PGPASSWORD".to_owned())));
    }
    let path = match environment.get("PGPASSFILE") {
        Some(path) => environment.directory.join(path),
        None => match environment.home() {
            Some(home) => home.join(".pgpass"),
            None => return Ok(None),
        },
    };
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    if others_may_read(&path) {
        return Err(format!(
            "the password file '{}' is ignored because other users can read it; run 'chmod 600 {}'",
            path.display(),
            path.display()
        ));
    }
    Ok(find(&text, login).map(|password| (Secret::new(password), path.display().to_string())))
}

fn find(text: &str, login: &Login) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [host, port, database, user, password] = fields.as_slice() else { return None };
        let wanted = [(host, &login.host), (port, &login.port), (database, &login.database), (user, &login.user)];
        wanted.iter().all(|(field, value)| *field == "*" || field == value).then(|| password.clone())
    })
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.trim_end_matches('\r').chars();
    while let Some(c) = characters.next() {
        match c {
            // The password is the last field and may hold colons.
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => push(&mut fields, characters.next().unwrap_or('\\')),
            c => push(&mut fields, c),
        }
    }
    fields
}

fn push(fields: &mut [String], c: char) {
    if let Some(last) = fields.last_mut() {
        last.push(c);
    }
}

fn decode(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(address: &str) -> Login {
        Login::of(address, &Environment::of([("USER", "ann")], "/".into())).unwrap()
    }

    #[test]
    fn lines_match_as_in_libpq() {
        let text = "# comment\nother:5432:*:ann:no\ndb:*:app:ann:pa\\:ss:w\\\\rd\n*:*:*:*:last\n";
        assert_eq!(find(text, &login("postgres://db/app")).as_deref(), Some("pa:ss:w\\rd"));
        assert_eq!(find(text, &login("postgres://x/app")).as_deref(), Some("last"));
        assert_eq!(find("db:5432:app:ann\n", &login("postgres://db/app")), None);
    }

    #[test]
    fn an_address_is_filled_up_with_defaults() {
        let found = login("postgres:///app?host=/run/pg&port=5433");
        assert_eq!((found.host.as_str(), found.port.as_str(), found.user.as_str()), ("localhost", "5433", "ann"));
        assert_eq!(login("postgres://u%40x@h").database, "u@x");
        assert!(Login::of("postgres://u:p@h/d", &Environment::default()).is_none());
        assert!(Login::of("sqlite:x", &Environment::default()).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn an_open_password_file_is_ignored_and_said_so() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        std::fs::write(&path, "*:*:*:*:s3cret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let env = Environment::of([("PGPASSFILE", path.to_str().unwrap())], dir.path().into());
        let problem = of_postgres(&login("postgres://h/d"), &env).unwrap_err();
        assert!(problem.contains("chmod 600") && !problem.contains("s3cret"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (password, place) = of_postgres(&login("postgres://h/d"), &env).unwrap().unwrap();
        assert_eq!((password.expose(), place.as_str()), ("s3cret", path.to_str().unwrap()));
    }
}
