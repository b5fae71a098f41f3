#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| resilmesh_fuzz::log(data));
