//! The configuration of one deployment: who the institution is, whose tokens
//! it takes, which operations exist and where they are served.
//!
//! `sluis.toml` is parsed at build time by [`Embedded::from_toml`], so a wrong
//! file does not build; the function starts from the embedded form and runs
//! the same checks again.

mod compare;
mod enforcement;
mod error;
mod keys;
mod raw;
mod value;

use serde::{Deserialize, Serialize};
use sluis_log::{EventSource, Origin, RetentionTerms, Shard, ShardMap};
use sluis_minimise::MAX_DOCUMENT_BYTES;
use sluis_policy::{Basis, Catalogue, Environment, Operation, VerificationSystem};
use sluis_token::IssuerRules;

pub(crate) use enforcement::{Enforcement, ShadowLicence};
pub use error::ConfigError;
use keys::Files;
pub(crate) use keys::{KeyLocation, KeySource};

use crate::minimise::{Answer, FieldLists};
use crate::route::{RouteTable, SubjectLocation};
pub(crate) use raw::RawSubject;
use raw::{RawConfig, RawIssuer, RawMode, RawResponse};
pub(crate) use value::unusable;
use value::{
    is_loopback, nonempty, parse_base_url, parse_list_prefix, parse_origin, refuse_repeats,
    token_text, with_origin,
};

/// Largest lifetime of a token that a configuration may allow, in seconds.
/// The Belgif security guide asks for "a few minutes".
pub const MAX_TOKEN_LIFETIME_SECONDS: u64 = 900;
/// Largest body that may be buffered to find a subject identifier, in bytes.
pub const MAX_BUFFERED_BODY_BYTES: usize = 1024 * 1024;
/// Longest time to wait for the upstream's answer head, in milliseconds.
pub const MAX_UPSTREAM_TIMEOUT_MS: u32 = 120_000;
/// Longest interval over which refusals are counted before they are recorded,
/// in milliseconds: a Worker may run for 30 s after its last answer.
pub const MAX_AGGREGATE_INTERVAL_MS: u32 = 25_000;

/// A configuration as the build embeds it: the parsed file, and the files that
/// it names by path.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedded {
    config: RawConfig,
    files: Files,
}

impl Embedded {
    /// Parses a configuration file. `read` gives the text of a file that the
    /// configuration names, by the path as written there.
    pub fn from_toml(
        text: &str,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, ConfigError> {
        let config: RawConfig = raw::from_toml(text)?;
        let mut files = Files::new();
        for issuer in &config.issuers {
            for (field, path) in issuer.key_files() {
                let text = read(path).map_err(|message| ConfigError::File {
                    field: field.to_owned(),
                    path: path.to_owned(),
                    message,
                })?;
                files.insert(path.to_owned(), text);
            }
        }
        config.compare.embed(&mut files, &read)?;
        let embedded = Self { config, files };
        Config::try_from(embedded.clone())?;
        Ok(embedded)
    }

    /// The form that the function starts from.
    pub fn to_json(&self) -> Result<String, ConfigError> {
        serde_json::to_string(self).map_err(|error| ConfigError::Embedded {
            message: error.to_string(),
        })
    }

    /// Reads that form back.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(json).map_err(|error| ConfigError::Embedded {
            message: error.to_string(),
        })
    }
}

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    pub(crate) institution: Institution,
    pub(crate) environment: Environment,
    pub(crate) enforcement: Enforcement,
    /// A catalogue that is compared with the one that decides.
    pub(crate) candidate: Option<Catalogue>,
    pub(crate) issuers: Vec<IssuerConfig>,
    pub(crate) routes: RouteTable,
    pub(crate) upstream: UpstreamConfig,
    pub(crate) body_limit: usize,
    /// Largest body of an answer that is read to filter it.
    pub(crate) filtered_body_limit: usize,
    pub(crate) aggregate_interval_ms: u32,
    pub(crate) log: LogConfig,
}

/// Who gives the answers.
#[derive(Debug)]
pub(crate) struct Institution {
    /// The institution's identifier in records and problem types.
    pub(crate) id: String,
    /// What clients call this API by, for the proofs that they sign (RFC 9449
    /// §4.2, `htu`): scheme, authority and an optional path prefix.
    pub(crate) url: String,
    /// The audience that a token must name (profile §15).
    pub(crate) audience: String,
    /// `WWW-Authenticate: Bearer realm="…"`.
    pub(crate) realm: String,
}

/// A verification system whose tokens are taken.
#[derive(Debug)]
pub(crate) struct IssuerConfig {
    pub(crate) rules: IssuerRules,
    pub(crate) system: VerificationSystem,
    pub(crate) keys: KeySource,
    /// Keys that are compared with those that decide.
    pub(crate) candidate_keys: Option<KeySource>,
    status_lists: Vec<String>,
}

