//! What an institution writes: configuration and catalogue.

use sluis_gate::{Config, Embedded};
use sluis_policy::{Catalogue, MAX_CATALOGUE_BYTES};

use crate::Parser;

pub(crate) const CONFIGURATION: Parser = Parser {
    name: "configuration",
    run: configuration,
    longest: 32 * 1024,
    base: 2_000_000,
    per_byte: 2_500,
};
pub(crate) const CATALOGUE: Parser = Parser {
    name: "catalogue",
    run: catalogue,
    longest: MAX_CATALOGUE_BYTES,
    base: 2_000_000,
    per_byte: 5_000,
};

fn configuration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(embedded) = Embedded::from_toml(&text, |_| Err("no file".to_owned())) else {
        return;
    };
    // What the build took, the function takes.
    let json = embedded.to_json();
    assert!(
        json.and_then(|json| Embedded::from_json(&json))
            .and_then(Config::try_from)
            .is_ok()
    );
}

fn catalogue(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(catalogue) = Catalogue::from_toml(&text) else {
        return;
    };
    let embedded = Catalogue::from_embedded(&catalogue.to_embedded());
    assert!(embedded.is_ok_and(|embedded| embedded.digest() == catalogue.digest()));
}
