//! What a receipt says, as the text of a signed note: a first line of its own, then
//! lines `<label> <value>`, each once, in one order; `-` where there is nothing to say.

use std::fmt;

use thiserror::Error;

use crate::chain::Origin;
use crate::entry::{Entry, LeafHash, OutcomeCode};
use crate::event::{GateMode, MAX_TEXT_BYTES};
use crate::hash::{HASH_BYTES, base64, decimal, from_base64, from_base64url, hex};
use crate::stored::StoredEntry;
use crate::time::UnixMillis;
use crate::trace::ValidatorRecord;

/// Not the origin of any log whose checkpoint it could be taken for: there a number follows.
const FIRST_LINE: &str = "sluis-receipt/v1";
/// Stands for nothing.
const NOTHING: &str = "-";
const LABELS: [&str; 15] = [
    "log",
    "decision",
    "leaf",
    "time",
    "mode",
    "operation",
    "purpose",
    "token-hash",
    "token-id",
    "trace-id",
    "related-trace-id",
    "outcome",
    "outcome-leaf",
    "status",
    "answer",
];

/// Why there is no such receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CallReceiptError {
    /// The text begins otherwise.
    #[error("the first line is not {FIRST_LINE:?}")]
    FirstLine,
    /// A line is missing, has another form, or stands elsewhere.
    #[error("the line {0:?} is not as it must be")]
    Line(&'static str),
    /// The record is not one of an allowed call.
    #[error("the record is not that of an allowed call")]
    NotAllowed,
    /// The record does not open its entry.
    #[error("the record does not open its entry")]
    Commitment,
    /// The record was erased.
    #[error("the record was erased")]
    Erased,
    /// The other record is not what became of that call.
    #[error("the other record is not what became of that call")]
    OtherOutcome,
}

/// An entry by its place and what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The index.
    pub index: u64,
    /// The hash of the leaf.
    pub leaf: LeafHash,
}

/// What was asked, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallReceipt {
    /// The log.
    pub log: Origin,
    /// Where the decision stands.
    pub decision: Place,
    /// Where the outcome stands, if it is known.
    pub outcome: Option<Place>,
    at: UnixMillis,
    /// The values of the lines, as they are written.
    values: [String; LABELS.len()],
}

impl CallReceipt {
    /// Of the records of a call, which must open their entries. An outcome that was erased says
    /// nothing: then the receipt is without one.
    ///
    /// An issuer may put into a token's id what no line of a note holds, or what stands for
    /// nothing here; such an id is left out: the token's hash says which token it was.
    pub fn of(
        log: &Origin,
        decision: &StoredEntry,
        outcome: Option<&StoredEntry>,
    ) -> Result<Self, CallReceiptError> {
        let not_allowed = CallReceiptError::NotAllowed;
        let (entry, place) = opened(decision)?;
        let Ok(ValidatorRecord::Decision(facts)) = ValidatorRecord::read(decision, &entry) else {
            return Err(not_allowed);
        };
        if !facts.granted {
            return Err(not_allowed);
        }
        let data = facts.data().ok_or(CallReceiptError::Erased)?;
        let outcome = outcome.map(|stored| {
            let (entry, place) = opened(stored)?;
            match ValidatorRecord::read(stored, &entry) {
                Ok(ValidatorRecord::Outcome(outcome)) if outcome.decision == decision.id => {
                    Ok(Some((place, outcome)))
                }
                Ok(ValidatorRecord::Other)
                    if is_outcome(entry.outcome) && stored.payload().is_none() =>
                {
                    Ok(None)
                }
                Ok(_) | Err(_) => Err(CallReceiptError::OtherOutcome),
            }
        });
        let outcome = outcome.transpose()?.flatten();
        let or_nothing = |text: Option<&str>| text.unwrap_or(NOTHING).to_owned();
        let ended = outcome.as_ref().map(|(place, _)| *place);
        let became = outcome.as_ref().map(|(_, outcome)| outcome);
        let values = [
            log.to_string(),
            place.index.to_string(),
            base64(&place.leaf.0),
            facts.at().to_string(),
            or_nothing(data.mode.as_deref()),
            or_nothing(data.operation.as_deref()),
            or_nothing(data.purpose.as_deref()),
            data.token_hash.clone(),
            or_nothing(data.token_id.as_deref().filter(|id| is_line(id))),
            data.trace_id.clone(),
            or_nothing(data.related_trace_id.as_deref()),
            ended.map_or_else(|| NOTHING.to_owned(), |place| place.index.to_string()),
            ended.map_or_else(|| NOTHING.to_owned(), |place| base64(&place.leaf.0)),
            became.map_or_else(
                || NOTHING.to_owned(),
                |outcome| outcome.http_status.to_string(),
            ),
            or_nothing(became.and_then(|outcome| outcome.answer_digest.as_deref())),
        ];
        // What is written must be what can be read.
        let receipt = Self {
            log: log.clone(),
            decision: place,
            outcome: ended,
            at: facts.at(),
            values,
        };
        Self::parse(&receipt.to_string())
    }

