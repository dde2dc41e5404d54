//! Finding the calls that are wanted, and joining what the parties recorded.
//!
//! The validator's log is read once, from front to back; the other logs twice,
//! because a mandate's records are known by those of the tokens issued for it.
//! In memory is what was found, of bounded number, whatever the logs' length.

use std::collections::{BTreeMap, HashMap};

use thiserror::Error;

use super::call::{Call, Fit, MAX_RECORDS_OF_A_TRACE};
use super::decision::ValidatorRecord;
use super::ended::LoggedEnds;
use super::finding::{Finding, Given, examine};
use super::keys::LogKeys;
use super::member::{Party, RecordKind, Tie};
use super::query::Query;
use super::record::PartyRecord;
use crate::chain::Origin;
use crate::destruction::{LoggedDestruction, LoggedDestructionError};
use crate::hash::{HASH_BYTES, hex};
use crate::id::EntryId;
use crate::retention::RetentionPeriod;
use crate::stored::StoredEntry;
use crate::time::UnixMillis;

/// Most calls of one trace.
pub const MAX_CALLS: usize = 1_000;
/// Most ends of periods that a trace knows of, each once however often it was logged: every month of thirty years in
/// both streams, told in five ways.
pub const MAX_DESTRUCTIONS_OF_A_TRACE: usize = 4_096;

/// Which reading of the other parties' logs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The first: what is of a call or of a token.
    Calls,
    /// The second: what is of a mandate.
    Mandates,
}

/// Why a trace cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TraceError {
    /// More calls than are traced at once.
    #[error("more than {MAX_CALLS} calls; ask for fewer")]
    TooManyCalls,
    /// An entry before its log was named.
    #[error("an entry of no log")]
    NoLog,
    /// More records than are held at once.
    #[error("more than {MAX_RECORDS_OF_A_TRACE} records of other parties; ask for fewer calls")]
    TooManyRecords,
    /// More ends of periods than are held at once.
    #[error("more than {MAX_DESTRUCTIONS_OF_A_TRACE} entries about the end of a retention period")]
    TooManyDestructions,
}

/// Makes a trace.
pub struct Tracer<'a> {
    query: &'a Query,
    keys: &'a LogKeys,
    /// The log whose entries come, and how many there were.
    log: Option<Origin>,
    logs: usize,
    calls: Vec<Call>,
    by_id: HashMap<EntryId, usize>,
    parties: Vec<Party>,
    records: usize,
    /// Records that are wanted and of no call.
    strays: Vec<PartyRecord>,
    erased: u64,
    ended: LoggedEnds,
    unreadable: u64,
}

/// A trace that was made.
#[derive(Debug)]
pub struct Traced {
    pub(crate) calls: Vec<(Call, Vec<Finding>)>,
    pub(crate) parties: Vec<Party>,
    pub(crate) strays: Vec<(Finding, Party)>,
    pub(crate) erased: u64,
    /// The periods that ended, and when that was logged last.
    pub(crate) destroyed: BTreeMap<RetentionPeriod, UnixMillis>,
    pub(crate) unreadable: u64,
}

impl<'a> Tracer<'a> {
    /// Begins. `keys` are the log's keys, as many as are known: with
    /// them a mandate and a subject of another log are compared with the
    /// references of this one. A period that is not over `now` has not ended,
    /// whatever the log says.
    pub fn new(query: &'a Query, keys: &'a LogKeys, now: UnixMillis) -> Self {
        Self {
            query,
            keys,
            log: None,
            logs: 0,
            calls: Vec::new(),
            by_id: HashMap::new(),
            parties: Vec::new(),
            records: 0,
            strays: Vec::new(),
            erased: 0,
            ended: LoggedEnds::new(now),
            unreadable: 0,
        }
    }

    /// Says that the entries that come now are of that log of the validator's, until
    /// another one is named. What belongs to a decision stands in its log.
    pub fn log(&mut self, origin: &Origin) {
        self.log = Some(origin.clone());
        self.logs += 1;
    }

    /// Takes the next entry of the validator's log, and tells whether it is
    /// part of the trace. What does not open its commitment is not believed.
    pub fn entry(&mut self, stored: &StoredEntry) -> Result<bool, TraceError> {
        let Ok(entry) = stored.decode() else {
            self.unreadable += 1;
            return Ok(false);
        };
        let Ok(record) = ValidatorRecord::read(stored, &entry) else {
            self.unreadable += 1;
            return Ok(false);
        };
        match record {
            ValidatorRecord::Decision(decision) => {
                if !self.query.wants(&decision, self.keys) {
                    let lost = decision.payload.is_none() && self.query.could_be(&decision);
                    self.erased += u64::from(lost);
                    return Ok(false);
                }
                if stored.verify_commitment().is_err() {
                    self.unreadable += 1;
                    return Ok(false);
                }
                if self.calls.len() == MAX_CALLS {
                    return Err(TraceError::TooManyCalls);
                }
                let Some(log) = &self.log else {
                    return Err(TraceError::NoLog);
                };
                self.by_id.insert(decision.id, self.calls.len());
                self.calls.push(Call::new(log.clone(), *decision));
                Ok(true)
            }
            ValidatorRecord::Outcome(outcome) => {
                let at = self.by_id.get(&outcome.decision).copied();
                let Some(call) = at.and_then(|at| self.calls.get_mut(at)) else {
                    return Ok(false);
                };
                if stored.verify_commitment().is_err() {
                    self.unreadable += 1;
                    return Ok(false);
                }
                call.outcome = Some(outcome);
                Ok(true)
            }
            ValidatorRecord::Destruction => self.destruction(stored).map(|()| false),
            ValidatorRecord::Other => Ok(false),
        }
    }

