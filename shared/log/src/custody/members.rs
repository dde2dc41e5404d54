//! The members of a custody record's `data`, written and read by one type.

use serde::{Deserialize, Serialize};

use crate::custody::event::{CustodyAction, CustodyEvent, DestructionMethod, Encryption};
use crate::custody::word::{CustodyCode, CustodyDay};
use crate::time::UnixMillis;

/// Which members are there depends on the action. Text is checked on the way into a
/// [`CustodyEvent`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustodyMembers {
    pub(crate) institution: String,
    basis: String,
    deliberation: String,
    carrier: String,
    happened_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    custodian: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// With [`Self::separate_bag`], or neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    separate_bag: Option<bool>,
    /// With [`Self::no_temporary_files`], or neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    network_off: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_temporary_files: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
}

impl CustodyMembers {
    pub(crate) fn of(event: &CustodyEvent, institution: &str) -> Self {
        let CustodyEvent {
            basis,
            deliberation,
            carrier,
            happened_at,
            action,
        } = event;
        let mut members = Self {
            institution: institution.to_owned(),
            basis: basis.to_string(),
            deliberation: deliberation.clone(),
            carrier: carrier.to_string(),
            happened_at: happened_at.to_string(),
            custodian: None,
            encryption: None,
            keep_until: None,
            from: None,
            to: None,
            by: None,
            seal: None,
            location: None,
            outside: None,
            separate_bag: None,
            network_off: None,
            no_temporary_files: None,
            method: None,
        };
        members.add(action);
        members
    }

    fn add(&mut self, action: &CustodyAction) {
        let text = |code: &CustodyCode| Some(code.to_string());
        match action {
            CustodyAction::Registered {
                custodian,
                encryption,
                keep_until,
            } => {
                self.custodian = text(custodian);
                self.encryption = Some(encryption.to_string());
                self.keep_until = Some(keep_until.to_string());
            }
            CustodyAction::HandedOver {
                from,
                to,
                seal,
                outside,
            } => {
                (self.from, self.to, self.seal) = (text(from), text(to), text(seal));
                self.is_outside(*outside);
            }
            CustodyAction::Stored { by, location } => {
                (self.by, self.location) = (text(by), text(location));
            }
            CustodyAction::Moved { by, outside } | CustodyAction::TakenOut { by, outside } => {
                self.by = text(by);
                self.is_outside(*outside);
            }
            CustodyAction::Withdrawn { by }
            | CustodyAction::Lost { by }
            | CustodyAction::Found { by } => self.by = text(by),
            CustodyAction::Used { by } => {
                self.by = text(by);
                (self.network_off, self.no_temporary_files) = (Some(true), Some(true));
            }
            CustodyAction::KeptLonger { keep_until } => {
                self.keep_until = Some(keep_until.to_string());
            }
            CustodyAction::Destroyed { by, method } => {
                (self.by, self.method) = (text(by), Some(method.to_string()));
            }
        }
    }

    fn is_outside(&mut self, outside: bool) {
        let said = outside.then_some(true);
        (self.outside, self.separate_bag) = (said, said);
    }

    /// What they say, if they are those of that kind of record. Members too many are not
    /// looked at here: who reads a record writes it again and compares.
    pub(crate) fn event(&self, participle: &str) -> Option<CustodyEvent> {
        Some(CustodyEvent {
            basis: CustodyCode::parse(&self.basis).ok()?,
            deliberation: self.deliberation.clone(),
            carrier: CustodyCode::parse(&self.carrier).ok()?,
            happened_at: UnixMillis::parse(&self.happened_at).ok()?,
            action: self.action(participle)?,
        })
    }

    fn action(&self, participle: &str) -> Option<CustodyAction> {
        let code = |text: Option<&str>| CustodyCode::parse(text?).ok();
        let by = || code(self.by.as_deref());
        let keep_until = || CustodyDay::parse(self.keep_until.as_deref()?).ok();
        let outside = self.outside == Some(true);
        Some(match participle {
            "registered" => CustodyAction::Registered {
                custodian: code(self.custodian.as_deref())?,
                encryption: Encryption::parse(self.encryption.as_deref()?)?,
                keep_until: keep_until()?,
            },
            "withdrawn" => CustodyAction::Withdrawn { by: by()? },
            "handedOver" => CustodyAction::HandedOver {
                from: code(self.from.as_deref())?,
                to: code(self.to.as_deref())?,
                seal: code(self.seal.as_deref())?,
                outside,
            },
            "moved" => CustodyAction::Moved { by: by()?, outside },
            "stored" => CustodyAction::Stored {
                by: by()?,
                location: code(self.location.as_deref())?,
            },
            "takenOut" => CustodyAction::TakenOut { by: by()?, outside },
            "used" => CustodyAction::Used { by: by()? },
            "keptLonger" => CustodyAction::KeptLonger {
                keep_until: keep_until()?,
            },
            "lost" => CustodyAction::Lost { by: by()? },
            "found" => CustodyAction::Found { by: by()? },
            "destroyed" => CustodyAction::Destroyed {
                by: by()?,
                method: DestructionMethod::parse(self.method.as_deref()?)?,
            },
            _ => return None,
        })
    }
}
