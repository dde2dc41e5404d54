//! The token profile: a bearer token is parsed, its key resolved, its signature and claims verified.
