//! A bug in fixtool: told calmly, without a wall of text.

use super::gate::Gate;
use super::masking;
use super::style::printable;

/// Tells a panic on standard error. The exit code 70 is the caller's.
pub fn install_hook(gate: Gate) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let message = panic
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        gate.write_err(text(&message, &place).as_bytes());
    }));
}

fn text(message: &str, place: &str) -> String {
    format!(
        "fixtool has a bug and stopped. Work that was not committed is rolled back by the database.\n  {}{place}\n  \
         fixtool {}\nPlease report these lines together with the command that you typed.\n\
         'fixtool op log' shows what was done; 'fixtool op resume RUN' goes on from the last checkpoint.\n",
        printable(&masking::secrets(message)),
        env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_message_holds_no_secret() {
        let text = super::text("bad url postgres://a:s3cret@h", " at src/x.rs:1");
        assert!(!text.contains("s3cret") && text.contains("src/x.rs:1"));
    }
}
