//! What must hold between entries, as hard errors: a catalogue that breaks one of these does not exist.

mod logging;
mod versions;

use std::collections::BTreeSet;
use std::fmt::Display;

use super::entry::{
    DataCategory, Deliberation, Framework, MandateType, RawCatalogue, SecurityMeasure,
    StatutoryBasis,
};
use super::error::CatalogueProblem;
use super::path::FieldPath;
use crate::value::{Code, DeliberationNumber, Level};
use crate::vocabulary::{
    Chamber, ConsentItem, Contents, DeliberationKind, HolderIdentity, HolderType, Lawfulness,
    MeasureClass, VerificationSystemKind,
};

/// The longest mandate that a catalogue may admit. M-12.5 wants an end; something "until 9999" has none in
/// substance. The deliberations give no figure, ten years is ours.
pub const LONGEST_MANDATE_DAYS: u64 = 3_653;

/// A problem and its place.
pub(super) type Finding = (FieldPath, CatalogueProblem);

type Checked = Result<(), Finding>;

/// Every lint, in the order of the file.
pub(super) fn lint(raw: &RawCatalogue) -> Checked {
    let root = FieldPath::root();
    let path = root.key("deliberations");
    not_empty(&raw.deliberations, &path)?;
    unique(
        raw.deliberations.iter().map(|entry| &entry.number),
        |index| path.index(index).key("number"),
    )?;
    for (index, entry) in raw.deliberations.iter().enumerate() {
        lint_deliberation(raw, entry, &path.index(index))?;
    }
    let frameworks: Vec<_> = raw
        .deliberations
        .iter()
        .filter_map(|entry| entry.framework.as_ref())
        .collect();
    if frameworks.is_empty() {
        return Err((path, CatalogueProblem::NoFramework));
    }

    let path = root.key("mandateTypes");
    unique(raw.mandate_types.iter().map(|entry| &entry.code), |index| {
        path.index(index).key("code")
    })?;
    for (index, entry) in raw.mandate_types.iter().enumerate() {
        lint_mandate_type(raw, entry, &frameworks, &path.index(index))?;
    }

    let path = root.key("statutoryBases");
    unique(
        raw.statutory_bases.iter().map(|entry| &entry.code),
        |index| path.index(index).key("code"),
    )?;
    for (index, entry) in raw.statutory_bases.iter().enumerate() {
        lint_statutory_basis(raw, entry, &path.index(index))?;
    }
    Ok(())
}

fn lint_deliberation(raw: &RawCatalogue, entry: &Deliberation, path: &FieldPath) -> Checked {
    let fictitious = entry.number.as_str().starts_with("SIM/");
    if entry.simulation_only != fictitious || (entry.chamber == Chamber::None) != fictitious {
        return Err((path.key("simulationOnly"), CatalogueProblem::SimulationMark));
    }
    let held = entry.kind == DeliberationKind::Framework && entry.contents == Contents::Encoded;
    if entry.framework.is_some() != held {
        return Err((path.key("framework"), CatalogueProblem::FrameworkTable));
    }
    if let Some(framework) = &entry.framework {
        lint_framework(framework, &path.key("framework"))?;
    }
    for (index, number) in entry.repeals.iter().enumerate() {
        let place = path.key("repeals").index(index);
        find(raw, number, &place)?;
        let repealed = raw
            .deliberations
            .iter()
            .flat_map(|other| &other.repeals)
            .filter(|other| *other == number);
        if number == &entry.number || repealed.count() != 1 {
            return Err((
                place,
                CatalogueProblem::Repeal {
                    number: number.as_str().into(),
                },
            ));
        }
    }
    versions::lint(&entry.versions, &path.key("versions"))
}

