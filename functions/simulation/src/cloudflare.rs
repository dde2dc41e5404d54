//! The simulation on Cloudflare Workers; `js/worker.mjs` is the other half.

use std::cell::RefCell;

use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{RawSettings, SimRequest, SimResponse, Simulation, handle};

/// A started simulation.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Worker {
    simulation: Simulation,
    /// What the status lists say: for as long as this isolate lives, which is
    /// long enough to try them on one machine.
    statuses: RefCell<Vec<u8>>,
}

/// An answer, for JavaScript to send.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Answer(SimResponse);

#[wasm_bindgen]
impl Worker {
    /// Starts it from its secrets.
    #[wasm_bindgen(constructor)]
    pub fn new(
        keys_cbss: String,
        keys_nic: String,
        pseudonym_key: String,
    ) -> Result<Worker, JsError> {
        let settings = RawSettings {
            keys_cbss,
            keys_nic,
            pseudonym_key,
        };
        Ok(Self {
            simulation: Simulation::try_from(settings)?,
            statuses: RefCell::default(),
        })
    }

    /// Answers a request; `now_ms` is JavaScript's clock.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "wasm-bindgen takes an optional string by value only"
    )]
    pub fn handle(
        &self,
        method: &str,
        url: &str,
        accept: Option<String>,
        assertion: Option<String>,
        body: &[u8],
        now_ms: f64,
    ) -> Answer {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a clock's milliseconds are a small positive number; the cast saturates"
        )]
        let now = (now_ms / 1000.0) as u64;
        let authority_at = url.find("://").map_or(0, |at| at + 3);
        let path_at = url.get(authority_at..).and_then(|rest| rest.find('/'));
        let (origin, target) = url
            .split_at_checked(authority_at + path_at.unwrap_or_default())
            .unwrap_or_default();
        let kept = self.statuses.borrow().clone();
        let mut response = handle(
            &self.simulation,
            &SimRequest {
                method,
                target,
                accept: accept.as_deref(),
                assertion: assertion.as_deref(),
                body,
                now,
                origin,
                statuses: &kept,
            },
        );
        if let Some(statuses) = response.statuses.take() {
            *self.statuses.borrow_mut() = statuses;
        }
        Answer(response)
    }
}

#[wasm_bindgen]
impl Answer {
    /// The HTTP status code.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// `Content-Type`.
    #[wasm_bindgen(getter)]
    pub fn content_type(&self) -> String {
        self.0.content_type.to_owned()
    }

    /// `Cache-Control`.
    #[wasm_bindgen(getter)]
    pub fn cache_control(&self) -> String {
        self.0.cache_control.to_owned()
    }

    /// The body.
    #[wasm_bindgen(getter)]
    pub fn body(&self) -> String {
        self.0.body.clone()
    }
}
