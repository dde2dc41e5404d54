//! Reads `authorization_details` (token profile §19; RFC 9396 §2, §9.1).

use thiserror::Error;

use crate::authentication_level::AuthenticationLevel;
use crate::enterprise::EnterpriseNumber;
use crate::fields::{Fault, FieldError, Fields};
use crate::json::Json;
use crate::mandate::{
    Acceptance, Channel, ConsentItem, Grant, GrantChannel, Grantor, HolderIdentity, HolderType,
    Mandate, MandateHolder, MandateStatus, MandateUser, TokenFor, Usage,
};

/// Most elements of `authorization_details` that are looked at.
pub const MAX_AUTHORIZATION_DETAILS: usize = 8;

/// Most purposes, and most data categories, of a mandate.
pub const MAX_MANDATE_CODES: usize = 32;

/// Longest code, version, role or other short text of a mandate.
pub const MAX_MANDATE_TEXT_BYTES: usize = 128;

const DETAILS: &str = "authorization_details";

/// Why a token does not hold exactly one well-formed mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MandateError {
    /// Another number of mandates than one.
    #[error("{found} mandates in authorization_details, not one")]
    NotOneMandate {
        /// How many there are.
        found: usize,
    },
    /// An authorization detail of a type that is not known here: 403 (RFC 9396 §5).
    #[error("an authorization detail of an unknown type")]
    UnknownDetailType,
    /// A member of the mandate. Its schema is closed, so that nothing that is not
    /// foreseen can reach the institution (M-15.2).
    #[error("mandate: {0}")]
    Member(FieldError),
    /// A holder with both an enterprise number and a pseudonym, or with neither (M-17.3).
    #[error("a holder is named by an enterprise number or by a pseudonym")]
    HolderIdentity,
}

impl From<FieldError> for MandateError {
    fn from(error: FieldError) -> Self {
        Self::Member(error)
    }
}

impl MandateError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOneMandate { .. } => "mandateNotOne",
            Self::UnknownDetailType => "authorizationDetailUnknown",
            Self::Member(error) => match error.fault {
                Fault::Missing => "mandateMemberMissing",
                Fault::WrongType => "mandateMemberWrongType",
                Fault::Empty => "mandateMemberEmpty",
                Fault::TooLong { .. } => "mandateMemberTooLong",
                Fault::Malformed => "mandateMemberMalformed",
                Fault::UnknownValue => "mandateMemberUnknownValue",
                Fault::Repeated => "mandateMemberRepeatedValue",
                Fault::UnknownMember => "mandateMemberUnknown",
            },
            Self::HolderIdentity => "mandateHolderIdentity",
        }
    }
}

/// The one mandate of `authorization_details`.
pub(crate) fn parse(claims: Fields<'_, '_>) -> Result<Mandate, MandateError> {
    let elements = match claims.any(DETAILS) {
        // `array` calls an empty array empty; here that is no mandate.
        Some(Json::Array(elements)) if elements.is_empty() => {
            return Err(MandateError::NotOneMandate { found: 0 });
        }
        _ => claims.array(DETAILS, MAX_AUTHORIZATION_DETAILS)?,
    };
    let mut first = None;
    for element in elements {
        let Json::Object(detail) = element else {
            return Err(FieldError::new(DETAILS, Fault::WrongType).into());
        };
        let detail = Fields(detail);
        if detail.text("authorization_details.type", MAX_MANDATE_TEXT_BYTES)? != "mandate" {
            return Err(MandateError::UnknownDetailType);
        }
        first.get_or_insert(detail);
    }
    match (first, elements.len()) {
        (Some(detail), 1) => mandate(detail),
        (_, found) => Err(MandateError::NotOneMandate { found }),
    }
}

