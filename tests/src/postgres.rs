//! A PostgreSQL server of our own, for as long as a value lives.
//!
//! Its data directory is a temporary one, it listens on 127.0.0.1 only, and it is stopped and removed on drop. Nothing is
//! installed: where the server programs are missing, the error says so in one line.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long the server may take to start, and after a crash to recover.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long it may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How often it is looked at meanwhile.
const POLL: Duration = Duration::from_millis(25);
/// The superuser of the server, trusted on the loopback interface.
const SUPERUSER: &str = "sluis";
/// PostgreSQL refuses to run as root; then this account runs it.
const ACCOUNT: &str = "postgres";

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    directory: PathBuf,
    account: Option<Account>,
    port: u16,
    child: Option<Child>,
}

/// The account to run as, where we are root.
#[derive(Debug, Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl PostgresServer {
    /// Makes an empty server and starts it.
    pub fn start() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let programs = find_programs()?;
        let account = account()?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("sluis-postgres-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        if let Some(Account { user, group }) = account {
            chown(&directory, Some(user), Some(group))?;
        }
        let mut server = Self {
            programs,
            directory,
            account,
            port: 0,
            child: None,
        };
        server.initialise()?;
        server.restart()?;
        Ok(server)
    }

    /// Where clients connect, as libpq's key words and values.
    pub fn address(&self, user: &str, database: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user={user} dbname={database} connect_timeout=10",
            self.port
        )
    }

    /// The same for the superuser and the first database.
    pub fn admin_address(&self) -> String {
        self.address(SUPERUSER, "postgres")
    }

    /// Runs SQL as the superuser and gives what `psql` prints.
    pub fn run_sql(&self, database: &str, sql: &str) -> Result<String> {
        let output = self
            .command("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(self.address(SUPERUSER, database))
            .output()?;
        succeeded("psql", &output)?;
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    }

    /// Kills the server and all its processes with SIGKILL, as if the machine had stopped.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let server = pid(&child)?;
        // Stopped first, so that it starts no further process while we look.
        kill_process(server, Signal::STOP)?;
        for backend in children_of(&child) {
            // One that is gone already is no error.
            let _ = kill_process(backend, Signal::KILL);
        }
        kill_process(server, Signal::KILL)?;
        child.wait()?;
        Ok(())
    }

    /// Starts the server over its data: after [`Self::kill`] it recovers first.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.port = free_port()?;
        let log = fs::File::create(self.directory.join("server.log"))?;
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(&self.directory)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-c",
                "max_connections=200",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start postgres")?;
        self.child = Some(child);
        self.wait_until_ready()
    }

    fn initialise(&self) -> Result<()> {
        let output = self
            .command("initdb")
            .args([
                "-U",
                SUPERUSER,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(self.data())
            .output()
            .context("cannot run initdb")?;
        succeeded("initdb", &output)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        for _ in 0..polls(START_TIMEOUT) {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                self.child = None;
                bail!("postgres ended with {status}: {}", self.last_log_line());
            }
            let status = self
                .command("pg_isready")
                .arg("-q")
                .arg("-d")
                .arg(self.admin_address())
                .status()?;
            if status.success() {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        bail!(
            "postgres was not ready after {START_TIMEOUT:?}: {}",
            self.last_log_line()
        );
    }

    fn last_log_line(&self) -> String {
        let log = fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
        log.lines().last().unwrap_or("it wrote nothing").to_owned()
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        // The account may not be allowed where we are.
        command
            .current_dir(&self.directory)
            .env("LC_ALL", "C")
            .env_remove("PGOPTIONS");
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    fn stop(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        // A fast shutdown: open connections are closed.
        kill_process(pid(child)?, Signal::INT)?;
        for _ in 0..polls(STOP_TIMEOUT) {
            if child.try_wait()?.is_some() {
                self.child = None;
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        self.kill()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.stop().is_err() {
            let _ = self.kill();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The newest server programs there are.
fn find_programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut candidates: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    candidates.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    candidates
        .into_iter()
        .rev()
        .map(|(_, directory)| directory)
        .chain(std::env::split_paths(&path))
        .find(|directory| ["initdb", "postgres", "pg_isready", "psql"].iter().all(|name| directory.join(name).is_file()))
        .context(
            "PostgreSQL's server programs (initdb, postgres) are neither in /usr/lib/postgresql/*/bin nor on PATH: \
             install them, on Debian with `apt-get install postgresql`",
        )
}

fn account() -> Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let account = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != ACCOUNT {
            return None;
        }
        let mut number = |skip| fields.nth(skip)?.parse().ok();
        Some(Account {
            user: number(1)?,
            group: number(0)?,
        })
    });
    match account {
        Some(account) => Ok(Some(account)),
        None => bail!(
            "PostgreSQL does not run as root and there is no account {ACCOUNT:?} to run it: run the tests as another user"
        ),
    }
}

fn polls(timeout: Duration) -> u128 {
    timeout.as_millis() / POLL.as_millis()
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn pid(child: &Child) -> Result<Pid> {
    Pid::from_raw(child.id().try_into()?).context("a process without id")
}

/// The processes whose parent is `child`, by Linux's /proc; elsewhere none is found, and they end on their own when they
/// see their parent gone.
fn children_of(child: &Child) -> Vec<Pid> {
    let parent = child.id().to_string();
    let parent_of = |stat: &Path| {
        let stat = fs::read_to_string(stat).ok()?;
        // "pid (name) state ppid …", where the name may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        Some(rest.split_whitespace().nth(1)? == parent)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| parent_of(&process.path().join("stat")) == Some(true))
        .filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?))
        .collect()
}

fn succeeded(program: &str, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    bail!("{program} failed: {}", text.trim())
}
