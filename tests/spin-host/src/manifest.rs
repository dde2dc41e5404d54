//! The application manifest (`spin.toml`, version 2), as far as this host goes:
//! what it does not know it refuses by name, so that a manifest never means less
//! here than it does elsewhere.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{outbound::AllowedHosts, variables};

/// One application, its variables resolved.
pub(crate) struct Application {
    pub(crate) name: String,
    pub(crate) components: Vec<Component>,
    pub(crate) routes: Vec<Route>,
}

/// One component, with what the manifest lets it reach.
pub(crate) struct Component {
    pub(crate) id: String,
    pub(crate) source: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) sqlite_databases: Vec<String>,
    pub(crate) key_value_stores: Vec<String>,
}

/// A route, and the component (by index) that answers it.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) pattern: String,
    segments: Vec<String>,
    wildcard: bool,
    pub(crate) component: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    spin_manifest_version: u32,
    application: RawApplication,
    #[serde(default)]
    variables: BTreeMap<String, RawVariable>,
    trigger: RawTriggers,
    component: BTreeMap<String, RawComponent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApplication {
    name: String,
    #[serde(rename = "version")]
    _version: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "authors")]
    _authors: Option<Vec<String>>,
}

/// An application variable.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVariable {
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) secret: bool,
    #[serde(rename = "description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTriggers {
    http: Vec<RawTrigger>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrigger {
    route: String,
    component: String,
    #[serde(rename = "id")]
    _id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawComponent {
    source: PathBuf,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(rename = "build")]
    _build: Option<toml::Table>,
}

impl Application {
    /// Read the manifest at `path` and resolve its variables with `overrides`.
    pub(crate) fn load(path: &Path, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the manifest {}", path.display()))?;
        let root = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, root, overrides).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str, root: &Path, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let raw: RawManifest = toml::from_str(text)?;
        ensure!(
            raw.spin_manifest_version == 2,
            "spin_manifest_version is {}, expected 2",
            raw.spin_manifest_version
        );
        let values = variables::resolve(&raw.variables, overrides)?;

        let mut components = Vec::new();
        for (id, component) in raw.component {
            components.push(
                component
                    .resolve(id.clone(), root, &values)
                    .with_context(|| format!("component `{id}`"))?,
            );
        }
        let mut routes = Vec::new();
        for trigger in raw.trigger.http {
            let component = components
                .iter()
                .position(|component| component.id == trigger.component)
                .with_context(|| {
                    format!(
                        "route `{}` names the component `{}`, which is not there",
                        trigger.route, trigger.component
                    )
                })?;
            routes.push(Route::parse(&trigger.route, component)?);
        }
        // The longest route wins, and of two equally long ones the exact one.
        routes.sort_by_key(|route| std::cmp::Reverse((route.segments.len(), !route.wildcard)));
        Ok(Self {
            name: raw.application.name,
            components,
            routes,
        })
    }

    /// The route that answers `path`.
    pub(crate) fn route(&self, path: &str) -> Option<&Route> {
        let segments: Vec<&str> = split(path).collect();
        self.routes.iter().find(|route| route.matches(&segments))
    }
}

impl RawComponent {
    fn resolve(
        self,
        id: String,
        root: &Path,
        values: &BTreeMap<String, String>,
    ) -> Result<Component> {
        let mut variables = BTreeMap::new();
        for (name, template) in self.variables {
            variables::check_name(&name)?;
            let value = variables::expand(&template, values)?;
            variables.insert(name, value);
        }
        let hosts = self
            .allowed_outbound_hosts
            .iter()
            .map(|host| variables::expand(host, values))
            .collect::<Result<Vec<_>>>()?;
        for label in &self.key_value_stores {
            ensure!(
                label == "default",
                "`{label}` needs a runtime configuration; this host has the store `default` only"
            );
        }
        // Spin wants a runtime configuration for every other one; here each is a file of its own.
        for label in &self.sqlite_databases {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            ensure!(
                !label.is_empty() && label.bytes().all(plain),
                "`{label}` is no label of a database"
            );
        }
        Ok(Component {
            id,
            source: root.join(self.source),
            variables,
            allowed_hosts: AllowedHosts::parse(&hosts)?,
            sqlite_databases: self.sqlite_databases,
            key_value_stores: self.key_value_stores,
        })
    }
}

