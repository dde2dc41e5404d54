//! `sluis log reidentify` from a trace to the holder's number, and what each file tells alone.

use std::fs;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::Value;
use sluis_log::{KeyName, NoteSigner};

use super::trace::{Case, trace as sluis};

const HOLDER: &str = "0123456749";
const ISSUER: &str = "https://nic.simulation.sluis.invalid";

/// The three sides' keys and logs around a call of a hidden holder.
struct Sides {
    case: Case,
    token_hash: String,
    institution: String,
    supervisor: String,
    system: String,
}

impl Sides {
    fn new() -> Self {
        let case = Case::new();
        let key = |name: &str, byte| {
            let seed = Base64UrlUnpadded::encode_string(&[byte; 32]);
            case.folder.write(&format!("{name}.key"), &seed);
            let signer = NoteSigner::new(KeyName::parse(name).unwrap(), &[byte; 32]);
            signer.unwrap().verifier().to_string()
        };
        let (institution, supervisor, system) = (
            key("institution", 21),
            key("supervisor", 22),
            key("nic", 23),
        );
        let issued: Value =
            serde_json::from_str(case.hidden.system.lines().last().unwrap()).unwrap();
        let token_hash = issued["data"]["tokenHash"].as_str().unwrap().to_owned();
        case.folder.write("holder", &format!("{HOLDER}\n"));
        Self {
            case,
            token_hash,
            institution,
            supervisor,
            system,
        }
    }

    fn path(&self, name: &str) -> String {
        self.case.folder.path(name)
    }

