//! The token profile through the crate's public interface: every numbered check
//! with what it passes and what it refuses.

#[cfg(test)]
mod binding;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod common;
#[cfg(test)]
mod dpop;
#[cfg(test)]
mod dpop_keys;
#[cfg(test)]
mod jwt_compact;
#[cfg(test)]
mod key_sets;
#[cfg(test)]
mod mandates;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod status_lists;
