//! Over which channel the holder comes and what that channel asks (token profile §31; M-23, M-24).

use sluis_token::{
    Acceptance, AuthenticationLevel, Channel, HolderIdentity as TokenHolder, Mandate, MandateUser,
    TokenFor, UnixTime,
};

use super::{Ruling, scope};
use crate::catalogue::{ApiChannel, MandateType, WebAppChannel};
use crate::decision::Trail;
use crate::question::Question;
use crate::reason::DenyReason;
use crate::rule::Rule;
use crate::value::Label;
use crate::vocabulary::HolderType;

pub(super) fn apply(trail: &mut Trail, entry: &MandateType, question: &Question<'_>) -> Ruling {
    let mandate = question.token.mandate();
    let not_offered = |channel| DenyReason::ChannelNotOffered {
        code: entry.code().into(),
        channel,
    };
    match mandate.channel() {
        Channel::Api => {
            let offered = entry
                .channels
                .api
                .as_ref()
                .ok_or_else(|| not_offered("api"));
            let channel = trail.apply(Rule::ChannelOffered, offered)?;
            api(trail, channel, mandate, question.at)
        }
        Channel::WebApp => {
            let offered = entry
                .channels
                .web_app
                .as_ref()
                .ok_or_else(|| not_offered("webApp"));
            let channel = trail.apply(Rule::ChannelOffered, offered)?;
            web_app(trail, channel, mandate, question.at)
        }
    }
}

/// M-23: the holder as such is checked, not its users (M-23.2).
fn api(trail: &mut Trail, channel: &ApiChannel, mandate: &Mandate, at: UnixTime) -> Ruling {
    let found = scope::spelled(mandate.holder().kind());
    // §23 names organisations and enterprises; a practitioner has the web application.
    let holder = match found {
        HolderType::Organization | HolderType::Enterprise => Ok(()),
        HolderType::IndividualPractitioner => Err(DenyReason::ApiNotForHolderType { found }),
    };
    trail.require(Rule::ApiHolder, holder)?;
    let circle_of_trust = match accepted(mandate.circle_of_trust(), &channel.cot_version, at) {
        Standing::Current => Ok(()),
        Standing::Missing => Err(DenyReason::CircleOfTrustNotAccepted),
        Standing::Outdated { current, found } => {
            Err(DenyReason::CircleOfTrustOutdated { current, found })
        }
        Standing::TooLate { accepted_at } => {
            Err(DenyReason::CircleOfTrustAcceptedTooLate { accepted_at, at })
        }
    };
    trail.require(Rule::CircleOfTrustAccepted, circle_of_trust)?;
    trail.require(
        Rule::TermsAccepted,
        terms(mandate, &channel.terms_version, at),
    )
}

/// M-24: no Circle of Trust (M-24.1), but a known user who acts for the holder.
fn web_app(trail: &mut Trail, channel: &WebAppChannel, mandate: &Mandate, at: UnixTime) -> Ruling {
    let present = match (mandate.token_for(), mandate.user()) {
        (TokenFor::User, Some(user)) => Ok(user),
        (TokenFor::User, None) | (TokenFor::Application, _) => Err(DenyReason::UserMissing),
    };
    let user = trail.apply(Rule::UserPresent, present)?;
    trail.require(Rule::UserLevel, user_level(channel, user))?;
    trail.require(Rule::UserRole, user_role(user, mandate.holder().identity()))?;
    trail.require(
        Rule::TermsAccepted,
        terms(mandate, &channel.terms_version, at),
    )
}

/// M-24.2. An enterprise context is fine here: the user represents the holder.
fn user_level(channel: &WebAppChannel, user: &MandateUser) -> Ruling {
    let minimum = channel.minimum_level;
    match user.level() {
        AuthenticationLevel::Fas { level, .. } if level >= minimum.as_number() => Ok(()),
        AuthenticationLevel::Fas { level, .. } => Err(DenyReason::UserLevelTooLow {
            minimum,
            found: Some(level),
        }),
        AuthenticationLevel::Unknown => Err(DenyReason::UserLevelTooLow {
            minimum,
            found: None,
        }),
    }
}

/// M-24.3: the user states a role and acts for this very holder, in the terms in which the token names the holder.
fn user_role(user: &MandateUser, holder: &TokenHolder) -> Ruling {
    if user.role().is_none_or(str::is_empty) {
        return Err(DenyReason::UserRoleMissing);
    }
    let named = match holder {
        TokenHolder::EnterpriseNumber(number) => number.as_str(),
        TokenHolder::Pseudonym(pseudonym) => pseudonym,
    };
    if user.acting_for() == Some(named) {
        Ok(())
    } else {
        Err(DenyReason::UserNotActingForHolder)
    }
}

/// M-23.1, M-24.4.
fn terms(mandate: &Mandate, current: &Label, at: UnixTime) -> Ruling {
    match accepted(mandate.terms(), current, at) {
        Standing::Current => Ok(()),
        Standing::Missing => Err(DenyReason::TermsNotAccepted),
        Standing::Outdated { current, found } => Err(DenyReason::TermsOutdated { current, found }),
        Standing::TooLate { accepted_at } => {
            Err(DenyReason::TermsAcceptedTooLate { accepted_at, at })
        }
    }
}

enum Standing {
    Current,
    Missing,
    Outdated { current: Box<str>, found: Box<str> },
    TooLate { accepted_at: UnixTime },
}

/// M-23.1: accepted in the current version, and *before* the request: within the same second is not before.
fn accepted(acceptance: Option<&Acceptance>, current: &Label, at: UnixTime) -> Standing {
    match acceptance {
        None => Standing::Missing,
        Some(accepted) if accepted.version() != current.as_str() => Standing::Outdated {
            current: current.as_str().into(),
            found: accepted.version().into(),
        },
        Some(accepted) if accepted.accepted_at() >= at => Standing::TooLate {
            accepted_at: accepted.accepted_at(),
        },
        Some(_) => Standing::Current,
    }
}
