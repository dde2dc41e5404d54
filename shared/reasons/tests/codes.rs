//! The table holds every reason code that the program can give, and no other.
//!
//! The codes are read from the source: from `Stop::code`, which gives a request's, through every `code` that it calls.
//! So a code that is added anywhere below it is wanted here from the moment it is written. Each arm must be a literal
//! or call another `code`; anything else fails the test instead of passing unseen.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what Rust's syntax may hold grows; what is not known fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sluis_reasons::Table;
use syn::{
    Expr, Fields, FnArg, ImplItem, Item, Lit, Member, Pat, ReturnType, Stmt, Type, TypeReference,
};

/// The type whose codes are the reasons for which a request ends.
const ROOT: (&str, &str) = ("gate", "Stop");

/// Types that have codes of their own and give no request its reason, and why.
const ELSEWHERE: [(&str, &str); 9] = [
    (
        "Finding",
        "what `sluis log trace` finds between logs; no request ends so",
    ),
    (
        "JwkSetError",
        "a key set is refused as a whole: keysUnavailable",
    ),
    (
        "JwkError",
        "a key of a set is ignored; one in a proof is dpopKeyUnusable",
    ),
    ("PublicKeyError", "as JwkError, which it is part of"),
    (
        "StatusListError",
        "a list is refused as a whole: statusUnavailable",
    ),
    (
        "SsinError",
        "the request's place for it is named: subjectMalformed",
    ),
    ("SignError", "the makers of tokens have it, no gate"),
    ("JwsError", "the interface for others' test vectors"),
    ("Reached", "a comparison repeats the codes of others"),
];

/// A type with a method `code`, as its source has it.
struct Coded {
    krate: String,
    name: String,
    code: Expr,
    /// Types of the fields of each variant, by variant and field; a struct's are of the variant "".
    fields: BTreeMap<(String, String), String>,
}

struct Source {
    coded: BTreeMap<(String, String), Coded>,
}

#[test]
fn the_table_is_what_the_program_can_give() {
    let source = Source::read();
    let mut given = BTreeSet::new();
    let mut seen = BTreeSet::new();
    source.collect(
        &(ROOT.0.to_owned(), ROOT.1.to_owned()),
        &mut given,
        &mut seen,
    );
    let table = Table::load().unwrap();
    let explained: BTreeSet<String> = table
        .reasons()
        .map(|reason| reason.code().to_owned())
        .collect();
    let missing: Vec<_> = given.difference(&explained).collect();
    assert!(
        missing.is_empty(),
        "not in shared/reasons/reasons.toml: {missing:?}"
    );
    let made_up: Vec<_> = explained.difference(&given).collect();
    assert!(
        made_up.is_empty(),
        "in shared/reasons/reasons.toml, and no request ends so: {made_up:?}"
    );
    // The search found its way: one code of each of the crates it goes through.
    for code in [
        "jsonSyntax",
        "mandateMemberMissing",
        "termsOutdated",
        "subjectMismatch",
        "upstreamTimeout",
        "responseSyntax",
    ] {
        assert!(given.contains(code), "{code}");
    }
}

#[test]
fn a_type_with_codes_gives_reasons_or_is_known_not_to() {
    let source = Source::read();
    let (mut given, mut seen) = (BTreeSet::new(), BTreeSet::new());
    source.collect(
        &(ROOT.0.to_owned(), ROOT.1.to_owned()),
        &mut given,
        &mut seen,
    );
    let apart: BTreeSet<&str> = source
        .coded
        .keys()
        .filter(|key| !seen.contains(*key))
        .map(|(_, name)| name.as_str())
        .collect();
    let known: BTreeSet<&str> = ELSEWHERE.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        apart, known,
        "a type has a `code` that no request's reason comes from, or no longer has"
    );
}

#[test]
fn codes_are_lower_camel_case() {
    for reason in Table::load().unwrap().reasons() {
        let code = reason.code();
        assert!(
            code.starts_with(|first: char| first.is_ascii_lowercase()),
            "{code}"
        );
        assert!(
            code.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{code}"
        );
        assert!((4..=40).contains(&code.len()), "{code}");
    }
}

impl Source {
    /// Every type of the shared crates that has a method `code` for people.
    fn read() -> Self {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut coded = BTreeMap::new();
        for krate in ["token", "policy", "log", "minimise", "gate"] {
            let mut files = Vec::new();
            rust_files(&shared.join(krate).join("src"), &mut files);
            assert!(files.len() > 5, "{krate} has its source elsewhere");
            let mut items = Vec::new();
            for file in files {
                let text = fs::read_to_string(&file).unwrap();
                let parsed = syn::parse_file(&text).unwrap();
                add_items(parsed.items, &mut items);
            }
            for (name, code) in items.iter().filter_map(code_of) {
                let fields = fields_of(&items, &name);
                let known = coded.insert(
                    (krate.to_owned(), name.clone()),
                    Coded {
                        krate: krate.to_owned(),
                        name: name.clone(),
                        code,
                        fields,
                    },
                );
                assert!(known.is_none(), "{krate} has two types {name} with codes");
            }
        }
        Self { coded }
    }

    /// The codes of a type, and of all that it asks for theirs.
    fn collect(
        &self,
        key: &(String, String),
        given: &mut BTreeSet<String>,
        seen: &mut BTreeSet<(String, String)>,
    ) {
        if !seen.insert(key.clone()) {
            return;
        }
        let coded = &self.coded[key];
        self.walk(&coded.code, coded, &BTreeMap::new(), given, seen);
    }