    /// Runs `reidentify` with `key value` pairs; a value that begins with `/` is a file of the folder.
    fn run(&self, step: &str, arguments: &[(&str, &str)]) -> (String, u8, String) {
        let mut all = vec!["reidentify".to_owned(), step.to_owned()];
        for (name, value) in arguments {
            all.push(format!("--{name}"));
            all.push(match value.strip_prefix('/') {
                Some(file) => self.path(file),
                None => (*value).to_owned(),
            });
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        sluis(&all)
    }

    fn request(&self, out: &str) -> (String, u8, String) {
        self.run(
            "request",
            &[
                ("party", "institution"),
                ("issuer", ISSUER),
                ("token-id", &self.case.hidden.token_id),
                ("token-hash", &self.token_hash),
                ("reason", "complaint"),
                ("reference", "2026-17"),
                ("name", "institution"),
                ("key-file", "/institution.key"),
                ("record", "/institution.jsonl"),
                ("source", "urn:example:institution"),
                ("service", "be.example.complaints.v1"),
                ("out", out),
            ],
        )
    }

    fn answer(&self, change: &[(&str, &str)]) -> (String, u8, String) {
        let mut arguments = vec![
            ("request", "/request"),
            ("institution", self.institution.as_str()),
            ("supervisor", self.supervisor.as_str()),
            ("party", "secondaryNetwork"),
            ("issued", "/secondaryNetwork.jsonl"),
            ("holder", "/holder"),
            ("name", "nic"),
            ("key-file", "/nic.key"),
            ("record", "/secondaryNetwork.jsonl"),
            ("source", "urn:example:nic"),
            ("service", "be.example.network.v1"),
            ("institution-out", "/half-i"),
            ("supervisor-out", "/half-s"),
        ];
        for (name, value) in change {
            arguments.retain(|(other, _)| other != name);
            arguments.push((name, value));
        }
        self.run("answer", &arguments)
    }

    fn combine(&self, halves: [&str; 2]) -> (String, u8, String) {
        let [one, other] = halves;
        self.run(
            "combine",
            &[
                ("request", "/request"),
                ("institution", &self.institution),
                ("supervisor", &self.supervisor),
                ("party", "supervisor"),
                ("system", &self.system),
                ("half", one),
                ("half", other),
                ("record", "/supervisor.jsonl"),
                ("source", "urn:example:supervisor"),
                ("service", "be.example.supervision.v1"),
            ],
        )
    }
}

#[test]
fn two_parties_together_learn_who_a_hidden_holder_is_and_a_trace_knows_it() {
    let sides = Sides::new();
    let (_, code, said) = sides.request("/request");
    assert_eq!((code, &*said), (0, ""));
    let (_, code, said) = sides.answer(&[]);
    assert_eq!((code, &*said), (0, ""));
    let (out, code, said) = sides.combine(["/half-s", "/half-i"]);
    assert_eq!((&*out, code, &*said), ("0123456749\n", 0, ""));
    // No file of the procedure has the number, but the one in which the network had it.
    for name in [
        "request",
        "half-i",
        "half-s",
        "institution.jsonl",
        "secondaryNetwork.jsonl",
        "supervisor.jsonl",
    ] {
        let text = fs::read_to_string(sides.path(name)).unwrap();
        assert!(!text.contains(HOLDER), "{name}");
    }
    // Every side's step stands in the trace, for whoever reads it, and nobody's number.
    let logs = [
        format!("institution={}", sides.path("institution.jsonl")),
        format!("supervisor={}", sides.path("supervisor.jsonl")),
    ];
    for reader in ["institution", "supervisor", "verificationSystem"] {
        let mut arguments = sides.case.all();
        arguments.extend(logs.iter().flat_map(|log| ["--party", log]));
        let token = sides.case.hidden.token_id.as_str();
        arguments.extend(["--token-id", token, "--for", reader]);
        let (table, code, said) = sluis(&arguments);
        assert_eq!((code, &*said), (0, ""), "{table}");
        for step in ["requested", "answered", "combined"] {
            let step = format!("reidentifications.notify.{step}");
            assert_eq!(table.matches(&step).count(), 1, "{table}");
        }
        assert!(
            table.contains("2026-17") && !table.contains(HOLDER),
            "{table}"
        );
    }
    // A trace in which the request is not: a gap.
    fs::write(sides.path("institution.jsonl"), "").unwrap();
    let mut arguments = sides.case.all();
    arguments.extend(logs.iter().flat_map(|log| ["--party", log]));
    let token = sides.case.hidden.token_id.as_str();
    arguments.extend(["--token-id", token, "--for", "supervisor"]);
    let (table, code, _) = sluis(&arguments);
    assert_eq!(code, 7);
    assert_eq!(
        table.matches("reidentificationNotRequested").count(),
        2,
        "{table}"
    );
}

#[test]
fn what_is_not_as_it_must_be_is_refused_and_leaves_no_half_and_no_record() {
    let sides = Sides::new();
    assert_eq!(sides.request("/request").1, 0);
    assert_eq!(sides.request("/request").1, 1, "it is there already");
    let before = fs::read_to_string(sides.path("secondaryNetwork.jsonl")).unwrap();
    sides.case.folder.write("nobody", "0123456748");
    sides.case.folder.write("cut.jsonl", "{\"half\":");
    let changed = fs::read_to_string(sides.path("request")).unwrap();
    sides
        .case
        .folder
        .write("changed", &changed.replace("complaint", "supervision"));
    for (change, code, words) in [
        (("request", "/changed"), 3, "the note is void"),
        (("request", "/holder"), 4, "no signed note"),
        (("supervisor", sides.institution.as_str()), 2, "are one"),
        (("institution", &sides.system), 3, "is signed by neither"),
        (("holder", "/nobody"), 4, "expected an enterprise number"),
        (("holder", "/missing"), 1, "missing"),
        (("issued", "/institution.jsonl"), 4, "line 1"),
        (("record", "/cut.jsonl"), 4, "cut off"),
        (("supervisor-out", "/request"), 1, "not overwritten"),
        (("service", "x"), 2, "the record of this step: service"),
    ] {
        let (out, ended, said) = sides.answer(&[change]);
        assert_eq!((&*out, ended), ("", code), "{change:?}: {said}");
        assert!(
            said.contains(words) && !said.contains("012345674"),
            "{said}"
        );
        assert!(!fs::exists(sides.path("half-i")).unwrap(), "{change:?}");
    }
    let party = ("party", "verificationSystem");
    let (_, code, said) = sides.answer(&[party, ("issued", "/verificationSystem.jsonl")]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("no record of the issue"), "{said}");
    let log = sides.path("secondaryNetwork.jsonl");
    assert_eq!(fs::read_to_string(log).unwrap(), before);

    assert_eq!(sides.answer(&[]).1, 0);
    for (halves, code) in [(["/half-i", "/half-i"], 3), (["/half-i", "/request"], 4)] {
        let (out, ended, _) = sides.combine(halves);
        assert_eq!((&*out, ended), ("", code));
    }
    assert!(!fs::exists(sides.path("supervisor.jsonl")).unwrap());
}
