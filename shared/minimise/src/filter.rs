//! The filter: one pass over the document, from which what is listed is copied.

use std::fmt;

use crate::allow_list::{AllowList, Node};
use crate::error::MinimiseError;
use crate::names::Names;
use crate::scanner::Scanner;

/// Largest document.
pub const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;
/// Deepest nesting of objects and arrays.
pub const MAX_DEPTH: usize = 32;

/// A document of which only allowed fields are left. [`minimise`] alone makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Minimised {
    document: String,
    dropped: u64,
}

impl Minimised {
    /// JSON, without white space between its tokens.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// The same, taken out.
    pub fn into_document(self) -> String {
        self.document
    }

    /// How many members, and elements of arrays, were dropped. What stood in one
    /// that was dropped is not counted again.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The document is about a person.
impl fmt::Debug for Minimised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minimised")
            .field("bytes", &self.document.len())
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

/// Drops every field of a JSON document that is not on the list. Names, texts and
/// numbers that pass are as they were written, and in their order.
///
/// The document is read whole and strictly, also where it is dropped: a member that
/// stands twice in an object, a half surrogate pair, or a byte behind the end, and
/// nothing passes.
pub fn minimise(document: &[u8], allowed: &AllowList) -> Result<Minimised, MinimiseError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(MinimiseError::TooLarge {
            limit: MAX_DOCUMENT_BYTES,
        });
    }
    let text = str::from_utf8(document).map_err(|error| MinimiseError::NotUtf8 {
        valid_up_to: error.valid_up_to(),
    })?;
    let mut filter = Filter {
        scanner: Scanner::new(text),
        passed: String::with_capacity(text.len()),
        dropped: 0,
    };
    let passes = filter.value(Some(allowed.root()), 0)?;
    if filter.scanner.next().is_some() {
        return Err(filter.scanner.unexpected());
    }
    if !passes {
        return Err(MinimiseError::NoMembers);
    }
    Ok(Minimised {
        document: filter.passed,
        dropped: filter.dropped,
    })
}

struct Filter<'a> {
    scanner: Scanner<'a>,
    passed: String,
    dropped: u64,
}

impl Filter<'_> {
    /// Reads a value at a place of the list, or at none, and tells whether it passed.
    fn value(&mut self, place: Option<&Node>, depth: usize) -> Result<bool, MinimiseError> {
        match self.scanner.next() {
            Some(b'{') => self.object(place, deeper(depth)?),
            Some(b'[') => self.array(place, deeper(depth)?),
            Some(_) | None => {
                let scalar = self.scanner.scalar()?;
                let passes = place.is_some_and(Node::is_listed);
                if passes {
                    self.passed.push_str(scalar);
                }
                Ok(passes)
            }
        }
    }

    fn object(&mut self, place: Option<&Node>, depth: usize) -> Result<bool, MinimiseError> {
        self.scanner.expect(b'{')?;
        self.write(place, "{");
        if !self.scanner.take(b'}') {
            let mut names = Names::default();
            let mut first = true;
            loop {
                let (written, name) = self.scanner.name()?;
                self.scanner.expect(b':')?;
                let child = place.and_then(|node| node.child(&name));
                names.add(name)?;
                let mark = self.passed.len();
                self.write(child, if first { "" } else { "," });
                self.write(child, written);
                self.write(child, ":");
                let passes = self.value(child, depth)?;
                self.settle(place, passes, mark);
                first &= !passes;
                if self.scanner.take(b'}') {
                    break;
                }
                self.scanner.expect(b',')?;
            }
        }
        self.write(place, "}");
        Ok(place.is_some())
    }

    fn array(&mut self, place: Option<&Node>, depth: usize) -> Result<bool, MinimiseError> {
        self.scanner.expect(b'[')?;
        self.write(place, "[");
        if !self.scanner.take(b']') {
            let mut first = true;
            loop {
                let mark = self.passed.len();
                self.write(place, if first { "" } else { "," });
                let passes = self.value(place, depth)?;
                self.settle(place, passes, mark);
                first &= !passes;
                if self.scanner.take(b']') {
                    break;
                }
                self.scanner.expect(b',')?;
            }
        }
        self.write(place, "]");
        Ok(place.is_some())
    }

    /// Writes what belongs to a place of the list.
    fn write(&mut self, place: Option<&Node>, text: &str) {
        if place.is_some() {
            self.passed.push_str(text);
        }
    }

    /// Takes back and counts a member or element that did not pass, in an object or
    /// array that does.
    fn settle(&mut self, around: Option<&Node>, passed: bool, mark: usize) {
        if !passed && around.is_some() {
            self.passed.truncate(mark);
            self.dropped += 1;
        }
    }
}