impl IssuerConfig {
    /// Whether its status list may be fetched from there: below one of the allowed
    /// addresses, by a plain path.
    pub(crate) fn may_list_status_at(&self, uri: &str) -> bool {
        let below = |prefix: &String| uri.strip_prefix(prefix.as_str());
        let plain = |rest: &str| crate::route::is_normal_path(&format!("/{rest}"));
        self.status_lists.iter().filter_map(below).any(plain)
    }
}

/// The API behind the gate.
#[derive(Debug)]
pub(crate) struct UpstreamConfig {
    /// Whether the gate forwards itself.
    pub(crate) inline: bool,
    /// Whether it answers proxies that forward.
    pub(crate) decision: bool,
    /// Scheme, authority and an optional path prefix, no trailing slash.
    pub(crate) url: String,
    pub(crate) timeout_ms: u32,
    /// Headers forwarded besides the fixed list, for plain holders only.
    pub(crate) extra_headers: Vec<String>,
    /// Whether a proxy that asks is believed when it names its client's
    /// certificate (RFC 9440).
    pub(crate) trust_client_cert_field: bool,
    /// `aud` of the assertion.
    pub(crate) assertion_audience: String,
    pub(crate) assertion_lifetime_seconds: u64,
}

impl UpstreamConfig {
    /// The path prefix behind which the API stands; empty if there is none.
    pub(crate) fn path_prefix(&self) -> &str {
        value::path_of(&self.url).unwrap_or_default()
    }
}

/// Which logs records go to, and who writes them.
#[derive(Debug)]
pub(crate) struct LogConfig {
    pub(crate) shards: ShardMap,
    pub(crate) source: EventSource,
    /// Whether the answer to an allowed request has a receipt.
    pub(crate) receipts: bool,
    /// How long payloads are kept, where a mandate type says nothing else.
    pub(crate) retention: RetentionTerms,
}

impl TryFrom<Embedded> for Config {
    type Error = ConfigError;

    fn try_from(embedded: Embedded) -> Result<Self, ConfigError> {
        let Embedded { config, files } = embedded;
        let environment = config.institution.environment.into();
        let issuers = config
            .issuers
            .into_iter()
            .map(|issuer| parse_issuer(issuer, environment, &files))
            .collect::<Result<Vec<_>, _>>()?;
        refuse_repeats("issuers.issuer", issuers.iter().map(|i| i.rules.issuer()))?;
        if config.limits.buffered_body_bytes > MAX_BUFFERED_BODY_BYTES {
            return Err(ConfigError::out_of_range(
                "limits.buffered_body_bytes",
                &config.limits.buffered_body_bytes,
                &format!("at most {MAX_BUFFERED_BODY_BYTES} bytes"),
            ));
        }
        if config.limits.filtered_body_bytes > MAX_DOCUMENT_BYTES {
            return Err(ConfigError::out_of_range(
                "limits.filtered_body_bytes",
                &config.limits.filtered_body_bytes,
                &format!("at most {MAX_DOCUMENT_BYTES} bytes"),
            ));
        }
        let interval = config.log.aggregate_interval_ms;
        if interval == 0 || interval > MAX_AGGREGATE_INTERVAL_MS {
            return Err(ConfigError::out_of_range(
                "log.aggregate_interval_ms",
                &interval,
                &format!("1 to {MAX_AGGREGATE_INTERVAL_MS} ms"),
            ));
        }
        Ok(Self {
            institution: Institution {
                id: token_text("institution.id", config.institution.id.clone())?,
                url: parse_base_url("institution.url", &config.institution.url, environment)?,
                audience: nonempty("institution.audience", config.institution.audience)?,
                realm: token_text("institution.realm", config.institution.realm)?,
            },
            environment,
            enforcement: config.enforcement.try_into()?,
            candidate: config.compare.catalogue(&files)?,
            issuers,
            routes: parse_routes(config.routes)?,
            upstream: parse_upstream(config.upstream, environment)?,
            body_limit: config.limits.buffered_body_bytes,
            filtered_body_limit: config.limits.filtered_body_bytes,
            aggregate_interval_ms: interval,
            log: parse_log(&config.log, &config.institution.id)?,
        })
    }
}

impl Config {
    /// Replaces the upstream's address, for a deployment whose address is only
    /// known when it starts.
    pub fn with_upstream(mut self, url: &str) -> Result<Self, ConfigError> {
        self.upstream.url = parse_base_url("SLUIS_UPSTREAM", url, self.environment)?;
        Ok(self)
    }

