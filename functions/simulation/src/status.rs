//! The status lists of the test verification systems, which anyone may change: that
//! is what a newcomer tries.
//!
//! One list a system, at a fixed address. What it says is kept by the adapter
//! between requests; this file only reads and changes it.

use serde::Deserialize;
use sluis_token::UnixTime;
use sluis_token::sign::StatusListClaims;

use crate::mint::MintError;
use crate::settings::Simulation;
use crate::system::SystemName;

/// Entries of a list. Each newcomer takes an index of its choice.
pub const STATUS_ENTRIES: usize = 1024;
/// How long a list may be kept, in seconds: the least that a gate takes.
const TTL_SECONDS: u64 = 10;
/// How long it is in force, in seconds.
const LIFETIME_SECONDS: u64 = 300;

/// A change that is asked for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    index: usize,
    status: Status,
}

/// A status by its name.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Valid,
    Revoked,
    Suspended,
}

/// Why a list was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {{\"index\": 0 to {}, \"status\": \"valid\", \"revoked\" or \"suspended\"}}", STATUS_ENTRIES - 1)]
pub(crate) struct NoChange;

/// Where a system's list stands.
pub(crate) fn path(system: SystemName) -> &'static str {
    match system {
        SystemName::Cbss => "/simulation/cbss/status/1",
        SystemName::Nic => "/simulation/nic/status/1",
    }
}

/// The same as an address, of a simulation at that origin.
pub fn uri(origin: &str, system: SystemName) -> String {
    format!("{origin}{}", path(system))
}

/// Where a system's part of the kept statuses begins.
fn start(system: SystemName) -> usize {
    match system {
        SystemName::Cbss => 0,
        SystemName::Nic => STATUS_ENTRIES,
    }
}

/// The system's list as a token of its first key. What is not kept is valid.
pub(crate) fn list(
    simulation: &Simulation,
    system: SystemName,
    origin: &str,
    kept: &[u8],
    now: u64,
) -> Result<String, MintError> {
    let kept = kept.iter().copied().chain(std::iter::repeat(0));
    let statuses: Vec<u8> = kept.skip(start(system)).take(STATUS_ENTRIES).collect();
    let key = simulation.system(system).first_key();
    let issued_at = UnixTime::from_seconds(now).ok_or(MintError::NotSigned)?;
    let list = key
        .ok_or(MintError::NotSigned)?
        .sign_status_list(&StatusListClaims {
            issuer: Some(system.issuer()),
            uri: &uri(origin, system),
            issued_at,
            expires_at: Some(issued_at.saturating_add(LIFETIME_SECONDS)),
            ttl_seconds: Some(TTL_SECONDS),
            bits: 2,
            statuses: &statuses,
        });
    list.map_err(|_| MintError::NotSigned)
}

/// The kept statuses after a change.
pub(crate) fn change(system: SystemName, kept: &[u8], body: &[u8]) -> Result<Vec<u8>, NoChange> {
    let change: Change = serde_json::from_slice(body).map_err(|_| NoChange)?;
    if change.index >= STATUS_ENTRIES {
        return Err(NoChange);
    }
    let mut kept = kept.to_vec();
    kept.resize(2 * STATUS_ENTRIES, 0);
    let entry = kept.get_mut(start(system) + change.index).ok_or(NoChange)?;
    *entry = match change.status {
        Status::Valid => 0,
        Status::Revoked => 1,
        Status::Suspended => 2,
    };
    Ok(kept)
}
