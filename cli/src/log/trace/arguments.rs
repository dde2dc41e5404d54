//! What is asked for, of which logs, for whom.

use std::path::{Path, PathBuf};

use clap::Args;
use sluis_log::trace::{Audience, LogKeys, Party, Query, SoughtMandate, SoughtSubject};
use sluis_log::{NoteVerifier, ReferenceKey, TraceId, UnixMillis};
use sluis_policy::Catalogue;
use sluis_token::{PseudonymKey, Ssin};

use super::super::credential::Credential;
use super::failure::TraceFailure;
use crate::catalogue::read_catalogue;
use crate::files::{name_of, read_text};
use crate::keys::read_seed;

#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    #[command(flatten)]
    pub(crate) sought: Sought,
    /// For whom: institution, verificationSystem, dataSubject or supervisor; what that reader may not know is withheld
    #[arg(long = "for", value_name = "READER", value_parser = parse_audience)]
    audience: Audience,
    /// With --url: the deployment's verifier key, without which it is not known whether all its logs were read; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, conflicts_with = "files")]
    pub(crate) keys: Vec<NoteVerifier>,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which calls, and where they are looked for.
#[derive(Debug, Args)]
pub(crate) struct Sought {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL", required_unless_present = "files")]
    url: Option<String>,
    #[command(flatten)]
    credential: Credential,
    /// The validator's records: a file of `export --out`, or `records.jsonl` of `export --dir`; of several logs repeated
    #[arg(long = "file", value_name = "FILE", conflicts_with = "url")]
    files: Vec<PathBuf>,
    /// Another party's log, verificationSystem=FILE, secondaryNetwork=FILE, mandateHolder=FILE, or what was done to know
    /// a hidden holder, institution=FILE, supervisor=FILE; may be repeated
    #[arg(long = "party", value_name = "PARTY=FILE", value_parser = PartyLog::parse)]
    parties: Vec<PartyLog>,
    /// The token's `jti`
    #[arg(long, value_name = "ID")]
    token_id: Option<String>,
    /// `BelGov-Trace-Id` of the request or of its answer
    #[arg(long, value_name = "ID", value_parser = parse_trace_id)]
    trace_id: Option<TraceId>,
    /// The mandate, by its verification system's id for it
    #[arg(long, value_name = "ID", requires_all = ["issuer", "log_keys"])]
    mandate: Option<String>,
    /// The `iss` of that verification system
    #[arg(long, value_name = "ISSUER", requires = "mandate")]
    issuer: Option<String>,
    /// The file with the data subject's national number; - for standard input
    #[arg(long, value_name = "FILE", requires_all = ["pseudonym_key_file", "log_keys"])]
    subject: Option<PathBuf>,
    /// The file with the institution's `SLUIS_PSEUDONYM_KEY`
    #[arg(long, value_name = "FILE", requires = "subject")]
    pseudonym_key_file: Option<PathBuf>,
    /// A file with a `SLUIS_LOG_KEY` that the log was written under; may be repeated, one for each that there was; each makes the keys of all months
    #[arg(long = "log-key-file", value_name = "FILE")]
    log_keys: Vec<PathBuf>,
    /// Not before, such as 2026-01-02T03:04:05+01:00
    #[arg(long, value_name = "TIME", value_parser = UnixMillis::parse)]
    from: Option<UnixMillis>,
    /// Before
    #[arg(long, value_name = "TIME", value_parser = UnixMillis::parse)]
    until: Option<UnixMillis>,
    /// A catalogue that decided; may be repeated: a decision under none of them is called so
    #[arg(long = "catalogue", value_name = "FILE")]
    catalogues: Vec<PathBuf>,
}

/// Another party's log.
#[derive(Debug, Clone)]
pub(crate) struct PartyLog {
    pub(crate) party: Party,
    pub(crate) path: PathBuf,
}

/// Where the validator's log is.
pub(crate) enum LogFrom<'a> {
    Server(&'a str, &'a Credential),
    Exports(&'a [PathBuf]),
}

