//! workerd: the built Worker on the very runtime of Cloudflare Workers, from a configuration written here.
//!
//! Raw workerd answers within some 50 ms of its start; wrangler, which people use, takes seconds and adds nothing that is tested.
//! A log in trouble is the unmodified Worker with its Durable Object bound to a class of another Worker.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::client::Request;
use crate::runtime::{Function, Launch, LogCondition, ReplayCondition, Runtime, Surroundings};

/// The runtime's behaviour as of that day; `wrangler.toml` has the same.
pub const COMPATIBILITY_DATE: &str = "2026-10-01";

/// The folder of the Durable Object that plays the KV namespace, under `objects`.
pub const SHARED_OBJECTS: &str = "sluis-shared";

/// A request's field that workerd takes for `request.cf`, which Cloudflare's edge sets, and removes. Only here: a deployment
/// has no such field.
pub const CF_FIELD: &str = "x-sluis-test-cf";

/// A request's field that sets the clock ahead by so many milliseconds, or back, where that was asked for.
const CLOCK_FIELD: &str = "x-sluis-test-clock";

/// The runtime itself, as npm installed it.
#[derive(Debug)]
pub struct Workerd {
    program: PathBuf,
}

impl Workerd {
    /// The workerd among the Node tools of `package-lock.json`.
    pub fn find(root: &Path) -> Result<Self, String> {
        let packages = root.join("node_modules/@cloudflare");
        let found = fs::read_dir(packages).into_iter().flatten().flatten();
        // npm installs the package of this system only.
        let program = found
            .map(|package| package.path().join("bin/workerd"))
            .find(|program| program.is_file())
            .ok_or("workerd is not installed: cargo xtask setup")?;
        Ok(Self { program })
    }

    /// A command that serves a configuration file; it may embed files from anywhere by their absolute paths.
    pub fn serve(&self, configuration: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--import-path=/"])
            .arg(configuration);
        command
    }
}

impl Runtime for Workerd {
    fn name(&self) -> &'static str {
        "workerd"
    }

    fn supports(&self, log: LogCondition) -> Result<(), String> {
        match log {
            LogCondition::Well
            | LogCondition::Throws
            | LogCondition::Unavailable
            | LogCondition::Hangs
            | LogCondition::WithoutTrustedPlace => Ok(()),
            LogCondition::Full => Err("workerd has no limit to its storage".to_owned()),
        }
    }

    fn supports_faults(&self) -> Result<(), String> {
        Ok(())
    }

    fn set_clock(
        &self,
        _surroundings: &Surroundings,
        address: SocketAddr,
        ahead_ms: i64,
    ) -> Result<()> {
        let answer = Request::get("/")
            .with(CLOCK_FIELD, &ahead_ms.to_string())
            .send(address)?;
        ensure!(answer.status == 200, "the clock: {}", answer.status);
        Ok(())
    }

    fn launch(&self, surroundings: &Surroundings, address: SocketAddr) -> Result<Launch> {
        let state = &surroundings.state;
        let objects = state.join("objects");
        fs::create_dir_all(&objects).with_context(|| format!("creating {}", objects.display()))?;
        let configuration = state.join(format!("{}.capnp", surroundings.function.name()));
        let text = configuration_of(surroundings, &objects, address)?;
        fs::write(&configuration, text)
            .with_context(|| format!("writing {}", configuration.display()))?;
        let mut command = self.serve(&configuration);
        // By the environment: a file could be kept, and arguments are read by everyone on the machine.
        for (name, value) in &surroundings.variables {
            command.env(name, value);
        }
        Ok(command.into())
    }
}

/// What is served at `address`, in workerd's own configuration language.
fn configuration_of(
    surroundings: &Surroundings,
    objects: &Path,
    address: SocketAddr,
) -> Result<String> {
    let worker = Worker {
        name: surroundings.function.name(),
        folder: surroundings
            .root
            .join(surroundings.artefacts())
            .join("cloudflare"),
        variables: surroundings
            .variables
            .iter()
            .map(|(name, _)| name.as_str())
            .collect(),
        objects: match surroundings.function {
            Function::Validator => Objects::Own(surroundings.log, surroundings.replay),
            Function::Simulation => Objects::None,
        },
        movable_clock: surroundings.movable_clock,
    };
    let mut services = worker.service(worker.name)?;
    let trouble = trouble(surroundings.log)
        .or(trouble_of_heads(surroundings.log))
        .or(trouble_of_uses(surroundings.replay));
    if let Some(trouble) = trouble {
        services.push_str(&trouble_service(trouble));
    }
    serving(&services, worker.name, objects, address)
}

