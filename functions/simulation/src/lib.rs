//! The simulation function: a test verification system and a demo backend.