    fn walk(
        &self,
        expression: &Expr,
        of: &Coded,
        bound: &BTreeMap<String, String>,
        given: &mut BTreeSet<String>,
        seen: &mut BTreeSet<(String, String)>,
    ) {
        match expression {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(code) => {
                    given.insert(code.value());
                }
                _ => panic!("{}: a code that is no text", of.name),
            },
            Expr::Match(of_what) => {
                for arm in &of_what.arms {
                    let mut bound = bound.clone();
                    bind(&arm.pat, of, &mut bound);
                    self.walk(&arm.body, of, &bound, given, seen);
                }
            }
            Expr::Block(block) => match block.block.stmts.as_slice() {
                [Stmt::Expr(inner, None)] => self.walk(inner, of, bound, given, seen),
                _ => panic!("{}: a code is computed", of.name),
            },
            Expr::MethodCall(call) if call.method == "code" => {
                let Expr::Path(receiver) = &*call.receiver else {
                    panic!(
                        "{}: the code of something else than a variant's field",
                        of.name
                    );
                };
                let name = receiver.path.get_ident().unwrap().to_string();
                let inner = bound
                    .get(&name)
                    .unwrap_or_else(|| panic!("{}: what is {name}?", of.name));
                self.collect(&self.resolve(&of.krate, inner), given, seen);
            }
            _ => panic!(
                "{}: a code that is neither a literal nor another's",
                of.name
            ),
        }
    }

    /// The type of that name in its own crate, or else the one of all others.
    fn resolve(&self, krate: &str, name: &str) -> (String, String) {
        let own = (krate.to_owned(), name.to_owned());
        if self.coded.contains_key(&own) {
            return own;
        }
        let found: Vec<_> = self
            .coded
            .keys()
            .filter(|(_, other)| other == name)
            .collect();
        match found.as_slice() {
            [one] => (*one).clone(),
            others => panic!("{krate} asks {name} for its code, which is {others:?}"),
        }
    }
}

/// What `Self::Variant(name)` and `Self::Variant { field }` bind, with its type.
fn bind(pattern: &Pat, of: &Coded, bound: &mut BTreeMap<String, String>) {
    let variant = |path: &syn::Path| path.segments.last().unwrap().ident.to_string();
    let mut take = |variant: &str, field: String, pattern: &Pat| {
        if let Pat::Ident(ident) = pattern
            && let Some(field_type) = of.fields.get(&(variant.to_owned(), field))
        {
            bound.insert(ident.ident.to_string(), field_type.clone());
        }
    };
    match pattern {
        Pat::TupleStruct(tuple) => {
            for (position, element) in tuple.elems.iter().enumerate() {
                take(&variant(&tuple.path), position.to_string(), element);
            }
        }
        Pat::Struct(named) => {
            for field in &named.fields {
                if let Member::Named(name) = &field.member {
                    take(&variant(&named.path), name.to_string(), &field.pat);
                }
            }
        }
        Pat::Or(cases) => {
            for case in &cases.cases {
                bind(case, of, bound);
            }
        }
        // A unit variant binds nothing.
        _ => {}
    }
}

/// The type that an `impl` gives a `code(&self) -> &str`, and that method's one expression. Errors are enums, but for
/// a struct whose codes are its own and live as long as the program.
fn code_of(item: &Item) -> Option<(String, Expr)> {
    let Item::Impl(implementation) = item else {
        return None;
    };
    let name = type_name(&implementation.self_ty)?;
    let method = implementation.items.iter().find_map(|item| match item {
        ImplItem::Fn(method) if method.sig.ident == "code" => Some(method),
        _ => None,
    })?;
    let takes_self_only = matches!(
        method.sig.inputs.iter().collect::<Vec<_>>().as_slice(),
        [FnArg::Receiver(_)]
    );
    let ReturnType::Type(_, returned) = &method.sig.output else {
        return None;
    };
    let Type::Reference(TypeReference { lifetime, elem, .. }) = &**returned else {
        return None;
    };
    // The catalogue's entries have codes of their own, from a file: they are borrowed.
    let is_static = lifetime
        .as_ref()
        .is_some_and(|lifetime| lifetime.ident == "static");
    if !takes_self_only || type_name(elem)? != "str" || !is_static {
        return None;
    }
    match method.block.stmts.as_slice() {
        [Stmt::Expr(expression, None)] => Some((name, expression.clone())),
        _ => panic!("the code of {name} is computed"),
    }
}

/// The types of a type's fields, by variant and field.
fn fields_of(items: &[Item], name: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    let mut take = |variant: String, fields: &Fields| {
        for (position, field) in fields.iter().enumerate() {
            let field_name = field
                .ident
                .as_ref()
                .map_or_else(|| position.to_string(), ToString::to_string);
            if let Some(field_type) = type_name(&field.ty) {
                found.insert((variant.clone(), field_name), field_type);
            }
        }
    };
    for item in items {
        match item {
            Item::Enum(own) if own.ident == name => {
                for variant in &own.variants {
                    take(variant.ident.to_string(), &variant.fields);
                }
            }
            Item::Struct(own) if own.ident == name => take(String::new(), &own.fields),
            _ => {}
        }
    }
    found
}

fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

/// The items of a file or module, with those of the modules in it. Nothing but tests is behind a `cfg`.
fn add_items(from: Vec<Item>, to: &mut Vec<Item>) {
    for item in from {
        match item {
            Item::Mod(inner) if inner.attrs.is_empty() => {
                add_items(inner.content.map_or_else(Vec::new, |(_, items)| items), to);
            }
            other => to.push(other),
        }
    }
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
