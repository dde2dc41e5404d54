//! How the mandate came to be (token profile §29): granted by the data subject, informed, strongly authenticated,
//! and accepted by the holder.

use sluis_token::{
    AuthenticationLevel, ConsentItem as TokenConsentItem, FasContext, Grantor, Mandate,
    MandateStatus,
};

use super::Ruling;
use crate::catalogue::MandateType;
use crate::decision::Trail;
use crate::question::Question;
use crate::reason::DenyReason;
use crate::rule::Rule;
use crate::value::Label;
use crate::vocabulary::ConsentItem;

pub(super) fn apply(trail: &mut Trail, entry: &MandateType, question: &Question<'_>) -> Ruling {
    let mandate = question.token.mandate();
    trail.require(Rule::GrantLevel, level(entry, mandate))?;
    trail.require(Rule::GrantedByDataSubject, grantor(mandate))?;
    trail.require(Rule::ConsentItems, consent_items(entry, mandate))?;
    trail.require(Rule::ConsentVersion, consent_version(entry, mandate))?;
    trail.require(Rule::MandateActive, active(mandate))?;
    trail.require(Rule::HolderAccepted, accepted(mandate, question))
}

/// M-13.2: a level that can be read, high enough, of a citizen: the data subject grants for itself, so a level
/// obtained on behalf of an enterprise says nothing about it.
fn level(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let minimum = entry.grant.minimum_level;
    match mandate.grant().level() {
        AuthenticationLevel::Unknown => Err(DenyReason::GrantLevelTooLow {
            minimum,
            found: None,
        }),
        AuthenticationLevel::Fas { level, .. } if level < minimum.as_number() => {
            Err(DenyReason::GrantLevelTooLow {
                minimum,
                found: Some(level),
            })
        }
        AuthenticationLevel::Fas {
            context: Some(FasContext::Enterprise),
            ..
        } => Err(DenyReason::GrantNotAsCitizen),
        AuthenticationLevel::Fas {
            context: Some(FasContext::Citizen) | None,
            ..
        } => Ok(()),
    }
}

/// M-10.1, M-26.1: nobody else can confirm the relation, a holder least of all.
fn grantor(mandate: &Mandate) -> Ruling {
    match mandate.grant().granted_by() {
        Grantor::DataSubject => Ok(()),
        Grantor::Other => Err(DenyReason::NotGrantedByDataSubject),
    }
}

/// M-13.1: every item of the type, which are at least the framework's five.
fn consent_items(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let told = mandate.grant().consent_items();
    match entry
        .grant
        .consent_items
        .iter()
        .find(|item| !told.contains(&spelled(**item)))
    {
        None => Ok(()),
        Some(&item) => Err(DenyReason::ConsentItemMissing { item }),
    }
}

fn spelled(item: ConsentItem) -> TokenConsentItem {
    match item {
        ConsentItem::Scope => TokenConsentItem::Scope,
        ConsentItem::HolderIdentity => TokenConsentItem::HolderIdentity,
        ConsentItem::AuthenticationLevel => TokenConsentItem::AuthenticationLevel,
        ConsentItem::Revocation => TokenConsentItem::Revocation,
        ConsentItem::Registration => TokenConsentItem::Registration,
    }
}

/// M-13.1: in a text that is on file, so that it can be shown later what the data subject read.
fn consent_version(entry: &MandateType, mandate: &Mandate) -> Ruling {
    let version = mandate.grant().consent_version();
    if entry
        .grant
        .consent_versions
        .iter()
        .map(Label::as_str)
        .any(|known| known == version)
    {
        Ok(())
    } else {
        Err(DenyReason::ConsentVersionUnknown {
            version: version.into(),
        })
    }
}

/// M-5.1.
fn active(mandate: &Mandate) -> Ruling {
    match mandate.status() {
        MandateStatus::Active => Ok(()),
        MandateStatus::NotActive => Err(DenyReason::MandateNotActive),
    }
}

/// M-5.1: the holder's acceptance is behind us. Acceptance and first use may fall within one second.
fn accepted(mandate: &Mandate, question: &Question<'_>) -> Ruling {
    let (accepted_at, at) = (mandate.grant().accepted_at(), question.at);
    if accepted_at <= at {
        Ok(())
    } else {
        Err(DenyReason::HolderAcceptanceInFuture { accepted_at, at })
    }
}
