//! The binary: starts the runtime and hands over to `cli`.

fn main() {}