    /// Replaces the origin of every URL of keys and of status lists, in the simulation only and only
    /// by a loopback address: local runs choose their ports freely.
    pub fn with_simulation_origin(mut self, origin: &str) -> Result<Self, ConfigError> {
        let name = "SLUIS_SIMULATION_ORIGIN";
        if self.environment != Environment::Simulation {
            return Err(ConfigError::invalid(name, "set", "unset in production"));
        }
        let origin = parse_origin(name, origin, self.environment)?;
        if !is_loopback(&origin) {
            return Err(ConfigError::invalid(
                name,
                "another host",
                "a loopback origin",
            ));
        }
        for issuer in &mut self.issuers {
            issuer.keys.move_to(&origin);
            if let Some(candidate) = &mut issuer.candidate_keys {
                candidate.move_to(&origin);
            }
            for url in &mut issuer.status_lists {
                *url = with_origin(url, &origin);
            }
        }
        Ok(self)
    }

    /// Puts the whole verdict in shadow when a deployment starts, in the
    /// simulation only: for trying what that is like.
    pub fn with_simulation_enforcement(mut self, verdict: &str) -> Result<Self, ConfigError> {
        if self.environment != Environment::Simulation {
            let name = "SLUIS_SIMULATION_ENFORCEMENT";
            return Err(ConfigError::invalid(name, "set", "unset in production"));
        }
        self.enforcement.set_simulation(verdict)?;
        Ok(self)
    }

    /// What whoever builds or deploys this should be told, a line each.
    pub fn warnings(&self) -> Vec<String> {
        self.enforcement.warnings()
    }

    /// This deployment's logs, for the stores that keep them.
    pub fn logs(&self) -> &ShardMap {
        &self.log.shards
    }

