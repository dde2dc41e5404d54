//! The entries as the file has them: strict, closed structures. What holds between entries is the lints' affair.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log_keeping::LogKeeping;
use crate::log_retention::LogRetention;
use crate::rule::Rule;
use crate::time::{CivilDate, FixedDuration, Instant, Retention};
use crate::value::{Code, DeliberationNumber, FieldName, Label, Level, Text};
use crate::vocabulary::{
    Chamber, ConsentItem, Contents, DeliberationKind, Granularity, HolderIdentity, HolderType,
    Lawfulness, MeasureClass, OnwardTransfer, Usage, VerificationSystemKind,
};

/// The file as it stands, before the lints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RawCatalogue {
    pub(crate) format: u32,
    pub(crate) deliberations: Vec<Deliberation>,
    pub(crate) mandate_types: Vec<MandateType>,
    pub(crate) statutory_bases: Vec<StatutoryBasis>,
}

/// A deliberation of the Information Security Committee, with its dated versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deliberation {
    pub(crate) number: DeliberationNumber,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<Text>,
    pub(crate) kind: DeliberationKind,
    pub(crate) contents: Contents,
    pub(crate) chamber: Chamber,
    pub(crate) simulation_only: bool,
    pub(crate) title: Title,
    pub(crate) repeals: Vec<DeliberationNumber>,
    pub(crate) preceded_by: Vec<Predecessor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) framework: Option<Framework>,
    pub(crate) versions: Vec<Version>,
}

/// A title in the three official languages and English; our own words.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Dutch.
    pub nl: Text,
    /// French.
    pub fr: Text,
    /// German.
    pub de: Text,
    /// English.
    pub en: Text,
}

/// An earlier authorisation on which a deliberation builds (S-1.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Predecessor {
    /// Its number.
    pub number: DeliberationNumber,
    /// When it was adopted.
    pub adopted_on: CivilDate,
}

/// One dated text of a deliberation (S-0.1, M-D.3).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Version {
    #[serde(rename = "version")]
    pub(crate) number: u32,
    pub(crate) adopted_on: CivilDate,
    pub(crate) in_force_from: Instant,
    pub(crate) in_force_from_stated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) in_force_until: Option<Instant>,
}

/// The general conditions of a framework (24/222), which every mandate type must meet (M-8.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Framework {
    pub(crate) holder_types: Vec<HolderType>,
    pub(crate) api_holder_types: Vec<HolderType>,
    pub(crate) web_app_minimum_level: Level,
    pub(crate) grant_minimum_level: Level,
    pub(crate) consent_items: Vec<ConsentItem>,
    pub(crate) security_measures: Vec<SecurityMeasure>,
}

/// A standardised mandate (M-12.1) with the scope that its deliberation approved (M-12.3 to M-12.6).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MandateType {
    pub(crate) code: Code,
    pub(crate) title: Title,
    pub(crate) deliberations: Vec<DeliberationNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn_from: Option<Instant>,
    pub(crate) lawfulness: Lawfulness,
    pub(crate) purposes: Vec<Code>,
    pub(crate) retention: Retention,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_retention: Option<LogRetention>,
    pub(crate) max_mandate_duration: FixedDuration,
    pub(crate) usage: Usage,
    pub(crate) holder_types: Vec<HolderType>,
    pub(crate) holder_identity: HolderIdentity,
    pub(crate) sensitive_relation: bool,
    pub(crate) onward_transfer: OnwardTransfer,
    pub(crate) verification_systems: Vec<AdmissibleSystem>,
    pub(crate) channels: Channels,
    pub(crate) grant: Grant,
    pub(crate) data_categories: Vec<DataCategory>,
    pub(crate) security_measures: Vec<SecurityMeasure>,
    pub(crate) logging: Vec<LogKeeping>,
}

