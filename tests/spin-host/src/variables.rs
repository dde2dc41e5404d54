//! Application variables: defaults, overrides, `{{ name }}` templates, and the
//! `spin:variables` import.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use wasmtime::component::{Accessor, HasSelf};

use crate::{
    bindings::spin::variables::variables::{Error, Host, HostWithStore},
    instance::Instance,
    manifest::RawVariable,
};

/// A variable's environment name is this and the name in capitals, as in Spin.
pub(crate) const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// The overrides of `--variable`, by name.
pub(crate) fn overrides(arguments: &[String]) -> Result<BTreeMap<String, String>> {
    let mut overrides = BTreeMap::new();
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .with_context(|| format!("--variable {argument}: expected name=value"))?;
        overrides.insert(name.to_owned(), value.to_owned());
    }
    Ok(overrides)
}

/// Every application variable's value: the override, else the environment's, else
/// the default. A required one without a value, and an override of a variable
/// that is not there, are errors.
pub(crate) fn resolve(
    declared: &BTreeMap<String, RawVariable>,
    overrides: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    if let Some(unknown) = overrides.keys().find(|name| !declared.contains_key(*name)) {
        bail!("the manifest has no variable `{unknown}`");
    }
    let mut values = BTreeMap::new();
    for (name, variable) in declared {
        check_name(name)?;
        ensure!(
            variable.required != variable.default.is_some(),
            "variable `{name}`: exactly one of `required = true` and `default` is expected"
        );
        let environment = format!("{ENVIRONMENT_PREFIX}{}", name.to_ascii_uppercase());
        let value = overrides.get(name).cloned();
        let value = value
            .or_else(|| std::env::var(&environment).ok())
            .or_else(|| variable.default.clone());
        let kind = if variable.secret {
            "secret"
        } else {
            "variable"
        };
        let value = value.with_context(|| {
            format!("the {kind} `{name}` is not set: give `--variable {name}=…` or {environment}")
        })?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// Names are lower-case ASCII letters, digits and single underscores between.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let well_formed = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_');
    ensure!(
        well_formed,
        "`{name}` is not a variable name: lower-case letters, digits and single underscores"
    );
    Ok(())
}

/// Replace each `{{ name }}` of `template`.
pub(crate) fn expand(template: &str, values: &BTreeMap<String, String>) -> Result<String> {
    let mut expanded = String::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once("{{") {
        let (name, tail) = tail
            .split_once("}}")
            .with_context(|| format!("`{template}`: `{{{{` without `}}}}`"))?;
        let name = name.trim();
        expanded.push_str(literal);
        expanded.push_str(
            values
                .get(name)
                .with_context(|| format!("`{template}`: no variable `{name}`"))?,
        );
        rest = tail;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

impl Host for Instance {}

impl<T> HostWithStore<T> for HasSelf<Instance> {
    async fn get(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, Error>> {
        if let Err(error) = check_name(&name) {
            return Ok(Err(Error::InvalidName(error.to_string())));
        }
        Ok(accessor.with(|mut access| {
            let value = access.get().component.variables.get(&name);
            value.cloned().ok_or(Error::Undefined(name))
        }))
    }
}
