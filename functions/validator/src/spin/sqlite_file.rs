//! A connection to an SQLite file: its schema, its statements, and its write lock.
//!
//! A file has one writer at a time. SQLite would wait for the lock on one of the host's
//! threads, of which there is a bounded number: when as many wait, none is left on which
//! the one that holds the lock could go on, and all stand still until their time is up.
//! So a connection that writes does not wait there. It hears at once that the file is
//! locked, and waits here, where that takes no thread and ends with its request.

use sluis_log::sql::statements;
use spin_sdk::sqlite::{Connection, Error, RowResult, Value};
use spin_sdk::wasip3::random::random::get_random_u64;

use super::time;

/// From one attempt to the next, at first; twice as long each time, up to the longest.
const FIRST_STEP_MS: u32 = 2;
const LONGEST_STEP_MS: u32 = 32;

/// What SQLite says, and the host after it, of a file that another connection writes to.
const LOCKED: &str = "database is locked";

/// What a file is to hold.
pub(super) struct Schema {
    /// A question that has an answer once it does.
    pub(super) is_there: &'static str,
    pub(super) statements: &'static str,
}

/// A connection to a file with that schema. The journal mode stays with the file, as the
/// schema does: making them again changes nothing.
pub(super) async fn open(label: &str, schema: &Schema) -> Result<Connection, Error> {
    let connection = Connection::open(label).await?;
    let there = query(&connection, schema.is_there, Vec::new()).await?;
    if there.is_empty() {
        query(&connection, "PRAGMA journal_mode = WAL", Vec::new()).await?;
        for statement in statements(schema.statements) {
            query(&connection, statement, Vec::new()).await?;
        }
    }
    Ok(connection)
}

/// The same, to write with: it hears at once of another one's lock.
pub(super) async fn open_to_write(label: &str, schema: &Schema) -> Result<Connection, Error> {
    let connection = open(label, schema).await?;
    query(&connection, "PRAGMA busy_timeout = 0", Vec::new()).await?;
    Ok(connection)
}

/// Runs a statement that takes the lock, as soon as nobody else has it. The caller sets
/// a limit.
pub(super) async fn query_patiently(
    connection: &Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Vec<RowResult>, Error> {
    let mut step_ms = FIRST_STEP_MS;
    loop {
        match query(connection, statement, parameters.clone()).await {
            Err(Error::Io(text)) if text.contains(LOCKED) => {
                time::sleep(by_chance(step_ms)).await;
                step_ms = step_ms.saturating_mul(2).min(LONGEST_STEP_MS);
            }
            outcome => return outcome,
        }
    }
}

/// Runs a statement to its verdict, which alone says that it is durable, and gives its
/// rows.
pub(super) async fn query(
    connection: &Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Vec<RowResult>, Error> {
    let result = connection.execute(statement, parameters).await?;
    result.collect().await
}

/// Between half of that time and all of it, so that those who wait do not come together.
fn by_chance(step_ms: u32) -> u32 {
    let chance = u32::try_from(get_random_u64() % 256).unwrap_or_default();
    step_ms - step_ms * chance / 512
}
