//! The lines that `cargo xtask dev` prints to be tried, and what comes of each.

/// `institution.url` of the simulation.
const PUBLIC_URL: &str = "https://api.simulation.sluis.invalid";
/// `log.origin` of the simulation.
const LOG: &str = "gate.simulation.sluis.invalid/log";

/// What the lines name: addresses, programs and files as a person in the root types them.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) gate: String,
    pub(crate) simulation: String,
    pub(crate) sluis: String,
    /// The secrets of the local run.
    pub(crate) secrets: String,
    /// Where the key of a client goes.
    pub(crate) client: String,
    /// The key that makes tokens for auditors.
    pub(crate) auditor: String,
    /// The operators' credential.
    pub(crate) operator: String,
    /// The profile for `sluis conformance`.
    pub(crate) conformance: String,
}

/// A line to paste, and what comes of it.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) what: &'static str,
    pub(crate) line: String,
    pub(crate) expected: Expected,
}

/// What a line is to bring.
#[derive(Debug)]
pub(crate) enum Expected {
    /// The first answer printed has this status.
    Status(u16),
    /// The same, and nothing printed has this word.
    Without(u16, &'static str),
    /// It succeeds and prints all of these.
    Prints(&'static [&'static str]),
}

/// All of them, in the order in which a newcomer would try them.
pub(crate) fn all(places: &Places) -> Vec<Attempt> {
    let mut all = places.calls();
    all.extend(places.special_tokens());
    all.extend(places.operated());
    all.extend(places.checked());
    all
}

fn attempt(what: &'static str, line: String, expected: Expected) -> Attempt {
    Attempt {
        what,
        line,
        expected,
    }
}

impl Places {
    /// The address of the operation that all lines call.
    fn rights(&self) -> String {
        format!("{}/pension/v1/rights/get", self.gate)
    }

    fn mint(&self, body: &str) -> String {
        format!(
            "TOKEN=$(curl -s {}/simulation/token -H 'Accept: text/plain' -d '{body}')",
            self.simulation
        )
    }

