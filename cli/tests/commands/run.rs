//! The command in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Succeeded, with these words on standard output.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// Failed with this code and one line, which says this much; nothing on standard output.
    pub(crate) fn bad(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert_eq!(self.out, "");
        for word in words {
            assert!(self.err.contains(word), "{word}: {}", self.err);
        }
        if code != 2 {
            assert_eq!(self.err.lines().count(), 1, "{}", self.err);
            assert!(self.err.starts_with("sluis: "), "{}", self.err);
        }
    }
}

/// A folder of its own for each test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sluis-cli-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sluis"))
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The secrets of a local run, as `cargo xtask dev` writes them.
    pub(crate) fn secrets(&self) -> PathBuf {
        let key = |algorithm| {
            let json = self
                .run(&["keys", "generate", "--algorithm", algorithm])
                .good();
            serde_json::from_str::<Value>(&json).unwrap()
        };
        let secrets = json!({
            "SLUIS_SIMULATION_KEYS_CBSS": json!([key("eddsa"), key("es256")]).to_string(),
            "SLUIS_SIMULATION_KEYS_NIC": json!([key("eddsa")]).to_string(),
            "SLUIS_PSEUDONYM_KEY": self.run(&["keys", "random"]).good().trim(),
            "SLUIS_SIMULATION_ORIGIN": "http://127.0.0.1:9001",
        });
        self.file("secrets.json", &secrets.to_string())
    }

    /// The public keys of the simulation's first system.
    pub(crate) fn key_set(&self, secrets: &Path) -> PathBuf {
        let secrets: Value = serde_json::from_str(&fs::read_to_string(secrets).unwrap()).unwrap();
        let keys: Vec<Value> =
            serde_json::from_str(secrets["SLUIS_SIMULATION_KEYS_CBSS"].as_str().unwrap()).unwrap();
        let files: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| self.file(&format!("key{index}.json"), &key.to_string()))
            .collect();
        let mut arguments = vec!["keys", "public"];
        arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
        self.file("jwks.json", &self.run(&arguments).good())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
