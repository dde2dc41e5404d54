//! The encoded parts, how they are put together, the signature, and who signs.

use sluis_token::Algorithm;

use super::Mutation;
use crate::draft::{Draft, PartChange, Shape, SignatureChange, Signer};
use crate::members::quoted;

/// A draft that is signed by an ECDSA key.
fn elliptic(draft: &mut Draft, second: bool) {
    by(
        draft,
        if second {
            Algorithm::Es384
        } else {
            Algorithm::Es256
        },
    );
}

fn by(draft: &mut Draft, algorithm: Algorithm) {
    draft.algorithm = algorithm;
    draft.header.set("alg", quoted(algorithm.as_str()));
    draft.header.set("kid", quoted(algorithm.as_str()));
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "padding",
        apply: |draft, random| draft.after_signing.push(PartChange::Pad(random.below(3))),
    },
    Mutation {
        name: "padding that is signed",
        apply: |draft, random| draft.before_signing.push(PartChange::Pad(random.below(2))),
    },
    Mutation {
        name: "stray bits",
        apply: |draft, random| {
            draft
                .after_signing
                .push(PartChange::StrayBits(random.below(3)));
        },
    },
    Mutation {
        name: "stray bits in the signature",
        apply: |draft, _| draft.after_signing.push(PartChange::StrayBits(2)),
    },
    Mutation {
        name: "stray bits that are signed",
        apply: |draft, random| {
            draft
                .before_signing
                .push(PartChange::StrayBits(random.below(2)));
        },
    },
    Mutation {
        name: "the other alphabet",
        apply: |draft, random| {
            draft
                .after_signing
                .push(PartChange::OtherAlphabet(random.below(3)));
        },
    },
    Mutation {
        name: "the other alphabet, signed",
        apply: |draft, random| {
            // `~~~` and `???` make `-` and `_`.
            draft.claims.push("sim", "\"~~~???~~~???\"");
            draft
                .before_signing
                .push(PartChange::OtherAlphabet(random.below(2)));
        },
    },
    Mutation {
        name: "white space in a part",
        apply: |draft, random| {
            let space = random.one_of([' ', '\n', '\t', '\r', '\u{a0}', '\u{b}']);
            draft
                .after_signing
                .push(PartChange::Insert(random.below(3), space));
        },
    },
    Mutation {
        name: "white space that is signed",
        apply: |draft, random| {
            let space = random.one_of([' ', '\n', '\t', '\r']);
            draft
                .before_signing
                .push(PartChange::Insert(random.below(2), space));
        },
    },
    Mutation {
        name: "a character that base64url does not have",
        apply: |draft, random| {
            let character =
                random.one_of(['!', '%', '~', '$', ',', '\u{0}', 'é', '\u{1d400}', '*']);
            draft
                .after_signing
                .push(PartChange::Insert(random.below(3), character));
        },
    },
    Mutation {
        name: "such a character that is signed",
        apply: |draft, random| {
            let character = random.one_of(['!', '%', '~', '$', '*', '=']);
            draft
                .before_signing
                .push(PartChange::Insert(random.below(2), character));
        },
    },
    Mutation {
        name: "a character more",
        apply: |draft, random| {
            let character = random.one_of(['A', '-', '_', '9']);
            draft
                .after_signing
                .push(PartChange::Insert(random.below(3), character));
        },
    },
    Mutation {
        name: "the last character gone",
        apply: |draft, random| {
            draft
                .after_signing
                .push(PartChange::DropLast(random.below(3)));
        },
    },
    Mutation {
        name: "an empty part",
        apply: |draft, random| draft.after_signing.push(PartChange::Empty(random.below(3))),
    },
    Mutation {
        name: "another shape",
        apply: |draft, random| {
            draft.shape = random.one_of([
                Shape::TwoParts,
                Shape::FourParts,
                Shape::FiveParts,
                Shape::TrailingDot,
                Shape::LeadingDot,
                Shape::OnePart,
                Shape::Swapped,
                Shape::Flattened,
                Shape::General,
                Shape::Doubled,
                Shape::SpaceAround,
            ]);
        },
    },
    Mutation {
        name: "the signature of another token",
        apply: |draft, _| draft.shape = Shape::OtherPayload,
    },
    Mutation {
        name: "a bit of the signature",
        apply: |draft, random| draft.signature = SignatureChange::FlipBit(random.below(512)),
    },
    Mutation {
        name: "a signature that is too short",
        apply: |draft, _| draft.signature = SignatureChange::Truncate,
    },
    Mutation {
        name: "a signature that is too long",
        apply: |draft, _| draft.signature = SignatureChange::Extend,
    },
    Mutation {
        name: "no signature",
        apply: |draft, _| draft.signature = SignatureChange::Empty,
    },
    Mutation {
        name: "a signature of zeros",
        apply: |draft, _| draft.signature = SignatureChange::Zeros,
    },
    Mutation {
        name: "a signature with a zero before it",
        apply: |draft, _| draft.signature = SignatureChange::LeadingZero,
    },
    Mutation {
        name: "a signature from behind",
        apply: |draft, _| draft.signature = SignatureChange::Reversed,
    },
    Mutation {
        name: "ECDSA with scalars out of range",
        apply: |draft, random| {
            elliptic(draft, random.once_in(4));
            draft.signature = SignatureChange::Scalars(u8::try_from(random.below(15)).unwrap_or(0));
        },
    },
    Mutation {
        name: "ECDSA with the other s",
        apply: |draft, random| {
            elliptic(draft, random.once_in(4));
            draft.signature = SignatureChange::OtherS;
        },
    },
    Mutation {
        name: "ECDSA in DER",
        apply: |draft, random| {
            elliptic(draft, random.once_in(4));
            draft.signature = SignatureChange::Der;
        },
    },
    Mutation {
        name: "Ed25519 with S + L",
        apply: |draft, _| {
            by(draft, Algorithm::EdDsa);
            draft.signature = SignatureChange::AddOrder;
        },
    },
    Mutation {
        name: "Ed25519 with R of small order",
        apply: |draft, _| {
            by(draft, Algorithm::EdDsa);
            draft.signature = SignatureChange::SmallOrderR;
        },
    },
    Mutation {
        name: "a stranger's key",
        apply: |draft, _| draft.signer = Signer::Stranger,
    },
    Mutation {
        name: "a MAC for a signature",
        apply: |draft, _| draft.signer = Signer::Mac,
    },
];