fn mandate(detail: Fields<'_, '_>) -> Result<Mandate, MandateError> {
    detail.closed(
        "mandate",
        &[
            "type",
            "mandateId",
            "mandateType",
            "deliberation",
            "status",
            "purposes",
            "dataCategories",
            "validFrom",
            "validUntil",
            "usage",
            "grant",
            "holder",
            "channel",
            "tokenFor",
            "circleOfTrust",
            "terms",
            "user",
        ],
    )?;
    Ok(Mandate {
        id: form(detail, "mandateId", is_uuid)?,
        type_code: form(detail, "mandateType", is_code)?,
        deliberation: form(detail, "deliberation", is_deliberation)?,
        status: match detail.text("status", MAX_MANDATE_TEXT_BYTES)? {
            "active" => MandateStatus::Active,
            _ => MandateStatus::NotActive,
        },
        purposes: codes(detail, "purposes")?,
        data_categories: codes(detail, "dataCategories")?,
        valid_from: detail.time("validFrom")?,
        valid_until: detail.time("validUntil")?,
        usage: detail.one_of(
            "usage",
            &[
                ("repeated", Usage::Repeated),
                ("singleUse", Usage::SingleUse),
            ],
        )?,
        grant: grant(detail.object("grant")?)?,
        holder: holder(detail.object("holder")?)?,
        channel: detail.one_of(
            "channel",
            &[("api", Channel::Api), ("webApp", Channel::WebApp)],
        )?,
        token_for: detail.one_of(
            "tokenFor",
            &[
                ("application", TokenFor::Application),
                ("user", TokenFor::User),
            ],
        )?,
        circle_of_trust: detail
            .optional_object("circleOfTrust")?
            .map(|fields| {
                acceptance(
                    fields,
                    "circleOfTrust",
                    "circleOfTrust.version",
                    "circleOfTrust.acceptedAt",
                )
            })
            .transpose()?,
        terms: detail
            .optional_object("terms")?
            .map(|fields| acceptance(fields, "terms", "terms.version", "terms.acceptedAt"))
            .transpose()?,
        user: detail.optional_object("user")?.map(user).transpose()?,
    })
}

fn grant(fields: Fields<'_, '_>) -> Result<Grant, FieldError> {
    fields.closed(
        "grant",
        &[
            "level",
            "grantedBy",
            "channel",
            "consentVersion",
            "consentItems",
            "acceptedAt",
        ],
    )?;
    Ok(Grant {
        level: AuthenticationLevel::parse(fields.text("grant.level", MAX_MANDATE_TEXT_BYTES)?),
        granted_by: match fields.text("grant.grantedBy", MAX_MANDATE_TEXT_BYTES)? {
            "dataSubject" => Grantor::DataSubject,
            _ => Grantor::Other,
        },
        channel: fields.one_of(
            "grant.channel",
            &[
                ("online", GrantChannel::Online),
                ("paperUpload", GrantChannel::PaperUpload),
            ],
        )?,
        consent_version: fields
            .text("grant.consentVersion", MAX_MANDATE_TEXT_BYTES)?
            .into(),
        consent_items: fields.set("grant.consentItems", ConsentItem::ALL.len(), consent_item)?,
        accepted_at: fields.time("grant.acceptedAt")?,
    })
}

fn consent_item(text: &str) -> Result<ConsentItem, Fault> {
    match text {
        "scope" => Ok(ConsentItem::Scope),
        "holderIdentity" => Ok(ConsentItem::HolderIdentity),
        "authenticationLevel" => Ok(ConsentItem::AuthenticationLevel),
        "revocation" => Ok(ConsentItem::Revocation),
        "registration" => Ok(ConsentItem::Registration),
        _ => Err(Fault::UnknownValue),
    }
}