/// A configuration that serves one of these services, with the Durable Objects' storage in a folder.
pub fn serving(services: &str, name: &str, objects: &Path, address: SocketAddr) -> Result<String> {
    let objects = text(objects)?;
    Ok(format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (\n\
         \x20 services = [\n{services}\
         \x20   (name = \"objects\", disk = (path = {objects}, writable = true)),\n\
         \x20   (name = \"internet\", network = (allow = [\"127.0.0.0/8\"]))\n\
         \x20 ],\n\
         \x20 sockets = [(name = \"http\", address = \"{address}\", http = (cfBlobHeader = \"{CF_FIELD}\"), service = \"{name}\")]\n\
         );\n"
    ))
}

/// A built Worker.
#[derive(Debug)]
pub struct Worker<'a> {
    /// Stem of its two files.
    pub name: &'a str,
    /// Where they are.
    pub folder: PathBuf,
    /// Variables that it gets from the environment.
    pub variables: Vec<&'a str>,
    /// Its Durable Objects.
    pub objects: Objects<'a>,
    /// Whether a request of a test can set its clock.
    pub movable_clock: bool,
}

/// Where a Worker finds the objects that are its log and that remember what was used once.
#[derive(Clone, Copy, Debug)]
pub enum Objects<'a> {
    /// It uses none.
    None,
    /// It has them itself, on the service `objects`, and the namespace that instances share; they fare like this.
    Own(LogCondition, ReplayCondition),
    /// Another service has them, which is an isolate of its own, as objects mostly are on Cloudflare.
    Of(&'a str),
}

impl Worker<'_> {
    /// The service of this Worker, by that name.
    pub fn service(&self, service: &str) -> Result<String> {
        let Self { name, folder, .. } = self;
        let script = folder.join(format!("{name}.mjs"));
        let module = folder.join(format!("{name}_bg.wasm"));
        for file in [&script, &module] {
            let named = file.display();
            ensure!(
                file.is_file(),
                "{named} is not built: cargo xtask build --tests"
            );
        }
        let mut bindings = String::new();
        for variable in &self.variables {
            let _ = write!(
                bindings,
                "(name = \"{variable}\", fromEnvironment = \"{variable}\"), "
            );
        }
        let of = |class: &str, service: &str| {
            format!("(className = \"{class}\", serviceName = \"{service}\")")
        };
        let classes = match self.objects {
            Objects::None => None,
            Objects::Own(log, uses) => {
                let own = |class: &str, trouble: Option<_>| match trouble {
                    None => format!("\"{class}\""),
                    Some(_) => of(class, "trouble"),
                };
                let uses = own("ReplayStore", trouble_of_uses(uses));
                let heads = own("CheckpointStore", trouble_of_heads(log));
                Some((own("AuditLog", trouble(log)), heads, uses))
            }
            Objects::Of(owner) => Some((
                of("AuditLog", owner),
                of("CheckpointStore", owner),
                of("ReplayStore", owner),
            )),
        };
        if let Some((log, heads, used)) = classes {
            let _ = write!(
                bindings,
                "(name = \"AUDIT_LOG\", durableObjectNamespace = {log}), \
                 (name = \"CHECKPOINTS\", durableObjectNamespace = {heads}), \
                 (name = \"REPLAY_STORE\", durableObjectNamespace = {used}), \
                 (name = \"SLUIS_SHARED\", kvNamespace = \"shared\")"
            );
        }
        let has_objects = matches!(self.objects, Objects::Own(_, _));
        let storage = if has_objects {
            "\n      durableObjectNamespaces = [\
             (className = \"AuditLog\", uniqueKey = \"sluis-audit-log\", enableSql = true), \
             (className = \"CheckpointStore\", uniqueKey = \"sluis-checkpoints\", enableSql = true), \
             (className = \"ReplayStore\", uniqueKey = \"sluis-replay-store\", enableSql = true)],\
             \n      durableObjectStorage = (localDisk = \"objects\"),"
        } else {
            ""
        };
        let clock = if self.movable_clock {
            // The first module is the Worker's.
            let script = clock_script(name);
            format!("       (name = \"clock.mjs\", esModule = \"{script}\"),\n")
        } else {
            String::new()
        };
        let mut services = format!(
            "    (name = \"{service}\", worker = (\n\
             \x20     compatibilityDate = \"{COMPATIBILITY_DATE}\",\n\
             \x20     modules = [\n{clock}\
             \x20       (name = \"{name}.mjs\", esModule = embed {}),\n\
             \x20       (name = \"{name}_bg.wasm\", wasm = embed {})\n\
             \x20     ],\n\
             \x20     bindings = [{bindings}],{storage}\n\
             \x20   )),\n",
            text(&script)?,
            text(&module)?,
        );
        if has_objects {
            services.push_str(&shared_service());
        }
        Ok(services)
    }
}

/// What a Durable Object in trouble does when it is called.
fn trouble(log: LogCondition) -> Option<&'static str> {
    match log {
        LogCondition::Well | LogCondition::WithoutTrustedPlace => None,
        LogCondition::Throws => Some("throw new Error('ordered by a test');"),
        LogCondition::Unavailable | LogCondition::Full => Some("return 503;"),
        // A promise that nothing can ever resolve is found out by workerd; this one waits for an hour.
        LogCondition::Hangs => Some("await scheduler.wait(3_600_000);"),
    }
}

