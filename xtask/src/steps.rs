//! Running named steps one after the other, counting tests, and one closing line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How many tests and checks ran, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// What a `test result:` line of cargo test says.
    fn of_line(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("test result: ")?;
        let number = |word: &str| {
            let before = rest.split(word).next()?;
            before
                .trim_end()
                .rsplit([' ', '.', ';'])
                .next()?
                .parse()
                .ok()
        };
        Some(Self {
            passed: number("passed")?,
            failed: number("failed")?,
            skipped: number("ignored")?,
        })
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The steps of one run, as they come by.
#[derive(Debug)]
pub(crate) struct Steps {
    counts: Counts,
    skips: Vec<String>,
    /// What tests say they counted, in lines that begin with `COUNT: `.
    tallies: Vec<String>,
    failures: Vec<String>,
    times: Vec<(String, Duration)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            counts: Counts::default(),
            skips: Vec::new(),
            tallies: Vec::new(),
            failures: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Runs a step that is one check of its own. Whether it passed.
    pub(crate) fn check(&mut self, name: &str, run: impl FnOnce() -> Result<()>) -> bool {
        let passed = self.time(name, |_| run());
        self.counts.add(Counts {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            skipped: 0,
        });
        passed
    }

    /// Runs commands of cargo test and counts the tests they report.
    pub(crate) fn tests(
        &mut self,
        name: &str,
        commands: impl FnOnce() -> Result<Vec<Command>>,
    ) -> bool {
        self.time(name, |steps| {
            let mut failed = Vec::new();
            for command in commands()? {
                let line = describe(&command);
                if let Err(error) = steps.run_tests(command) {
                    failed.push(format!("{line}: {error:#}"));
                }
            }
            ensure!(failed.is_empty(), "{}", failed.join("; "));
            Ok(())
        })
    }

    /// Runs a command that is one check of its own and says in lines what it counted.
    pub(crate) fn counted(
        &mut self,
        name: &str,
        command: impl FnOnce() -> Result<Command>,
    ) -> bool {
        let passed = self.time(name, |steps| steps.run_counted(command()?, |_| {}));
        self.counts.add(Counts {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            skipped: 0,
        });
        passed
    }

    /// Runs a step that is one check of its own and gives a line with what it counted.
    pub(crate) fn tallied(&mut self, name: &str, run: impl FnOnce() -> Result<String>) -> bool {
        let passed = self.time(name, |steps| {
            let line = run()?;
            println!("COUNT: {line}");
            steps.tallies.push(line);
            Ok(())
        });
        self.counts.add(Counts {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            skipped: 0,
        });
        passed
    }

    /// Notes something that does not run here, and why.
    pub(crate) fn skip(&mut self, line: &str) {
        println!("SKIP: {line}");
        self.skips.push(line.to_owned());
        self.counts.skipped += 1;
    }

    /// Prints what happened, ends with the plain closing line, and fails if anything failed.
    pub(crate) fn close(self) -> Result<()> {
        println!("\nDurations:");
        for (name, time) in &self.times {
            println!("  {:>6.1} s  {name}", time.as_secs_f64());
        }
        if !self.tallies.is_empty() {
            println!("\nCounts:");
        }
        for line in &self.tallies {
            println!("  {line}");
        }
        for line in &self.skips {
            println!("SKIP: {line}");
        }
        for line in &self.failures {
            println!("FAILED: {line}");
        }
        let Counts {
            passed,
            failed,
            skipped,
        } = self.counts;
        println!("\n{passed} passed, {failed} failed, {skipped} skipped");
        match self.failures.len() {
            0 => Ok(()),
            steps => bail!("{steps} of {} steps failed", self.times.len()),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "how long a step took is for the reader"
    )]
    fn time(&mut self, name: &str, run: impl FnOnce(&mut Self) -> Result<()>) -> bool {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = run(self);
        let time = start.elapsed();
        self.times.push((name.to_owned(), time));
        match result {
            Ok(()) => {
                println!("    {name}: ok, {:.1} s", time.as_secs_f64());
                true
            }
            Err(error) => {
                println!("    {name}: FAILED, {:.1} s: {error:#}", time.as_secs_f64());
                self.failures.push(format!("{name}: {error:#}"));
                false
            }
        }
    }

    /// Runs one command of cargo test, printing what it prints and counting as it goes.
    fn run_tests(&mut self, command: Command) -> Result<()> {
        let mut counts = Counts::default();
        let run = self.run_counted(command, |line| {
            if let Some(more) = Counts::of_line(line) {
                counts.add(more);
            }
        });
        // A run that died before its first result still counts as one failure.
        if run.is_err() && counts.failed == 0 {
            counts.failed = 1;
        }
        self.counts.add(counts);
        run.with_context(|| format!("{} failed", counts.failed))?;
        ensure!(counts.passed > 0, "no test ran");
        Ok(())
    }

    /// Runs a command, printing what it prints and keeping the lines that are for the end.
    fn run_counted(&mut self, mut command: Command, mut each: impl FnMut(&str)) -> Result<()> {
        let described = describe(&command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{described}`"))?;
        let stdout = child.stdout.take().context("no standard output")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            if let Some(line) = line.strip_prefix("SKIP: ") {
                self.skips.push(line.to_owned());
            }
            if let Some(line) = line.strip_prefix("COUNT: ") {
                self.tallies.push(line.to_owned());
            }
            each(&line);
        }
        let status = child.wait()?;
        ensure!(status.success(), "`{described}` failed, {status}");
        Ok(())
    }
}

/// Runs a command to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed, {status}");
    Ok(())
}

/// Runs a command and gives its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(
        output.status.success(),
        "`{line}` failed, {}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A command as a person would type it.
fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted_and_others_are_not() {
        let line = "test result: FAILED. 12 passed; 1 failed; 3 ignored; 0 measured; 4 filtered out; finished in 0.10s";
        let expected = Counts {
            passed: 12,
            failed: 1,
            skipped: 3,
        };
        assert_eq!(Counts::of_line(line), Some(expected));
        assert_eq!(Counts::of_line("test a_result ... ok"), None);
    }

    #[test]
    fn a_failing_command_fails_its_step_and_the_run() {
        let mut steps = Steps::new();
        assert!(steps.check("good", || run(&mut Command::new("true"))));
        assert!(!steps.check("bad", || run(&mut Command::new("false"))));
        assert!(!steps.tests("without a test", || Ok(vec![Command::new("true")])));
        assert!(steps.tallied("counted", || Ok("7 cases".to_owned())));
        assert!(!steps.tallied("accepted", || bail!("1 failed")));
        assert_eq!(steps.tallies, ["7 cases"]);
        steps.skip("a reason");
        assert_eq!(
            steps.counts,
            Counts {
                passed: 2,
                failed: 2,
                skipped: 1
            }
        );
        assert!(steps.close().is_err());
    }
}
