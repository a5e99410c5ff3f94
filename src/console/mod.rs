//! How it is shown: the only code that writes to the terminal.
