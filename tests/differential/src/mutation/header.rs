//! The header: algorithm, type, key and the parameters that no token of the profile has.

use std::fmt::Write as _;

use sluis_token::Algorithm;

use super::{Mutation, STRANGE_VALUES};
use crate::draft::{Draft, Signer};
use crate::members::quoted;
use crate::random::Random;

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "alg none, no signature",
        apply: none,
    },
    Mutation {
        name: "alg none in other case",
        apply: |draft, random| {
            draft.header.set(
                "alg",
                random.one_of([r#""None""#, r#""NONE""#, r#""nOnE""#]),
            );
            draft.signer = Signer::Nobody;
        },
    },
    Mutation {
        name: "alg none, good signature",
        apply: |draft, _| draft.header.set("alg", r#""none""#),
    },
    Mutation {
        name: "alg MAC under the public key",
        apply: |draft, random| {
            draft.header.set(
                "alg",
                random.one_of([r#""HS256""#, r#""HS384""#, r#""HS512""#]),
            );
            draft.signer = Signer::Mac;
        },
    },
    Mutation {
        name: "alg in other case",
        apply: |draft, _| {
            draft.header.set(
                "alg",
                quoted(&draft.algorithm.as_str().to_ascii_lowercase()),
            );
        },
    },
    Mutation {
        name: "alg unknown",
        apply: |draft, random| {
            let name = random.one_of([
                "", "ES512", "RS384", "PS512", "ES256K", "Ed448", "RSA", "ES256 ", "dir",
            ]);
            draft.header.set("alg", quoted(name));
        },
    },
    Mutation {
        name: "alg of another key",
        apply: |draft, random| {
            draft
                .header
                .set("alg", quoted(random.one_of(Algorithm::ALL).as_str()));
        },
    },
    Mutation {
        name: "alg Ed25519",
        apply: |draft, _| {
            draft.algorithm = Algorithm::EdDsa;
            draft.header.set("alg", r#""Ed25519""#);
            draft.header.set("kid", r#""EdDSA""#);
        },
    },
    Mutation {
        name: "alg of a strange type",
        apply: |draft, random| draft.header.set("alg", random.one_of(STRANGE_VALUES)),
    },
    Mutation {
        name: "alg missing",
        apply: |draft, _| draft.header.remove("alg"),
    },
    Mutation {
        name: "alg with escapes",
        apply: |draft, _| {
            let mut escaped = String::new();
            for character in draft.algorithm.as_str().chars() {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            draft.header.set("alg", format!("\"{escaped}\""));
        },
    },
    Mutation {
        name: "RS256 where PS256 is pinned",
        apply: |draft, _| {
            draft.algorithm = Algorithm::Rs256;
            draft.header.set("alg", r#""RS256""#);
            draft.header.set("kid", r#""PS256""#);
        },
    },
    Mutation {
        name: "typ JWT",
        apply: |draft, _| draft.header.set("typ", r#""JWT""#),
    },
    Mutation {
        name: "typ of another token",
        apply: |draft, random| {
            let name = random.one_of([
                r#""dpop+jwt""#,
                r#""id_token""#,
                r#""statuslist+jwt""#,
                r#""logout+jwt""#,
                r#""sluis-assertion+jwt""#,
                r#""at+JWT ""#,
                r#"" at+jwt""#,
                r#""at+jwt; a=b""#,
                r#""text/at+jwt""#,
                r#""application/application/at+jwt""#,
            ]);
            draft.header.set("typ", name);
        },
    },
    Mutation {
        name: "typ in other case",
        apply: |draft, random| {
            draft.header.set(
                "typ",
                random.one_of([r#""AT+JWT""#, r#""at+JWT""#, r#""At+Jwt""#]),
            );
        },
    },
    Mutation {
        name: "typ as a media type",
        apply: |draft, _| draft.header.set("typ", r#""application/at+jwt""#),
    },
    Mutation {
        name: "typ as a media type in other case",
        apply: |draft, random| {
            draft.header.set(
                "typ",
                random.one_of([r#""Application/AT+JWT""#, r#""APPLICATION/at+jwt""#]),
            );
        },
    },
    Mutation {
        name: "typ of a strange type",
        apply: |draft, random| draft.header.set("typ", random.one_of(STRANGE_VALUES)),
    },
    Mutation {
        name: "typ missing",
        apply: |draft, _| draft.header.remove("typ"),
    },
    Mutation {
        name: "kid missing",
        apply: |draft, _| draft.header.remove("kid"),
    },
    Mutation {
        name: "kid unknown",
        apply: |draft, random| {
            draft.header.set(
                "kid",
                random.one_of([
                    r#""nobody""#,
                    r#""eddsa""#,
                    r#""EdDSA ""#,
                    r#""../EdDSA""#,
                    r#""EdDSA\u0000""#,
                    r#""' OR 1=1 --""#,
                ]),
            );
        },
    },
    Mutation {
        name: "kid of another key",
        apply: |draft, random| {
            draft
                .header
                .set("kid", quoted(random.one_of(Algorithm::ALL).as_str()));
        },
    },
    Mutation {
        name: "kid of a strange type",
        apply: |draft, random| draft.header.set("kid", random.one_of(STRANGE_VALUES)),
    },
    Mutation {
        name: "kid very long",
        apply: |draft, _| draft.header.set("kid", quoted(&"k".repeat(200))),
    },
    Mutation {
        name: "crit",
        apply: |draft, random| {
            draft.header.push(
                "crit",
                random.one_of([
                    "[]",
                    r#"["exp"]"#,
                    r#"["b64"]"#,
                    r#""exp""#,
                    "null",
                    "[1]",
                    r#"["typ"]"#,
                    r#"["kid","kid"]"#,
                    "{}",
                ]),
            );
        },
    },
    Mutation {
        name: "crit with the parameter it names",
        apply: |draft, _| {
            draft
                .header
                .push("crit", r#"["http://example.com/UNDEFINED"]"#);
            draft.header.push("http://example.com/UNDEFINED", "true");
        },
    },
    Mutation {
        name: "b64 true in crit",
        apply: |draft, _| {
            draft.header.push("b64", "true");
            draft.header.push("crit", r#"["b64"]"#);
        },
    },
    Mutation {
        name: "b64 false in crit",
        apply: |draft, _| {
            draft.header.push("b64", "false");
            draft.header.push("crit", r#"["b64"]"#);
        },
    },
    Mutation {
        name: "b64 without crit",
        apply: |draft, random| {
            draft
                .header
                .push("b64", random.one_of(["true", "false", "1"]));
        },
    },
    Mutation {
        name: "zip",
        apply: |draft, random| {
            draft
                .header
                .push("zip", random.one_of([r#""DEF""#, "null", "0"]));
        },
    },
    Mutation {
        name: "a key in the header, signed by it",
        apply: |draft, _| {
            draft.signer = Signer::Stranger;
            draft.header.push("jwk", r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
        },
    },
    Mutation {
        name: "a key in the header, signed well",
        apply: |draft, _| {
            draft.header.push("jwk", r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
        },
    },
    Mutation {
        name: "jku, x5u, x5c or cty",
        apply: |draft, random| {
            let (name, value) = random.one_of([
                ("jku", r#""https://attacker.example/jwks""#),
                ("x5u", r#""https://attacker.example/x5u""#),
                ("x5c", r#"["MIIB"]"#),
                ("cty", r#""JWT""#),
                ("cty", r#""application/json""#),
                ("jku", "null"),
            ]);
            draft.header.push(name, value);
        },
    },
    Mutation {
        name: "x5t or nonce, which mean nothing",
        apply: |draft, random| {
            let (name, value) = random.one_of([
                ("x5t", r#""AAAA""#),
                ("x5t#S256", r#""AAAA""#),
                ("nonce", r#""n""#),
                ("iss", r#""x""#),
            ]);
            draft.header.push(name, value);
        },
    },
    Mutation {
        name: "a header parameter that nobody knows",
        apply: |draft, random| {
            draft.header.push("sim", random.one_of(STRANGE_VALUES));
        },
    },
    Mutation {
        name: "alg twice",
        apply: |draft, random| {
            let other = random.one_of([r#""none""#, r#""HS256""#, r#""ES256""#]);
            if random.once_in(2) {
                draft.header.push("alg", other);
            } else {
                draft.header.push_front("alg", other);
            }
        },
    },
    Mutation {
        name: "kid twice",
        apply: |draft, random| {
            if random.once_in(2) {
                draft.header.push("kid", r#""other""#);
            } else {
                draft.header.push_front("kid", r#""other""#);
            }
        },
    },
    Mutation {
        name: "typ twice, once escaped",
        apply: |draft, random| {
            if random.once_in(2) {
                draft.header.push("\\u0074yp", r#""JWT""#);
            } else {
                draft.header.push_front("t\\u0079p", r#""JWT""#);
            }
        },
    },
    Mutation {
        name: "a name in the header with escapes",
        apply: |draft, random| match random.below(3) {
            0 => draft.header.rename("alg", "\\u0061lg"),
            1 => draft.header.rename("kid", "ki\\u0064"),
            _ => draft.header.rename("typ", "\\u0074\\u0079\\u0070"),
        },
    },
    Mutation {
        name: "a name in the header in other case",
        apply: |draft, random| match random.below(3) {
            0 => draft.header.rename("alg", "Alg"),
            1 => draft.header.rename("kid", "KID"),
            _ => draft.header.rename("typ", "Typ"),
        },
    },
];

fn none(draft: &mut Draft, _: &mut Random) {
    draft.header.set("alg", r#""none""#);
    draft.signer = Signer::Nobody;
}