    /// Reads the text, to its last byte.
    pub fn parse(text: &str) -> Result<Self, CallReceiptError> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(CallReceiptError::FirstLine)?
            .split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(CallReceiptError::FirstLine);
        }
        let mut values = [const { String::new() }; LABELS.len()];
        for (label, value) in LABELS.into_iter().zip(&mut values) {
            let wrong = CallReceiptError::Line(label);
            let line = lines.next().and_then(|line| line.strip_prefix(label));
            let text = line.and_then(|rest| rest.strip_prefix(' ')).ok_or(wrong)?;
            if text != NOTHING && !is_line(text) {
                return Err(wrong);
            }
            text.clone_into(value);
        }
        if lines.next().is_some() {
            return Err(CallReceiptError::Line("answer"));
        }
        let [
            log,
            index,
            leaf,
            time,
            _,
            _,
            _,
            hash,
            _,
            _,
            _,
            outcome,
            outcome_leaf,
            status,
            answer,
        ] = &values;
        let wrong = CallReceiptError::Line;
        let is_hash = hash.len() == 2 * HASH_BYTES
            && hash
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !is_hash {
            return Err(wrong("token-hash"));
        }
        let decision = place(index, leaf).ok_or(wrong("decision"))?;
        let outcome = match (outcome.as_str(), outcome_leaf.as_str(), status.as_str()) {
            (NOTHING, NOTHING, NOTHING) if answer == NOTHING => None,
            (index, leaf, status) => {
                let known = status
                    .parse::<u16>()
                    .is_ok_and(|number| number.to_string() == status);
                let digest = answer == NOTHING
                    || from_base64url(answer).is_some_and(|d| d.len() == HASH_BYTES);
                let place = place(index, leaf).filter(|_| known && digest);
                Some(place.ok_or(wrong("outcome"))?)
            }
        };
        let at = UnixMillis::parse(time).ok();
        let at = at.filter(|at| at.to_string() == *time);
        Ok(Self {
            at: at.ok_or(wrong("time"))?,
            log: Origin::parse(log).map_err(|_| wrong("log"))?,
            decision,
            outcome,
            values,
        })
    }

    /// The lines behind the first, as label and value.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        LABELS
            .into_iter()
            .zip(self.values.iter().map(String::as_str))
    }

    fn value(&self, label: &str) -> Option<&str> {
        let mut lines = self.lines();
        let value = lines.find_map(|(name, value)| (name == label).then_some(value));
        value.filter(|value| *value != NOTHING)
    }

    /// Whether the call was made with the token of that SHA-256.
    pub fn is_of_token(&self, sha256: &[u8; HASH_BYTES]) -> bool {
        self.value("token-hash") == Some(&hex(sha256))
    }

    /// When it was decided.
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// Whether the gate forwarded it and what became of it is not known.
    pub fn lacks_outcome(&self) -> bool {
        self.outcome.is_none() && self.value("mode") == Some(GateMode::Inline.as_str())
    }

    /// The digest of the answer's body, if it was read.
    pub fn answer_digest(&self) -> Option<Vec<u8>> {
        self.value("answer").and_then(from_base64url)
    }
}

/// The note's text.
impl fmt::Display for CallReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        for (label, value) in self.lines() {
            writeln!(f, "{label} {value}")?;
        }
        Ok(())
    }
}

/// Whether a line can say it, and it says something.
fn is_line(text: &str) -> bool {
    let fits = !text.is_empty() && text.len() <= MAX_TEXT_BYTES;
    fits && text != NOTHING && !text.chars().any(char::is_control)
}

fn place(index: &str, leaf: &str) -> Option<Place> {
    let leaf = <[u8; HASH_BYTES]>::try_from(from_base64(leaf)?).ok()?;
    Some(Place {
        index: decimal(index)?,
        leaf: LeafHash(leaf),
    })
}

/// The entry of a record that opens it.
fn opened(stored: &StoredEntry) -> Result<(Entry, Place), CallReceiptError> {
    let entry = stored.decode().map_err(|_| CallReceiptError::Commitment)?;
    if stored.verify_commitment().is_err() {
        return Err(CallReceiptError::Commitment);
    }
    let leaf = LeafHash::of(&stored.entry);
    let index = stored.index;
    Ok((entry, Place { index, leaf }))
}

/// Whether the entry can be what became of a call.
pub(super) fn is_outcome(code: OutcomeCode) -> bool {
    matches!(code, OutcomeCode::Completed | OutcomeCode::Failed)
}
