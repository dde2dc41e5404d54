//! The decision: total, deny by default, every rule recorded (token profile §26–32).
//!
//! The rules are applied in the order of [`Rule`] and the first that does not hold ends it. Going on would gain a
//! longer list of faults for the record, at a price: later rules read what earlier ones establish (which type, which
//! deliberation), so "evaluated" would mean different things for different refusals, and a caller could learn from
//! one call everything that is wrong with a token. With a fixed order a decision is the same for the same question,
//! and the rules listed as held are exactly those that were applied.

mod channel;
mod grant;
mod scope;

use std::sync::Arc;

use sluis_token::{EnterpriseNumber, Mandate, UnixTime};

use crate::catalogue::{Catalogue, DatedDeliberation, DeliberationVersion, OfferedType, Standing};
use crate::decision::{Allowance, Decision, Outcome, Trail};
use crate::question::{Basis, Environment, Question};
use crate::reason::DenyReason;
use crate::rule::Rule;
use crate::shadow::ShadowRules;
use crate::vocabulary::{Contents, DeliberationKind, HolderIdentity, VerificationSystemKind};

type Ruling = Result<(), DenyReason>;

/// Whether `question` is allowed by `catalogue`, and why.
///
/// It cannot fail: whatever cannot be established is a refusal.
pub fn decide(catalogue: &Catalogue, question: &Question<'_>) -> Decision {
    decide_in_shadow(catalogue, question, ShadowRules::NONE)
}

/// The same with some rules only watched: a failure of one is in the trail, and the next rule is applied.
pub fn decide_in_shadow(
    catalogue: &Catalogue,
    question: &Question<'_>,
    shadow: ShadowRules,
) -> Decision {
    let mandate = question.token.mandate();
    let offered = catalogue.offered_type(mandate.mandate_type());
    // Known before any rule is applied, so that no refusal is careless with the holder.
    let demanded = demanded_identity(question.verification_system.kind(), offered);
    let mut deciding = Deciding {
        catalogue,
        question,
        mandate,
        trail: Trail::new(shadow),
        deliberation: None,
        framework: None,
    };
    let outcome = match question.operation.basis() {
        Basis::Mandate => deciding.mandate_flow(offered, demanded),
        Basis::Statutory => deciding.statutory_flow(),
    };
    Decision {
        outcome: outcome.map_or_else(Outcome::Deny, Outcome::Allow),
        trail: deciding.trail,
        deliberation: deciding.deliberation,
        framework: deciding.framework,
        holder_identity: demanded.unwrap_or(HolderIdentity::Pseudonymised),
        alarm: demanded == Some(HolderIdentity::Pseudonymised) && names_holder(mandate),
        catalogue_digest: catalogue.digest(),
        at: question.at,
    }
}

/// How the holder had to be named, where that can be told (M-15.4, M-17.3).
fn demanded_identity(
    kind: VerificationSystemKind,
    offered: Option<&OfferedType>,
) -> Option<HolderIdentity> {
    match kind {
        VerificationSystemKind::SecondaryNetwork => Some(HolderIdentity::Pseudonymised),
        VerificationSystemKind::Cbss => offered.map(|offered| offered.entry.holder_identity()),
    }
}

/// Whether the mandate names its holder: as the holder, or as whom its user acts for (M-15.2).
fn names_holder(mandate: &Mandate) -> bool {
    let acting_for = mandate.user().and_then(|user| user.acting_for());
    !mandate.holder().identity().is_pseudonym()
        || acting_for.is_some_and(|text| EnterpriseNumber::parse(text).is_ok())
}

struct Deciding<'a> {
    catalogue: &'a Catalogue,
    question: &'a Question<'a>,
    mandate: &'a Mandate,
    trail: Trail,
    deliberation: Option<DeliberationVersion>,
    framework: Option<DeliberationVersion>,
}

