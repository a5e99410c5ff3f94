//! One target; its name says which reader it means.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| readers::read(env!("CARGO_BIN_NAME"), bytes));
