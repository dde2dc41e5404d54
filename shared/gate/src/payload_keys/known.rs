//! The keys of payloads that this instance has, and those that it asks for just now.
//!
//! All requests want the first key of a period at the same moment, the turn of a month
//! or of a year. One asks for it, for all of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sluis_log::{PayloadKey, RetentionPeriod};

use crate::age::within;

/// Keys that an instance keeps at most. Those of a deployment: a few years of
/// accesses, and a month of refusals each.
pub const MAX_KNOWN_PAYLOAD_KEYS: usize = 64;

/// How long others wait for the answer to one request's question, in milliseconds: it
/// may have been given up, and platforms need not say so.
const LOST_KEY_QUESTION_MS: u64 = 1_000;

/// The keys that this instance has opened, the oldest first, and the questions for more.
#[derive(Debug, Default)]
pub(crate) struct KnownPayloadKeys {
    keys: RefCell<Vec<Rc<PayloadKey>>>,
    questions: RefCell<Vec<Rc<Question>>>,
}

/// That a request asks for the key of a period.
#[derive(Debug)]
pub(super) struct Question {
    period: RetentionPeriod,
    asked_ms: u64,
    answer: Cell<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It is still to come.
    None,
    /// There is no key to be had.
    Failed,
    /// There is one, or whoever asked has gone.
    Over,
}

impl Question {
    /// Whether it is worth waiting for.
    pub(super) fn is_open(&self, now_ms: u64) -> bool {
        self.answer.get() == Answer::None
            && within(Some(self.asked_ms), LOST_KEY_QUESTION_MS, now_ms)
    }

    /// Whether there is no key, for any of those who waited.
    pub(super) fn has_failed(&self) -> bool {
        self.answer.get() == Answer::Failed
    }
}

/// The question of the request that asks; dropped, it has ended.
pub(super) struct Asking<'a> {
    known: &'a KnownPayloadKeys,
    question: Rc<Question>,
}

impl Asking<'_> {
    /// There is no key to be had.
    pub(super) fn fail(&self) {
        self.question.answer.set(Answer::Failed);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let answer = &self.question.answer;
        if answer.get() == Answer::None {
            answer.set(Answer::Over);
        }
        let mut questions = self.known.questions.borrow_mut();
        questions.retain(|other| !Rc::ptr_eq(other, &self.question));
    }
}

impl KnownPayloadKeys {
    pub(super) fn get(&self, period: RetentionPeriod) -> Option<Rc<PayloadKey>> {
        let known = self.keys.borrow();
        known.iter().find(|key| key.period() == period).cloned()
    }

    pub(crate) fn forget(&self, period: RetentionPeriod) {
        self.keys.borrow_mut().retain(|key| key.period() != period);
    }

    pub(super) fn insert(&self, key: &Rc<PayloadKey>) {
        let mut known = self.keys.borrow_mut();
        known.retain(|other| other.period() != key.period());
        if known.len() >= MAX_KNOWN_PAYLOAD_KEYS {
            known.remove(0);
        }
        known.push(Rc::clone(key));
    }

    /// What another request asks, if it asks for that key and was not given up.
    pub(super) fn question(&self, period: RetentionPeriod, now_ms: u64) -> Option<Rc<Question>> {
        let questions = self.questions.borrow();
        let mut open = questions.iter().filter(|question| question.is_open(now_ms));
        open.find(|question| question.period == period).cloned()
    }

    /// This request asks, for itself and for those that come; in the place of one that
    /// was given up, if any.
    pub(super) fn ask(&self, period: RetentionPeriod, asked_ms: u64) -> Asking<'_> {
        let question = Rc::new(Question {
            period,
            asked_ms,
            answer: Cell::new(Answer::None),
        });
        let mut questions = self.questions.borrow_mut();
        questions.retain(|other| other.period != period);
        questions.push(Rc::clone(&question));
        drop(questions);
        Asking {
            known: self,
            question,
        }
    }
}
