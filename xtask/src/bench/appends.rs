//! Appends per second: four logs against one, on every store that logs are kept in.
//!
//! What is asked is `/decide` with tokens seen before, whose answer waits for one durable entry and nothing else; so a
//! request is an append, and what the gate does besides is in the figures of both sides.

use std::path::Path;

use anyhow::{Context, Result};
use sluis_gate::replay::sql::postgres as used;
use sluis_log::sql::postgres as log;
use sluis_tests::postgres::PostgresServer;
use sluis_tests::runtime::{Build, Function, Running};
use sluis_token::Algorithm;

use super::contenders::{Contender, Party};
use super::measure::{Pace, Scenario, alternate};
use super::report::Report;
use super::tokens::Tokens;
use crate::build::{self, Configured, Platform};

const ROLE: &str = "validator";
/// The database of one log, and of several: the first is that of what was used once.
const DATABASES: [&str; 5] = ["sluis", "sluis_0", "sluis_1", "sluis_2", "sluis_3"];

/// Builds the functions with four logs.
pub(crate) fn prepare(root: &Path) -> Result<()> {
    let config = &Configured::of(root, Build::Sharded)?;
    for platform in [Platform::Cloudflare, Platform::Spin] {
        build::build(root, config, Function::Validator, platform, config.effort)?;
    }
    Ok(())
}

/// Every store, four logs and one in alternating rounds.
pub(crate) fn measure(party: &Party, pace: &Pace, report: &mut Report) -> Result<()> {
    let tokens = Tokens::mint(party, Algorithm::EdDsa, pace.tokens)?;
    let seen = Scenario::seen(&tokens);
    let mut compare = |store: &str, runtime, four: Running, one: Running| -> Result<()> {
        let rows = alternate(pace, &[(&four, &seen), (&one, &seen)])?;
        report.pair(
            &format!("appends, four logs, {store}"),
            runtime,
            "one log",
            &rows,
        );
        Ok(())
    };
    compare(
        "Durable Objects",
        "workerd",
        party.start(Contender::Shards)?,
        party.start(Contender::Durable)?,
    )?;
    compare(
        "SQLite",
        "spin",
        party.start(Contender::SpinShards)?,
        party.start(Contender::Spin)?,
    )?;
    // A server for each side: one log's would hold the other's entries too.
    let (four, one) = (server()?, server()?);
    compare(
        "PostgreSQL",
        "spin",
        party.start_with(Contender::SpinShards, &variables(&four)?)?,
        party.start_with(Contender::Spin, &variables(&one)?)?,
    )
}

/// A server with a database for each log and an account for the validator.
fn server() -> Result<PostgresServer> {
    let server = PostgresServer::start()?;
    server.run_sql("postgres", &format!("CREATE ROLE {ROLE} LOGIN"))?;
    for database in DATABASES {
        server.run_sql("postgres", &format!("CREATE DATABASE {database}"))?;
        for schema in [log::SCHEMA, log::TRUSTED_SCHEMA, used::SCHEMA] {
            server.run_sql(database, schema)?;
            // The rights that the schema's own head names.
            let grants = schema.lines().filter_map(|line| line.strip_prefix("--   "));
            server.run_sql(database, &grants.collect::<Vec<_>>().join("\n"))?;
        }
    }
    Ok(server)
}

fn variables(server: &PostgresServer) -> Result<[(&'static str, String); 3]> {
    let address = server.address(ROLE, "sluis{log}");
    let port = address
        .split_whitespace()
        .find_map(|pair| pair.strip_prefix("port="))
        .context("an address without a port")?;
    Ok([
        ("SLUIS_LOG_STORE", "postgres".to_owned()),
        (
            "SLUIS_LOG_POSTGRES_ORIGIN",
            format!("postgres://127.0.0.1:{port}"),
        ),
        ("SLUIS_LOG_POSTGRES", address.clone()),
    ])
}
