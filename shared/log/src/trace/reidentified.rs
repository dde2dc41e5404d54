//! The steps of a re-identification over the parties' logs (M-22.1): each has its
//! record, and one without the step before it is a gap.

use super::call::Call;
use super::finding::Finding;
use super::member::{Member, Party, RecordKind};
use super::record::PartyRecord;
use crate::time::UnixMillis;

/// What is missing of the re-identifications of a call's holder.
pub(super) fn reidentified(call: &Call, parties: &[Party], found: &mut Vec<Finding>) {
    let gave = |party| parties.contains(&party);
    // Either of the two may ask: a request that is not seen is missing only where both logs are.
    let asked_is_known = gave(Party::Institution) && gave(Party::Supervisor);
    let answer_is_known = gave(Party::VerificationSystem) || gave(Party::SecondaryNetwork);
    let has = |kind, record: &PartyRecord| of_request(call, kind, record).next().is_some();
    for record in &call.records {
        let party = record.party;
        match record.kind {
            RecordKind::ReidentificationRequested => {
                if answer_is_known && !has(RecordKind::ReidentificationAnswered, record) {
                    found.push(Finding::ReidentificationNotAnswered);
                }
            }
            RecordKind::ReidentificationAnswered | RecordKind::ReidentificationCombined => {
                if asked_is_known && !has(RecordKind::ReidentificationRequested, record) {
                    found.push(Finding::ReidentificationNotRequested { party });
                }
                if record.kind == RecordKind::ReidentificationCombined
                    && answer_is_known
                    && !has(RecordKind::ReidentificationAnswered, record)
                {
                    found.push(Finding::CombinedNotAnswered { party });
                }
            }
            RecordKind::MandateGranted
            | RecordKind::MandateRevoked
            | RecordKind::RelationConfirmed
            | RecordKind::TokenIssued
            | RecordKind::RequestSent
            | RecordKind::ResponseReceived => {}
        }
    }
}

/// The steps of the same request that must come before this one, with their times.
pub(super) fn steps_before(call: &Call, record: &PartyRecord) -> Vec<(&'static str, UnixMillis)> {
    let step = |kind, name: &'static str| {
        let first = of_request(call, kind, record).map(|r| r.at).min();
        first.map(|at| (name, at))
    };
    let asked = step(
        RecordKind::ReidentificationRequested,
        "the request to re-identify",
    );
    let answered = step(RecordKind::ReidentificationAnswered, "the answer in halves");
    let combined = record.kind == RecordKind::ReidentificationCombined;
    asked
        .into_iter()
        .chain(answered.filter(|_| combined))
        .collect()
}

fn of_request<'a>(
    call: &'a Call,
    kind: RecordKind,
    record: &PartyRecord,
) -> impl Iterator<Item = &'a PartyRecord> {
    let request = record.get(Member::RequestHash).map(str::to_owned);
    call.of_kind(kind)
        .filter(move |other| other.get(Member::RequestHash) == request.as_deref())
}
