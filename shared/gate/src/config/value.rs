//! Single values of a configuration: addresses, names, lists without repeats.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sluis_policy::Environment;

use super::ConfigError;

/// Where an issuer's status lists may stand: an address that ends in `/`, so that it
/// cannot be continued into another host or folder; https, as for keys.
pub(super) fn parse_list_prefix(
    url: &str,
    environment: Environment,
) -> Result<String, ConfigError> {
    let field = "issuers.status_lists";
    let Some(folder) = url.strip_suffix('/') else {
        return Err(ConfigError::invalid(
            field,
            url,
            "an address that ends in `/`",
        ));
    };
    let base = parse_base_url(field, folder, environment)?;
    if base.starts_with("http://") && environment == Environment::Production {
        return Err(ConfigError::invalid(field, url, "https"));
    }
    Ok(url.to_owned())
}

/// Another origin in front of the same path.
pub(super) fn with_origin(url: &str, origin: &str) -> String {
    let path = path_of(url).unwrap_or("/");
    format!("{origin}{path}")
}

/// The path of an absolute URL, if it has one.
pub(super) fn path_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.find('/').map(|at| rest.split_at(at).1)
}

/// Keys come over https; plain http is for loopback in the simulation (profile §11).
pub(super) fn parse_key_url(
    field: &str,
    url: &str,
    environment: Environment,
) -> Result<String, ConfigError> {
    let (scheme_and_host, path) = url
        .split_once("://")
        .and_then(|(scheme, rest)| {
            let at = rest.find('/')?;
            let (host, path) = rest.split_at(at);
            Some((format!("{scheme}://{host}"), path))
        })
        .ok_or_else(|| ConfigError::invalid(field, url, "an absolute URL"))?;
    let origin = parse_origin(field, &scheme_and_host, environment)?;
    if origin.starts_with("http://") && environment == Environment::Production {
        return Err(ConfigError::invalid(field, url, "https"));
    }
    if path.contains(['?', '#']) {
        return Err(ConfigError::invalid(
            field,
            url,
            "a URL without query and fragment",
        ));
    }
    Ok(format!("{origin}{path}"))
}

pub(super) fn parse_origin(
    field: &str,
    origin: &str,
    environment: Environment,
) -> Result<String, ConfigError> {
    let expected = "`https://host[:port]`, or `http://` for loopback in the simulation";
    let bad = || ConfigError::invalid(field, "another value", expected);
    let (scheme, authority) = origin.split_once("://").ok_or_else(bad)?;
    let plain = authority
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    if authority.is_empty() || !plain {
        return Err(bad());
    }
    let allowed = match (scheme, environment) {
        ("https", _) => true,
        // In production a plain-text upstream is only the one beside us.
        ("http", Environment::Simulation | Environment::Production) => is_loopback(origin),
        _ => false,
    };
    if allowed {
        Ok(origin.to_owned())
    } else {
        Err(bad())
    }
}

/// An origin with an optional path in normal form.
pub(super) fn parse_base_url(
    field: &str,
    url: &str,
    environment: Environment,
) -> Result<String, ConfigError> {
    let authority_at = url.find("://").map_or(0, |at| at + 3);
    let (origin, path) = match url.get(authority_at..).and_then(|rest| rest.find('/')) {
        Some(slash) => url.split_at(authority_at + slash),
        None => (url, ""),
    };
    parse_origin(field, origin, environment)?;
    if path.is_empty() || crate::route::is_normal_path(path) {
        Ok(url.to_owned())
    } else {
        Err(ConfigError::invalid(
            field,
            url,
            "a path of plain segments without a trailing slash",
        ))
    }
}

pub(super) fn is_loopback(origin: &str) -> bool {
    let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    // An address, not a name that begins like one.
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(crate) fn unusable(field: &str, error: &impl ToString) -> ConfigError {
    ConfigError::Unusable {
        field: field.to_owned(),
        message: error.to_string(),
    }
}

pub(super) fn nonempty(field: &str, value: String) -> Result<String, ConfigError> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(ConfigError::invalid(field, &value, "a non-empty text"));
    }
    Ok(value)
}

/// Text that also stands in a header or a URN: letters, digits, `-._`.
pub(super) fn token_text(field: &str, value: String) -> Result<String, ConfigError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if value.is_empty() || !value.bytes().all(plain) {
        return Err(ConfigError::invalid(
            field,
            &value,
            "letters, digits, `-`, `.` and `_`",
        ));
    }
    Ok(value)
}

pub(super) fn refuse_repeats<'a>(
    field: &str,
    values: impl Iterator<Item = &'a str>,
) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for value in values {
        if !seen.insert(value) {
            return Err(ConfigError::invalid(field, value, "each value once"));
        }
    }
    Ok(())
}
