#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| doorward_fuzz::jwt::logout_token(data));
