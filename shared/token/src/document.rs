//! A text in a request body, read as strictly as a token: in a body where a
//! member stands twice, the backend may read the other one.

use thiserror::Error;

use crate::json::{Json, JsonError, Limits, Object};

/// Deepest nesting of a request body that is looked into.
pub const MAX_BODY_DEPTH: usize = 32;

/// Most members of one object of such a body. Bounds the search for duplicates.
pub const MAX_BODY_MEMBERS: usize = 512;

/// Why a text could not be taken from a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// The body is not JSON that is read here.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Beside a member on the way stands one of the same name in other case:
    /// many readers of JSON take either.
    #[error("two members differ in case only")]
    CaseVariant,
}

/// The text at a JSON pointer (RFC 6901) of an object; `None` where there is
/// nothing or no text. Pointers lead through objects only.
pub fn text_at_pointer(body: &[u8], pointer: &str) -> Result<Option<String>, DocumentError> {
    let limits = Limits {
        depth: MAX_BODY_DEPTH,
        members: MAX_BODY_MEMBERS,
    };
    let root = Object::parse_within(body, limits)?;
    let Some(path) = pointer.strip_prefix('/') else {
        return Ok(None);
    };
    let mut object = &root;
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        let name = name.replace("~1", "/").replace("~0", "~");
        refuse_case_variants(object, &name)?;
        match (object.get(&name), names.peek()) {
            (Some(Json::Object(inner)), Some(_)) => object = inner,
            (Some(Json::Text(text)), None) => return Ok(Some(text.to_string())),
            (
                Some(
                    Json::Null
                    | Json::Bool
                    | Json::Unsigned(_)
                    | Json::Number
                    | Json::Text(_)
                    | Json::Array(_)
                    | Json::Object(_),
                )
                | None,
                _,
            ) => return Ok(None),
        }
    }
    Ok(None)
}

fn refuse_case_variants(object: &Object<'_>, name: &str) -> Result<(), DocumentError> {
    // Upper and then lower case: `\u{17f}` and the Kelvin sign fold too.
    let fold = |text: &str| text.to_uppercase().to_lowercase();
    let wanted = fold(name);
    // No text becomes shorter than a quarter by it, so a long name need not be folded.
    let longest = wanted.len().saturating_mul(4);
    if object
        .iter()
        .any(|(member, _)| member != name && member.len() <= longest && fold(member) == wanted)
    {
        return Err(DocumentError::CaseVariant);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_through_objects() {
        let body = br#"{"a":{"b/c":{"~":"x"}},"n":1,"l":["y"]}"#;
        let at = |pointer| text_at_pointer(body, pointer).unwrap();
        assert_eq!(at("/a/b~1c/~0").as_deref(), Some("x"));
        for pointer in [
            "",
            "a",
            "/",
            "/a",
            "/n",
            "/l",
            "/l/0",
            "/a/x",
            "/a/b~1c/~0/z",
        ] {
            assert_eq!(at(pointer), None, "{pointer}");
        }
    }

    #[test]
    fn a_member_that_stands_twice_makes_the_body_unusable() {
        for body in [
            &br#"{"a":"x","a":"y"}"#[..],
            br#"{"a":"x","\u0061":"y"}"#,
            br#"{"a":"x","b":[{"c":1,"c":2}]}"#,
        ] {
            assert_eq!(
                text_at_pointer(body, "/a"),
                Err(JsonError::DuplicateMember.into())
            );
        }
        assert!(text_at_pointer(b"[]", "/a").is_err());
        assert!(text_at_pointer(b"", "/a").is_err());
    }

    #[test]
    fn a_member_in_other_case_makes_the_body_unusable() {
        for body in [
            r#"{"ssin":"x","SSIN":"y"}"#,
            r#"{"SSIN":"y"}"#,
            "{\"ssin\":\"x\",\"\u{17f}sin\":\"y\"}",
            "{\"ssin\":\"x\",\"ss\u{131}n\":\"y\"}",
        ] {
            assert_eq!(
                text_at_pointer(body.as_bytes(), "/ssin"),
                Err(DocumentError::CaseVariant),
                "{body}"
            );
        }
        assert_eq!(
            text_at_pointer(br#"{"a":{"ssin":"x"},"A":{"ssin":"y"}}"#, "/a/ssin"),
            Err(DocumentError::CaseVariant)
        );
        let other = br#"{"ssin":"x","SSINs":"y","b":{"SSIN":"z"}}"#;
        assert_eq!(text_at_pointer(other, "/ssin"), Ok(Some("x".to_owned())));
    }

    #[test]
    fn a_body_is_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(
            text_at_pointer(deep.as_bytes(), "/a"),
            Err(JsonError::TooDeep {
                limit: MAX_BODY_DEPTH
            }
            .into())
        );
        let members: Vec<String> = (0..600).map(|n| format!("\"m{n}\":0")).collect();
        assert_eq!(
            text_at_pointer(format!("{{{}}}", members.join(",")).as_bytes(), "/m1"),
            Err(JsonError::TooManyMembers {
                limit: MAX_BODY_MEMBERS
            }
            .into())
        );
    }
}
