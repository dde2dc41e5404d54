//! The payload: presence, types and values of claims.

use super::{Mutation, REQUIRED, STRANGE_VALUES};
use crate::draft::mandate;
use crate::members::quoted;
use crate::party::{AUDIENCE, ISSUER};

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "nothing",
        apply: |_, _| {},
    },
    Mutation {
        name: "a required claim missing",
        apply: |draft, random| draft.claims.remove(random.one_of(REQUIRED)),
    },
    Mutation {
        name: "a required claim of a strange type",
        apply: |draft, random| {
            let claim = random.one_of(REQUIRED);
            draft.claims.set(claim, random.one_of(STRANGE_VALUES));
        },
    },
    Mutation {
        name: "a required claim, null",
        apply: |draft, random| draft.claims.set(random.one_of(REQUIRED), "null"),
    },
    Mutation {
        name: "nbf, act or status of a strange type",
        apply: |draft, random| {
            let claim = random.one_of(["nbf", "act", "status"]);
            draft.claims.set(claim, random.one_of(STRANGE_VALUES));
        },
    },
    Mutation {
        name: "a claim that nobody knows",
        apply: |draft, random| draft.claims.push("sim", random.one_of(STRANGE_VALUES)),
    },
    Mutation {
        name: "another issuer",
        apply: |draft, random| {
            draft.claims.set(
                "iss",
                quoted(random.one_of([
                    "https://attacker.example",
                    "https://vs.example",
                    "",
                    "https://vs.example/systeme",
                ])),
            );
        },
    },
    Mutation {
        name: "the issuer, nearly",
        apply: |draft, random| {
            // A slash, upper case, another normal form of Unicode, something invisible, a letter that looks the same.
            let issuer = random.one_of([
                format!("{ISSUER}/"),
                ISSUER.replace("vs", "VS"),
                ISSUER.replace('è', "e\u{300}"),
                format!("{ISSUER}\u{200b}"),
                ISSUER.replace('e', "\u{435}"),
                format!(" {ISSUER}"),
                format!("{ISSUER}\u{0}"),
                ISSUER.replace("https", "http"),
                format!("{ISSUER}#"),
                ISSUER.replace("è", "%C3%A8"),
            ]);
            draft.claims.set("iss", quoted(&issuer));
        },
    },
    Mutation {
        name: "the issuer in an array",
        apply: |draft, _| draft.claims.set("iss", format!("[{}]", quoted(ISSUER))),
    },
    Mutation {
        name: "the issuer with escapes",
        apply: |draft, random| {
            let escaped = if random.once_in(2) {
                quoted(ISSUER).replace('è', "\\u00e8").replace('/', "\\/")
            } else {
                quoted(ISSUER).replace('v', "\\u0076")
            };
            draft.claims.set("iss", escaped);
        },
    },
    Mutation {
        name: "another audience",
        apply: |draft, random| {
            let audience = random.one_of([
                "https://other.example".to_owned(),
                format!("{AUDIENCE}/"),
                AUDIENCE.to_uppercase(),
                AUDIENCE.replace("/pensions", ""),
                format!("{AUDIENCE} "),
                AUDIENCE.replace("https", "http"),
                format!("{AUDIENCE}\u{0}"),
                "*".to_owned(),
            ]);
            draft.claims.set("aud", quoted(&audience));
        },
    },
    Mutation {
        name: "audiences without ours",
        apply: |draft, random| {
            draft.claims.set(
                "aud",
                random.one_of([
                    r#"["https://other.example"]"#,
                    "[]",
                    r#"["a","b","c"]"#,
                    r#"["https://api.example","/pensions"]"#,
                ]),
            );
        },
    },
    Mutation {
        name: "ours among strange audiences",
        apply: |draft, random| {
            let other = random.one_of(STRANGE_VALUES);
            draft
                .claims
                .set("aud", format!("[{other},{}]", quoted(AUDIENCE)));
        },
    },
    Mutation {
        name: "ours in an array in the array",
        apply: |draft, _| draft.claims.set("aud", format!("[[{}]]", quoted(AUDIENCE))),
    },
    Mutation {
        name: "ours as a name in an object",
        apply: |draft, _| {
            draft
                .claims
                .set("aud", format!("{{{}:true}}", quoted(AUDIENCE)));
        },
    },
    Mutation {
        name: "ours twice",
        apply: |draft, _| {
            draft
                .claims
                .set("aud", format!("[{0},{0}]", quoted(AUDIENCE)));
        },
    },
    Mutation {
        name: "ours among many audiences",
        apply: |draft, random| {
            let others =
                (0..10 + random.below(12)).map(|number| format!("\"https://{number}.example\","));
            draft.claims.set(
                "aud",
                format!("[{}{}]", others.collect::<String>(), quoted(AUDIENCE)),
            );
        },
    },
    Mutation {
        name: "several audiences in one text",
        apply: |draft, random| {
            let between = random.one_of([" ", ","]);
            draft.claims.set(
                "aud",
                quoted(&format!("{AUDIENCE}{between}https://other.example")),
            );
        },
    },
    Mutation {
        name: "sub that is no pseudonym",
        apply: |draft, random| {
            draft.claims.set(
                "sub",
                quoted(random.one_of([
                    "user",
                    "53480200724",
                    "QmVsZ2lhbiBwc2V1ZG9ueW0gb2YgdGhlIHRlc3RzISF",
                    "QmVsZ2lhbiBwc2V1ZG9ueW0gb2YgdGhlIHRlc3RzISE=",
                ])),
            );
        },
    },
    Mutation {
        name: "an SSIN as an identifier",
        apply: |draft, random| {
            draft.claims.set(
                random.one_of(["jti", "client_id"]),
                quoted(random.one_of(["53480200724", "53.48.02-007.24"])),
            );
        },
    },
    Mutation {
        name: "the client calls itself as the person",
        apply: |draft, _| {
            if let Some(subject) = draft.claims.get("sub").map(str::to_owned) {
                draft.claims.set("client_id", subject);
            }
        },
    },
    Mutation {
        name: "a very long identifier",
        apply: |draft, random| {
            let claim = random.one_of(["jti", "client_id"]);
            draft.claims.set(claim, quoted(&"i".repeat(300)));
        },
    },
    Mutation {
        name: "cnf",
        apply: |draft, random| {
            draft.claims.push(
                "cnf",
                random.one_of([
                    r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
                    r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#,
                    r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0"}"#,
                    r#"{"jwk":{}}"#,
                    r#"{"kid":"k"}"#,
                    "{}",
                    "null",
                    r#""k""#,
                    "[]",
                    r#"{"jkt":1}"#,
                    r#"{"jkt":null}"#,
                ]),
            );
        },
    },
    Mutation {
        name: "no mandate, or several",
        apply: |draft, random| {
            let mandate = mandate();
            let inner = mandate
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let value = match random.below(5) {
                0 => "[]".to_owned(),
                1 => format!("[{inner},{inner}]"),
                2 => inner,
                3 => r#"[{"type":"mandate"}]"#.to_owned(),
                _ => mandate.replace(r#""type":"mandate""#, r#""type":"payment""#),
            };
            draft.claims.set("authorization_details", value);
        },
    },
    Mutation {
        name: "a mandate with a member that is wrong",
        apply: |draft, random| {
            let (from, to) = random.one_of([
                (r#""status":"active""#, r#""status":"unknown""#),
                (
                    r#""purposes":["simPensionSimulation"]"#,
                    r#""purposes":["*"]"#,
                ),
                (r#""usage":"repeated""#, r#""usage":1"#),
                (r#""type":"organization""#, r#""type":"person""#),
                (
                    r#""enterpriseNumber":"0202239951""#,
                    r#""enterpriseNumber":"0202239950""#,
                ),
                (r#""validFrom":1760000000"#, r#""validFrom":"now""#),
            ]);
            draft
                .claims
                .set("authorization_details", mandate().replace(from, to));
        },
    },
    Mutation {
        name: "nested actors",
        apply: |draft, random| {
            let depth = 1 + random.below(9);
            let act = format!(
                "{}{}",
                r#"{"sub":"sim-user","act":"#.repeat(depth),
                r#"{"sub":"sim-user"}"#
            );
            draft
                .claims
                .set("act", format!("{act}{}", "}".repeat(depth)));
        },
    },
    Mutation {
        name: "a status",
        apply: |draft, random| {
            draft.claims.push(
                "status",
                random.one_of([
                    r#"{"status_list":{"idx":1,"uri":"https://vs.example/status/1"}}"#,
                    r#"{"status_list":{"idx":-1,"uri":"https://vs.example/status/1"}}"#,
                    r#"{"status_list":{"idx":1}}"#,
                    r#"{"other":{}}"#,
                    "{}",
                    r#"{"status_list":[]}"#,
                ]),
            );
        },
    },
];
