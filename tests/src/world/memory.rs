//! What went into a world and came out of it, kept to be searched for what must not be there.

use anyhow::{Context, Result, ensure};

use super::World;
use crate::backend::{Backend, Seen, lock};
use crate::client::{Request, Response};
use crate::issuer::{self, SSIN};

/// Everything that came out of the validator, kept to be searched for what must not be in it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    responses: Vec<String>,
    forwarded: Vec<String>,
    tokens: Vec<String>,
}

impl World {
    /// Sends a request to the validator and remembers the answer.
    pub fn send(&self, request: &Request) -> Result<Response> {
        let response = request.send(self.address()?)?;
        self.remember(&response);
        Ok(response)
    }

    /// Remembers an answer that was fetched otherwise.
    pub fn remember(&self, response: &Response) {
        lock(&self.memory)
            .responses
            .push(format!("{}\n{}", response.headers, response.text()));
    }

    /// The one request that reached the backend since the last call.
    pub fn take_one_seen(&self) -> Result<Seen> {
        let mut seen = self.take_seen();
        let one = seen.pop().context("the backend saw no request")?;
        ensure!(
            seen.is_empty(),
            "the backend saw {} more requests",
            seen.len()
        );
        Ok(one)
    }

    /// What reached the backend since the last call; remembered too.
    pub fn take_seen(&self) -> Vec<Seen> {
        let seen = self
            .backend
            .as_ref()
            .map(Backend::take_seen)
            .unwrap_or_default();
        let mut memory = lock(&self.memory);
        for request in &seen {
            // The client's own body and target are the API's business and pass as they are.
            memory.forwarded.push(request.headers.to_string());
        }
        seen
    }

    /// Remembers a token that was made otherwise.
    pub fn remember_token(&self, token: &str) {
        lock(&self.memory).tokens.push(token.to_owned());
    }

    /// Searches everything that came out for what must not be in it; `words` are the names besides tokens, secrets and SSINs.
    pub fn leaks(&self, words: &[&str]) -> Result<Vec<String>> {
        self.take_seen();
        let payloads: Vec<String> = self
            .entries(0)?
            .iter()
            .filter_map(|entry| entry.payload().map(str::to_owned))
            .collect();
        let output = [self.output()?];
        let memory = lock(&self.memory);
        ensure!(
            !memory.responses.is_empty() && !memory.forwarded.is_empty(),
            "nothing to search"
        );
        ensure!(
            !payloads.is_empty() && !memory.tokens.is_empty(),
            "nothing to search for"
        );
        let mut needles: Vec<(&str, String)> = vec![("the SSIN", SSIN.to_owned())];
        needles.push(("another SSIN", issuer::OTHER_SSIN.to_owned()));
        needles.extend(words.iter().map(|word| ("a name", (*word).to_owned())));
        needles.extend(
            self.secrets
                .iter()
                .map(|secret| ("a secret", secret.clone())),
        );
        for token in &memory.tokens {
            // Header segments are alike in many tokens; the payload and the signature are this one's own.
            let parts = token.split('.').skip(1).filter(|part| part.len() > 40);
            needles.extend(parts.map(|part| ("a token", part.to_owned())));
        }
        let places: [(&str, &[String]); 4] = [
            ("the log", &payloads),
            ("an answer", &memory.responses),
            ("the backend's headers", &memory.forwarded),
            ("the runtime's output", &output),
        ];
        let mut found = Vec::new();
        for (place, texts) in places {
            for text in texts {
                for (what, needle) in &needles {
                    if text.contains(needle.as_str()) {
                        found.push(format!("{what} in {place}: {text}"));
                    }
                }
            }
        }
        Ok(found)
    }
}
