//! The trace of a call over several parties' logs: who, what, where, when, why
//! (M-21.1, M-21.5), as far as the reader may know it (M-22.1).
//!
//! In the order in which it is made: a [`Query`] says which calls are wanted, a
//! [`Tracer`] takes the validator's entries and finds them, then takes the other
//! parties' records ([`PartyRecord`], format in `TRACING.md`) and joins those of
//! the same call, and [`Traced::report`] says what an [`Audience`] may see of it
//! and what is missing or contradicts.

mod call;
mod decision;
mod disclosure;
mod ended;
mod finding;
mod instant;
mod join;
mod keys;
mod member;
mod query;
mod record;
mod reidentified;
mod report;
mod strict;

pub(crate) use record::holds_ssin;

pub use call::{Call, MAX_RECORDS_OF_A_TRACE};
pub(crate) use decision::ValidatorRecord;
pub use decision::{DecisionFacts, OutcomeFacts, PartyChecks};
pub use disclosure::{Audience, Withheld};
pub use finding::{CLOCK_TOLERANCE_MS, Finding, Severity};
pub use instant::InstantError;
pub use join::{MAX_CALLS, MAX_DESTRUCTIONS_OF_A_TRACE, Pass, TraceError, Traced, Tracer};
pub use keys::LogKeys;
pub use member::{KINDS, Kind, Member, Party, RecordKind};
pub use query::{Query, SoughtMandate, SoughtSubject};
pub use record::{MAX_PARTY_LINE_BYTES, PartyRecord, PartyRecordError};
pub(crate) use record::{is_enterprise_number, is_number_of_somebody};
pub use report::{
    Answer, CallReport, ChainLink, EndedPeriod, Fact, FindingReport, Question, REPORT_FORMAT,
    Report, Shown, TracedLog,
};
