//! Who attests, who holds, for what, over which data, for how long (token profile §26–28).

use sluis_token::{HolderType as TokenHolderType, Mandate, Usage as TokenUsage};

use super::Ruling;
use crate::catalogue::{DataCategory, MandateType};
use crate::decision::Trail;
use crate::question::Question;
use crate::reason::DenyReason;
use crate::rule::Rule;
use crate::value::Code;
use crate::vocabulary::{HolderType, Usage};

pub(super) fn apply(trail: &mut Trail, entry: &MandateType, question: &Question<'_>) -> Ruling {
    let mandate = question.token.mandate();
    trail.apply(
        Rule::VerificationSystemAdmissible,
        verification_system(entry, question),
    )?;
    trail.require(Rule::HolderTypeAdmitted, holder_type(entry, mandate))?;
    trail.require(Rule::PurposeCovered, purpose_covered(mandate, question))?;
    trail.require(Rule::PurposesApproved, purposes_approved(entry, mandate))?;
    trail.require(
        Rule::DataCategoriesCovered,
        data_categories_covered(mandate, question),
    )?;
    trail.require(
        Rule::DataCategoriesApproved,
        data_categories_approved(entry, mandate),
    )?;
    trail.apply(Rule::MandateWindow, window(mandate, question))?;
    trail.require(Rule::MandateDuration, duration(entry, mandate))?;
    trail.apply(
        Rule::TokenWithinMandate,
        token_within_mandate(mandate, question),
    )?;
    trail.apply(Rule::UsageAdmitted, usage(entry, mandate))
}

/// M-16.2: a trusted issuer is not enough, it must be one for this type.
fn verification_system(entry: &MandateType, question: &Question<'_>) -> Ruling {
    let system = question.verification_system;
    if entry.admits(system.id(), system.kind()) {
        return Ok(());
    }
    Err(DenyReason::VerificationSystemNotAdmissible {
        system: system.id().into(),
        kind: system.kind(),
        code: entry.code().into(),
    })
}

/// M-1.1.
fn holder_type(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let found = spelled(mandate.holder().kind());
    if entry.holder_types().contains(&found) {
        Ok(())
    } else {
        Err(DenyReason::HolderTypeNotAdmitted {
            code: entry.code().into(),
            found,
        })
    }
}

/// The token's spelling of a holder type in the catalogue's terms.
pub(super) fn spelled(holder: TokenHolderType) -> HolderType {
    match holder {
        TokenHolderType::Organization => HolderType::Organization,
        TokenHolderType::Enterprise => HolderType::Enterprise,
        TokenHolderType::IndividualPractitioner => HolderType::IndividualPractitioner,
    }
}

/// M-5.2: route ∈ token.
fn purpose_covered(mandate: &Mandate, question: &Question<'_>) -> Ruling {
    let purpose = question.operation.purpose();
    if mandate.has_purpose(purpose) {
        Ok(())
    } else {
        Err(DenyReason::PurposeNotCovered {
            purpose: purpose.into(),
        })
    }
}

/// M-12.3: token ⊆ catalogue. A single purpose too many spoils the whole mandate: it is not the standardised one.
fn purposes_approved(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let approved = |purpose: &str| {
        entry
            .purposes()
            .iter()
            .map(Code::as_str)
            .any(|code| code == purpose)
    };
    match mandate.purposes().iter().find(|purpose| !approved(purpose)) {
        None => Ok(()),
        Some(purpose) => Err(DenyReason::PurposeNotApproved {
            purpose: purpose.clone(),
        }),
    }
}

/// M-6.2: route ⊆ token.
fn data_categories_covered(mandate: &Mandate, question: &Question<'_>) -> Ruling {
    match question
        .operation
        .data_categories()
        .find(|category| !mandate.has_data_category(category))
    {
        None => Ok(()),
        Some(category) => Err(DenyReason::DataCategoryNotCovered {
            category: category.into(),
        }),
    }
}

/// M-12.3: token ⊆ catalogue.
fn data_categories_approved(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let approved = |category: &str| {
        entry
            .data_categories()
            .iter()
            .map(DataCategory::code)
            .any(|code| code == category)
    };
    match mandate
        .data_categories()
        .iter()
        .find(|category| !approved(category))
    {
        None => Ok(()),
        Some(category) => Err(DenyReason::DataCategoryNotApproved {
            category: category.clone(),
        }),
    }
}

/// M-12.5: `validFrom ≤ now < validUntil`, to the second; clock skew is for tokens, not for mandates.
fn window(mandate: &Mandate, question: &Question<'_>) -> Ruling {
    let at = question.at;
    if at < mandate.valid_from() {
        return Err(DenyReason::MandateNotYetValid {
            valid_from: mandate.valid_from(),
            at,
        });
    }
    if at >= mandate.valid_until() {
        return Err(DenyReason::MandateExpired {
            valid_until: mandate.valid_until(),
            at,
        });
    }
    Ok(())
}

/// M-12.5: `validUntil − validFrom ≤ max`.
fn duration(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let maximum = entry.max_mandate_duration().as_seconds();
    match mandate.valid_until().seconds_since(mandate.valid_from()) {
        Some(seconds) if seconds <= maximum => Ok(()),
        Some(seconds) => Err(DenyReason::MandateDurationExceeded { seconds, maximum }),
        // Backwards: the window has refused it already; refused here as well, so that no order of rules matters.
        None => Err(DenyReason::MandateDurationExceeded {
            seconds: 0,
            maximum,
        }),
    }
}

/// M-12.5: `exp ≤ validUntil`.
fn token_within_mandate(mandate: &Mandate, question: &Question<'_>) -> Ruling {
    let (expires_at, valid_until) = (question.token.expires_at(), mandate.valid_until());
    if expires_at <= valid_until {
        Ok(())
    } else {
        Err(DenyReason::TokenOutlivesMandate {
            expires_at,
            valid_until,
        })
    }
}

/// M-9.2: exactly as approved. That a single use is the first one is not known here: the gate consumes it, last.
fn usage(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let found = match mandate.usage() {
        TokenUsage::Repeated => Usage::Repeated,
        TokenUsage::SingleUse => Usage::SingleUse,
    };
    let approved = entry.usage();
    if approved == found {
        Ok(())
    } else {
        Err(DenyReason::UsageNotApproved { approved, found })
    }
}