/// A communication for a task laid down in regulation, apart from every mandate (M-11.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatutoryBasis {
    pub(crate) code: Code,
    pub(crate) title: Title,
    pub(crate) deliberation: DeliberationNumber,
    pub(crate) lawfulness: Lawfulness,
    pub(crate) purposes: Vec<Code>,
    pub(crate) research_questions: Vec<Code>,
    pub(crate) retention: Retention,
    pub(crate) onward_transfer: OnwardTransfer,
    pub(crate) data_categories: Vec<DataCategory>,
    pub(crate) security_measures: Vec<SecurityMeasure>,
}

/// A verification system that may attest a mandate type (M-16.2): of this kind, and this one if it is named.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissibleSystem {
    pub(crate) kind: VerificationSystemKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Label>,
}

/// The channels over which a mandate type is offered; an absent one is refused (M-23, M-24).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Channels {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<ApiChannel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) web_app: Option<WebAppChannel>,
}

/// What the API asks of a holder (M-23.1): the current texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiChannel {
    pub(crate) cot_version: Label,
    pub(crate) terms_version: Label,
}

/// What the institution's web application asks of a holder's user (M-24.2 to M-24.4).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebAppChannel {
    pub(crate) minimum_level: Level,
    pub(crate) role_required: bool,
    pub(crate) terms_version: Label,
}

/// What is asked of the grant (M-13.1, M-13.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    pub(crate) minimum_level: Level,
    pub(crate) consent_items: Vec<ConsentItem>,
    pub(crate) consent_versions: Vec<Label>,
}

/// A group of fields that is delivered together (M-12.3), each field with the precision it is delivered in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataCategory {
    pub(crate) code: Code,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) period: Option<Period>,
    pub(crate) fields: BTreeMap<FieldName, Granularity>,
}

/// The period to which the data relate (S-2.2), both days included.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day.
    pub from: CivilDate,
    /// Last day.
    pub until: CivilDate,
}

/// A security measure (M-12.6); a hard one names the rule that enforces it on every request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityMeasure {
    pub(crate) id: Code,
    pub(crate) nl: Text,
    pub(crate) class: MeasureClass,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<Rule>,
}

impl Deliberation {
    /// Its number, `24/222`.
    pub fn number(&self) -> &str {
        self.number.as_str()
    }

    /// The committee's own reference, where known.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_ref().map(Text::as_str)
    }

    /// What it is for.
    pub fn kind(&self) -> DeliberationKind {
        self.kind
    }

    /// Whether the catalogue holds its rules.
    pub fn contents(&self) -> Contents {
        self.contents
    }

    /// Who adopted it.
    pub fn chamber(&self) -> Chamber {
        self.chamber
    }

    /// Whether it is fictitious, for the simulation.
    pub fn is_simulation_only(&self) -> bool {
        self.simulation_only
    }

    /// Its title.
    pub fn title(&self) -> &Title {
        &self.title
    }

    /// The deliberations that it repeals, from its own entry into force (M-D.3).
    pub fn repeals(&self) -> &[DeliberationNumber] {
        &self.repeals
    }

    /// The authorisations on which it builds.
    pub fn preceded_by(&self) -> &[Predecessor] {
        &self.preceded_by
    }

    /// Its versions, oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }
}

impl Version {
    /// From 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The day of the committee's decision; not the entry into force.
    pub fn adopted_on(&self) -> CivilDate {
        self.adopted_on
    }

    /// From when it is applied.
    pub fn in_force_from(&self) -> &Instant {
        &self.in_force_from
    }

    /// Whether the text itself states that date; otherwise the start of the day of adoption is taken.
    pub fn is_in_force_from_stated(&self) -> bool {
        self.in_force_from_stated
    }

    /// Until when at most (exclusive), where the text ends itself.
    pub fn in_force_until(&self) -> Option<&Instant> {
        self.in_force_until.as_ref()
    }
}

impl MandateType {
    /// Its code.
    pub fn code(&self) -> &str {
        self.code.as_str()
    }

    /// Its title.
    pub fn title(&self) -> &Title {
        &self.title
    }