    /// Takes what is said of the end of a period.
    fn destruction(&mut self, stored: &StoredEntry) -> Result<(), TraceError> {
        match LoggedDestruction::read(stored) {
            Ok(said) => return self.ended.add(said),
            Err(LoggedDestructionError::Erased) => {}
            Err(
                LoggedDestructionError::OtherKind
                | LoggedDestructionError::Commitment(_)
                | LoggedDestructionError::Payload
                | LoggedDestructionError::NotDue,
            ) => self.unreadable += 1,
        }
        Ok(())
    }

    /// Says that a log of that party is given, even if it has no record.
    pub fn party(&mut self, party: Party) {
        if !self.parties.contains(&party) {
            self.parties.push(party);
            self.parties.sort_unstable();
        }
    }

    /// Takes a record of another party, once the validator's log was read; all
    /// of them in the first pass, then all in the second, in whatever order.
    pub fn record(&mut self, pass: Pass, record: &PartyRecord) -> Result<(), TraceError> {
        let in_turn = match record.kind.tie() {
            Tie::Mandate => Pass::Mandates,
            Tie::Token | Tie::Call => Pass::Calls,
        };
        if in_turn != pass {
            return Ok(());
        }
        let (mut fits, mut added) = (0_usize, 0_usize);
        let room = MAX_RECORDS_OF_A_TRACE - self.records;
        for call in &mut self.calls {
            match call.fit(record, self.keys) {
                Fit::No => {}
                Fit::Yes => {
                    fits += 1;
                    if added == room {
                        return Err(TraceError::TooManyRecords);
                    }
                    added += usize::from(call.add(record.clone()));
                }
                Fit::Claims(finding) => {
                    fits += 1;
                    if !call.found.contains(&finding) {
                        call.found.push(finding);
                    }
                }
            }
        }
        self.records += added;
        if fits > 1 && record.kind.tie() == Tie::Call {
            let party = record.party;
            for call in &mut self.calls {
                if call.records.last() == Some(record) {
                    call.found.push(Finding::SeveralCalls { party });
                }
            }
        }
        if fits == 0 && self.query.wants_record(record) && !self.strays.contains(record) {
            if self.records == MAX_RECORDS_OF_A_TRACE {
                return Err(TraceError::TooManyRecords);
            }
            self.records += 1;
            self.strays.push(record.clone());
        }
        Ok(())
    }

    /// Ends. `catalogues` are the digests of those given, if any was.
    pub fn finish(self, catalogues: Option<&[[u8; HASH_BYTES]]>) -> Traced {
        let policies: Option<Vec<String>> =
            catalogues.map(|digests| digests.iter().map(|digest| hex(digest)).collect());
        let given = Given {
            parties: &self.parties,
            policies: policies.as_deref(),
            keys: self.keys,
            ended: &self.ended,
        };
        let mut calls = self.calls;
        if self.logs > 1 {
            // Each log has an order of its own; over several it is the time's.
            calls.sort_by_key(|call| call.decision.at());
        }
        for call in &mut calls {
            // The order in which logs are read says nothing.
            call.records.sort_unstable_by(|a, b| {
                (a.at, a.kind, a.party, &a.source, &a.id, &a.members)
                    .cmp(&(b.at, b.kind, b.party, &b.source, &b.id, &b.members))
            });
        }
        let calls = calls
            .into_iter()
            .map(|call| {
                let found = examine(&call, &given);
                (call, found)
            })
            .collect();
        let mut strays: Vec<(Finding, Party)> = self
            .strays
            .iter()
            .filter_map(|record| {
                let finding = match record.kind {
                    // An answer without its decision comes with its request.
                    RecordKind::RequestSent => Finding::RequestNotDecided,
                    RecordKind::TokenIssued => Finding::TokenNotSeen,
                    RecordKind::ResponseReceived
                    | RecordKind::MandateGranted
                    | RecordKind::MandateRevoked
                    | RecordKind::RelationConfirmed
                    | RecordKind::ReidentificationRequested
                    | RecordKind::ReidentificationAnswered
                    | RecordKind::ReidentificationCombined => return None,
                };
                Some((finding, record.party))
            })
            .collect();
        strays.sort_unstable();
        Traced {
            calls,
            parties: self.parties,
            strays,
            erased: self.erased,
            destroyed: self.ended.all(),
            unreadable: self.unreadable,
        }
    }
}

impl Traced {
    /// The calls, in the order of the log; of several logs, of their time.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().map(|(call, _)| call)
    }

    /// Every finding, of a call or beyond.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        let beyond = self.strays.iter().map(|(finding, _)| *finding);
        self.calls
            .iter()
            .flat_map(|(_, found)| found.iter().copied())
            .chain(beyond)
    }
}
