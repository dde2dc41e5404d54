//! What an implementation that is not ours says of the log that the validator made: as it is served, with a checkpoint from
//! before the validator was killed and a proof that it serves, and then as it was exported.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sluis_tests::client::Request;
use sluis_tests::outsider::{Found, NAME, Outsider, Question, Verdict};
use sluis_tests::world::World;

use super::damage::Damage;

/// The kinds of files that are ours alone.
const OURS: [&str; 1] = ["records.jsonl"];

/// The outsider, if there is one here, and what is put to it.
pub(super) struct Outside {
    found: Found,
    log_key: String,
    token: PathBuf,
    earlier: PathBuf,
    /// The kinds of files of which it had a damaged one.
    seen: BTreeSet<String>,
}

impl Outside {
    pub(super) fn new(folder: &Path, log_key: String) -> Result<Self> {
        Ok(Self {
            found: Outsider::find()?,
            log_key,
            token: folder.join("auditor-token"),
            earlier: folder.join("earlier-checkpoint"),
            seen: BTreeSet::new(),
        })
    }

    /// Keeps the checkpoint that is served now.
    pub(super) fn keep_checkpoint(&self, world: &World) -> Result<()> {
        Ok(fs::write(&self.earlier, served(world, "checkpoint")?)?)
    }

    /// The log as the running validator serves it, of at least so many entries: accepted, and not with a checkpoint or a
    /// proof that has another byte.
    pub(super) fn served(&self, world: &World, size: u64) -> Result<()> {
        let Found::Here(outsider) = &self.found else {
            return Ok(());
        };
        crate::secrets::write_private(&self.token, &world.auditor_token()?)?;
        let bundle = self.token.with_file_name("served.tlog-proof");
        fs::write(&bundle, served(world, &format!("proof/{}", size / 2))?)?;
        let address = format!("http://{}/log", world.address()?);
        let question = Question {
            log: &address,
            log_key: &self.log_key,
            earlier: &self.earlier,
            bundle: &bundle,
            witness: None,
            token_file: Some(&self.token),
        };
        let verdict = outsider.judge(&question)?;
        let Verdict::Accepted(counts) = verdict else {
            bail!("{NAME} on the served log: {verdict:?}");
        };
        let count = |name| counts.get(name).and_then(serde_json::Value::as_u64);
        ensure!(
            count("size") >= Some(size) && count("from") < Some(size),
            "{NAME} was served another log: {counts}"
        );
        for file in [&self.earlier, &bundle] {
            let whole = fs::read(file)?;
            let mut changed = whole.clone();
            *changed.get_mut(whole.len() / 2).context("an empty file")? ^= 1;
            fs::write(file, changed)?;
            let verdict = outsider.judge(&question)?;
            fs::write(file, whole)?;
            let refused = matches!(verdict, Verdict::Refused(_));
            ensure!(refused, "{NAME} with {}: {verdict:?}", file.display());
        }
        println!("{NAME} accepts it as it is served: {counts}");
        Ok(())
    }

    /// The exported log.
    pub(super) fn exported(&self, log: &Path, bundle: &Path) -> Result<()> {
        match self.of_folder(log, bundle)? {
            None | Some(Verdict::Accepted(_)) => Ok(()),
            Some(verdict) => bail!("{NAME} on the exported log: {verdict:?}"),
        }
    }

    /// That it finds the changed byte too, once for each kind of file: another Python is started each time.
    pub(super) fn finds(&mut self, damage: &Damage, log: &Path, bundle: &Path) -> Result<()> {
        if OURS.contains(&damage.kind.as_str()) || !self.seen.insert(damage.kind.clone()) {
            return Ok(());
        }
        match self.of_folder(log, bundle)? {
            None | Some(Verdict::Refused(_)) => Ok(()),
            Some(Verdict::Accepted(counts)) => bail!("{NAME}, {damage}: {counts}"),
        }
    }

    fn of_folder(&self, log: &Path, bundle: &Path) -> Result<Option<Verdict>> {
        let Found::Here(outsider) = &self.found else {
            return Ok(None);
        };
        let question = Question {
            log: log.to_str().context("a folder that is no text")?,
            log_key: &self.log_key,
            earlier: &self.earlier,
            bundle,
            witness: None,
            token_file: None,
        };
        outsider.judge(&question).map(Some)
    }

    /// What it did, for the line of counts.
    pub(super) fn report(&self) -> String {
        match self.found {
            Found::Here(_) => format!(
                "{NAME} accepts it as served and as exported, and finds a changed byte in each of {} kinds of files",
                self.seen.len()
            ),
            Found::Absent { reason } => format!("not judged by {NAME}: {reason}"),
        }
    }
}

/// A file of the log, from the running validator.
fn served(world: &World, name: &str) -> Result<Vec<u8>> {
    let request = Request::get(&format!("/log/{name}")).bearer(&world.auditor_token()?);
    let response = request.send(world.address()?)?;
    ensure!(
        response.status == 200,
        "/log/{name} answers {}",
        response.status
    );
    Ok(response.body.start)
}
