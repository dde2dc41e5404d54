//! How the command line shows a validator that it may read the log: with a token, or with the key that makes one.

use std::path::PathBuf;

use clap::Args;
use sluis_log::{AuditorGrant, Origin, ReadingPurpose};

use super::failure::LogFailure;
use super::remote::read_token;
use crate::clock::now_millis;
use crate::keys::read_auditor_key;

/// How long a token is valid that is made for one command, in seconds: as long as a large log takes.
const COMMAND_SECONDS: u64 = 6 * 3600;

/// One of a token and a key.
#[derive(Debug, Clone, Args)]
pub(crate) struct Credential {
    /// With --url: the file with an auditor token, as `sluis keys auditor-token` makes it
    #[arg(long, value_name = "FILE")]
    auditor_token_file: Option<PathBuf>,
    /// With --url, instead of a token: the file with the validator's `SLUIS_AUDITOR_KEY`
    #[arg(long, value_name = "FILE", conflicts_with = "auditor_token_file", requires_all = ["auditor", "log"])]
    auditor_key_file: Option<PathBuf>,
    /// With the key: who reads, an office or a role and no person's name
    #[arg(long, value_name = "ID", requires = "auditor_key_file")]
    auditor: Option<String>,
    /// With the key: what for, audit, complaint, dataSubjectRequest, supervision or securityIncident; without it no records are shown
    #[arg(long, value_name = "PURPOSE", value_parser = parse_purpose, requires = "auditor_key_file")]
    purpose: Option<ReadingPurpose>,
    /// With the key: the case, by its owner's number; for every purpose but audit
    #[arg(long, value_name = "CASE", requires = "purpose")]
    reference: Option<String>,
    /// With the key: the origin of the log that is read
    #[arg(long, value_name = "ORIGIN", value_parser = Origin::parse, requires = "auditor_key_file")]
    log: Option<Origin>,
}

impl Credential {
    /// The token to send.
    pub(crate) fn token(&self) -> Result<String, LogFailure> {
        if let Some(path) = &self.auditor_token_file {
            return read_token(path);
        }
        let (Some(path), Some(auditor), Some(log)) =
            (&self.auditor_key_file, &self.auditor, &self.log)
        else {
            return Err(LogFailure::NoCredential);
        };
        let key = read_auditor_key(path).map_err(LogFailure::Key)?;
        let grant = AuditorGrant::new(auditor, self.purpose, self.reference.as_deref());
        let now = now_millis().map_err(|error| LogFailure::Key(error.into()))?;
        let token = grant.and_then(|grant| key.mint(&grant, log, now, COMMAND_SECONDS));
        token.map_err(LogFailure::Grant)
    }
}

pub(crate) fn parse_purpose(text: &str) -> Result<ReadingPurpose, String> {
    ReadingPurpose::parse(text).ok_or_else(|| {
        let names = ReadingPurpose::ALL.iter().map(|purpose| purpose.as_str());
        format!("expected {}", names.collect::<Vec<_>>().join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use sluis_log::{AuditorKey, UnixMillis};

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        credential: Credential,
    }

    fn credential(arguments: &[&str]) -> Option<Credential> {
        let all = [&["sluis"], arguments].concat();
        let command = Command::try_parse_from(all).ok();
        command.map(|command| command.credential)
    }

    #[test]
    fn a_key_makes_the_token_that_the_reader_asks_for() {
        let path = std::env::temp_dir().join(format!("sluis-auditor-{}", std::process::id()));
        std::fs::write(&path, "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\n").unwrap();
        let key = path.to_str().unwrap();
        let who = [
            "--auditor-key-file",
            key,
            "--auditor",
            "dpo",
            "--log",
            "gate.example/log",
        ];
        let token = |more: &[&str]| credential(&[&who, more].concat()).unwrap().token();
        let case = ["--purpose", "complaint", "--reference", "SIM/1"];
        let now: UnixMillis = now_millis().unwrap();
        let checked = AuditorKey::new(&[4; 32]).verify(
            &token(&case).unwrap(),
            &Origin::parse("gate.example/log").unwrap(),
            now,
        );
        let grant = AuditorGrant::new("dpo", Some(ReadingPurpose::Complaint), Some("SIM/1"));
        assert_eq!(checked.unwrap().grant(), &grant.unwrap());
        let failure = token(&case[..2]).unwrap_err();
        assert!(matches!(failure, LogFailure::Grant(_)), "{failure}");
        assert_eq!(failure.exit_code(), 2);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn half_a_credential_is_none() {
        let key = ["--auditor-key-file", "k"];
        for wrong in [
            &[&key[..], &["--auditor", "dpo"]].concat(),
            &[&key[..], &["--auditor-token-file", "t"]].concat(),
            &vec!["--auditor-token-file", "t", "--purpose", "audit"],
            &vec!["--purpose", "curiosity"],
        ] {
            assert!(credential(wrong).is_none(), "{wrong:?}");
        }
        let failure = credential(&[]).unwrap().token().unwrap_err();
        assert_eq!(failure.exit_code(), 2);
    }
}
