//! What can be wrong with the configuration. Every message names the place; none shows a value
//! that may be secret.

use std::path::PathBuf;

/// Why the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum ConfigError {
    /// A file that was named cannot be read.
    #[error("the file '{}' cannot be read: {reason}", path.display())]
    #[diagnostic(code(fixtool::config::unreadable), help("check the name and the permissions of the file"))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file is no TOML.
    #[error("{place}: {reason}")]
    #[diagnostic(code(fixtool::config::syntax), help("'fixtool config init' writes a file to start from"))]
    Syntax {
        /// File, line and column.
        place: String,
        /// What the parser said, without the line itself.
        reason: String,
    },
    /// A key that means nothing.
    #[error("{place}: there is no setting '{name}'")]
    #[diagnostic(code(fixtool::config::unknown_key))]
    UnknownKey {
        /// File, line and column.
        place: String,
        /// The key, with its table.
        name: String,
        /// What was probably meant.
        #[help]
        help: String,
    },
    /// A value that its setting does not take.
    #[error("{place}: the value of '{name}' is wrong: {reason}")]
    #[diagnostic(code(fixtool::config::value))]
    Value {
        /// File with line and column, variable, or flag.
        place: String,
        /// The setting.
        name: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A flag that holds a password.
    #[error("{flag} holds a password, which every user of this machine could read")]
    #[diagnostic(
        code(fixtool::config::secret_in_flag),
        help("put the address into {variable}, or the password into a file named by PGPASSFILE or {variable}_FILE")
    )]
    SecretInFlag {
        /// The flag.
        flag: String,
        /// The variable to use instead.
        variable: String,
    },
    /// A file cannot be written.
    #[error("the file '{}' cannot be written: {reason}", path.display())]
    #[diagnostic(code(fixtool::config::unwritable), help("check the directory and its permissions"))]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// `config init` found a file.
    #[error("'{}' exists already", path.display())]
    #[diagnostic(
        code(fixtool::config::exists),
        help("edit it, or give another name with 'fixtool config init --file NAME'")
    )]
    Exists {
        /// Which.
        path: PathBuf,
    },
}
