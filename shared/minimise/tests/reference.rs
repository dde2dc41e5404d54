//! A naive filter over trees agrees with the real one, on documents and lists that
//! are made up; and the real one takes no text that another reader refuses.

use proptest::prelude::*;
use serde_json::{Map, Value};
use sluis_minimise::{AllowList, MinimiseError, minimise};

/// What is left of a value whose place has that path.
fn naive(value: &Value, path: &[&str], allowed: &[String], dropped: &mut u64) -> Option<Value> {
    match value {
        Value::Array(elements) => {
            let mut left = Vec::new();
            for element in elements {
                match naive(element, path, allowed, dropped) {
                    Some(element) => left.push(element),
                    None => *dropped += 1,
                }
            }
            Some(Value::Array(left))
        }
        Value::Object(members) => {
            let mut left = Map::new();
            for (name, member) in members {
                let mut place = path.to_vec();
                place.push(name);
                // A name with a dot in it is no way that a path could go.
                let prefix = format!("{}.", place.join("."));
                let leads = allowed
                    .iter()
                    .any(|path| format!("{path}.").starts_with(&prefix));
                let member = if leads && !name.contains('.') {
                    naive(member, &place, allowed, dropped)
                } else {
                    None
                };
                match member {
                    Some(member) => {
                        left.insert(name.clone(), member);
                    }
                    None => *dropped += 1,
                }
            }
            Some(Value::Object(left))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let listed = !path.is_empty() && allowed.contains(&path.join("."));
            listed.then(|| value.clone())
        }
    }
}

/// Few names, so that documents and lists meet.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "c", "dd", "e-f", "_g"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["", "A", "a.b", "a\"", "é", "\u{0}", "a\\"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..20)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn paths() -> impl Strategy<Value = Vec<String>> {
    let part = prop::sample::select(vec!["a", "b", "c", "dd", "e-f", "_g"]);
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("."));
    prop::collection::btree_set(path, 0..8).prop_map(|paths| paths.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_leaves_what_a_naive_filter_leaves(
        document in document(),
        paths in paths(),
        pretty in any::<bool>(),
    ) {
        let allowed = AllowList::new(&paths).unwrap();
        let text = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        let mut dropped = 0;
        let expected = naive(&document, &[], &paths, &mut dropped);
        match (minimise(text.as_bytes(), &allowed), expected) {
            (Ok(minimised), Some(expected)) => {
                prop_assert_eq!(minimised.document(), expected.to_string());
                prop_assert_eq!(minimised.dropped(), dropped);
                let again = minimise(minimised.document().as_bytes(), &allowed).unwrap();
                prop_assert_eq!(again.document(), minimised.document());
                prop_assert_eq!(again.dropped(), 0);
            }
            (result, expected) => {
                prop_assert_eq!(result, Err(MinimiseError::NoMembers));
                prop_assert!(expected.is_none());
            }
        }
    }

    /// A changed text is refused by both readers or by neither, but for what is
    /// stricter here and said so.
    #[test]
    fn it_takes_what_another_reader_takes(
        document in document(),
        place in any::<prop::sample::Index>(),
        other in prop::sample::select(br#"{}[]",:\u0123e-+.tn /x"#.to_vec()),
        remove in any::<bool>(),
    ) {
        let mut bytes = document.to_string().into_bytes();
        let place = place.index(bytes.len());
        if remove {
            bytes.remove(place);
        } else if let Some(byte) = bytes.get_mut(place) {
            *byte = other;
        }
        let theirs = serde_json::from_slice::<Value>(&bytes);
        // A number is no value here, and passes at any size.
        let out_of_range = |error: &serde_json::Error| error.to_string().contains("out of range");
        match minimise(&bytes, &AllowList::new(["a"]).unwrap()) {
            Ok(_) => prop_assert!(theirs.as_ref().err().is_none_or(out_of_range), "{theirs:?}"),
            Err(MinimiseError::NotUtf8 { .. } | MinimiseError::Syntax { .. }) => {
                prop_assert!(theirs.is_err());
            }
            Err(MinimiseError::NoMembers) => {
                let lone = |value: &Value| !value.is_array() && !value.is_object();
                prop_assert!(theirs.as_ref().map_or_else(out_of_range, lone), "{theirs:?}");
            }
            Err(MinimiseError::DuplicateMember) => {}
            Err(
                error @ (MinimiseError::TooLarge { .. }
                | MinimiseError::TooDeep { .. }
                | MinimiseError::TooManyMembers { .. }),
            ) => prop_assert!(false, "{error}"),
        }
    }
}
