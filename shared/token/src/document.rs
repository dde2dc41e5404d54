//! A text in a request body, read as strictly as a token: in a body where a
//! member stands twice, the backend may read the other one.

use crate::json::{Json, JsonError, Limits, Object};

/// Deepest nesting of a request body that is looked into.
pub const MAX_BODY_DEPTH: usize = 32;

/// Most members of one object of such a body. Bounds the search for duplicates.
pub const MAX_BODY_MEMBERS: usize = 512;

/// The text at a JSON pointer (RFC 6901) of an object; `None` where there is
/// nothing or no text. Pointers lead through objects only.
pub fn text_at_pointer(body: &[u8], pointer: &str) -> Result<Option<String>, JsonError> {
    let limits = Limits {
        depth: MAX_BODY_DEPTH,
        members: MAX_BODY_MEMBERS,
    };
    let object = Object::parse_within(body, limits)?;
    let Some(path) = pointer.strip_prefix('/') else {
        return Ok(None);
    };
    let mut names = path
        .split('/')
        .map(|name| name.replace("~1", "/").replace("~0", "~"));
    let first = names.next().and_then(|name| object.get(&name));
    let found = names.fold(first, |value, name| match value {
        Some(Json::Object(object)) => object.get(&name),
        Some(
            Json::Null
            | Json::Bool
            | Json::Unsigned(_)
            | Json::Number
            | Json::Text(_)
            | Json::Array(_),
        )
        | None => None,
    });
    Ok(match found {
        Some(Json::Text(text)) => Some(text.to_string()),
        Some(
            Json::Null
            | Json::Bool
            | Json::Unsigned(_)
            | Json::Number
            | Json::Array(_)
            | Json::Object(_),
        )
        | None => None,
    })
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
            assert_eq!(text_at_pointer(body, "/a"), Err(JsonError::DuplicateMember));
        }
        assert!(text_at_pointer(b"[]", "/a").is_err());
        assert!(text_at_pointer(b"", "/a").is_err());
    }

    #[test]
    fn a_body_is_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(
            text_at_pointer(deep.as_bytes(), "/a"),
            Err(JsonError::TooDeep {
                limit: MAX_BODY_DEPTH
            })
        );
        let members: Vec<String> = (0..600).map(|n| format!("\"m{n}\":0")).collect();
        assert_eq!(
            text_at_pointer(format!("{{{}}}", members.join(",")).as_bytes(), "/m1"),
            Err(JsonError::TooManyMembers {
                limit: MAX_BODY_MEMBERS
            })
        );
    }
}
