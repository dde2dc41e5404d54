//! What each command is asked with.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};
use sluis_log::trace::InstantError;
use sluis_log::{
    CustodyAction, CustodyCode, CustodyCodeError, CustodyDay, DestructionMethod, Encryption,
    UnixMillis,
};

use super::failure::CustodyFailure;
use super::settings::Settings;

/// What to do with a register of custody.
#[derive(Debug, Subcommand)]
pub(crate) enum CustodyCommand {
    /// Begin a register, where its settings say, with nothing in it
    Begin(BeginArguments),
    #[command(flatten)]
    Record(RecordCommand),
    /// Print who has each carrier, now or at a moment, or all that happened to one
    Show(ShowArguments),
    /// Check the whole register, and that no carrier is lost or was to be destroyed (exit code 7 if one is)
    Check(CheckArguments),
}

/// What happened to a carrier.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordCommand {
    /// The data were put on a carrier: its chain of custody begins; beside two carriers with the data no third is taken
    Register(RegisterArguments),
    /// A carrier was registered by mistake, and nothing else is known of it: there never were data on it
    Withdraw(ByArguments),
    /// A carrier passed from hand to hand
    HandOver(HandOverArguments),
    /// A carrier left the building or came back, in the same hands
    Move(TransportArguments),
    /// A carrier was put where only those get at it who may
    Store(StoreArguments),
    /// A carrier was taken from there
    TakeOut(TransportArguments),
    /// A carrier was attached to a computer
    Use(UseArguments),
    /// The data may stay longer, by a later version of the catalogue
    KeepLonger(KeepLongerArguments),
    /// Nobody knows where a carrier is: an alarm until it is found; it keeps its place
    Lose(ByArguments),
    /// A lost carrier is there again
    Find(ByArguments),
    /// The data of a carrier are gone: its chain ends
    Destroy(DestroyArguments),
}

/// The register's settings, and what it is written with.
#[derive(Debug, Args)]
pub(crate) struct BeginArguments {
    #[command(flatten)]
    pub(super) register: Register,
    /// The file with the register's private key, as `sluis keys random` writes it
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: PathBuf,
}

/// Which register.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The register's settings
    #[arg(long, value_name = "FILE", default_value = "custody.toml")]
    pub(super) config: PathBuf,
}

/// What every record has.
#[derive(Debug, Args)]
pub(crate) struct Recording {
    #[command(flatten)]
    pub(super) begun: BeginArguments,
    /// The carrier
    #[arg(long, value_name = "CODE")]
    carrier: Given,
    /// When it happened, such as 2026-01-02T03:04:05+01:00; by default now
    #[arg(long, value_name = "TIME", value_parser = second)]
    pub(super) at: Option<UnixMillis>,
}

#[derive(Debug, Args)]
pub(crate) struct RegisterArguments {
    #[command(flatten)]
    recording: Recording,
    /// Who has it: a code of the roster, never a name or a national number
    #[arg(long, value_name = "CODE")]
    custodian: Given,
    /// With what the whole of it is encrypted: bitLocker or veraCrypt (S-17.2)
    #[arg(long, value_name = "WITH", value_parser = encryption)]
    encryption: Encryption,
    #[command(flatten)]
    kept: Kept,
}

/// The last day of the data.
#[derive(Debug, Args)]
struct Kept {
    /// The last day of the data, such as 2024-03-31; by default the last one that the catalogue allows
    #[arg(long, value_name = "DAY", value_parser = CustodyDay::parse)]
    keep_until: Option<CustodyDay>,
}

#[derive(Debug, Args)]
pub(crate) struct ByArguments {
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    by: By,
}

/// Who did it.
#[derive(Debug, Args)]
struct By {
    /// Who did it, and has it
    #[arg(long, value_name = "CODE")]
    by: Given,
}

#[derive(Debug, Args)]
pub(crate) struct HandOverArguments {
    #[command(flatten)]
    recording: Recording,
    /// Who had it
    #[arg(long, value_name = "CODE")]
    from: Given,
    /// Who has it now
    #[arg(long, value_name = "CODE")]
    to: Given,
    /// The seal that it is closed with
    #[arg(long, value_name = "CODE")]
    seal: Given,
    #[command(flatten)]
    transport: Transport,
}

