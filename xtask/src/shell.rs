//! Runs one command to its end, with a time limit and its output in a file.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const POLL: Duration = Duration::from_millis(50);

/// A command, where its output goes, and how long it may take.
pub(crate) struct Job<'a> {
    /// The command; it runs in a process group of its own.
    pub(crate) command: Command,
    /// The file that takes standard output and standard error.
    pub(crate) log: &'a Path,
    /// After this long the whole group is ended and the job has failed.
    pub(crate) limit: Duration,
}

/// Runs the job; its log is emptied first. A status other than 0 is an error that names the command.
pub(crate) fn run(job: Job<'_>) -> Result<()> {
    let name = describe(&job.command);
    if let Some(folder) = job.log.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(job.log, "")?;
    let status = wait(spawn(job.command, job.log)?, job.limit).with_context(|| name.clone())?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Starts the command in a process group of its own, its output appended to `log`.
pub(crate) fn spawn(mut command: Command, log: &Path) -> Result<Child> {
    let output = File::options().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
    let name = describe(&command);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
    command.spawn().with_context(|| name)
}

fn wait(mut child: Child, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            stop(&mut child)?;
            bail!("took longer than {} s and was ended", limit.as_secs());
        }
        std::thread::sleep(POLL);
    }
}

/// Ends a process group: first kindly, then after five seconds for certain. Gives the time it took to leave.
pub(crate) fn stop(child: &mut Child) -> Result<Duration> {
    let start = Instant::now();
    signal(child, "TERM")?;
    while child.try_wait()?.is_none() {
        if start.elapsed() > Duration::from_secs(5) {
            signal(child, "KILL")?;
            child.wait()?;
        }
        std::thread::sleep(POLL);
    }
    Ok(start.elapsed())
}

fn signal(child: &Child, name: &str) -> Result<()> {
    Command::new("kill").args(["-s", name, "--", &format!("-{}", child.id())]).stderr(Stdio::null()).status()?;
    Ok(())
}

/// Standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| name.clone())?;
    if !output.status.success() {
        bail!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a command can be run at all and says yes.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let read = || -> Result<String> {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(64 << 10);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

/// `cargo` as it was called, in the repository's root.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments).env("CARGO_TERM_COLOR", "never");
    command
}

/// Where the logs of the chores are kept.
pub(crate) fn logs(root: &Path) -> PathBuf {
    root.join("target/xtask")
}

fn describe(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
