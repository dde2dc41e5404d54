//! A log over HTTP, page by page.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sluis_log::{EntryPage, MAX_PAGE_ENTRIES, Shard};
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::credential::Credential;
use super::failure::LogFailure;

/// A page that takes longer is not coming.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a page: what a full page of ordinary entries has, twenty times over.
const MAX_PAGE_BYTES: u64 = 64 * 1024 * 1024;
/// The status of a server that finds an entry of its log damaged, and says which.
const DAMAGED: u16 = 500;
/// Most bytes of what it says then.
const MAX_PROBLEM_BYTES: u64 = 4 * 1024;
/// Longest auditor token.
const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// A log that a validator serves.
pub(crate) struct RemoteLog {
    agent: Agent,
    /// The validator.
    base: String,
    /// Below this the log is served.
    prefix: String,
    endpoint: String,
    authorization: String,
}

/// What asks over HTTP, of a server at a URL that was checked.
pub(crate) fn agent(url: &str) -> Result<Agent, LogFailure> {
    let loopback = check_url(url)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // The operating system's roots: an institution's own authority is among them.
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let mut config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        // The token goes to the URL that was given and nowhere else.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(PAGE_TIMEOUT));
    if loopback {
        config = config.proxy(None);
    }
    Ok(config.build().new_agent())
}

impl RemoteLog {
    /// Prepares to read the log of the validator at `url` with that credential.
    pub(crate) fn new(url: &str, credential: &Credential) -> Result<Self, LogFailure> {
        let agent = agent(url)?;
        let token = credential.token()?;
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self::of(
            agent,
            base,
            Shard::Whole,
            format!("Bearer {token}"),
        ))
    }

    fn of(agent: Agent, base: String, shard: Shard, authorization: String) -> Self {
        let prefix = format!("{base}{}", shard.path());
        Self {
            agent,
            endpoint: format!("{prefix}/entries"),
            prefix,
            base,
            authorization,
        }
    }

    /// Another log of the same deployment.
    pub(crate) fn at(&self, shard: Shard) -> Self {
        let (agent, base) = (self.agent.clone(), self.base.clone());
        Self::of(agent, base, shard, self.authorization.clone())
    }

    /// One page from index `from`.
    pub(crate) fn page(&self, from: u64, limit: u32) -> Result<EntryPage, LogFailure> {
        let limit = limit.min(MAX_PAGE_ENTRIES);
        let url = format!("{}?from={from}&limit={limit}", self.endpoint);
        let unreachable = |error: &ureq::Error| LogFailure::Unreachable {
            url: self.endpoint.clone(),
            problem: error.to_string(),
        };
        let response = self
            .agent
            .get(&url)
            .header("authorization", &self.authorization)
            .header("accept", "application/json")
            .call()
            .map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(refusal(self.endpoint.clone(), response));
        }
        let body = response
            .into_body()
            .into_with_config()
            .limit(MAX_PAGE_BYTES)
            .read_to_vec()
            .map_err(|error| unreachable(&error))?;
        let page: EntryPage =
            serde_json::from_slice(&body).map_err(|error| self.bad_answer(error.to_string()))?;
        // A gap is for the verification to find; an entry out of order would confuse the reader.
        let mut lowest = Some(from);
        for item in &page.items {
            if lowest.is_none_or(|lowest| item.index < lowest) {
                return Err(self.bad_answer(format!("entry {} is out of order", item.index)));
            }
            lowest = item.index.checked_add(1);
        }
        if page.next.is_some_and(|next| next <= from) {
            return Err(self.bad_answer("its next page is not further on".to_owned()));
        }
        Ok(page)
    }

    /// A file of the log, such as its checkpoint or a tile, of at most so many bytes; nothing if it is not there.
    pub(crate) fn file(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, LogFailure> {
        let url = format!("{}/{name}", self.prefix);
        let unreachable = |error: &ureq::Error| LogFailure::Unreachable {
            url: url.clone(),
            problem: error.to_string(),
        };
        let response = self
            .agent
            .get(&url)
            .header("authorization", &self.authorization)
            .call()
            .map_err(|error| unreachable(&error))?;
        match response.status().as_u16() {
            200 => {
                let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
                let body = response.into_body().into_with_config().limit(limit);
                let body = body.read_to_vec().map_err(|error| unreachable(&error))?;
                Ok(Some(body))
            }
            404 => Ok(None),
            _ => Err(refusal(url, response)),
        }
    }

    pub(crate) fn refused(&self, name: &str, status: u16) -> LogFailure {
        LogFailure::Refused {
            url: format!("{}/{name}", self.prefix),
            status,
        }
    }

    fn bad_answer(&self, problem: String) -> LogFailure {
        LogFailure::Answer {
            url: self.endpoint.clone(),
            problem,
        }
    }
}

/// What a server says of a log whose store it finds damaged: a problem (RFC 9457) with the entry.
#[derive(serde::Deserialize)]
struct Damage {
    index: u64,
}

/// What an answer that is not 200 comes to.
fn refusal(url: String, response: Response<Body>) -> LogFailure {
    let status = response.status().as_u16();
    if status == DAMAGED {
        let body = response
            .into_body()
            .into_with_config()
            .limit(MAX_PROBLEM_BYTES);
        let body = body.read_to_vec().unwrap_or_default();
        if let Ok(Damage { index }) = serde_json::from_slice(&body) {
            return LogFailure::Damaged { url, index };
        }
    }
    LogFailure::Refused { url, status }
}

/// https, or http on this very machine: over any other http the token could be read. Whether it is this machine.
fn check_url(url: &str) -> Result<bool, LogFailure> {
    let bad = |problem| LogFailure::Url {
        url: url.to_owned(),
        problem,
    };
    let uri: Uri = url.parse().map_err(|_| bad("not a URL"))?;
    if uri.query().is_some() {
        return Err(bad("a query is not expected"));
    }
    let authority = uri.authority().ok_or(bad("not an absolute URL"))?;
    if authority.as_str().contains('@') {
        return Err(bad("a user name is not expected"));
    }
    let loopback = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
    match uri.scheme_str() {
        Some("https") => Ok(loopback),
        Some("http") if loopback => Ok(true),
        Some("http") => Err(bad("http is for this machine only; use https")),
        _ => Err(bad("the scheme is neither https nor http")),
    }
}

pub(crate) fn read_token(path: &Path) -> Result<String, LogFailure> {
    let text = fs::read_to_string(path).map_err(|error| LogFailure::File {
        path: path.to_owned(),
        error,
    })?;
    let token = text.trim_end_matches(['\n', '\r']);
    let plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !plain {
        return Err(LogFailure::Token(path.to_owned()));
    }
    Ok(token.to_owned())
}