fn deeper(depth: usize) -> Result<usize, MinimiseError> {
    if depth >= MAX_DEPTH {
        return Err(MinimiseError::TooDeep { limit: MAX_DEPTH });
    }
    Ok(depth + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::MAX_MEMBERS;

    fn list(paths: &[&str]) -> AllowList {
        AllowList::new(paths).unwrap()
    }

    fn kept(paths: &[&str], text: &str) -> (String, u64) {
        let minimised = minimise(text.as_bytes(), &list(paths)).unwrap();
        let dropped = minimised.dropped();
        (minimised.into_document(), dropped)
    }

    fn refusal(text: &str) -> MinimiseError {
        minimise(text.as_bytes(), &list(&["a"])).unwrap_err()
    }

    #[test]
    fn what_is_not_listed_is_dropped_and_counted() {
        for (paths, text, left, dropped) in [
            (&["a"][..], r#"{"a":1,"b":2}"#, r#"{"a":1}"#, 1),
            (&["b"], r#"{"a":1,"b":2}"#, r#"{"b":2}"#, 1),
            (&[], r#"{"a":1,"b":{"c":[1,2]}}"#, "{}", 2),
            (
                &["a.b"],
                r#"{"a":{"b":1,"c":2},"b":3}"#,
                r#"{"a":{"b":1}}"#,
                2,
            ),
            // Arrays are transparent, the document's own too.
            (
                &["a.b"],
                r#"{"a":[{"b":1},{"c":2},[{"b":3}]]}"#,
                r#"{"a":[{"b":1},{},[{"b":3}]]}"#,
                1,
            ),
            (&["a"], r#"[{"a":1},{"b":2}]"#, r#"[{"a":1},{}]"#, 1),
            (&["a"], r#"{"a":[1,[2],null]}"#, r#"{"a":[1,[2],null]}"#, 0),
            // On the way to a listed place only objects and arrays pass.
            (&["a.b"], r#"{"a":"x"}"#, "{}", 1),
            (
                &["a.b"],
                r#"{"a":["x",{"b":1},null]}"#,
                r#"{"a":[{"b":1}]}"#,
                2,
            ),
            (&["a"], r#"["x",{"a":1}]"#, r#"[{"a":1}]"#, 1),
            // At a listed place no object's members pass unlisted.
            (&["a"], r#"{"a":{"ssin":"x"}}"#, r#"{"a":{}}"#, 1),
            (&["a"], r#"{"a":[{"ssin":"x"},1]}"#, r#"{"a":[{},1]}"#, 1),
            (
                &["a", "a.b"],
                r#"{"a":[1,{"b":2,"c":3}]}"#,
                r#"{"a":[1,{"b":2}]}"#,
                1,
            ),
            // Exactly this name, at exactly this place.
            (&["a"], r#"{"A":1,"á":2,"b":{"a":3}}"#, "{}", 3),
            (&["a.b"], r#"{"b":1,"a.b":2}"#, "{}", 2),
            (&["a"], "{}", "{}", 0),
            (&["a"], " [ ] ", "[]", 0),
        ] {
            assert_eq!(
                kept(paths, text),
                (left.to_owned(), dropped),
                "{paths:?} {text}"
            );
        }
    }

    #[test]
    fn what_passes_is_as_it_was_written_and_in_its_order() {
        let text = "{\n \"b\" : 1.0E+10 ,\t\"\\u0061\":[-0, 12345678901234567890.10, 1e999],\r\n\"c\":\"\\u00e9\\/\u{e9}\\ud83d\\ude00 \", \"d\":true}";
        let (left, dropped) = kept(&["a", "b", "c"], text);
        assert_eq!(
            left,
            "{\"b\":1.0E+10,\"\\u0061\":[-0,12345678901234567890.10,1e999],\"c\":\"\\u00e9\\/\u{e9}\\ud83d\\ude00 \"}"
        );
        assert_eq!(dropped, 1);
    }

    #[test]
    fn a_member_that_stands_twice_lets_nothing_pass() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"b":[{"c":1,"\u0063":2}]}"#,
            r#"{"":1,"":2}"#,
            r#"{"\ud83d\ude00":1,"😀":2}"#,
            r#"{"x\/y":1,"x/y":2}"#,
        ] {
            assert_eq!(refusal(text), MinimiseError::DuplicateMember, "{text}");
        }
        for count in [2, 15, 16, 17, 18, 40, MAX_MEMBERS - 1] {
            let mut members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":0")).collect();
            assert!(
                minimise(
                    format!("{{{}}}", members.join(",")).as_bytes(),
                    &list(&["a"])
                )
                .is_ok()
            );
            for second in [0, count / 2, count - 1] {
                members.push(format!("\"\\u006d{second}\":1"));
                let text = format!("{{{}}}", members.join(","));
                assert_eq!(
                    refusal(&text),
                    MinimiseError::DuplicateMember,
                    "{second} of {count}"
                );
                members.pop();
            }
        }
    }

    #[test]
    fn a_document_is_bounded() {
        let arrays = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let hidden = |levels: usize| format!("{{\"b\":{}}}", arrays(levels - 1));
        for text in [arrays(MAX_DEPTH), hidden(MAX_DEPTH)] {
            assert!(minimise(text.as_bytes(), &list(&["a"])).is_ok());
        }
        for text in [
            arrays(MAX_DEPTH + 1),
            hidden(MAX_DEPTH + 1),
            arrays(1_000_000),
        ] {
            assert_eq!(refusal(&text), MinimiseError::TooDeep { limit: MAX_DEPTH });
        }
        let object = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(minimise(object(MAX_MEMBERS).as_bytes(), &list(&["a"])).is_ok());
        assert_eq!(
            refusal(&object(MAX_MEMBERS + 1)),
            MinimiseError::TooManyMembers { limit: MAX_MEMBERS }
        );
        let text = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes - 4));
        assert!(minimise(text(MAX_DOCUMENT_BYTES).as_bytes(), &list(&["a"])).is_ok());
        assert_eq!(
            refusal(&text(MAX_DOCUMENT_BYTES + 1)),
            MinimiseError::TooLarge {
                limit: MAX_DOCUMENT_BYTES
            }
        );
    }

    #[test]
    fn a_lone_value_has_no_members() {
        for text in ["null", "true", "1", "\"x\"", " -1.5 "] {
            assert_eq!(refusal(text), MinimiseError::NoMembers, "{text}");
        }
    }

    #[test]
    fn anything_but_json_lets_nothing_pass() {
        for text in [
            "",
            " ",
            "{",
            "[",
            "{}{}",
            "{} x",
            "{}\0",
            "[1,]",
            "[,1]",
            "[1 2]",
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":+1}"#,
            r#"{"a":NaN}"#,
            r#"{"a":.5}"#,
            r#"{"a":1.}"#,
            r#"{"a":1e}"#,
            r#"{"a":0x1}"#,
            "{'a':1}",
            "{a:1}",
            r#"{"a":1 /* c */}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":\"\u{1f}\"}",
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00"}"#,
            r#"{"a":"\udc00\ud800"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"a":"\ud800\n"}"#,
            r#"{"b":"\ud800"}"#,
            r#"{"\ud800":1}"#,
            r#"{"a":"\x41"}"#,
            r#"{"a":"\u+041"}"#,
            r#"{"a":"\u00e"}"#,
            r#"{"a":"x}"#,
            r#"{"a":"x\"}"#,
            r#"{"a" 1}"#,
            r#"{"a":tru}"#,
            r#"{"a":truex}"#,
            "{1:2}",
            "{\u{a0}}",
            "{]",
            "[}",
            "\u{feff}{}",
        ] {
            assert!(
                matches!(refusal(text), MinimiseError::Syntax { .. }),
                "{text:?}: {:?}",
                refusal(text)
            );
        }
        assert_eq!(
            minimise(b"{\"a\":\"\xff\"}", &list(&["a"])),
            Err(MinimiseError::NotUtf8 { valid_up_to: 6 })
        );
        for bytes in [
            b"{\0\"\0a\0\"\0:\x001\0}\0".as_slice(),
            b"\xfe\xff\0{\0}",
            b"{\"a\":\"\xc0\xaf\"}",
            b"{\"a\":\"\xed\xa0\x80\"}",
        ] {
            assert!(minimise(bytes, &list(&["a"])).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn nothing_of_the_document_is_shown_for_debugging() {
        let minimised = minimise(br#"{"a":"53480200724"}"#, &list(&["a"])).unwrap();
        assert!(!format!("{minimised:?}").contains("53480200724"));
    }
}
