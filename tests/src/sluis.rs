//! The command `sluis` as people run it, against a world.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::world::World;

/// What a run of it said.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub error: String,
}

impl Said {
    /// What it printed, if it went well.
    pub fn well(self) -> Result<String> {
        ensure!(self.code == 0, "exit code {}: {}", self.code, self.error);
        Ok(self.out)
    }
}

/// The command, and a folder for the files that it is given and that it writes.
#[derive(Debug)]
pub struct Sluis {
    program: PathBuf,
    folder: PathBuf,
}

impl Sluis {
    /// The command as cargo built it beside the running test. The folder is emptied.
    pub fn find(folder: PathBuf) -> Result<Self> {
        let beside = env::current_exe()?;
        // `target/debug/deps/e2e-…`.
        let program = beside
            .ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join("sluis"))
            .find(|program| program.is_file())
            .context("sluis is not built: cargo build -p sluis-cli")?;
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { program, folder })
    }

    /// A file or folder of that name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Runs it in the folder: names of files there are plain.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Result<Said> {
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .with_context(|| format!("running {}", self.program.display()))?;
        Ok(Said {
            code: output.status.code().context("it was killed")?,
            out: String::from_utf8(output.stdout)?,
            error: String::from_utf8(output.stderr)?,
        })
    }

    /// The same, of the log of a world: with its URL and an auditor's token, and with its key if that is wanted.
    pub fn of_log(&self, world: &World, with_key: bool, arguments: &[&str]) -> Result<Said> {
        self.write("auditor", &world.auditor_token()?)?;
        let url = format!("http://{}", world.address()?);
        let key = world.log_verifier()?.to_string();
        let mut all = vec!["log"];
        all.extend(arguments);
        all.extend(["--url", &url, "--auditor-token-file", "auditor"]);
        if with_key {
            all.extend(["--key", &key]);
        }
        self.run(&all)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
