#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert!(sluis_parsers::run("custody_record", input));
});