impl Route {
    fn parse(pattern: &str, component: usize) -> Result<Self> {
        ensure!(
            pattern.starts_with('/'),
            "route `{pattern}` does not start with `/`"
        );
        let (path, wildcard) = match pattern.strip_suffix("/...") {
            Some(path) => (path, true),
            None => (pattern, false),
        };
        let segments: Vec<String> = split(path).map(str::to_owned).collect();
        if let Some(named) = segments.iter().find(|segment| segment.starts_with(':')) {
            bail!("route `{pattern}`: this host does not know the named segment `{named}`");
        }
        Ok(Self {
            pattern: pattern.to_owned(),
            segments,
            wildcard,
            component,
        })
    }

    fn matches(&self, path: &[&str]) -> bool {
        let head = if self.wildcard {
            path.get(..self.segments.len())
        } else {
            Some(path)
        };
        head.is_some_and(|head| self.segments.iter().eq(head))
    }

    /// The route without its wildcard.
    pub(crate) fn prefix(&self) -> &str {
        self.pattern.strip_suffix("/...").unwrap_or(&self.pattern)
    }

    /// What of `path` the wildcard matched.
    pub(crate) fn remainder<'a>(&self, path: &'a str) -> &'a str {
        if self.wildcard {
            path.strip_prefix(self.prefix()).unwrap_or("")
        } else {
            ""
        }
    }
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "sample"
[variables]
upstream = { default = "http://127.0.0.1:3900" }
key = { required = true, secret = true }
[[trigger.http]]
route = "/..."
component = "gate"
[[trigger.http]]
route = "/simulation/..."
component = "simulation"
[[trigger.http]]
route = "/health"
component = "simulation"
[component.gate]
source = "gate.wasm"
allowed_outbound_hosts = ["{{ upstream }}", "postgres://db:5433"]
sqlite_databases = ["default"]
variables = { upstream = "{{ upstream }}", greeting = "to {{ upstream }}!", key = "{{ key }}" }
build = { command = "true" }
[component.simulation]
source = "simulation.wasm"
"#;

    fn load(overrides: &[(&str, &str)]) -> Result<Application> {
        let overrides = overrides
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Application::parse(MANIFEST, Path::new("/app"), &overrides)
    }

    fn id<'a>(application: &'a Application, path: &str) -> &'a str {
        &application.components[application.route(path).unwrap().component].id
    }

    #[test]
    fn the_longest_route_wins() {
        let application = load(&[("key", "k")]).unwrap();
        assert_eq!(id(&application, "/"), "gate");
        assert_eq!(id(&application, "/simulations"), "gate");
        assert_eq!(id(&application, "/simulation"), "simulation");
        assert_eq!(id(&application, "/simulation/a/b"), "simulation");
        assert_eq!(id(&application, "/health"), "simulation");
        assert_eq!(id(&application, "/health/x"), "gate");
        let route = application.route("/simulation/a/b").unwrap();
        assert_eq!(route.remainder("/simulation/a/b"), "/a/b");
    }

    #[test]
    fn variables_are_resolved_in_values_and_hosts() {
        let application = load(&[("key", "k"), ("upstream", "http://10.0.0.1:1")]).unwrap();
        let gate = &application.components[0];
        assert_eq!(gate.variables["greeting"], "to http://10.0.0.1:1!");
        assert_eq!(gate.variables["key"], "k");
        assert!(gate.allowed_hosts.allows("http", "10.0.0.1", 1));
        assert!(!gate.allowed_hosts.allows("http", "127.0.0.1", 3900));
        assert_eq!(gate.source, Path::new("/app/gate.wasm"));
    }

    #[test]
    fn a_missing_or_unknown_variable_is_named() {
        let missing = format!("{:#}", load(&[]).err().unwrap());
        assert!(missing.contains("`key`"), "{missing}");
        let unknown = format!("{:#}", load(&[("key", "k"), ("nope", "1")]).err().unwrap());
        assert!(unknown.contains("`nope`"), "{unknown}");
    }

    #[test]
    fn what_the_host_does_not_know_is_refused() {
        let manifest = MANIFEST.replace("build = { command", "files = { command");
        let overrides = BTreeMap::from([("key".to_owned(), "k".to_owned())]);
        let error = Application::parse(&manifest, Path::new(""), &overrides)
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains("files"), "{error:#}");
    }
}