    fn call(&self) -> String {
        let rights = self.rights();
        format!(r#"curl -si {rights} -H "Authorization: Bearer $TOKEN" {PERSON}"#)
    }

    /// The same, of which only the status is printed.
    fn status(&self) -> String {
        format!("{} -o /dev/null -w '%{{http_code}} '", self.call())
    }

    /// The credential of the operators.
    fn operator(&self) -> String {
        format!(r#"-H "Authorization: Bearer $(cat {})""#, self.operator)
    }

    fn purge(&self) -> String {
        let (gate, operator) = (&self.gate, self.operator());
        format!("curl -si -X POST {gate}/operator/keys/purge {operator}")
    }

    /// Past the gate, with the assertion of its decision.
    fn unfiltered(&self) -> String {
        let Self {
            gate, simulation, ..
        } = self;
        let path = "/pension/v1/persons/53480200724/rights";
        let asked = format!("-H 'X-Original-Method: GET' -H 'X-Original-URI: {path}'");
        format!(
            r#"{}; ASSERTION=$(curl -si {gate}/decide -H "Authorization: Bearer $TOKEN" {asked} | tr -d '\r' | grep -i '^sluis-assertion:' | cut -d' ' -f2); curl -s {simulation}/simulation/backend{path} -H "Sluis-Assertion: $ASSERTION""#,
            self.mint("{}")
        )
    }

    /// Plain calls, good and bad.
    fn calls(&self) -> Vec<Attempt> {
        let Self { gate, .. } = self;
        let rights = self.rights();
        let then = |body: &str| format!("{}; {}", self.mint(body), self.call());
        vec![
            attempt(
                "The gate is up",
                format!("curl -si {gate}/health"),
                Expected::Status(200),
            ),
            attempt(
                "A mandate holder gets a token from the simulation and calls: allowed, the fields of the mandate",
                then("{}"),
                Expected::Without(200, "bankAccount"),
            ),
            attempt(
                "All that the API sends, to a proxy that asked the gate: more than the fields of the mandate",
                self.unfiltered(),
                Expected::Prints(&["accruedRights", "bankAccount", "fields"]),
            ),
            attempt(
                "Without a token: refused",
                format!("curl -si {rights} {PERSON}"),
                Expected::Status(401),
            ),
            attempt(
                "With an expired token: refused",
                then(r#"{"defect":"expired"}"#),
                Expected::Status(401),
            ),
            attempt(
                "With a token for another purpose: refused",
                then(r#"{"defect":"wrongPurpose"}"#),
                Expected::Status(403),
            ),
            attempt(
                "With a mandate type whose deliberation has ended: refused",
                then(r#"{"defect":"endedDeliberation"}"#),
                Expected::Status(403),
            ),
        ]
    }

    /// Tokens that are good once, until they are revoked, or for their sender alone.
    fn special_tokens(&self) -> Vec<Attempt> {
        let Self {
            simulation,
            sluis,
            secrets,
            client,
            ..
        } = self;
        let (rights, call, status, purge) =
            (self.rights(), self.call(), self.status(), self.purge());
        let once = self.mint(r#"{"singleUse":true}"#);
        // Another entry each time, for a revocation stays.
        let listed = self.mint(r#"{"status":{"index":'$INDEX'}}"#);
        let revoke = format!(
            r#"curl -s -o /dev/null {simulation}/simulation/cbss/status/1 -d '{{"index":'$INDEX',"status":"revoked"}}'"#
        );
        vec![
            attempt(
                "With a token for one use, the second time: refused",
                format!("{once}; {call} -o /dev/null; {call}"),
                Expected::Status(401),
            ),
            attempt(
                "With a token that is revoked in between: refused at once, for the lists go with purged keys",
                format!(
                    "INDEX=$(($(date +%s) % 1000)); {listed}; {status}; {revoke}; {purge} -o /dev/null; {status}"
                ),
                Expected::Prints(&["200 401"]),
            ),
            attempt(
                "With a token that is good for its client's key alone, and a proof by it (DPoP): allowed",
                format!(
                    r#"[ -f {client} ] || {sluis} keys generate --algorithm es256 --out {client}
TOKEN=$({sluis} token mint --secrets {secrets} --dpop-key {client})
proof() {{ echo "$TOKEN" | {sluis} token dpop --key {client} --method POST --url {PUBLIC_URL}/pension/v1/rights/get "$@"; }}
bound() {{ curl -si {rights} -H "Authorization: DPoP $TOKEN" -H "DPoP: $1" {PERSON}; }}
NONCE=$(bound "$(proof)" | tr -d '\r' | grep -i '^dpop-nonce:' | cut -d' ' -f2)
bound "$(proof --nonce $NONCE)""#
                ),
                Expected::Status(200),
            ),
        ]
    }

    /// What operators have.
    fn operated(&self) -> Vec<Attempt> {
        let Self { gate, .. } = self;
        let (mint, status, operator) = (self.mint("{}"), self.status(), self.operator());
        vec![
            attempt(
                "An operator has the keys of all issuers fetched anew",
                self.purge(),
                Expected::Status(200),
            ),
            attempt(
                "What the next catalogue would decide otherwise, as this instance counted it",
                format!("{mint}; {status}; sleep 1; curl -s {gate}/operator/comparison {operator}"),
                Expected::Prints(&["granted", "termsOutdated"]),
            ),
        ]
    }

    /// What checks the validator, and what is left of it all.
    fn checked(&self) -> Vec<Attempt> {
        let Self {
            gate,
            sluis,
            conformance,
            auditor,
            ..
        } = self;
        vec![
            attempt(
                "A part of the attack corpus; leave --case out for all of it",
                format!("{sluis} conformance --profile {conformance} --case A0"),
                Expected::Prints(&["algorithms", "passed"]),
            ),
            attempt(
                "What the auditor sees of it, the chain verified",
                format!(
                    "{sluis} log show --url {gate} --auditor-key-file {auditor} --log {LOG} --auditor dpo --purpose audit"
                ),
                Expected::Prints(&["granted", "refused", "dropped="]),
            ),
        ]
    }
}

/// The body that names the person, and its type.
const PERSON: &str = r#"-H 'Content-Type: application/json' -d '{"ssin":"53480200724"}'"#;