/// M-D.1: the framework's own figures cannot be configured below what 24/222 says.
fn lint_framework(framework: &Framework, path: &FieldPath) -> Checked {
    at_least(
        framework.grant_minimum_level,
        Level::FRAMEWORK_MINIMUM,
        || path.key("grantMinimumLevel"),
    )?;
    at_least(
        framework.web_app_minimum_level,
        Level::FRAMEWORK_MINIMUM,
        || path.key("webAppMinimumLevel"),
    )?;
    let place = path.key("consentItems");
    unique(&framework.consent_items, |index| place.index(index))?;
    includes_items(&framework.consent_items, ConsentItem::ALL, &place)?;
    let place = path.key("holderTypes");
    not_empty(&framework.holder_types, &place)?;
    unique(&framework.holder_types, |index| place.index(index))?;
    let place = path.key("apiHolderTypes");
    not_empty(&framework.api_holder_types, &place)?;
    unique(&framework.api_holder_types, |index| place.index(index))?;
    // M-23.1 names organisations and enterprises only.
    admitted(
        &framework.api_holder_types,
        &[HolderType::Organization, HolderType::Enterprise],
        &place,
    )?;
    lint_measures(&framework.security_measures, &path.key("securityMeasures"))
}

fn lint_mandate_type(
    raw: &RawCatalogue,
    entry: &MandateType,
    frameworks: &[&Framework],
    path: &FieldPath,
) -> Checked {
    lint_authority(raw, entry, path)?;
    lawful(entry.lawfulness, Lawfulness::Consent, path)?;
    lint_scope(
        &entry.purposes,
        &entry.data_categories,
        &entry.security_measures,
        path,
    )?;

    let longest = LONGEST_MANDATE_DAYS * 86_400;
    if entry.max_mandate_duration.as_seconds() > longest {
        let found = entry.max_mandate_duration.as_str().into();
        let problem = CatalogueProblem::OpenEnded {
            limit_days: LONGEST_MANDATE_DAYS,
            found,
        };
        return Err((path.key("maxMandateDuration"), problem));
    }

    let place = path.key("holderTypes");
    not_empty(&entry.holder_types, &place)?;
    unique(&entry.holder_types, |index| place.index(index))?;
    for framework in frameworks {
        admitted(&entry.holder_types, &framework.holder_types, &place)?;
        lint_against_framework(entry, framework, path)?;
    }

    not_empty(
        &entry.grant.consent_versions,
        &path.key("grant").key("consentVersions"),
    )?;
    unique(&entry.grant.consent_versions, |index| {
        path.key("grant").key("consentVersions").index(index)
    })?;
    unique(&entry.grant.consent_items, |index| {
        path.key("grant").key("consentItems").index(index)
    })?;
    if entry.channels.api.is_none() && entry.channels.web_app.is_none() {
        return Err((path.key("channels"), CatalogueProblem::NoChannel));
    }
    lint_privacy(entry, path)?;
    logging::lint(entry, path)
}

/// M-12.2, M-2.1: approved by a deliberation of its own, whose text is held; and simulation is marked.
fn lint_authority(raw: &RawCatalogue, entry: &MandateType, path: &FieldPath) -> Checked {
    let place = path.key("deliberations");
    not_empty(&entry.deliberations, &place)?;
    unique(&entry.deliberations, |index| place.index(index))?;
    let mut fictitious = Vec::new();
    for (index, number) in entry.deliberations.iter().enumerate() {
        let deliberation =
            find_of_kind(raw, number, DeliberationKind::Mandate, &place.index(index))?;
        fictitious.push(deliberation.simulation_only);
    }
    let any = fictitious.contains(&true);
    if any && fictitious.contains(&false) {
        return Err((place, CatalogueProblem::SimulationMixed));
    }
    if entry.code.as_str().starts_with("sim") != any {
        let problem = CatalogueProblem::SimulationCode {
            code: entry.code.as_str().into(),
        };
        return Err((path.key("code"), problem));
    }
    Ok(())
}

