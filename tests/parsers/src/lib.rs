//! Every parser of foreign bytes, as a function of bytes.
//!
//! The fuzz targets (`fuzz/`) call them one by one, `tests/work` measures what they cost. Each
//! goes as far as an outsider's bytes go, and then checks what must hold of the result; a
//! broken promise panics.
//!
//! Signatures are not verified: a verifier that believes everything stands for the verifier, so that bytes
//! without a key get as far as bytes with one.

mod custody;
mod document;
mod log;
mod receipt;
mod request;
mod settings;
mod token;
mod trace;
mod tree;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod wasm;

/// A parser, and what it may cost.
#[derive(Debug, Clone, Copy)]
pub struct Parser {
    /// Its name, which is its fuzz target's.
    pub name: &'static str,
    /// Parses; panics if something does not hold.
    pub run: fn(&[u8]),
    /// The longest input that is looked into; of a longer one, the length alone matters.
    pub longest: usize,
    /// WebAssembly instructions that any input may cost.
    pub base: u64,
    /// WebAssembly instructions that each byte may add.
    pub per_byte: u64,
}

/// All of them.
pub const PARSERS: [Parser; 28] = [
    token::BEARER_REQUEST,
    token::COMPACT_TOKEN,
    token::DPOP_PROOF,
    token::STATUS_LIST,
    token::JWK_SET,
    token::PRIVATE_JWK,
    document::JSON_DOCUMENT,
    document::RESPONSE_DOCUMENT,
    request::GATE_REQUEST,
    settings::CONFIGURATION,
    settings::CATALOGUE,
    log::LOG_ENTRY,
    log::LOG_ROW,
    log::LOG_MESSAGE,
    log::LOG_PAGE,
    log::LOG_EXPORT,
    tree::TILE_PATH,
    tree::ENTRY_BUNDLE,
    tree::VERIFIER_KEY,
    tree::SIGNED_NOTE,
    tree::CHECKPOINT,
    tree::PROOF_BUNDLE,
    tree::ADD_CHECKPOINT,
    trace::PARTY_RECORD,
    custody::CUSTODY_RECORD,
    receipt::RECEIPT_FIELD,
    receipt::RECEIPT_DOCUMENT,
    receipt::AUDITOR_TOKEN,
];

/// Runs the parser of that name, if there is one.
pub fn run(name: &str, input: &[u8]) -> bool {
    let parser = PARSERS.iter().find(|parser| parser.name == name);
    if let Some(parser) = parser {
        (parser.run)(input);
    }
    parser.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn each_parser_has_its_fuzz_target_and_its_corpus() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        let names: BTreeSet<String> = PARSERS.iter().map(|p| p.name.to_owned()).collect();
        assert_eq!(names.len(), PARSERS.len());
        let targets = fs::read_dir(fuzz.join("fuzz_targets")).unwrap();
        let targets = targets.map(|file| file.unwrap().path());
        let targets: BTreeSet<String> = targets
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(targets, names);
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        for name in names {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            let target = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(target.contains(&format!("run(\"{name}\"")), "{name}");
            for file in fs::read_dir(fuzz.join("corpus").join(&name)).unwrap() {
                assert!(run(&name, &fs::read(file.unwrap().path()).unwrap()));
            }
        }
        assert!(!run("no such parser", b""));
    }
}
