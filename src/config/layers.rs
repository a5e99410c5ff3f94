//! The layers, one over the other: flag, environment, project file, user file, system file, default.

use std::fmt;
use std::path::{Path, PathBuf};

use super::file::{self, Entry};
use super::keys::{KEYS, Key, PLACEMENT_KEYS, Secrecy};
use super::kind::Kind;
use super::secret::{has_password, mask, mask_address};
use super::{ConfigError, Environment};

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag(String),
    /// By a variable.
    Variable(String),
    /// By a file that a `…_FILE` variable names.
    VariableFile(String, PathBuf),
    /// In a configuration file.
    File(PathBuf, usize),
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::VariableFile(name, path) => write!(f, "environment {name}: {}", path.display()),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting as it stands, with what it overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Its whole name.
    pub name: String,
    /// What it may be.
    pub kind: Kind,
    /// How much of it may be shown.
    pub secrecy: Secrecy,
    /// Its value in its one spelling; empty for none.
    pub value: String,
    /// Where it was set.
    pub origin: Origin,
    /// Weaker values, the strongest first, the default left out.
    pub overrides: Vec<(String, Origin)>,
}

impl Resolution {
    /// The value as it may be shown.
    pub fn shown(&self) -> String {
        shown(&self.value, self.secrecy)
    }

    /// What it overrides, as it may be shown.
    pub fn overrides_shown(&self) -> Vec<(String, &Origin)> {
        self.overrides.iter().map(|(value, origin)| (shown(value, self.secrecy), origin)).collect()
    }
}

fn shown(value: &str, secrecy: Secrecy) -> String {
    match secrecy {
        Secrecy::Open => value.to_owned(),
        Secrecy::Address => mask_address(value),
        Secrecy::Secret => mask(value),
    }
}

/// What the command line sets: names of settings, flags, values.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The file of `--config`.
    pub file: Option<PathBuf>,
    /// Settings with the flag that sets them.
    pub values: Vec<(&'static str, &'static str, String)>,
}

/// A configuration file that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which layer: `project`, `user`, `system`, or `named`.
    pub layer: &'static str,
    /// Its place.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
}

/// All layers together.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// Every setting; those of placements come last.
    pub values: Vec<Resolution>,
    /// Files that were looked for, the strongest first.
    pub sources: Vec<Source>,
    /// What is odd without being an error.
    pub problems: Vec<String>,
}

impl Resolved {
    /// One setting.
    pub fn get(&self, name: &str) -> Option<&Resolution> {
        self.values.iter().find(|value| value.name == name)
    }

    /// A setting's value; empty when it has none.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).map_or("", |found| found.value.as_str())
    }
}

type Candidate = (String, Origin);

/// Puts the layers together.
pub fn resolve(environment: &Environment, overrides: &Overrides) -> Result<Resolved, ConfigError> {
    let (sources, entries) = read_files(environment, overrides)?;
    let mut resolved = Resolved { sources, problems: unknown_variables(environment), ..Resolved::default() };
    for key in KEYS {
        let mut candidates = from_flags(overrides, key)?;
        candidates.extend(from_environment(environment, key)?);
        candidates.extend(from_files(&entries, key.name));
        resolved.push(key.name, key, candidates)?;
    }
    let mut placements: Vec<&str> =
        entries.iter().filter_map(|e| file::placement_key(&e.name)).map(|(p, _)| p).collect();
    placements.sort_unstable();
    placements.dedup();
    for placement in placements {
        for key in PLACEMENT_KEYS {
            let name = format!("databases.{placement}.{}", key.name);
            let own = Key { name: "", also: &[], flag: None, ..*key };
            let mut candidates = placement_environment(environment, &name, key)?;
            candidates.extend(from_files(&entries, &name));
            resolved.push(&name, &own, candidates)?;
        }
    }
    Ok(resolved)
}

/// Every setting at its default.
pub fn defaults() -> Result<Resolved, ConfigError> {
    let mut resolved = Resolved::default();
    for key in KEYS {
        resolved.push(key.name, key, Vec::new())?;
    }
    Ok(resolved)
}

impl Resolved {
    fn push(&mut self, name: &str, key: &Key, candidates: Vec<Candidate>) -> Result<(), ConfigError> {
        let mut candidates = candidates.into_iter();
        let (value, origin) = candidates.next().unwrap_or_else(|| (key.default.to_owned(), Origin::Default));
        let mut value = if value.is_empty() {
            value
        } else {
            key.kind.normalise(&value).map_err(|reason| wrong_value(name, &origin, reason))?
        };
        if let (Kind::Path, Origin::File(file, _)) = (key.kind, &origin) {
            value = beside(file, &value);
        }
        let overrides: Vec<Candidate> = candidates.collect();
        for (weaker, place) in &overrides {
            if let Err(reason) = key.kind.normalise(weaker) {
                self.problems.push(format!("{place} sets '{name}', which is overridden; it would be wrong: {reason}"));
            }
        }
        self.values.push(Resolution {
            name: name.to_owned(),
            kind: key.kind,
            secrecy: key.secrecy,
            value,
            origin,
            overrides,
        });
        Ok(())
    }
}