impl Deciding<'_> {
    /// A token of this profile carries a mandate, always; so a statutory operation is refused, with the standing of
    /// its deliberation in the reason and in the record (M-11.1, S-12.1).
    fn statutory_flow(&mut self) -> Result<Allowance, DenyReason> {
        let purpose = self.question.operation.purpose();
        let found = self
            .catalogue
            .statutory_basis(purpose)
            .and_then(|basis| self.catalogue.deliberation(basis.deliberation().as_str()))
            .ok_or_else(|| DenyReason::StatutoryBasisUnknown {
                purpose: purpose.into(),
            });
        let dated = self.trail.apply(Rule::StatutoryBasisKnown, found)?;
        let version = in_force(dated, Basis::Statutory, self.question.at);
        self.deliberation = Some(self.trail.apply(Rule::StatutoryBasisInForce, version)?);
        let operation = self.question.operation.id().into();
        self.trail.apply(
            Rule::FlowSeparated,
            Err(DenyReason::MandateOnStatutoryOperation { operation }),
        )
    }

    fn mandate_flow(
        &mut self,
        offered: Option<&OfferedType>,
        demanded: Option<HolderIdentity>,
    ) -> Result<Allowance, DenyReason> {
        // M-1.3, M-11.1: this is the mandate flow, and the token carries a mandate.
        self.trail.apply(Rule::FlowSeparated, Ok(()))?;
        let offered = self.offered_type(offered)?;
        let framework = self.framework_in_force()?;
        let deliberation = self.approving_deliberation(offered)?;
        let entry = &*offered.entry;
        scope::apply(&mut self.trail, entry, self.question)?;
        grant::apply(&mut self.trail, entry, self.question)?;
        let holder = holder_as_demanded(demanded, self.question);
        self.trail.apply(Rule::HolderIdentity, holder)?;
        channel::apply(&mut self.trail, entry, self.question)?;
        Ok(Allowance {
            mandate_type: Arc::clone(&offered.entry),
            deliberation,
            framework,
        })
    }

    /// M-12.1: a standard type, of this environment, still offered.
    fn offered_type<'b>(
        &mut self,
        offered: Option<&'b OfferedType>,
    ) -> Result<&'b OfferedType, DenyReason> {
        let code = || Box::from(self.mandate.mandate_type());
        let known = offered.ok_or_else(|| DenyReason::MandateTypeUnknown { code: code() });
        let fits = |offered: &OfferedType| match self.question.environment {
            Environment::Production if offered.simulation_only => {
                Err(DenyReason::SimulationOnlyInProduction { code: code() })
            }
            Environment::Production | Environment::Simulation => Ok(()),
        };
        let at = self.question.at;
        let still_offered = |offered: &OfferedType| match offered.entry.withdrawn_from() {
            Some(from) if at >= from.moment() => Err(DenyReason::MandateTypeWithdrawn {
                code: code(),
                from: from.moment(),
                at,
            }),
            Some(_) | None => Ok(()),
        };
        let offered = self.trail.apply(Rule::MandateTypeKnown, known)?;
        self.trail.apply(Rule::EnvironmentMatches, fits(offered))?;
        self.trail
            .require(Rule::MandateTypeOffered, still_offered(offered))?;
        Ok(offered)
    }

    /// M-D.1: the framework is always respected, so one must be in force, and every one in force must be held.
    fn framework_in_force(&mut self) -> Result<DeliberationVersion, DenyReason> {
        let at = self.question.at;
        let mut result = Err(DenyReason::FrameworkNotInForce { at });
        for (dated, version) in self.catalogue.frameworks_at(at) {
            self.framework.get_or_insert(version.clone());
            match dated.entry.contents() {
                Contents::Encoded if result.is_err() => result = Ok(version),
                Contents::Encoded => {}
                Contents::NotHeld => {
                    result = Err(DenyReason::FrameworkNotHeld {
                        number: dated.number.as_ref().into(),
                        at,
                    });
                    break;
                }
            }
        }
        self.trail.apply(Rule::FrameworkInForce, result)
    }

    /// M-12.2: the deliberation that the token names approved this type and is in force at the time of the request.
    fn approving_deliberation(
        &mut self,
        offered: &OfferedType,
    ) -> Result<DeliberationVersion, DenyReason> {
        let named = approves(self.catalogue, offered, self.mandate);
        let dated = self.trail.apply(Rule::DeliberationApprovesType, named)?;
        let version = in_force(dated, Basis::Mandate, self.question.at);
        let version = self.trail.apply(Rule::DeliberationInForce, version)?;
        self.deliberation = Some(version.clone());
        Ok(version)
    }
}

/// M-12.2, M-2.1, M-7.1: a deliberation of its own; never the framework, never one of the statutory flow.
fn approves<'a>(
    catalogue: &'a Catalogue,
    offered: &OfferedType,
    mandate: &Mandate,
) -> Result<&'a DatedDeliberation, DenyReason> {
    let number = || Box::from(mandate.deliberation());
    let Some(dated) = catalogue.deliberation(mandate.deliberation()) else {
        return Err(DenyReason::DeliberationUnknown { number: number() });
    };
    match dated.entry.kind() {
        DeliberationKind::Framework => {
            Err(DenyReason::FrameworkNeverAuthorises { number: number() })
        }
        DeliberationKind::Statutory => {
            Err(DenyReason::DeliberationOfStatutoryFlow { number: number() })
        }
        DeliberationKind::Mandate => {
            let listed = offered
                .entry
                .deliberations()
                .iter()
                .any(|listed| listed.as_str() == mandate.deliberation());
            if listed {
                Ok(dated)
            } else {
                let code = mandate.mandate_type().into();
                Err(DenyReason::DeliberationNotForMandateType {
                    number: number(),
                    code,
                })
            }
        }
    }
}

/// M-3.1, S-4.1: in force at the time of the request, to the second.
fn in_force(
    dated: &DatedDeliberation,
    basis: Basis,
    at: UnixTime,
) -> Result<DeliberationVersion, DenyReason> {
    let number = || Box::from(&*dated.number);
    match dated.standing(at) {
        Standing::InForce(version) => Ok(version),
        Standing::NotYet { from } => Err(DenyReason::DeliberationNotInForce {
            basis,
            number: number(),
            from,
            at,
        }),
        Standing::Ended { at: ended } => Err(DenyReason::DeliberationEnded {
            basis,
            number: number(),
            ended,
            at,
        }),
        Standing::Repealed { by, at: since } => Err(DenyReason::DeliberationRepealed {
            basis,
            number: number(),
            by: by.as_ref().into(),
            since,
            at,
        }),
    }
}

/// M-15.4, M-17.3: plain or pseudonymised exactly as demanded, and not let out by a side door either.
fn holder_as_demanded(demanded: Option<HolderIdentity>, question: &Question<'_>) -> Ruling {
    let mandate = question.token.mandate();
    match demanded.unwrap_or(HolderIdentity::Pseudonymised) {
        HolderIdentity::Pseudonymised if names_holder(mandate) => {
            Err(DenyReason::HolderIdentityExposed {
                kind: question.verification_system.kind(),
            })
        }
        HolderIdentity::Plain if mandate.holder().identity().is_pseudonym() => {
            Err(DenyReason::HolderPseudonymUnexpected)
        }
        HolderIdentity::Plain | HolderIdentity::Pseudonymised => Ok(()),
    }
}
