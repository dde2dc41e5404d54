//! What a list of allowed fields can say.
//!
//! A path is names of members joined by `.`, from the root: `pension.amount`. A
//! name is 1 or more ASCII letters, digits, `_` and `-`, compared exactly; there is
//! no pattern and no way to name a position in an array. Arrays are transparent: a
//! path leads into each element, also where the document itself is an array.
//!
//! A path allows the texts, numbers and literals at its place, and in arrays there.
//! Not an object: each member of one is a field of its own and wants a path of its
//! own. The objects and arrays on the way to an allowed place pass as such, empty if
//! nothing in them is allowed.

use std::collections::BTreeMap;

use thiserror::Error;

/// Between the names of a path.
pub const PATH_SEPARATOR: char = '.';
/// Most paths of a list.
pub const MAX_PATHS: usize = 256;
/// Most names of a path.
pub const MAX_PATH_MEMBERS: usize = 8;
/// Most bytes of a list's paths together: a backend gets them in a header.
pub const MAX_LIST_BYTES: usize = 4096;

/// Why a list of paths is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ListError {
    /// A path that is empty, or has a name that is empty or holds another character.
    #[error(
        "expected names of ASCII letters, digits, `_` and `-` joined by `{PATH_SEPARATOR}`, found {path:?}"
    )]
    Path {
        /// The path.
        path: String,
    },
    /// A path with too many names.
    #[error("expected at most {limit} names, found {path:?}")]
    TooDeep {
        /// The path.
        path: String,
        /// The most that is taken.
        limit: usize,
    },
    /// The same path twice.
    #[error("the path {path:?} stands there twice")]
    Repeated {
        /// The path.
        path: String,
    },
    /// Too many paths.
    #[error("more than {limit} paths")]
    TooManyPaths {
        /// The most that is taken.
        limit: usize,
    },
    /// Paths that are too long together.
    #[error("the paths have more than {limit} bytes together")]
    TooLong {
        /// The most that is taken.
        limit: usize,
    },
}

/// The fields that may pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowList {
    paths: Vec<String>,
    root: Node,
}

/// A place in a document that some path leads to or through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Node {
    listed: bool,
    children: BTreeMap<Box<str>, Node>,
}

impl AllowList {
    /// The list of these paths. Without one it allows no field.
    pub fn new<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Result<Self, ListError> {
        let mut list = Self::default();
        let mut bytes = 0;
        for path in paths {
            let path = path.as_ref();
            bytes += path.len();
            if bytes > MAX_LIST_BYTES {
                return Err(ListError::TooLong {
                    limit: MAX_LIST_BYTES,
                });
            }
            if list.paths.len() >= MAX_PATHS {
                return Err(ListError::TooManyPaths { limit: MAX_PATHS });
            }
            list.add(path)?;
        }
        list.paths.sort_unstable();
        Ok(list)
    }

    /// The paths, sorted.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    fn add(&mut self, path: &str) -> Result<(), ListError> {
        if path.split(PATH_SEPARATOR).count() > MAX_PATH_MEMBERS {
            return Err(ListError::TooDeep {
                path: path.to_owned(),
                limit: MAX_PATH_MEMBERS,
            });
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let mut node = &mut self.root;
        for name in path.split(PATH_SEPARATOR) {
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(ListError::Path {
                    path: path.to_owned(),
                });
            }
            node = node.children.entry(name.into()).or_default();
        }
        if std::mem::replace(&mut node.listed, true) {
            return Err(ListError::Repeated {
                path: path.to_owned(),
            });
        }
        self.paths.push(path.to_owned());
        Ok(())
    }
}

impl Node {
    /// Whether a path ends here.
    pub(crate) fn is_listed(&self) -> bool {
        self.listed
    }

    /// The place of a member, if some path leads there.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_names_joined_by_dots() {
        let list = AllowList::new(["b.c_d", "a", "b"]).unwrap();
        assert_eq!(list.paths(), ["a", "b", "b.c_d"]);
        let node = list.root().child("b").unwrap();
        assert!(node.is_listed() && node.child("c_d").unwrap().is_listed());
        assert!(!list.root().is_listed());
        assert!(list.root().child("c").is_none());
    }

    #[test]
    fn anything_else_is_no_path() {
        for path in [
            "", ".", "a.", ".a", "a..b", "*", "a.*", "a[0]", "$.a", "a b", "é", "a/b", "\"a\"",
        ] {
            assert_eq!(
                AllowList::new([path]),
                Err(ListError::Path {
                    path: path.to_owned()
                })
            );
        }
        assert_eq!(
            AllowList::new(["a.b", "a.b"]),
            Err(ListError::Repeated {
                path: "a.b".to_owned()
            })
        );
    }

    #[test]
    fn a_list_is_bounded() {
        let path = |names: usize| vec!["a"; names].join(".");
        assert!(AllowList::new([path(MAX_PATH_MEMBERS)]).is_ok());
        assert_eq!(
            AllowList::new([path(MAX_PATH_MEMBERS + 1)]),
            Err(ListError::TooDeep {
                path: path(MAX_PATH_MEMBERS + 1),
                limit: MAX_PATH_MEMBERS
            })
        );
        let paths = |count: usize| (0..count).map(|number| format!("f{number}"));
        assert!(AllowList::new(paths(MAX_PATHS)).is_ok());
        assert_eq!(
            AllowList::new(paths(MAX_PATHS + 1)),
            Err(ListError::TooManyPaths { limit: MAX_PATHS })
        );
        assert!(AllowList::new(["a".repeat(MAX_LIST_BYTES)]).is_ok());
        assert_eq!(
            AllowList::new(["a".repeat(MAX_LIST_BYTES), "b".to_owned()]),
            Err(ListError::TooLong {
                limit: MAX_LIST_BYTES
            })
        );
    }
}
