//! The sluis command: keys, tokens, catalogue and log.

fn main() {}
