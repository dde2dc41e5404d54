//! A whole request to the gate, in line and as a proxy's question: method, target, headers and body.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use sluis_gate::memory::{MemoryPlatform, MemoryRequest};
use sluis_gate::{Config, Embedded, Gate, RawSecrets, Secrets};
use sluis_log::Origin;
use sluis_policy::Catalogue;

use crate::Parser;

pub(crate) const GATE_REQUEST: Parser = Parser {
    name: "gate_request",
    run: gate_request,
    longest: 32 * 1024,
    base: 2_000_000,
    per_byte: 700,
};

const CONFIGURATION: &str = include_str!("../../../simulation.toml");
const CATALOGUE: &str = include_str!("../../../catalogue.toml");
/// 32 bytes, in base64url.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const NOW_MS: u64 = 1_790_000_000_000;

thread_local! {
    static GATE: Option<Rc<Gate>> = gate();
}

fn gate() -> Option<Rc<Gate>> {
    let embedded = Embedded::from_toml(CONFIGURATION, |_| Err(String::new())).ok()?;
    let config = Config::try_from(embedded).ok()?;
    let catalogue = Catalogue::from_toml(CATALOGUE).ok()?;
    let secrets = Secrets::try_from(RawSecrets {
        pseudonym_key: KEY.to_owned(),
        log_key: KEY.to_owned(),
        assertion_key: format!(
            r#"{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"a","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"{}"}}"#,
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        ),
        auditor_token: "an auditor token of the test, long enough".to_owned(),
        operator_token: Some("an operator token of the test, long enough".to_owned()),
    })
    .ok()?;
    Gate::new(config, catalogue, secrets).ok()
}

/// Lines: method, target, headers up to an empty line; then the body.
fn gate_request(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.split('\n');
    let method = lines.next().unwrap_or_default();
    let target = lines.next().unwrap_or_default();
    let mut request = MemoryRequest::new(method, target).body(body);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        request = request.header(&name.to_ascii_lowercase(), value.trim());
    }
    let Ok(origin) = Origin::parse("sluis.invalid/log") else {
        return;
    };
    let platform = MemoryPlatform::new(NOW_MS, origin);
    GATE.with(|gate| {
        assert!(
            gate.is_some(),
            "the simulation's configuration makes a gate"
        );
        let Some(gate) = gate else {
            return;
        };
        let mut serving = std::pin::pin!(gate.serve(&platform, request));
        let mut context = Context::from_waker(Waker::noop());
        // The memory platform wakes at once; a request that is not done by then waits for ever.
        let reply = (0..1000).find_map(|_| match serving.as_mut().poll(&mut context) {
            Poll::Ready(reply) => Some(reply),
            Poll::Pending => None,
        });
        assert!(reply.is_some(), "no answer");
        // Nobody has a key here.
        assert!(platform.forwarded().is_empty(), "forwarded without a token");
    });
}
