#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| beam_fuzz::plan(data));