fn wrong_value(name: &str, origin: &Origin, reason: String) -> ConfigError {
    let place = match origin {
        Origin::Variable(variable) | Origin::VariableFile(variable, _) => format!("the variable {variable}"),
        other => other.to_string(),
    };
    let help = match origin {
        Origin::Variable(variable) => format!("set {variable} to a right value, or unset it"),
        Origin::VariableFile(_, path) => format!("correct the file '{}'", path.display()),
        Origin::File(path, line) => format!("correct line {line} of '{}'", path.display()),
        Origin::Flag(flag) => format!("give {flag} a right value"),
        Origin::Default => "this is a bug in fixtool".to_owned(),
    };
    ConfigError::Value { place, name: name.to_owned(), reason, help }
}

/// A relative path in a file starts at the file, so that it means the same from every directory.
fn beside(file: &Path, value: &str) -> String {
    match file.parent() {
        Some(parent) if !value.is_empty() && Path::new(value).is_relative() && parent != Path::new("") => {
            parent.join(value).to_string_lossy().into_owned()
        }
        _ => value.to_owned(),
    }
}

fn read_files(environment: &Environment, overrides: &Overrides) -> Result<(Vec<Source>, Vec<Entry>), ConfigError> {
    let named = overrides.file.clone().or_else(|| environment.get("FIXTOOL_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        let Some(entries) = file::read(&environment.directory.join(&path))? else {
            return Err(ConfigError::Unreadable { path, reason: "there is no such file".to_owned() });
        };
        return Ok((vec![Source { layer: "named", path, exists: true }], entries));
    }
    let places = [
        Some(("project", environment.directory.join("fixtool.toml"))),
        environment.user_file().map(|path| ("user", path)),
        Some(("system", environment.system_file())),
    ];
    let (mut sources, mut all) = (Vec::new(), Vec::new());
    for (layer, path) in places.into_iter().flatten() {
        let entries = file::read(&path)?;
        sources.push(Source { layer, path, exists: entries.is_some() });
        all.extend(entries.unwrap_or_default());
    }
    Ok((sources, all))
}

fn from_flags(overrides: &Overrides, key: &Key) -> Result<Vec<Candidate>, ConfigError> {
    let found = overrides.values.iter().filter(|(name, _, _)| *name == key.name);
    found
        .map(|(_, flag, value)| {
            if key.secrecy == Secrecy::Address && has_password(value) {
                return Err(ConfigError::SecretInFlag { flag: (*flag).to_owned(), variable: key.variable() });
            }
            Ok((value.clone(), Origin::Flag((*flag).to_owned())))
        })
        .collect()
}

fn from_environment(environment: &Environment, key: &Key) -> Result<Vec<Candidate>, ConfigError> {
    from_variables(environment, &key.variables(), key.secrecy)
}

fn placement_environment(environment: &Environment, name: &str, key: &Key) -> Result<Vec<Candidate>, ConfigError> {
    from_variables(environment, &[super::keys::variable(name)], key.secrecy)
}

fn from_variables(
    environment: &Environment,
    names: &[String],
    secrecy: Secrecy,
) -> Result<Vec<Candidate>, ConfigError> {
    let mut candidates = Vec::new();
    for name in names {
        if let Some(value) = environment.get(name) {
            candidates.push((value.to_owned(), Origin::Variable(name.clone())));
        }
        let file_variable = format!("{name}_FILE");
        if secrecy != Secrecy::Open
            && let Some(path) = environment.get(&file_variable)
        {
            let path = PathBuf::from(path);
            let value = super::passwords::first_line(&environment.directory.join(&path))?;
            candidates.push((value, Origin::VariableFile(file_variable, path)));
        }
    }
    Ok(candidates)
}

fn from_files(entries: &[Entry], name: &str) -> Vec<Candidate> {
    let found = entries.iter().filter(|entry| entry.name == name);
    found.map(|e| (e.value.clone(), Origin::File(e.path.clone(), e.line))).collect()
}

/// Variables that begin like ours and mean nothing: most likely a slip of the pen.
fn unknown_variables(environment: &Environment) -> Vec<String> {
    let known: Vec<String> = KEYS
        .iter()
        .flat_map(|key| [key.variable(), format!("{}_FILE", key.variable())])
        .chain(["FIXTOOL_CONFIG".to_owned()])
        .collect();
    let unknown = environment.names_with_prefix("FIXTOOL_").filter(|name| {
        !known.iter().any(|k| k == name)
            && !name.starts_with("FIXTOOL_TEST_")
            && !name.starts_with("FIXTOOL_DATABASES_")
    });
    unknown
        .map(|name| {
            let scored = known.iter().map(|k| (strsim::jaro_winkler(k, name), k));
            match scored.filter(|(score, _)| *score > 0.9).max_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((_, close)) => format!("the variable {name} means nothing; did you mean {close}?"),
                None => format!("the variable {name} means nothing to fixtool"),
            }
        })
        .collect()
}
