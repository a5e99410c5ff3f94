//! What may be typed: one file a command, clap and nothing else.
