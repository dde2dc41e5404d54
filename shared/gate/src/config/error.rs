//! What can be wrong with a configuration, one line each.

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is no TOML, or a field is unknown, missing or of a wrong type.
    #[error("line {line}: field `{field}`: {message}")]
    Syntax {
        /// Path of the field, such as `issuers[0].jwks`.
        field: String,
        /// Line in the file, from 1.
        line: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// A field's value cannot be used.
    #[error("field `{field}`: {found:?} found, expected {expected}")]
    Invalid {
        /// Name of the field.
        field: String,
        /// What the file says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// A field's value was refused by what it is for.
    #[error("field `{field}`: {message}")]
    Unusable {
        /// Name of the field.
        field: String,
        /// What was found and what was expected.
        message: String,
    },
    /// A file that the configuration names cannot be used.
    #[error("field `{field}`: {path}: {message}")]
    File {
        /// The field that names it.
        field: String,
        /// The path as the configuration writes it.
        path: String,
        /// Why.
        message: String,
    },
    /// The embedded form cannot be read or written.
    #[error("the embedded configuration: {message}")]
    Embedded {
        /// Why.
        message: String,
    },
}

impl ConfigError {
    pub(crate) fn invalid(field: &str, found: &str, expected: &str) -> Self {
        Self::Invalid {
            field: field.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }

    pub(crate) fn out_of_range(field: &str, found: &impl ToString, expected: &str) -> Self {
        Self::invalid(field, &found.to_string(), expected)
    }
}
