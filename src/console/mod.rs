//! How is it shown? The only code that writes to the terminal.
//!
//! Standard output holds the result and nothing else; logs, bars, prompts, plans before a run and
//! errors go to standard error.
//!
//! | file | holds |
//! |---|---|
//! | [`printer`] | the console: where each kind of text goes, and in which form |
//! | [`gate`] | the one way out to both streams, around the bars |
//! | [`plan_view`], [`report_view`] | plans before a run, reports after it |
//! | [`progress`] | events as bars, plain lines or JSON lines |
//! | [`prompt`] | questions |
//! | [`page`], [`table`], [`style`] | results for people |
//! | [`json`] | results for programs |
//! | [`diagnostic`], [`mod@panic`] | how a failure is told, and a bug |
//! | [`explanations`] | what each error code means |
//! | [`logging`] | the log |
//! | [`masking`] | secrets and personal data taken out |

pub mod diagnostic;
pub mod explanations;
pub mod gate;
pub mod json;
pub mod logging;
pub mod masking;
pub mod page;
pub mod panic;
pub mod plan_view;
pub mod printer;
pub mod progress;
pub mod prompt;
pub mod report_view;
pub mod style;
pub mod table;

pub use page::Page;
pub use printer::{Console, Format, Look, ProgressStyle, Stream};
pub use style::Tone;
pub use table::Table;