    /// The deliberations that approved its scope.
    pub fn deliberations(&self) -> &[DeliberationNumber] {
        &self.deliberations
    }

    /// From when it is no longer offered, if it is withdrawn.
    pub fn withdrawn_from(&self) -> Option<&Instant> {
        self.withdrawn_from.as_ref()
    }

    /// The lawful ground.
    pub fn lawfulness(&self) -> Lawfulness {
        self.lawfulness
    }

    /// The approved purposes.
    pub fn purposes(&self) -> &[Code] {
        &self.purposes
    }

    /// The approved data categories.
    pub fn data_categories(&self) -> &[DataCategory] {
        &self.data_categories
    }

    /// How long the recipient may keep the data; told with each answer (M-12.4).
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// How long the records of its calls are kept, if not as the deployment says
    /// (M-6.3).
    pub fn log_retention(&self) -> Option<LogRetention> {
        self.log_retention
    }

    /// How long a mandate may run at most.
    pub fn max_mandate_duration(&self) -> &FixedDuration {
        &self.max_mandate_duration
    }

    /// Single or repeated.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The kinds of holder that it admits.
    pub fn holder_types(&self) -> &[HolderType] {
        &self.holder_types
    }

    /// Whether the holder is named or pseudonymised.
    pub fn holder_identity(&self) -> HolderIdentity {
        self.holder_identity
    }

    /// Whether the mere relation with the holder reveals something sensitive (M-15.1).
    pub fn is_sensitive_relation(&self) -> bool {
        self.sensitive_relation
    }

    /// What the recipient may do with the data towards others.
    pub fn onward_transfer(&self) -> OnwardTransfer {
        self.onward_transfer
    }

    /// The security measures of its deliberation.
    pub fn security_measures(&self) -> &[SecurityMeasure] {
        &self.security_measures
    }

    /// Who keeps which logs of its calls (M-21.4).
    pub fn logging(&self) -> &[LogKeeping] {
        &self.logging
    }
}

impl StatutoryBasis {
    /// Its code.
    pub fn code(&self) -> &str {
        self.code.as_str()
    }

    /// Its title.
    pub fn title(&self) -> &Title {
        &self.title
    }

    /// The deliberation that authorises it.
    pub fn deliberation(&self) -> &DeliberationNumber {
        &self.deliberation
    }

    /// The lawful ground.
    pub fn lawfulness(&self) -> Lawfulness {
        self.lawfulness
    }

    /// The purposes.
    pub fn purposes(&self) -> &[Code] {
        &self.purposes
    }

    /// The questions that the text names as examples of the purpose (S-9.1).
    pub fn research_questions(&self) -> &[Code] {
        &self.research_questions
    }

    /// How long the recipient may keep the data.
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// What the recipient may do with the data towards others.
    pub fn onward_transfer(&self) -> OnwardTransfer {
        self.onward_transfer
    }

    /// The data that may be delivered.
    pub fn data_categories(&self) -> &[DataCategory] {
        &self.data_categories
    }

    /// The security measures of its deliberation.
    pub fn security_measures(&self) -> &[SecurityMeasure] {
        &self.security_measures
    }
}

impl DataCategory {
    /// Its code.
    pub fn code(&self) -> &str {
        self.code.as_str()
    }

    /// The period to which the data relate, where the deliberation bounds it.
    pub fn period(&self) -> Option<Period> {
        self.period
    }

    /// Its fields, each with its precision; a field not listed is not delivered.
    pub fn fields(&self) -> &BTreeMap<FieldName, Granularity> {
        &self.fields
    }
}

impl SecurityMeasure {
    /// Its identifier.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// What it asks, in Dutch.
    pub fn text_nl(&self) -> &str {
        self.nl.as_str()
    }

    /// Who sees to it.
    pub fn class(&self) -> MeasureClass {
        self.class
    }

    /// The rule that enforces it, if it is hard.
    pub fn check(&self) -> Option<Rule> {
        self.check
    }
}
