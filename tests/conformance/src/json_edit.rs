//! JSON texts that no serialiser writes: members set to raw text, by pointer.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::BuildError;
use crate::template::Scope;

/// Pointer (RFC 6901) to raw JSON text with names in it; an empty text removes
/// the member. As the text is raw, `1,"exp":2` makes a member stand twice.
pub type Edits = BTreeMap<String, String>;

/// Stands in the tree for a raw text until the tree is written.
const MARK: &str = "@@sluis-raw-";

/// The text of `document` after the edits.
pub fn edited(document: &Value, edits: &Edits, scope: &Scope) -> Result<String, BuildError> {
    let mut document = document.clone();
    let mut raw = Vec::new();
    for (pointer, text) in edits {
        let missing = || BuildError::Pointer {
            pointer: pointer.clone(),
        };
        let (parent, name) = pointer.rsplit_once('/').ok_or_else(missing)?;
        let name = name.replace("~1", "/").replace("~0", "~");
        let parent = document.pointer_mut(parent).ok_or_else(missing)?;
        let mark = Value::from(format!("{MARK}{}@@", raw.len()));
        match parent {
            Value::Object(members) if text.is_empty() => {
                members.remove(&name).ok_or_else(missing)?;
                continue;
            }
            Value::Object(members) => {
                members.insert(name, mark);
            }
            Value::Array(elements) => {
                let at = name.parse::<usize>().map_err(|_| missing())?;
                if text.is_empty() {
                    if at >= elements.len() {
                        return Err(missing());
                    }
                    elements.remove(at);
                    continue;
                }
                let end = elements.len();
                match elements.get_mut(at) {
                    Some(element) => *element = mark,
                    None if at == end => elements.push(mark),
                    None => return Err(missing()),
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(missing());
            }
        }
        raw.push(scope.expand(text)?);
    }
    let mut text = document.to_string();
    for (number, value) in raw.iter().enumerate() {
        text = text.replacen(&format!("\"{MARK}{number}@@\""), value, 1);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edit(edits: &[(&str, &str)]) -> Result<String, BuildError> {
        let edits = edits
            .iter()
            .map(|(pointer, text)| ((*pointer).to_owned(), (*text).to_owned()))
            .collect();
        let document = json!({"a": 1, "b": {"c": [1, 2]}});
        edited(&document, &edits, &Scope::default())
    }

    #[test]
    fn raw_text_stands_as_it_is() {
        assert_eq!(
            edit(&[
                ("/a", "1e400,\"a\":-0"),
                ("/b/c/0", "null"),
                ("/b/c/2", "3")
            ])
            .unwrap(),
            r#"{"a":1e400,"a":-0,"b":{"c":[null,2,3]}}"#
        );
        assert_eq!(
            edit(&[("/a", ""), ("/b/c/1", "")]).unwrap(),
            r#"{"b":{"c":[1]}}"#
        );
        assert_eq!(
            edit(&[("/x~1y", "{}")]).unwrap(),
            r#"{"a":1,"b":{"c":[1,2]},"x/y":{}}"#
        );
    }

    #[test]
    fn an_edit_of_nothing_is_a_mistake() {
        for pointer in ["a", "/x/y", "/a/y", "/b/c/9", "/b/c/x"] {
            assert!(edit(&[(pointer, "1")]).is_err(), "{pointer}");
        }
        assert!(edit(&[("/x", "")]).is_err());
    }
}