/// Where a carrier is afterwards. It is said each time: nothing is outside, or back, because a word was forgotten.
#[derive(Debug, Args)]
struct Transport {
    /// It is in the building now
    #[arg(long, required_unless_present = "outside", conflicts_with = "outside")]
    inside: bool,
    /// It is out of the building now
    #[arg(long, requires = "separate_bag")]
    outside: bool,
    /// It is in another bag than the computer, as it must be outside (S-17.5)
    #[arg(long, requires = "outside")]
    separate_bag: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TransportArguments {
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    transport: Transport,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    by: By,
    /// Where
    #[arg(long, value_name = "CODE")]
    location: Given,
}

#[derive(Debug, Args)]
pub(crate) struct UseArguments {
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    by: By,
    /// Declares that the computer has no connection to any network (S-18.1)
    #[arg(long, required = true, action = ArgAction::SetTrue)]
    network_off: bool,
    /// Declares that nothing of the data stays on the computer's own disk (S-18.2)
    #[arg(long, required = true, action = ArgAction::SetTrue)]
    no_temporary_files: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeepLongerArguments {
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArguments {
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    by: By,
    /// How: overwritten, cryptographicErase or physicalDestruction
    #[arg(long, value_name = "METHOD", value_parser = method)]
    method: DestructionMethod,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(super) register: Register,
    /// All that happened to this one
    #[arg(long, value_name = "CODE")]
    carrier: Option<Given>,
    /// As it stood at that moment
    #[arg(long, value_name = "TIME", value_parser = UnixMillis::parse)]
    pub(super) at: Option<UnixMillis>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(super) register: Register,
}

/// A code as it was given. What is wrong with one is said without repeating it, which a refusal by clap would: it may be
/// a national number.
#[derive(Debug, Clone)]
struct Given(Result<CustodyCode, CustodyCodeError>);

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self(CustodyCode::parse(text))
    }
}

impl Given {
    fn of(&self, option: &'static str) -> Result<CustodyCode, CustodyFailure> {
        let code = self.0.clone();
        code.map_err(|error| CustodyFailure::Code { option, error })
    }
}

impl By {
    fn code(&self) -> Result<CustodyCode, CustodyFailure> {
        self.by.of("--by")
    }
}

impl Recording {
    pub(super) fn carrier(&self) -> Result<CustodyCode, CustodyFailure> {
        self.carrier.of("--carrier")
    }
}

impl ShowArguments {
    pub(super) fn carrier(&self) -> Result<Option<CustodyCode>, CustodyFailure> {
        let carrier = self.carrier.as_ref();
        carrier.map(|carrier| carrier.of("--carrier")).transpose()
    }
}

impl RecordCommand {
    /// What every one of them has.
    pub(super) const fn recording(&self) -> &Recording {
        match self {
            Self::Register(RegisterArguments { recording, .. })
            | Self::Withdraw(ByArguments { recording, .. })
            | Self::HandOver(HandOverArguments { recording, .. })
            | Self::Move(TransportArguments { recording, .. })
            | Self::Store(StoreArguments { recording, .. })
            | Self::TakeOut(TransportArguments { recording, .. })
            | Self::Use(UseArguments { recording, .. })
            | Self::KeepLonger(KeepLongerArguments { recording, .. })
            | Self::Lose(ByArguments { recording, .. })
            | Self::Find(ByArguments { recording, .. })
            | Self::Destroy(DestroyArguments { recording, .. }) => recording,
        }
    }

    /// What happened.
    pub(super) fn action(
        &self,
        settings: &Settings,
        at: UnixMillis,
    ) -> Result<CustodyAction, CustodyFailure> {
        Ok(match self {
            Self::Register(arguments) => CustodyAction::Registered {
                custodian: arguments.custodian.of("--custodian")?,
                encryption: arguments.encryption,
                keep_until: settings.last_day(arguments.kept.keep_until, at)?,
            },
            Self::Withdraw(arguments) => CustodyAction::Withdrawn {
                by: arguments.by.code()?,
            },
            Self::HandOver(arguments) => CustodyAction::HandedOver {
                from: arguments.from.of("--from")?,
                to: arguments.to.of("--to")?,
                seal: arguments.seal.of("--seal")?,
                outside: arguments.transport.outside,
            },
            Self::Move(arguments) => CustodyAction::Moved {
                by: arguments.by.code()?,
                outside: arguments.transport.outside,
            },
            Self::Store(arguments) => CustodyAction::Stored {
                by: arguments.by.code()?,
                location: arguments.location.of("--location")?,
            },
            Self::TakeOut(arguments) => CustodyAction::TakenOut {
                by: arguments.by.code()?,
                outside: arguments.transport.outside,
            },
            Self::Use(arguments) => CustodyAction::Used {
                by: arguments.by.code()?,
            },
            Self::KeepLonger(arguments) => CustodyAction::KeptLonger {
                keep_until: settings.last_day(arguments.kept.keep_until, at)?,
            },
            Self::Lose(arguments) => CustodyAction::Lost {
                by: arguments.by.code()?,
            },
            Self::Find(arguments) => CustodyAction::Found {
                by: arguments.by.code()?,
            },
            Self::Destroy(arguments) => CustodyAction::Destroyed {
                by: arguments.by.code()?,
                method: arguments.method,
            },
        })
    }
}

/// In whole seconds, as the command's clock counts them: what happened just now is not after it was recorded.
fn second(text: &str) -> Result<UnixMillis, InstantError> {
    let at = UnixMillis::parse(text)?;
    let millis = at.as_millis();
    Ok(UnixMillis::new(millis - millis % 1_000).unwrap_or(at))
}

fn encryption(text: &str) -> Result<Encryption, &'static str> {
    Encryption::parse(text).ok_or("expected bitLocker or veraCrypt")
}

fn method(text: &str) -> Result<DestructionMethod, &'static str> {
    DestructionMethod::parse(text)
        .ok_or("expected overwritten, cryptographicErase or physicalDestruction")
}
