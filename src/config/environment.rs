//! The environment, read once at the start, so that every value has a known origin.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The environment variables of the process, and where it stands.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// The working directory, for relative paths.
    pub directory: PathBuf,
}

impl Environment {
    /// The process's own. Variables that are no Unicode are left out, as no value of ours may be so.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the environment is read")]
    pub fn capture() -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            variables: variables.collect(),
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        }
    }

    /// One made of pairs, for tests and for programs that use the library.
    pub fn of<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>, directory: PathBuf) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect(), directory }
    }

    /// A variable's value; an empty one counts as not set, as in most compose files.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set at all, even to nothing.
    pub fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// Names that begin with `prefix` and have a value.
    pub fn names_with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.variables.iter().filter(move |(n, v)| n.starts_with(prefix) && !v.is_empty()).map(|(n, _)| n.as_str())
    }

    /// The home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from)
    }

    /// The user's configuration file, by the XDG rules.
    pub fn user_file(&self) -> Option<PathBuf> {
        let base = match self.get("XDG_CONFIG_HOME") {
            Some(dir) if PathBuf::from(dir).is_absolute() => PathBuf::from(dir),
            _ => self.home()?.join(".config"),
        };
        Some(base.join("fixtool").join("fixtool.toml"))
    }

    /// The system's configuration file.
    pub fn system_file(&self) -> PathBuf {
        PathBuf::from("/etc/fixtool/fixtool.toml")
    }

    /// Whether `NO_COLOR` asks for no colour (any value but an empty one) or the terminal is dumb.
    pub fn forbids_colour(&self) -> bool {
        self.get("NO_COLOR").is_some() || self.get("TERM") == Some("dumb")
    }

    /// The operating system's user.
    pub fn user(&self) -> String {
        let name = self.get("USER").or_else(|| self.get("LOGNAME")).or_else(|| self.get("USERNAME"));
        name.unwrap_or("unknown").to_owned()
    }

    /// The host's name.
    pub fn host(&self) -> String {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let kernel = kernel.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let variable = || self.get("HOSTNAME").or_else(|| self.get("COMPUTERNAME")).map(str::to_owned);
        kernel.or_else(variable).unwrap_or_else(|| "localhost".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_not_set_and_xdg_must_be_absolute() {
        let env = Environment::of([("A", ""), ("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "relative")], "/".into());
        assert_eq!(env.get("A"), None);
        assert!(env.has("A"));
        assert_eq!(env.user_file(), Some(PathBuf::from("/home/ann/.config/fixtool/fixtool.toml")));
        let env = Environment::of([("XDG_CONFIG_HOME", "/cfg"), ("TERM", "dumb")], "/".into());
        assert_eq!(env.user_file(), Some(PathBuf::from("/cfg/fixtool/fixtool.toml")));
        assert!(env.forbids_colour());
    }
}
