//! What a host of the WebAssembly form calls.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs the parser at a place of [`PARSERS`](crate::PARSERS). Whether there is one.
#[wasm_bindgen]
pub fn parse(place: u32, input: &[u8]) -> bool {
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let parser = crate::PARSERS.get(place);
    if let Some(parser) = parser {
        (parser.run)(input);
    }
    parser.is_some()
}
