//! The order to destroy what is due, over HTTP.

use std::path::Path;

use serde::Deserialize;
use ureq::Agent;

use super::RetainFailure;
use crate::log::failure::LogFailure;
use crate::log::remote::{agent, read_token};

/// Where it is given.
const PATH: &str = "/operator/retain";
/// Most bytes of an answer: a record of every month of thirty years, of as many logs as there can be, ten times over.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
/// Longest reason code.
const MAX_CODE_BYTES: usize = 64;

/// What was done.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    /// The signed records of all periods that ever ended.
    pub(super) records: Vec<String>,
    /// How many payloads this order deleted.
    pub(super) erased: u64,
    /// Whether something is left that is due.
    pub(super) more: bool,
    /// The reason code of the first thing that failed, if anything did.
    #[serde(default)]
    pub(super) fault: Option<FaultCode>,
}

/// A reason code: it goes on a terminal, so nothing else may be in its place.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct FaultCode(pub(super) String);

impl TryFrom<String> for FaultCode {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if plain && (1..=MAX_CODE_BYTES).contains(&code.len()) {
            Ok(Self(code))
        } else {
            Err("a fault that is no reason code")
        }
    }
}

/// Gives orders to one validator.
pub(super) struct Orders {
    agent: Agent,
    url: String,
    authorization: String,
}

impl Orders {
    pub(super) fn new(url: &str, token_file: &Path) -> Result<Self, LogFailure> {
        let agent = agent(url)?;
        let token = read_token(token_file)?;
        Ok(Self {
            agent,
            url: format!("{}{PATH}", url.trim_end_matches('/')),
            authorization: format!("Bearer {token}"),
        })
    }

    pub(super) fn give(&self) -> Result<Answer, LogFailure> {
        let unreachable = |error: &ureq::Error| LogFailure::Unreachable {
            url: self.url.clone(),
            problem: error.to_string(),
        };
        let response = self
            .agent
            .post(&self.url)
            .header("authorization", &self.authorization)
            .header("accept", "application/json")
            .send_empty()
            .map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let url = self.url.clone();
            return Err(RetainFailure::Refused { url, status }.into());
        }
        let body = response.into_body().into_with_config();
        let body = body.limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| unreachable(&error))?;
        let answer = serde_json::from_slice(&body).map_err(|error| RetainFailure::Answer {
            url: self.url.clone(),
            problem: error.to_string(),
        });
        Ok(answer?)
    }

    pub(super) fn failed(&self, FaultCode(fault): FaultCode) -> RetainFailure {
        let url = self.url.clone();
        RetainFailure::Failed { url, fault }
    }

    pub(super) fn idle(&self) -> RetainFailure {
        let url = self.url.clone();
        RetainFailure::Idle { url }
    }

    pub(super) fn unfinished(&self, orders: u32) -> RetainFailure {
        let url = self.url.clone();
        RetainFailure::Unfinished { url, orders }
    }
}