/// What is asked for, with what its files hold.
pub(crate) struct Asked {
    pub(crate) query: Query,
    pub(crate) keys: LogKeys,
    pub(crate) catalogues: Vec<Catalogue>,
}

impl PartyLog {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || "expected verificationSystem, secondaryNetwork, mandateHolder, institution or supervisor, = and a file";
        let (party, path) = text.split_once('=').ok_or_else(expected)?;
        let party = Party::parse(party).filter(|party| *party != Party::Validator);
        Ok(Self {
            party: party.ok_or_else(expected)?,
            path: path.into(),
        })
    }
}

pub(crate) fn parse_audience(text: &str) -> Result<Audience, &'static str> {
    Audience::parse(text)
        .ok_or("expected institution, verificationSystem, dataSubject or supervisor")
}

fn parse_trace_id(text: &str) -> Result<TraceId, &'static str> {
    TraceId::parse(text).ok_or("expected 1 to 36 of A-Z a-z 0-9 . _ -")
}

impl TraceArguments {
    /// For whom, if what is asked for can be for them.
    pub(crate) fn audience(&self) -> Result<Audience, TraceFailure> {
        if self.audience == Audience::DataSubject && self.sought.subject.is_none() {
            return Err(TraceFailure::SubjectWanted);
        }
        Ok(self.audience)
    }
}

impl Sought {
    pub(crate) fn log(&self) -> Result<LogFrom<'_>, TraceFailure> {
        match (&self.url, self.files.as_slice()) {
            (Some(url), _) => Ok(LogFrom::Server(url, &self.credential)),
            // INVARIANT: clap asks for one of the two.
            (None, []) => Err(TraceFailure::NothingAsked),
            (None, files) => Ok(LogFrom::Exports(files)),
        }
    }

    pub(crate) fn parties(&self) -> &[PartyLog] {
        &self.parties
    }

    /// Reads the files that the conditions need.
    pub(crate) fn ask(&self) -> Result<Asked, TraceFailure> {
        let keys = self.log_keys.iter().map(|path| {
            let text = read_text(path)?;
            ReferenceKey::from_base64url(text.trim()).map_err(|error| TraceFailure::LogKey {
                name: name_of(path),
                error,
            })
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mandate = self.mandate.as_deref().zip(self.issuer.as_deref());
        let mandate = mandate.map(|(id, issuer)| SoughtMandate::new(issuer, id));
        let subject = self
            .subject
            .as_deref()
            .zip(self.pseudonym_key_file.as_deref());
        let subject = subject.map(|(subject, key)| read_subject(subject, key));
        let query = Query {
            token_id: self.token_id.clone(),
            trace_id: self.trace_id,
            mandate,
            subject: subject.transpose()?,
            from: self.from,
            until: self.until,
        };
        if query.is_empty() {
            return Err(TraceFailure::NothingAsked);
        }
        let read = |path: &PathBuf| read_catalogue(path).map_err(TraceFailure::Catalogue);
        let catalogues = self.catalogues.iter().map(read);
        let catalogues = catalogues.collect::<Result<Vec<_>, _>>()?;
        Ok(Asked {
            query,
            keys: keys.into(),
            catalogues,
        })
    }
}

impl Asked {
    /// The digests of the catalogues, if any was given.
    pub(crate) fn digests(&self) -> Option<Vec<[u8; 32]>> {
        let digests: Vec<_> = self.catalogues.iter().map(Catalogue::digest).collect();
        (!digests.is_empty()).then_some(digests)
    }
}

fn read_subject(subject: &Path, key: &Path) -> Result<SoughtSubject, TraceFailure> {
    let seed = read_seed(key)?;
    let key = PseudonymKey::new(seed.as_slice()).map_err(TraceFailure::PseudonymKey)?;
    let text = read_text(subject)?;
    let ssin = Ssin::parse(text.trim()).map_err(|_| TraceFailure::NotASubject {
        name: name_of(subject),
    })?;
    let pseudonym = key.pseudonym(&ssin).to_base64url();
    Ok(SoughtSubject::new(&pseudonym))
}