fn holder(fields: Fields<'_, '_>) -> Result<MandateHolder, MandateError> {
    fields.closed("holder", &["type", "enterpriseNumber", "pseudonym"])?;
    let number = fields.optional_text("holder.enterpriseNumber", MAX_MANDATE_TEXT_BYTES)?;
    let pseudonym = fields.optional_identifier("holder.pseudonym", MAX_MANDATE_TEXT_BYTES)?;
    let identity = match (number, pseudonym) {
        (Some(number), None) => HolderIdentity::EnterpriseNumber(
            EnterpriseNumber::parse(number)
                .map_err(|_| FieldError::new("holder.enterpriseNumber", Fault::Malformed))?,
        ),
        // A number given as a pseudonym would name the holder after all (M-15.4).
        (None, Some(pseudonym)) if is_enterprise_number(pseudonym) => {
            return Err(FieldError::new("holder.pseudonym", Fault::Malformed).into());
        }
        (None, Some(pseudonym)) => HolderIdentity::Pseudonym(pseudonym.into()),
        (Some(_), Some(_)) | (None, None) => return Err(MandateError::HolderIdentity),
    };
    Ok(MandateHolder {
        kind: fields.one_of(
            "holder.type",
            &[
                ("organization", HolderType::Organization),
                ("enterprise", HolderType::Enterprise),
                ("individualPractitioner", HolderType::IndividualPractitioner),
            ],
        )?,
        identity,
    })
}

fn acceptance(
    fields: Fields<'_, '_>,
    path: &'static str,
    version: &'static str,
    accepted_at: &'static str,
) -> Result<Acceptance, FieldError> {
    fields.closed(path, &["version", "acceptedAt"])?;
    Ok(Acceptance {
        version: fields.text(version, MAX_MANDATE_TEXT_BYTES)?.into(),
        accepted_at: fields.time(accepted_at)?,
    })
}

fn user(fields: Fields<'_, '_>) -> Result<MandateUser, FieldError> {
    fields.closed("user", &["level", "role", "actingFor"])?;
    Ok(MandateUser {
        level: AuthenticationLevel::parse(fields.text("user.level", MAX_MANDATE_TEXT_BYTES)?),
        role: fields
            .optional_identifier("user.role", MAX_MANDATE_TEXT_BYTES)?
            .map(Box::from),
        acting_for: fields
            .optional_identifier("user.actingFor", MAX_MANDATE_TEXT_BYTES)?
            .map(Box::from),
    })
}

fn form(
    fields: Fields<'_, '_>,
    path: &'static str,
    has_form: impl Fn(&str) -> bool,
) -> Result<Box<str>, FieldError> {
    let text = fields.text(path, MAX_MANDATE_TEXT_BYTES)?;
    if has_form(text) {
        Ok(text.into())
    } else {
        Err(FieldError::new(path, Fault::Malformed))
    }
}

fn codes(fields: Fields<'_, '_>, path: &'static str) -> Result<Vec<Box<str>>, FieldError> {
    fields.set(path, MAX_MANDATE_CODES, |text| {
        if is_code(text) {
            Ok(Box::from(text))
        } else {
            Err(Fault::Malformed)
        }
    })
}

/// Whether a text is an enterprise number in any usual spelling: with points, with
/// nine digits, as a VAT number or as a URN (e-Box).
fn is_enterprise_number(text: &str) -> bool {
    let text = text.rsplit(':').next().unwrap_or(text);
    let text = text.trim_start_matches(|character: char| character.is_ascii_alphabetic());
    let digits: String = text
        .chars()
        .filter(|character| !matches!(character, '.' | '-' | ' '))
        .collect();
    EnterpriseNumber::parse(&format!("{digits:0>10}")).is_ok()
}

/// A code of the catalogue, lowerCamelCase. A wildcard is none (M-5.2).
fn is_code(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `24/222`, `SIM/001`: letters or digits, a slash, digits.
fn is_deliberation(text: &str) -> bool {
    text.split_once('/').is_some_and(|(series, number)| {
        !series.is_empty()
            && series.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A UUID in lower case (Belgif `Uuid`), the one spelling of it.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| {
            if matches!(index, 8 | 13 | 18 | 23) {
                byte == b'-'
            } else {
                matches!(byte, b'0'..=b'9' | b'a'..=b'f')
            }
        })
}
