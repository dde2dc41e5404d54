//! End-to-end tests on both runtimes.
