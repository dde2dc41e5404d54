//! The commands over a register in a folder, whole, interrupted and damaged.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser;
use sluis_log::{CommitmentRandom, EntryId, Envelope, KeyName, NoteSigner, PolicyDigest};

use super::{CustodyCommand, CustodyFailure, run};
use crate::log;

const ORIGIN: &str = "custody.example.be/17-020";
/// 32 bytes in base64url, as `sluis keys random` writes them.
const SEED: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    custody: CustodyCommand,
}

#[derive(Parser)]
struct LogArguments {
    #[command(subcommand)]
    log: log::LogCommand,
}

/// A register in a folder that goes with the value.
struct Case(PathBuf);

impl Case {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluis-custody-{}-{number}", std::process::id());
        let case = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&case.0).unwrap();
        fs::write(case.0.join("key"), format!("{SEED}\n")).unwrap();
        fs::write(case.0.join("custody.toml"), Case::settings()).unwrap();
        case.keep_until("2024-03-31");
        case
    }

    /// The same, begun.
    fn begun() -> Self {
        let case = Self::new();
        assert_eq!(case.write("begin").unwrap(), format!("{ORIGIN}: begun\n"));
        case
    }

    fn settings() -> String {
        format!(
            "folder = \"register\"\nhead = \"elsewhere/head\"\nkey = \"{}\"\ncatalogue = \"catalogue.toml\"\nbasis = \"mimosis\"\n\
             institution = \"fps\"\nservice = \"be.example.custody.v1\"\nsource = \"https://custody.example.be\"\n",
            key()
        )
    }

    /// The catalogue, in which data of the basis may be kept so long.
    fn keep_until(&self, day: &str) {
        let path = format!("{}/../catalogue.toml", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let mut changed = text.replace("\"2024-03-31\"", &format!("\"{day}\""));
        assert!(changed.contains(&format!("\"{day}\"")));
        if day > "2024-03-31" {
            // Its deliberation is in force so long too.
            let ended = "inForceUntil = \"2024-04-01T00:00:00+02:00\"";
            assert!(changed.contains(ended));
            changed = changed.replace(ended, "inForceUntil = \"2099-04-01T00:00:00+02:00\"");
        }
        fs::write(self.0.join("catalogue.toml"), changed).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Runs a command, given in words.
    fn look(&self, words: &str) -> Result<String, CustodyFailure> {
        let mut out = Vec::new();
        run(&parsed(self, words).custody, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// The same of one that writes.
    fn write(&self, words: &str) -> Result<String, CustodyFailure> {
        self.look(&format!("{words} --key-file {}", self.path("key")))
    }

    fn log(&self, words: &str) -> String {
        let (folder, key) = (self.path("register"), key());
        let words: Vec<&str> = words.split_whitespace().collect();
        let from = ["--dir", &folder, "--key", &key];
        let all = [&["sluis-log"], &words[..], &from].concat();
        let mut out = Vec::new();
        log::run(&LogArguments::try_parse_from(all).unwrap().log, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// A copy of everything as it stands.
    fn copy(&self) -> Self {
        let copy = Self::new();
        copy_all(&self.0, &copy.0);
        copy
    }

    /// What `name` was in another case.
    fn take(&self, other: &Self, name: &str) {
        let (from, to) = (other.0.join(name), self.0.join(name));
        if from.is_dir() {
            let _ = fs::remove_dir_all(&to);
            copy_all(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn parsed(case: &Case, words: &str) -> Command {
    let words: Vec<&str> = words.split_whitespace().collect();
    let config = case.path("custody.toml");
    let all = [&["sluis-custody"], &words[..], &["--config", &config]].concat();
    Command::try_parse_from(all).unwrap()
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy_all(&path, &to);
        } else {
            fs::copy(path, to).unwrap();
        }
    }
}

fn key() -> String {
    let signer = NoteSigner::new(KeyName::parse(ORIGIN).unwrap(), &[1; 32]).unwrap();
    signer.verifier().to_string()
}

const REGISTER: &str = "register --carrier hd-1 --custodian kt-1 --encryption veraCrypt --at 2018-05-01T10:00:00+02:00";
const HAND_OVER: &str = "hand-over --carrier hd-1 --from kt-1 --to kt-2 --seal S-1 --outside --separate-bag --at 2018-05-02T10:00:00+02:00";
const STORE: &str =
    "store --carrier hd-1 --by kt-2 --location safe-1 --at 2018-05-02T12:00:00+02:00";
const TAKE_OUT: &str = "take-out --carrier hd-1 --by kt-2 --inside --at 2018-05-03T09:00:00+02:00";
const USE: &str = "use --carrier hd-1 --by kt-2 --network-off --no-temporary-files --at 2018-05-03T09:05:00+02:00";
const DESTROY: &str =
    "destroy --carrier hd-1 --by kt-2 --method physicalDestruction --at 2018-05-04T09:00:00+02:00";

fn refused(ran: Result<String, CustodyFailure>) -> (u8, String) {
    let failure = ran.unwrap_err();
    let said = failure.to_string();
    assert_eq!(said.lines().count(), 1, "{said}");
    (failure.exit_code(), said)
}

#[test]
fn a_carrier_is_followed_from_its_first_day_to_its_last() {
    let case = Case::begun();
    assert_eq!(case.write(REGISTER).unwrap(), "record 0: hd-1 registered\n");
    for (number, (words, action)) in [
        (HAND_OVER, "handedOver"),
        (STORE, "stored"),
        (TAKE_OUT, "takenOut"),
        (USE, "used"),
        (DESTROY, "destroyed"),
    ]
    .into_iter()
    .enumerate()
    {
        let said = case.write(words).unwrap();
        assert_eq!(said, format!("record {}: hd-1 {action}\n", number + 1));
        // It is a log like any other at every step.
        let fsck = case.log("fsck");
        let whole = format!("{ORIGIN}: {} entries, all verify\n", number + 2);
        assert!(fsck.contains(&whole), "{fsck}");
    }
    let at = |time: &str| case.look(&format!("show --at {time}")).unwrap();
    assert_eq!(at("2018-05-01T09:00:00+02:00"), "no carrier\n");
    for (time, place) in [
        ("2018-05-01T10:00:00+02:00", "in the hands of kt-1 since"),
        (
            "2018-05-02T11:00:00+02:00",
            "in the hands of kt-2, outside the building since",
        ),
        (
            "2018-05-02T23:00:00+02:00",
            "stored in safe-1 by kt-2 since",
        ),
        ("2018-05-03T09:30:00+02:00", "in the hands of kt-2 since"),
        (
            "2026-01-01T00:00:00Z",
            "destroyed by kt-2 (physicalDestruction) since",
        ),
    ] {
        let said = at(time);
        assert!(
            said.starts_with(&format!("hd-1  {place} 2018-05-0")),
            "{time}: {said}"
        );
    }
    let history = case.look("show --carrier hd-1").unwrap();
    assert_eq!(history.lines().count(), 6);
    let handed = "2018-05-02T08:00:00.000Z  handed over: from kt-1 to kt-2, seal S-1, outside the building; recorded 20";
    assert!(
        history.lines().nth(1).unwrap().starts_with(handed),
        "{history}"
    );
    assert_eq!(
        case.look("check").unwrap(),
        format!(
            "{ORIGIN}: 6 records, all signed; every chain of custody holds\ncarriers with data of mimosis: none; destroyed: hd-1; withdrawn: none\n\
             recorded more than a day after it happened: 0, 1, 2, 3, 4, 5\n\
             used or destroyed after the last day: none\n"
        )
    );
    // Outsiders verify one hand-over without the rest.
    let bundle = case.path("bundle");
    case.log(&format!("prove --index 1 --out {bundle}"));
    let verify = ["sluis-log", "verify", &bundle, "--key", &key()].map(str::to_owned);
    let mut out = Vec::new();
    log::run(&LogArguments::try_parse_from(verify).unwrap().log, &mut out).unwrap();
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("entry 1 of 6, verified")
    );
}

#[test]
fn what_does_not_follow_is_not_recorded() {
    let case = Case::begun();
    assert_eq!(
        refused(case.write(STORE)),
        (3, "not recorded: hd-1 is not registered".to_owned())
    );
    case.write(REGISTER).unwrap();
    let before = fs::read(case.0.join("register/records.jsonl")).unwrap();
    for (words, why) in [
        (
            STORE,
            "hd-1 is in the custody of kt-1, not of kt-2 (S-18.3)",
        ),
        (REGISTER, "hd-1 is registered already, or was"),
        (
            "use --carrier hd-1 --by kt-1 --network-off --no-temporary-files --at 2018-04-01T00:00:00Z",
            "before the last that is known of hd-1",
        ),
        (
            "use --carrier hd-1 --by kt-1 --network-off --no-temporary-files --at 2099-04-01T00:00:00Z",
            "which is after",
        ),
        (
            "keep-longer --carrier hd-1 --keep-until 2025-01-01 --at 2019-01-01T00:00:00+01:00",
            "under 17/020 the data may be kept until 2024-03-31",
        ),
        (
            "keep-longer --carrier hd-1 --at 2019-01-01T00:00:00+01:00",
            "the data may be kept until 2024-03-31 already",
        ),
        ("keep-longer --carrier hd-1", "17/020 is not in force at 20"),
        (
            "register --carrier hd-2 --custodian kt-1 --encryption bitLocker",
            "17/020 is not in force at 20",
        ),
        (
            "register --carrier hd-2 --custodian kt-1 --encryption bitLocker --keep-until 2018-01-01 --at 2019-01-01T00:00:00+01:00",
            "the data may be kept until 2018-01-01 (S-12.1)",
        ),
    ] {
        let (code, said) = refused(case.write(words));
        assert!(
            code == 3 && said.starts_with("not recorded: ") && said.contains(why),
            "{words}: {said}"
        );
    }
    case.write(&REGISTER.replace("hd-1", "hd-2")).unwrap();
    let (_, said) = refused(case.write(&REGISTER.replace("hd-1", "hd-3")));
    assert!(said.contains("no more may (S-17.1)"), "{said}");
    let after = fs::read_to_string(case.0.join("register/records.jsonl")).unwrap();
    assert_eq!(after.lines().count(), 3);
    assert!(
        after
            .as_bytes()
            .windows(20)
            .any(|window| before.windows(20).last() == Some(window))
    );
}

#[test]
fn a_command_without_its_declarations_is_wrong_usage() {
    let parse = |words: &str| {
        let words = format!("sluis-custody {words} --key-file k");
        Command::try_parse_from(words.split_whitespace()).is_ok()
    };
    for words in [REGISTER, HAND_OVER, STORE, TAKE_OUT, USE, DESTROY] {
        assert!(parse(words), "{words}");
    }
    for (words, left_out) in [
        (HAND_OVER, "--separate-bag"),
        (HAND_OVER, "--outside"),
        (HAND_OVER, "--seal S-1"),
        (USE, "--network-off"),
        (USE, "--no-temporary-files"),
        (STORE, "--location safe-1"),
        (TAKE_OUT, "--inside"),
        (REGISTER, "--encryption veraCrypt"),
    ] {
        assert!(
            words.contains(left_out) && !parse(&words.replace(left_out, "")),
            "{left_out}"
        );
    }
    for (words, from, to) in [
        (REGISTER, "veraCrypt", "rot13"),
        (DESTROY, "physicalDestruction", "burnt"),
    ] {
        assert!(!parse(&words.replace(from, to)), "{to}");
    }
}

#[test]
fn a_carrier_that_was_to_be_destroyed_is_an_alarm() {
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    assert_eq!(
        refused(case.look("check")),
        (
            7,
            "alarm: hd-1 was to be destroyed by 2024-03-31, and kt-1 answers for it".to_owned()
        )
    );
    // A later version of the catalogue, and a record of it.
    case.keep_until("2098-03-31");
    assert_eq!(refused(case.look("check")).0, 7);
    case.write("keep-longer --carrier hd-1").unwrap();
    assert!(
        case.look("check")
            .unwrap()
            .contains("carriers with data of mimosis: hd-1; destroyed: none; withdrawn: none")
    );
    let shown = case.look("show").unwrap();
    assert!(
        shown.ends_with("; veraCrypt, data until 2098-03-31\n"),
        "{shown}"
    );
}

#[test]
fn what_is_no_code_is_refused_without_being_repeated() {
    let case = Case::begun();
    for (words, code, option) in [
        (REGISTER, "kt-1", "--custodian"),
        (REGISTER, "hd-1", "--carrier"),
        (HAND_OVER, "kt-2", "--to"),
        (HAND_OVER, "S-1", "--seal"),
        (STORE, "safe-1", "--location"),
        (STORE, "kt-2", "--by"),
    ] {
        for number in ["85073003328", "kt-85.07.30-033.28"] {
            let (exit, said) = refused(case.write(&words.replace(code, number)));
            let why = "a national number has no place in a register of custody";
            assert_eq!((exit, said), (2, format!("{option}: {why}")));
        }
        let (exit, said) = refused(case.write(&words.replace(code, "a/b")));
        assert!(
            exit == 2 && said.starts_with(&format!("{option}: expected a code")),
            "{said}"
        );
    }
    assert_eq!(case.look("show").unwrap(), "no carrier\n");
}

#[test]
fn what_is_lost_is_an_alarm_and_a_mistake_is_withdrawn() {
    let case = Case::new();
    case.keep_until("2098-03-31");
    case.write("begin").unwrap();
    case.write(REGISTER).unwrap();
    case.write("lose --carrier hd-1 --by kt-1 --at 2018-05-01T11:00:00+02:00")
        .unwrap();
    let alarm = "alarm: hd-1 is lost since 2018-05-01T09:00:00.000Z, and kt-1 had it last";
    assert_eq!(refused(case.look("check")), (7, alarm.to_owned()));
    case.write("find --carrier hd-1 --by kt-3 --at 2018-05-01T12:00:00.999+02:00")
        .unwrap();
    case.write(
        "move --carrier hd-1 --by kt-3 --outside --separate-bag --at 2018-05-01T13:00:00+02:00",
    )
    .unwrap();
    case.write(&REGISTER.replace("hd-1", "hd-2")).unwrap();
    case.write("withdraw --carrier hd-2 --by kt-1").unwrap();
    let said = case.look("check").unwrap();
    assert!(
        said.contains("carriers with data of mimosis: hd-1; destroyed: none; withdrawn: hd-2"),
        "{said}"
    );
    assert!(
        said.contains("recorded more than a day after it happened: 0, 1, 2, 3, 4\n"),
        "{said}"
    );
    let shown = case.look("show").unwrap();
    assert!(
        shown.starts_with("hd-1  in the hands of kt-3, outside the building since"),
        "{shown}"
    );
    assert!(
        shown.contains("\nhd-2  withdrawn by kt-1, without data since"),
        "{shown}"
    );
    let history = case.look("show --carrier hd-1").unwrap();
    for line in [
        "lost: by kt-1",
        "2018-05-01T10:00:00.000Z  found: kt-3 has it",
        "moved: by kt-3, out of the building",
    ] {
        assert!(history.contains(line), "{history}");
    }
}

#[test]
fn a_register_is_begun_once_and_is_there_before_anything_is_done_with_it() {
    let case = Case::new();
    for ran in [case.look("check"), case.look("show"), case.write(REGISTER)] {
        let (code, said) = refused(ran);
        assert!(
            code == 4 && said.ends_with("no register was begun there (sluis custody begin)"),
            "{said}"
        );
    }
    assert!(!case.0.join("register").exists() && !case.0.join("elsewhere").exists());
    case.write("begin").unwrap();
    assert_eq!(case.look("show").unwrap(), "no carrier\n");
    assert!(
        case.look("check")
            .unwrap()
            .starts_with(&format!("{ORIGIN}: 0 records, all signed"))
    );
    let (code, said) = refused(case.write("begin"));
    assert!(
        code == 4
            && said.ends_with("a register was begun there before, or something else is there"),
        "{said}"
    );
    // Nor where the head is gone: nothing tells then what was signed last.
    fs::remove_file(case.0.join("elsewhere/head")).unwrap();
    assert_eq!(refused(case.write("begin")).0, 4);
    for ran in [case.look("check"), case.write(REGISTER)] {
        let (code, said) = refused(ran);
        assert!(
            code == 3 && said.contains("gone, and the register's folder is there"),
            "{said}"
        );
    }
    // The head is not where the folder is, however that is spelled.
    for head in [
        "register/head",
        "./elsewhere/../register/head",
        "register/x/../head",
    ] {
        let settings = Case::settings().replace("elsewhere/head", head);
        fs::write(case.0.join("custody.toml"), settings).unwrap();
        fs::create_dir_all(case.0.join("register/x")).unwrap();
        for ran in [
            case.write("begin"),
            case.look("check"),
            case.write(REGISTER),
        ] {
            let (code, said) = refused(ran);
            assert!(
                code == 4 && said.contains("stands in the register's folder"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_command_that_was_stopped_is_gone_on_from_at_every_step() {
    let before = Case::begun();
    before.write(REGISTER).unwrap();
    let after = before.copy();
    after.write(HAND_OVER).unwrap();
    let steps = [
        "elsewhere/head.record",
        "elsewhere/head",
        "register/records.jsonl",
        "register/tile",
        "register/checkpoint",
    ];
    for done in 0..=steps.len() {
        let case = before.copy();
        for step in &steps[..done] {
            case.take(&after, step);
        }
        // What a file is written to before it takes its name.
        for half in [
            "register/records.jsonl.new",
            "elsewhere/head.new",
            "register/checkpoint.new",
        ] {
            fs::write(case.0.join(half), "half").unwrap();
        }
        // With the signed head the record stands.
        let stands = done >= 2;
        let mut seen = Vec::new();
        run(&parsed(&case, "check").custody, &mut seen).unwrap_err();
        let unfinished = String::from_utf8(seen)
            .unwrap()
            .contains("has not all of it yet");
        assert_eq!(unfinished, (2..steps.len()).contains(&done), "{done}");
        let (code, said) = refused(case.look("check"));
        assert_eq!(code, 7, "{done}: {said}");
        let shown = case.look("show").unwrap();
        let custodian = if stands { "kt-2" } else { "kt-1" };
        assert!(shown.contains(custodian), "{done}: {shown}");
        let next = if stands { STORE } else { HAND_OVER };
        case.write(next).unwrap();
        let entries = if stands { 3 } else { 2 };
        let fsck = case.log("fsck");
        assert!(
            fsck.contains(&format!("{entries} entries, all verify")),
            "{done}: {fsck}"
        );
    }
    // Also where the next record is not taken, what was left over is finished.
    let case = before.copy();
    case.take(&after, steps[0]);
    case.take(&after, steps[1]);
    assert!(case.write(HAND_OVER).is_err());
    assert!(case.log("fsck").contains("2 entries, all verify"));
    // A record beside the head that is not the one it was signed for.
    let case = before.copy();
    case.take(&after, steps[1]);
    let (code, said) = refused(case.look("check"));
    assert!(code == 3, "{said}");
}

#[test]
fn a_record_that_was_put_into_the_folder_is_never_signed() {
    // It follows from those before in every way, and anybody can make it: only the signature is missing.
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    let other = case.copy();
    other.write(HAND_OVER).unwrap();
    case.take(&other, "register/records.jsonl");
    let signed = fs::read(case.0.join("elsewhere/head")).unwrap();
    for ran in [
        case.look("check"),
        case.look("show"),
        case.write(HAND_OVER),
        case.write(USE),
    ] {
        let (code, said) = refused(ran);
        let unsigned = "there are 2 records, and from record 1 on they were never signed";
        assert_eq!(
            (code, said),
            (3, format!("the register does not hold: {unsigned}"))
        );
    }
    assert_eq!(fs::read(case.0.join("elsewhere/head")).unwrap(), signed);
}

#[test]
fn a_folder_or_head_that_was_put_back_is_found_and_not_signed_for() {
    let before = Case::begun();
    before.write(REGISTER).unwrap();
    let after = before.copy();
    after.write(HAND_OVER).unwrap();
    after.write(STORE).unwrap();
    let other = before.copy();
    other.write(&HAND_OVER.replace("kt-2", "kt-9")).unwrap();
    other.write(&STORE.replace("kt-2", "kt-9")).unwrap();
    let check = |taken: &[(&Case, &str)], words: &str| {
        let case = after.copy();
        for (from, name) in taken {
            case.take(from, name);
        }
        let files = || {
            let read = |name: &str| fs::read(case.0.join(name)).unwrap_or_default();
            [
                read("register/records.jsonl"),
                read("elsewhere/head"),
                read("register/checkpoint"),
            ]
        };
        let found = files();
        for ran in [case.look("check"), case.look("show"), case.write(TAKE_OUT)] {
            let (code, said) = refused(ran);
            assert!(code == 3 && said.contains(words), "{said}");
        }
        assert_eq!(files(), found);
    };
    let other_records = "its first 3 records are not those of the trusted head";
    let cases: [(&[(&Case, &str)], &str); 6] = [
        (
            &[(&before, "register")],
            "record 1 is missing; 3 were signed",
        ),
        (&[(&other, "register")], other_records),
        (&[(&other, "register/records.jsonl")], other_records),
        (
            &[(&other, "register/checkpoint")],
            "its first 3 records are not those of the checkpoint",
        ),
        (
            &[(&before, "elsewhere/head")],
            "the trusted head is of 1 records, and the checkpoint of 3",
        ),
        (
            &[
                (&before, "elsewhere/head"),
                (&before, "register/checkpoint"),
            ],
            "there are 3 records, and from record 1 on they were never signed",
        ),
    ];
    for (taken, words) in cases {
        check(taken, words);
    }
    let gone = after.copy();
    fs::remove_dir_all(gone.0.join("register")).unwrap();
    let (code, said) = refused(gone.look("check"));
    assert!(code == 3 && said.contains("record 0 is missing"), "{said}");
    // One record short, and the one beside the head is the last that was signed: nothing is missing.
    let short = after.copy();
    let records = fs::read_to_string(short.0.join("register/records.jsonl")).unwrap();
    let cut: Vec<&str> = records.lines().take(3).collect();
    let text = cut.join("\n").replace("\"size\":3", "\"size\":2") + "\n";
    fs::write(short.0.join("register/records.jsonl"), text).unwrap();
    assert_eq!(refused(short.look("check")).0, 7);
    short.write(TAKE_OUT).unwrap();
    assert!(short.log("fsck").contains("4 entries, all verify"));
}

#[cfg(unix)]
#[test]
fn what_is_put_into_the_folder_reaches_nothing_outside_of_it_and_holds_up_nobody() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    let key = fs::read(case.0.join("key")).unwrap();
    // Written through a link, the head or the key would be gone.
    symlink(
        "../elsewhere/head",
        case.0.join("register/records.jsonl.new"),
    )
    .unwrap();
    symlink("../key", case.0.join("register/checkpoint.new")).unwrap();
    fs::hard_link(case.0.join("key"), case.0.join("elsewhere/head.record.new")).unwrap();
    case.write(HAND_OVER).unwrap();
    assert_eq!(fs::read(case.0.join("key")).unwrap(), key);
    assert!(case.log("fsck").contains("2 entries, all verify"));
    for private in ["register/records.jsonl", "elsewhere/head.record"] {
        let mode = fs::metadata(case.0.join(private)).unwrap().mode();
        assert_eq!(mode & 0o077, 0, "{private}");
    }
    for name in ["register/records.jsonl", "register/checkpoint"] {
        let other = case.copy();
        fs::remove_file(other.0.join(name)).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(other.0.join(name))
            .status();
        assert!(made.unwrap().success());
        for ran in [other.look("check"), other.write(STORE)] {
            let (code, said) = refused(ran);
            assert!(code == 1 && said.ends_with("not a regular file"), "{said}");
        }
    }
}

#[test]
fn what_was_done_after_the_last_day_is_listed() {
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    case.write("use --carrier hd-1 --by kt-1 --network-off --no-temporary-files --at 2024-03-31T23:59:59+02:00").unwrap();
    case.write("use --carrier hd-1 --by kt-1 --network-off --no-temporary-files --at 2024-04-01T00:00:00+02:00").unwrap();
    case.write("destroy --carrier hd-1 --by kt-1 --method overwritten")
        .unwrap();
    let said = case.look("check").unwrap();
    assert!(
        said.ends_with("used or destroyed after the last day: 2, 3\n"),
        "{said}"
    );
    let (code, said) = refused(case.look("show --at 2090-01-01T00:00:00Z"));
    assert!(code == 2 && said.contains("is still to come"), "{said}");
}

#[test]
fn tiles_that_others_came_in_the_place_of_are_gone() {
    let case = Case::begun();
    case.keep_until("2098-03-31");
    case.write(REGISTER).unwrap();
    let used = "use --carrier hd-1 --by kt-1 --network-off --no-temporary-files";
    for _ in 1..258 {
        case.write(used).unwrap();
    }
    let mut files = Vec::new();
    let mut folders = vec![case.0.join("register/tile")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(case.0.join("register/tile")).unwrap();
                files.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    let (level, bundles) = (
        ["0/000", "0/001.p/2", "1/000.p/1"],
        ["entries/000", "entries/001.p/2"],
    );
    assert_eq!(files, [&level[..], &bundles[..]].concat());
    assert!(case.log("fsck").contains("258 entries, all verify"));
}

#[test]
fn any_changed_byte_of_the_register_is_found() {
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    case.write(HAND_OVER).unwrap();
    for name in [
        "register/records.jsonl",
        "register/checkpoint",
        "elsewhere/head",
    ] {
        let path = case.0.join(name);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1 << (place % 6);
            fs::write(&path, changed).unwrap();
            let (code, said) = refused(case.look("check"));
            assert!(matches!(code, 3 | 4), "{name}, byte {place}: {said}");
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(refused(case.look("check")).0, 7);
}

#[test]
fn a_record_that_the_rules_do_not_allow_is_named_though_it_is_signed() {
    // By who has the key: the same hand-over once more.
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    case.write(HAND_OVER).unwrap();
    let settings = super::Settings::read(&case.0.join("custody.toml")).unwrap();
    let folder = log::LogFolder::new(settings.folder.clone());
    let (mut entries, verifier) = folder.records(&settings.origin).unwrap();
    let head = verifier.summary().head;
    let record = sluis_log::CustodyRecord::read(&entries[1]).unwrap();
    let envelope = Envelope {
        source: &settings.source,
        id: EntryId::from_random([9; 16]),
        at: record.recorded_at(),
        policy: PolicyDigest(settings.catalogue.digest()),
    };
    let random = CommitmentRandom::new([9; 32]);
    entries.push(sluis_log::CustodyRecord::entry(&envelope, record.event(), random, head).unwrap());
    folder.put_records(&settings.origin, &entries).unwrap();
    let head = log::head_of(&entries, 3).unwrap().unwrap();
    let signer = super::signer(&case.0.join("key"), &settings).unwrap();
    let checkpoint = sluis_log::Checkpoint::new(settings.origin.clone(), head);
    let checkpoint = checkpoint.sign(&signer).unwrap();
    log::put_checkpoint(&settings.head, &checkpoint).unwrap();
    let why = "hd-1 is in the custody of kt-2, not of kt-1 (S-18.3)";
    for ran in [case.look("check"), case.write(STORE)] {
        let said = format!("the register does not hold: record 2: {why}");
        assert_eq!(refused(ran), (3, said));
    }
}

#[test]
fn a_register_is_of_one_basis() {
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    let catalogue = fs::read_to_string(case.0.join("catalogue.toml")).unwrap();
    let renamed = catalogue.replace("code = \"mimosis\"", "code = \"other\"");
    fs::write(case.0.join("catalogue.toml"), renamed).unwrap();
    let settings = Case::settings().replace("basis = \"mimosis\"", "basis = \"other\"");
    fs::write(case.0.join("custody.toml"), settings).unwrap();
    let (code, said) = refused(case.look("check"));
    assert!(
        code == 3 && said.ends_with("record 0: it is of mimosis, not of other"),
        "{said}"
    );
}

#[test]
fn one_process_writes_at_a_time_and_what_cannot_be_written_changes_nothing() {
    let case = Case::begun();
    case.write(REGISTER).unwrap();
    let lock = File::open(case.0.join("elsewhere/head.lock")).unwrap();
    lock.lock().unwrap();
    let (code, said) = refused(case.write(HAND_OVER));
    assert!(
        code == 1 && said.contains("other processes have used the register"),
        "{said}"
    );
    drop(lock);
    // No file can be written in the trusted place, and so nothing is recorded.
    fs::create_dir(case.0.join("elsewhere/head.record.new")).unwrap();
    assert_eq!(refused(case.write(HAND_OVER)).0, 1);
    fs::remove_dir(case.0.join("elsewhere/head.record.new")).unwrap();
    assert!(case.log("fsck").contains("1 entries, all verify"));
    // None in the folder: what was signed stands.
    fs::create_dir(case.0.join("register/records.jsonl.new")).unwrap();
    let (code, said) = refused(case.write(HAND_OVER));
    assert!(code == 1 && said.starts_with("record 1 stands, "), "{said}");
    assert!(case.look("show").unwrap().contains("in the hands of kt-2"));
    fs::remove_dir(case.0.join("register/records.jsonl.new")).unwrap();
    case.write(STORE).unwrap();
    assert!(case.log("fsck").contains("3 entries, all verify"));
}

#[test]
fn settings_that_are_wrong_are_named() {
    let case = Case::begun();
    let good = Case::settings();
    for (from, to, why) in [
        (
            "basis = \"mimosis\"",
            "basis = \"other\"",
            "basis: the catalogue has no statutory basis \"other\"",
        ),
        (
            "service = \"be.example.custody.v1\"",
            "service = \"x\"",
            "service \"x\" is not",
        ),
        ("folder", "folders", "line 1: unknown field `folders`"),
        ("key = \"", "key = \"x", "key: "),
        ("institution = \"fps\"\n", "", "missing field `institution`"),
        (
            "head = \"elsewhere/head\"",
            "head = \"\"",
            "head: expected a path with a name at its end",
        ),
        (
            "folder = \"register\"",
            "folder = \"..\"",
            "folder: expected a path with a name at its end",
        ),
    ] {
        assert!(good.contains(from));
        fs::write(case.0.join("custody.toml"), good.replacen(from, to, 1)).unwrap();
        let (code, said) = refused(case.write(REGISTER));
        assert!(code == 4 && said.contains(why), "{to}: {code} {said}");
    }
    fs::write(case.0.join("custody.toml"), good).unwrap();
    fs::write(
        case.0.join("key"),
        "AgEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n",
    )
    .unwrap();
    let (code, said) = refused(case.write(REGISTER));
    assert!(
        code == 4 && said.ends_with("not the private key of the register's key"),
        "{said}"
    );
    assert_eq!(case.look("show").unwrap(), "no carrier\n");
}
