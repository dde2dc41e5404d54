//! Time: the moments at which something begins or ends, one second to either side, and numbers
//! that are none of the profile's.

use super::Mutation;
use crate::party::{LIFETIME, NOW, SKEW};
use crate::random::Random;

/// A second before, at, or after a moment.
fn around(moment: u64, random: &mut Random) -> u64 {
    moment + random.one_of([0, 1, 2]) - 1
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "exp about the end of the skew",
        apply: |draft, random| {
            draft
                .claims
                .set("exp", around(NOW - SKEW, random).to_string());
            draft.claims.set("iat", (NOW - 200).to_string());
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "exp about now",
        apply: |draft, random| {
            draft.claims.set("exp", around(NOW, random).to_string());
            draft.claims.set("iat", (NOW - 200).to_string());
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "expired long ago",
        apply: |draft, random| {
            draft
                .claims
                .set("exp", random.one_of(["0", "1", "1000000000", "2999990000"]));
        },
    },
    Mutation {
        name: "nbf about the end of the skew",
        apply: |draft, random| {
            draft
                .claims
                .set("nbf", around(NOW + SKEW, random).to_string());
        },
    },
    Mutation {
        name: "iat about the end of the skew",
        apply: |draft, random| {
            draft
                .claims
                .set("iat", around(NOW + SKEW, random).to_string());
            draft.claims.set("exp", (NOW + 200).to_string());
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "issued tomorrow",
        apply: |draft, _| {
            draft.claims.set("iat", (NOW + 86_400).to_string());
            draft.claims.set("exp", (NOW + 86_600).to_string());
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "lifetime about the longest",
        apply: |draft, random| {
            draft.claims.set("iat", (NOW - 10).to_string());
            draft
                .claims
                .set("exp", (around(LIFETIME, random) + NOW - 10).to_string());
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "lives for a year",
        apply: |draft, _| {
            draft.claims.set("iat", (NOW - 10).to_string());
            draft.claims.set("exp", (NOW + 31_536_000).to_string());
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "issued long ago, and good for ever",
        apply: |draft, _| {
            draft.claims.set("iat", "1");
            draft.claims.set("exp", "9007199254740991");
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "exp not after iat",
        apply: |draft, random| {
            draft.claims.set("iat", (NOW + 10).to_string());
            draft
                .claims
                .set("exp", (NOW + 10 - u64::from(random.once_in(2))).to_string());
            draft.claims.remove("nbf");
        },
    },
    Mutation {
        name: "exp not after nbf",
        apply: |draft, random| {
            draft.claims.set("iat", (NOW - 10).to_string());
            draft.claims.set("nbf", (NOW + 20).to_string());
            draft
                .claims
                .set("exp", (NOW + 20 - u64::from(random.once_in(2))).to_string());
        },
    },
    Mutation {
        name: "a time with a fraction",
        apply: |draft, random| {
            let claim = random.one_of(["exp", "iat", "nbf"]);
            let value = draft.claims.get(claim).unwrap_or("3000000000").to_owned();
            draft.claims.set(
                claim,
                format!("{value}{}", random.one_of([".0", ".5", ".999999"])),
            );
        },
    },
    Mutation {
        name: "a time with an exponent",
        apply: |draft, random| {
            let claim = random.one_of(["exp", "iat", "nbf"]);
            let value = draft.claims.get(claim).unwrap_or("3000000000").to_owned();
            draft.claims.set(
                claim,
                format!("{value}{}", random.one_of(["e0", "E+0", "0e-1"])),
            );
        },
    },
    Mutation {
        name: "a time as a text",
        apply: |draft, random| {
            let claim = random.one_of(["exp", "iat", "nbf"]);
            let value = draft.claims.get(claim).unwrap_or("3000000000").to_owned();
            draft.claims.set(claim, format!("\"{value}\""));
        },
    },
    Mutation {
        name: "exp negative or very large",
        apply: |draft, random| {
            draft.claims.set(
                "exp",
                random.one_of([
                    "-1",
                    "-3000000100",
                    "9007199254740992",
                    "18446744073709551615",
                    "18446744073709551616",
                    "1e30",
                    "1e308",
                ]),
            );
        },
    },
    Mutation {
        name: "iat or nbf negative or very large",
        apply: |draft, random| {
            let claim = random.one_of(["iat", "nbf"]);
            draft.claims.set(
                claim,
                random.one_of([
                    "-1",
                    "9007199254740992",
                    "18446744073709551615",
                    "1e30",
                    "-1e-5",
                ]),
            );
        },
    },
    Mutation {
        name: "a number that JSON does not have",
        apply: |draft, random| {
            draft.claims.set(
                random.one_of(["exp", "iat"]),
                random.one_of([
                    "03000000100",
                    "+3000000100",
                    "0xB2D05E64",
                    "3000000100.",
                    ".5",
                    "NaN",
                    "Infinity",
                    "3_000_000_100",
                    "3000000100n",
                ]),
            );
        },
    },
];
