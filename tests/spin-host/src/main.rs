//! A small Spin-compatible host on wasmtime, for tests and local runs.

fn main() {}