/// The same for the trusted place.
fn trouble_of_heads(log: LogCondition) -> Option<&'static str> {
    match log {
        LogCondition::WithoutTrustedPlace => trouble(LogCondition::Hangs),
        LogCondition::Well
        | LogCondition::Throws
        | LogCondition::Unavailable
        | LogCondition::Hangs
        | LogCondition::Full => None,
    }
}

/// The same for the objects that remember what was used once.
fn trouble_of_uses(uses: ReplayCondition) -> Option<&'static str> {
    match uses {
        ReplayCondition::Well => None,
        ReplayCondition::Throws => trouble(LogCondition::Throws),
    }
}

/// A module around the unmodified one, by which a test sets the clock of its isolate.
fn clock_script(name: &str) -> String {
    format!(
        "import worker from './{name}.mjs'; export * from './{name}.mjs'; \
         const real = Date.now; let ahead = 0; Date.now = () => real() + ahead; \
         export default {{ fetch(request, env, context) {{ \
         const set = request.headers.get('{CLOCK_FIELD}'); \
         if (set === null) return worker.fetch(request, env, context); \
         ahead = Number(set); return new Response(); }} }};"
    )
}

/// A KV namespace as workerd asks for one, over HTTP: a Worker of ours whose values outlive a restart.
fn shared_service() -> String {
    let script = "import { DurableObject } from 'cloudflare:workers'; \
         export class Shared extends DurableObject { \
         constructor(state, env) { super(state, env); \
         state.storage.sql.exec('CREATE TABLE IF NOT EXISTS key_value (key TEXT PRIMARY KEY, value BLOB NOT NULL)'); } \
         read(key) { return [...this.ctx.storage.sql.exec('SELECT value FROM key_value WHERE key = ?', key)][0]?.value; } \
         write(key, value) { this.ctx.storage.sql.exec('INSERT INTO key_value VALUES (?, ?) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value', key, value); } } \
         export default { async fetch(request, env) { \
         const store = env.SHARED.get(env.SHARED.idFromName('shared')); \
         const key = decodeURIComponent(new URL(request.url).pathname.slice(1)); \
         if (request.method === 'PUT') { await store.write(key, await request.arrayBuffer()); return new Response(); } \
         const value = await store.read(key); \
         return value === undefined ? new Response('', { status: 404 }) : new Response(value); } };";
    format!(
        "    (name = \"shared\", worker = (\n\
         \x20     compatibilityDate = \"{COMPATIBILITY_DATE}\",\n\
         \x20     modules = [(name = \"shared.mjs\", esModule = \"{script}\")],\n\
         \x20     bindings = [(name = \"SHARED\", durableObjectNamespace = \"Shared\")],\n\
         \x20     durableObjectNamespaces = [(className = \"Shared\", uniqueKey = \"{SHARED_OBJECTS}\", enableSql = true)],\n\
         \x20     durableObjectStorage = (localDisk = \"objects\")\n\
         \x20   )),\n"
    )
}

fn trouble_service(body: &str) -> String {
    let script = format!(
        "import {{ DurableObject }} from 'cloudflare:workers'; \
         export class AuditLog extends DurableObject {{ async append() {{ {body} }} async read() {{ {body} }} async ask() {{ {body} }} }} \
         export class CheckpointStore extends DurableObject {{ async ask() {{ {body} }} }} \
         export class ReplayStore extends DurableObject {{ async consume() {{ {body} }} }} \
         export default {{ fetch() {{ return new Response('trouble'); }} }};"
    );
    format!(
        "    (name = \"trouble\", worker = (\n\
         \x20     compatibilityDate = \"{COMPATIBILITY_DATE}\",\n\
         \x20     modules = [(name = \"trouble.mjs\", esModule = \"{script}\")],\n\
         \x20     durableObjectNamespaces = [\
         (className = \"AuditLog\", uniqueKey = \"sluis-trouble\", enableSql = true), \
         (className = \"CheckpointStore\", uniqueKey = \"sluis-heads-trouble\", enableSql = true), \
         (className = \"ReplayStore\", uniqueKey = \"sluis-used-trouble\", enableSql = true)],\n\
         \x20     durableObjectStorage = (localDisk = \"objects\")\n\
         \x20   )),\n"
    )
}

/// A path as a string literal of workerd's configuration. Only plain characters: nothing is to be escaped.
pub fn text(path: &Path) -> Result<String> {
    let plain = path
        .to_str()
        .filter(|path| !path.contains(['"', '\\', '\n']))
        .with_context(|| {
            format!(
                "{} has a character that workerd's configuration cannot hold",
                path.display()
            )
        })?;
    Ok(format!("\"{plain}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compatibility_date_is_that_of_the_deployment() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let deployed = fs::read_to_string(root.join("wrangler.toml")).unwrap();
        let line = format!("compatibility_date = \"{COMPATIBILITY_DATE}\"");
        assert!(deployed.lines().any(|found| found == line), "{line}");
    }

    #[test]
    fn a_path_that_would_break_out_of_its_literal_is_refused() {
        assert_eq!(text(Path::new("/a b/c")).unwrap(), "\"/a b/c\"");
        assert!(text(Path::new("/a\"b")).is_err());
    }
}