    /// Checks that the catalogue approves every operation's purpose and data, that
    /// what it approves is a list of fields where the answer is filtered, and that it
    /// names every verification system for some mandate type.
    pub fn check_against(&self, catalogue: &Catalogue) -> Result<(), ConfigError> {
        for operation in self.routes.operations() {
            catalogue
                .check_operation(operation)
                .map_err(|error| unusable("routes", &error))?;
        }
        FieldLists::new(&self.routes, catalogue)?;
        for entry in catalogue.mandate_types() {
            if let Some(own) = entry.log_retention() {
                RetentionTerms::new(own.access_years(), own.refusal_months())
                    .map_err(|error| unusable("logRetention of the catalogue", &error))?;
            }
        }
        for issuer in &self.issuers {
            let system = &issuer.system;
            if !catalogue.admits_verification_system(system.id(), system.kind()) {
                return Err(ConfigError::invalid(
                    "issuers.verification_system",
                    system.id(),
                    "one that the catalogue admits for some mandate type (M-16.2)",
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn issuer(&self, issuer: &str) -> Option<&IssuerConfig> {
        self.issuers.iter().find(|i| i.rules.issuer() == issuer)
    }
}

fn parse_issuer(
    raw: RawIssuer,
    environment: Environment,
    files: &Files,
) -> Result<IssuerConfig, ConfigError> {
    let lifetime = raw.max_token_lifetime_seconds;
    if lifetime == 0 || lifetime > MAX_TOKEN_LIFETIME_SECONDS {
        return Err(ConfigError::out_of_range(
            "issuers.max_token_lifetime_seconds",
            &lifetime,
            &format!("1 to {MAX_TOKEN_LIFETIME_SECONDS} s"),
        ));
    }
    let algorithms = raw
        .algorithms
        .into_iter()
        .map(Into::into)
        .collect::<Vec<_>>();
    let rules = IssuerRules::new(&raw.issuer, &algorithms, lifetime, raw.clock_skew_seconds)
        .map_err(|error| unusable("issuers", &error))?;
    let keys = KeySource::parse("issuers.jwks", raw.jwks, environment, files)?;
    let candidate_keys = raw
        .candidate_jwks
        .map(|raw| KeySource::parse("issuers.candidate_jwks", raw, environment, files));
    let status_lists = raw.status_lists.iter();
    let status_lists = status_lists
        .map(|url| parse_list_prefix(url, environment))
        .collect::<Result<_, _>>()?;
    Ok(IssuerConfig {
        rules,
        system: VerificationSystem::new(&raw.verification_system, raw.kind.into())
            .map_err(|error| unusable("issuers.verification_system", &error))?,
        keys,
        candidate_keys: candidate_keys.transpose()?,
        status_lists,
    })
}

fn parse_log(raw: &raw::RawLog, institution: &str) -> Result<LogConfig, ConfigError> {
    let source = EventSource::new(&raw.service, &raw.source, institution)
        .map_err(|error| unusable("log", &error))?;
    let origin = Origin::parse(&raw.origin).map_err(|error| unusable("log.origin", &error))?;
    let closed = raw.closed.iter().map(|path| {
        let expected = "`/log`, or `/log/` and the number of a shard";
        Shard::parse(path).ok_or_else(|| ConfigError::invalid("log.closed", path, expected))
    });
    let closed = closed.collect::<Result<Vec<_>, _>>()?;
    let shards = ShardMap::new(origin, raw.shards, &closed)
        .map_err(|error| unusable("log.shards", &error))?;
    let receipts = raw.receipts;
    let raw::RawRetention {
        access_years,
        refusal_months,
    } = raw.retention;
    let retention = RetentionTerms::new(access_years, refusal_months)
        .map_err(|error| unusable("log.retention", &error))?;
    Ok(LogConfig {
        shards,
        source,
        receipts,
        retention,
    })
}

fn parse_routes(raw: Vec<raw::RawRoute>) -> Result<RouteTable, ConfigError> {
    refuse_repeats("routes.operation", raw.iter().map(|r| r.operation.as_str()))?;
    let mut routes = RouteTable::default();
    for route in raw {
        let basis = route.basis.into();
        let subject = match (basis, route.subject) {
            (_, Some(location)) => Some(SubjectLocation::try_from(location)?),
            (Basis::Statutory, None) => None,
            (Basis::Mandate, None) => {
                return Err(ConfigError::invalid(
                    "routes.subject",
                    "missing",
                    "`{ path = \"name\" }` or `{ body = \"/pointer\" }` for basis `mandate`",
                ));
            }
        };
        let operation = Operation::new(
            &route.operation,
            basis,
            &route.purpose,
            &route.data_categories,
        )
        .map_err(|error| unusable("routes", &error))?;
        let answer = parse_answer(route.response, route.fields_in)?;
        let (method, path) = (&route.method, &route.path);
        routes.add(method, path, route.query, subject, operation, answer)?;
    }
    Ok(routes)
}

fn parse_answer(response: RawResponse, within: Option<String>) -> Result<Answer, ConfigError> {
    match (response, within) {
        (RawResponse::Opaque, None) => Ok(Answer::Opaque),
        (RawResponse::Fields, within) => Ok(Answer::Fields { within }),
        (RawResponse::Opaque, Some(within)) => Err(ConfigError::invalid(
            "routes.fields_in",
            &within,
            "nothing where `response` is `opaque`",
        )),
    }
}

fn parse_upstream(
    raw: raw::RawUpstream,
    environment: Environment,
) -> Result<UpstreamConfig, ConfigError> {
    if raw.timeout_ms == 0 || raw.timeout_ms > MAX_UPSTREAM_TIMEOUT_MS {
        return Err(ConfigError::out_of_range(
            "upstream.timeout_ms",
            &raw.timeout_ms,
            &format!("1 to {MAX_UPSTREAM_TIMEOUT_MS} ms"),
        ));
    }
    if let Some(name) = raw
        .forward_headers
        .iter()
        .find(|name| !crate::headers::may_be_configured(name))
    {
        return Err(ConfigError::invalid(
            "upstream.forward_headers",
            name,
            "a lower-case name that is neither hop-by-hop nor an identity header",
        ));
    }
    let lifetime = raw.assertion_lifetime_seconds;
    if lifetime == 0 || lifetime > 60 {
        return Err(ConfigError::out_of_range(
            "upstream.assertion_lifetime_seconds",
            &lifetime,
            "1 to 60 s",
        ));
    }
    // A decision's assertion goes to whoever asked. Where the gate forwards
    // itself nobody may get one without being forwarded.
    if raw.mode == RawMode::Both && environment == Environment::Production {
        return Err(ConfigError::invalid(
            "upstream.mode",
            "both",
            "`inline` or `decision` in production",
        ));
    }
    // In line nobody but the client could have set the field.
    if raw.trust_client_cert_field && raw.mode == RawMode::Inline {
        return Err(ConfigError::invalid(
            "upstream.trust_client_cert_field",
            "true",
            "false where the gate forwards itself",
        ));
    }
    Ok(UpstreamConfig {
        trust_client_cert_field: raw.trust_client_cert_field,
        inline: raw.mode != RawMode::Decision,
        decision: raw.mode != RawMode::Inline,
        url: parse_base_url("upstream.url", &raw.url, environment)?,
        timeout_ms: raw.timeout_ms,
        extra_headers: raw.forward_headers,
        assertion_audience: nonempty("upstream.assertion_audience", raw.assertion_audience)?,
        assertion_lifetime_seconds: lifetime,
    })
}