/// M-8.1: a mandate type tightens the framework, it never relaxes it.
fn lint_against_framework(entry: &MandateType, framework: &Framework, path: &FieldPath) -> Checked {
    let grant = path.key("grant");
    at_least(
        entry.grant.minimum_level,
        framework.grant_minimum_level,
        || grant.key("minimumLevel"),
    )?;
    includes_items(
        &entry.grant.consent_items,
        &framework.consent_items,
        &grant.key("consentItems"),
    )?;
    if let Some(web_app) = &entry.channels.web_app {
        let place = path.key("channels").key("webApp");
        at_least(
            web_app.minimum_level,
            framework.web_app_minimum_level,
            || place.key("minimumLevel"),
        )?;
        if !web_app.role_required {
            return Err((place.key("roleRequired"), CatalogueProblem::RoleNotRequired));
        }
    }
    Ok(())
}

/// M-15, M-16: who may attest a sensitive relation, and how the holder is then named.
fn lint_privacy(entry: &MandateType, path: &FieldPath) -> Checked {
    let place = path.key("verificationSystems");
    not_empty(&entry.verification_systems, &place)?;
    let spelled = entry
        .verification_systems
        .iter()
        .map(|system| match &system.id {
            Some(id) => format!("{} {id}", system.kind),
            None => system.kind.to_string(),
        });
    unique(spelled, |index| place.index(index))?;
    let secondary = entry
        .verification_systems
        .iter()
        .any(|system| system.kind == VerificationSystemKind::SecondaryNetwork);
    if (entry.sensitive_relation || secondary)
        && entry.holder_identity != HolderIdentity::Pseudonymised
    {
        return Err((
            path.key("holderIdentity"),
            CatalogueProblem::MustBePseudonymised,
        ));
    }
    let at_cbss = entry
        .verification_systems
        .iter()
        .position(|system| system.kind == VerificationSystemKind::Cbss);
    match at_cbss.filter(|_| entry.sensitive_relation) {
        Some(index) => Err((
            place.index(index).key("kind"),
            CatalogueProblem::SensitiveAtCbss,
        )),
        None => Ok(()),
    }
}

fn lint_statutory_basis(raw: &RawCatalogue, entry: &StatutoryBasis, path: &FieldPath) -> Checked {
    find_of_kind(
        raw,
        &entry.deliberation,
        DeliberationKind::Statutory,
        &path.key("deliberation"),
    )?;
    lawful(entry.lawfulness, Lawfulness::LegalObligation, path)?;
    lint_scope(
        &entry.purposes,
        &entry.data_categories,
        &entry.security_measures,
        path,
    )?;
    unique(&entry.research_questions, |index| {
        path.key("researchQuestions").index(index)
    })?;
    let of_mandates: BTreeSet<_> = raw
        .mandate_types
        .iter()
        .flat_map(|mandate| &mandate.purposes)
        .collect();
    let earlier = raw
        .statutory_bases
        .iter()
        .take_while(|other| other.code != entry.code);
    let of_others: BTreeSet<_> = earlier.flat_map(|other| &other.purposes).collect();
    for (index, purpose) in entry.purposes.iter().enumerate() {
        // A statutory operation finds its basis by its purpose, so that must be unambiguous too.
        if of_mandates.contains(purpose) || of_others.contains(purpose) {
            let problem = CatalogueProblem::PurposeOfBothFlows {
                purpose: purpose.as_str().into(),
            };
            return Err((path.key("purposes").index(index), problem));
        }
    }
    Ok(())
}

/// M-12.3, M-12.6: what every specific deliberation fixes.
fn lint_scope(
    purposes: &[Code],
    data_categories: &[DataCategory],
    measures: &[SecurityMeasure],
    path: &FieldPath,
) -> Checked {
    let place = path.key("purposes");
    not_empty(purposes, &place)?;
    unique(purposes, |index| place.index(index))?;
    let place = path.key("dataCategories");
    not_empty(data_categories, &place)?;
    unique(
        data_categories.iter().map(|category| &category.code),
        |index| place.index(index).key("code"),
    )?;
    for (index, category) in data_categories.iter().enumerate() {
        if category.fields.is_empty() {
            return Err((place.index(index).key("fields"), CatalogueProblem::Empty));
        }
        if let Some(period) = category.period.filter(|period| period.until < period.from) {
            let problem = CatalogueProblem::PeriodBackwards {
                from: boxed(period.from),
                until: boxed(period.until),
            };
            return Err((place.index(index).key("period"), problem));
        }
    }
    not_empty(measures, &path.key("securityMeasures"))?;
    lint_measures(measures, &path.key("securityMeasures"))
}

