//! Steps with a name, a duration and a result, and the summary of all of them.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::shell;

/// How many things a step has proven: one, or what its test runner counted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

struct Done {
    name: String,
    took: Duration,
    count: Count,
}

/// The steps of one run. Shared by the lanes that run side by side.
pub(crate) struct Steps {
    logs: PathBuf,
    done: Mutex<Vec<Done>>,
}

impl Steps {
    /// Steps that keep their logs in the given folder.
    pub(crate) fn new(logs: PathBuf) -> Self {
        Self { logs, done: Mutex::new(Vec::new()) }
    }

    /// Runs one step with a log of its own; prints its name, its duration and its result. Gives whether it passed.
    pub(crate) fn run(&self, name: &str, body: impl FnOnce(&Path) -> Result<()>) -> bool {
        let log = self.logs.join(format!("{}.log", name.replace([' ', '/'], "-")));
        println!("start {name}");
        let start = Instant::now();
        let result = std::fs::create_dir_all(&self.logs).map_err(Into::into).and_then(|()| body(&log));
        let took = start.elapsed();
        let counted = count(&shell::tail(&log, 400));
        match &result {
            Ok(()) => println!(
                "ok    {name} ({:.1} s){}",
                took.as_secs_f64(),
                counted.map(|count| format!(" {} passed", count.passed)).unwrap_or_default()
            ),
            Err(error) => println!("FAIL  {name} ({:.1} s)\n{}\n      {error:#}", took.as_secs_f64(), indent(&shell::tail(&log, 120))),
        }
        let passed = result.is_ok();
        let count = match counted {
            Some(count) if passed == (count.failed == 0) => count,
            _ => Count { passed: passed.into(), failed: (!passed).into() },
        };
        self.finish(Done { name: name.to_owned(), took, count });
        passed
    }

    /// Records a step that could not be tried because an earlier one failed.
    pub(crate) fn skip(&self, name: &str, reason: &str) {
        println!("FAIL  {name} (not run: {reason})");
        self.finish(Done { name: name.to_owned(), took: Duration::ZERO, count: Count { passed: 0, failed: 1 } });
    }

    fn finish(&self, done: Done) {
        self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(done);
    }

    /// Prints all steps and, as the last line, `N passed, N failed`. Gives whether nothing failed.
    pub(crate) fn summary(&self, total: Duration) -> bool {
        let done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        println!("\n{:<28} {:>8} {:>8} {:>8}", "step", "seconds", "passed", "failed");
        let mut sum = Count::default();
        for Done { name, took, count } in done.iter() {
            println!("{name:<28} {:>8.1} {:>8} {:>8}", took.as_secs_f64(), count.passed, count.failed);
            sum = Count { passed: sum.passed.saturating_add(count.passed), failed: sum.failed.saturating_add(count.failed) };
        }
        println!("{:<28} {:>8.1}", "all", total.as_secs_f64());
        println!("{} passed, {} failed", sum.passed, sum.failed);
        sum.failed == 0
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}

/// What a test runner counted: the last line of the log that says `N passed`, and `N failed` where it says so.
/// Sums `test result:` lines, which cargo prints once for each test binary.
fn count(log: &str) -> Option<Count> {
    let results: Vec<Count> = log.lines().filter(|line| line.starts_with("test result:")).filter_map(counted_line).collect();
    if results.is_empty() {
        return log.lines().rev().find_map(counted_line);
    }
    Some(results.iter().fold(Count::default(), |sum, next| Count {
        passed: sum.passed.saturating_add(next.passed),
        failed: sum.failed.saturating_add(next.failed),
    }))
}

fn counted_line(line: &str) -> Option<Count> {
    let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let before = |wanted: &str| {
        words.windows(2).find_map(|pair| {
            if let [number, word] = pair
                && *word == wanted
            {
                number.parse::<u64>().ok()
            } else {
                None
            }
        })
    };
    before("passed").map(|passed| Count { passed, failed: before("failed").unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn counts_of_the_runners_are_read() {
        let cases = [
            ("     Summary [   0.1s] 12 tests run: 11 passed, 1 failed, 2 skipped", Some((11, 1))),
            ("     Summary [   0.1s] 3 tests run: 3 passed, 0 skipped", Some((3, 0))),
            ("test result: ok. 2 passed; 0 failed; 0 ignored\ntest result: ok. 3 passed; 1 failed;", Some((5, 1))),
            ("table\n42 passed, 0 failed", Some((42, 0))),
            ("nothing", None),
        ];
        for (log, expected) in cases {
            assert_eq!(count(log).map(|count| (count.passed, count.failed)), expected, "{log}");
        }
    }
}
