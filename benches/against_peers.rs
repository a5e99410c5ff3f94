//! Speed against the tools that an administrator would use instead.
fn main() {}
