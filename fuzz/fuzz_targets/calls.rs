//! The fuzzer's door to the check of the same name.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privaflow_fuzz::calls::check(data));
