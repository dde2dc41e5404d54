//! The validator function, for Cloudflare Workers and for Spin.
