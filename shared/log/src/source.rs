//! What every record of a deployment says of who wrote it.

use crate::payload::{PayloadError, bounded};

/// Who writes the records: the same for every record of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource {
    pub(crate) service: String,
    pub(crate) source: String,
    pub(crate) institution: String,
}

impl EventSource {
    /// Checks what the configuration says of this deployment.
    ///
    /// `service` is Belgif's `<reverse DNS>.<name>.v<major>`, `source` an absolute
    /// URI, `institution` the institution whose data is asked for.
    pub fn new(service: &str, source: &str, institution: &str) -> Result<Self, PayloadError> {
        bounded("service", service)?;
        bounded("source", source)?;
        bounded("institution", institution)?;
        if !is_service(service) {
            return Err(PayloadError::Service(service.to_owned()));
        }
        if !is_absolute_uri(source) {
            return Err(PayloadError::Source(source.to_owned()));
        }
        if institution.is_empty() {
            return Err(PayloadError::Empty("institution"));
        }
        Ok(Self {
            service: service.to_owned(),
            source: source.to_owned(),
            institution: institution.to_owned(),
        })
    }
}

/// At least three labels of lower-case letters, digits and hyphens, the last
/// one `v` and a number (Belgif REST guide, rule async-svctype).
pub(crate) fn is_service(service: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let Some((name, version)) = service.rsplit_once(".v") else {
        return false;
    };
    name.contains('.')
        && name.split('.').all(label)
        && !version.is_empty()
        && version.bytes().all(|b| b.is_ascii_digit())
}

/// A scheme and something after it, without white space (RFC 3986 §4.3).
pub(crate) fn is_absolute_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && rest.bytes().all(|b| b.is_ascii_graphic())
}