fn lint_measures(measures: &[SecurityMeasure], path: &FieldPath) -> Checked {
    unique(measures.iter().map(|measure| &measure.id), |index| {
        path.index(index).key("id")
    })?;
    for (index, measure) in measures.iter().enumerate() {
        if measure.check.is_some() != (measure.class == MeasureClass::Hard) {
            return Err((
                path.index(index).key("check"),
                CatalogueProblem::MeasureCheck,
            ));
        }
    }
    Ok(())
}

fn find<'a>(
    raw: &'a RawCatalogue,
    number: &DeliberationNumber,
    path: &FieldPath,
) -> Result<&'a Deliberation, Finding> {
    raw.deliberations
        .iter()
        .find(|entry| entry.number == *number)
        .ok_or_else(|| {
            (
                path.clone(),
                CatalogueProblem::UnknownDeliberation {
                    number: number.as_str().into(),
                },
            )
        })
}

fn find_of_kind<'a>(
    raw: &'a RawCatalogue,
    number: &DeliberationNumber,
    expected: DeliberationKind,
    path: &FieldPath,
) -> Result<&'a Deliberation, Finding> {
    let entry = find(raw, number, path)?;
    let spelled = || number.as_str().into();
    if entry.kind != expected {
        let problem = CatalogueProblem::WrongKind {
            number: spelled(),
            expected,
            found: entry.kind,
        };
        return Err((path.clone(), problem));
    }
    if entry.contents != Contents::Encoded {
        return Err((
            path.clone(),
            CatalogueProblem::NotHeld { number: spelled() },
        ));
    }
    Ok(entry)
}

fn lawful(found: Lawfulness, expected: Lawfulness, path: &FieldPath) -> Checked {
    if found == expected {
        return Ok(());
    }
    let problem = CatalogueProblem::Lawfulness {
        expected: expected.as_str(),
        found: found.as_str(),
    };
    Err((path.key("lawfulness"), problem))
}

fn at_least(found: Level, minimum: Level, path: impl FnOnce() -> FieldPath) -> Checked {
    if found >= minimum {
        Ok(())
    } else {
        Err((path(), CatalogueProblem::LevelTooLow { minimum, found }))
    }
}

fn includes_items(found: &[ConsentItem], demanded: &[ConsentItem], path: &FieldPath) -> Checked {
    match demanded.iter().find(|item| !found.contains(item)) {
        None => Ok(()),
        Some(&missing) => Err((
            path.clone(),
            CatalogueProblem::ConsentItemMissing { missing },
        )),
    }
}

fn admitted(found: &[HolderType], admitted: &[HolderType], path: &FieldPath) -> Checked {
    match found
        .iter()
        .enumerate()
        .find(|(_, holder)| !admitted.contains(holder))
    {
        None => Ok(()),
        Some((index, &found)) => Err((
            path.index(index),
            CatalogueProblem::HolderTypeNotAdmitted { found },
        )),
    }
}

fn not_empty<T>(list: &[T], path: &FieldPath) -> Checked {
    if list.is_empty() {
        Err((path.clone(), CatalogueProblem::Empty))
    } else {
        Ok(())
    }
}

fn unique<T: Display>(
    values: impl IntoIterator<Item = T>,
    path: impl Fn(usize) -> FieldPath,
) -> Checked {
    let mut seen = BTreeSet::new();
    for (index, value) in values.into_iter().enumerate() {
        let value = value.to_string();
        if seen.contains(&value) {
            return Err((
                path(index),
                CatalogueProblem::Duplicate {
                    value: value.into(),
                },
            ));
        }
        seen.insert(value);
    }
    Ok(())
}

fn boxed(value: impl Display) -> Box<str> {
    value.to_string().into()
}
