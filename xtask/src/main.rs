//! Development tasks: dev, test, build, bench.

fn main() {}
