//! A child process with its log, and the room (a folder and a watchdog) that holds the children of one part.
//!
//! Children are signalled by their own id and nothing else. Each room's watchdog is a small shell that waits for the
//! end of a pipe: should this process die without a word, or keep the room in a `static`, the pipe closes, and the
//! watchdog kills the room's children and removes its folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::Error;
use crate::waiting::eventually;

/// Reads the ids of the children until its standard input ends; an orderly end kills it first.
const WATCHDOG: &str = r#"
children=""
while read -r child; do children="$children $child"; done
for child in $children; do kill -KILL "$child" 2>/dev/null; done
rm -rf -- "$1"
"#;

/// How much of a log goes into an error: the last lines say why.
const LOG_TAIL_BYTES: usize = 4_000;

/// The folder and the watchdog of one part of the test bed. Drop it after the processes that live in it.
#[derive(Debug)]
pub(crate) struct Room {
    watchdog: Child,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Room {
    pub(crate) fn open(part: &str) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{part}-"))
            .tempdir()
            .map_err(Error::file("make a folder in", &std::env::temp_dir()))?;
        let watchdog = Command::new("/bin/sh")
            .args([
                OsStr::new("-c"),
                OsStr::new(WATCHDOG),
                OsStr::new("watchdog"),
            ])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(Error::file("start", Path::new("/bin/sh")))?;
        Ok(Self {
            watchdog,
            folder,
            environment: Vec::new(),
        })
    }

    /// What the next children find in their environment, beside PATH.
    pub(crate) fn set_environment(&mut self, environment: &[(String, String)]) {
        self.environment = environment.to_vec();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only this user can read.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path(name);
        File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(Error::file("write", &path))?;
        Ok(path)
    }

    /// Starts `program`, with all that it prints in its log.
    pub(crate) fn start(
        &mut self,
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> Result<Process, Error> {
        let log = self.path(&format!("{name}.log"));
        let file = File::create(&log).map_err(Error::file("create", &log))?;
        let output = file.try_clone().map_err(Error::file("open", &log))?;
        self.spawn(name, program, arguments, log, file, output)
    }

    /// Starts `program`, with standard error in its log and standard output in a file of its own, the second value.
    pub(crate) fn start_that_speaks(
        &mut self,
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> Result<(Process, PathBuf), Error> {
        let log = self.path(&format!("{name}.log"));
        let file = File::create(&log).map_err(Error::file("create", &log))?;
        let output = self.path(&format!("{name}.out"));
        let speech = File::create(&output).map_err(Error::file("create", &output))?;
        let process = self.spawn(name, program, arguments, log, file, speech)?;
        Ok((process, output))
    }

    /// In a process group of its own, so that a Ctrl-C on the terminal reaches only who started it. The environment
    /// is empty but for PATH and what was set: a proxy or a KUBECONFIG of the person at the keyboard must not reach a test.
    fn spawn(
        &mut self,
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
        log: PathBuf,
        error_to: File,
        output_to: File,
    ) -> Result<Process, Error> {
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RUST_BACKTRACE", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output_to)
            .stderr(error_to)
            .process_group(0)
            .spawn()
            .map_err(Error::file("start", program))?;
        let process = Process { name, child, log };
        if let Some(list) = &mut self.watchdog.stdin {
            writeln!(list, "{}", process.id())
                .map_err(Error::file("tell the watchdog of", program))?;
        }
        Ok(process)
    }
}

impl Drop for Room {
    /// The watchdog must not act on an orderly end: the ids it knows may belong to others by now. Nothing can be
    /// done about a failure here, and none is possible but that it has already ended.
    fn drop(&mut self) {
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

/// A running child. Killed and waited for on drop.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where what it prints goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let start = log.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&log[start..]).into_owned()
    }

    /// `None` while it runs.
    pub(crate) fn exit_status(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child
            .try_wait()
            .map_err(Error::file("wait for", Path::new(self.name)))
    }

    /// Looks until `look` answers `Ok`.
    ///
    /// # Errors
    /// [`Error::EndedEarly`] as soon as the process has ended, else [`Error::NotInTime`] with the log's end.
    pub(crate) async fn until<T, F>(
        &mut self,
        what: &str,
        within: Duration,
        mut look: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, String>>,
    {
        let found = eventually(what, within, || {
            let ended = self.exit_status();
            let looking = look();
            async move {
                match ended {
                    Ok(None) => looking.await.map(Ok),
                    Ok(Some(status)) => Ok(Err(Some(status))),
                    Err(_unknown) => Ok(Err(None)),
                }
            }
        })
        .await
        .map_err(|error| self.with_log(error))?;
        match found {
            Ok(found) => Ok(found),
            Err(status) => Err(Error::EndedEarly {
                program: self.name,
                status: status.unwrap_or_default(),
                log: self.log_tail(),
            }),
        }
    }

    /// SIGTERM, then SIGKILL once `within` has passed; how it ended in both cases.
    pub(crate) async fn terminate(&mut self, within: Duration) -> Result<ExitStatus, Error> {
        if let Some(status) = self.exit_status()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        let what = format!("the end of {}", self.name);
        let ended = eventually(&what, within, || {
            let status = self.exit_status();
            async move { status.ok().flatten().ok_or_else(|| "it runs".to_owned()) }
        });
        match ended.await {
            Ok(status) => Ok(status),
            Err(_not_in_time) => self.kill(),
        }
    }

    /// SIGSTOP: it stands still, and the time goes on.
    pub(crate) fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    /// To a child that was not waited for yet: its id is still its own.
    fn signal(&self, signal: Signal) -> Result<(), Error> {
        let Some(id) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        kill_process(id, signal)
            .map_err(|error| Error::file("signal", Path::new(self.name))(error.into()))
    }

    /// SIGKILL; how it ended.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus, Error> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map_err(Error::file("kill", Path::new(self.name)))
    }

    fn with_log(&self, error: Error) -> Error {
        match error {
            Error::NotInTime { what, within, last } => Error::NotInTime {
                what,
                within,
                last: format!("{last}; the end of its log:\n{}", self.log_tail()),
            },
            other => other,
        }
    }
}

impl Drop for Process {
    /// The one failure that is possible is that it has already ended and was waited for.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn shell(room: &mut Room, script: &str) -> Process {
        room.start("child", Path::new("/bin/sh"), ["-c", script])
            .expect("a shell starts")
    }

    #[tokio::test]
    async fn the_watchdog_ends_the_children_of_a_process_that_died() {
        let mut room = Room::open("testbed").expect("a room");
        let mut child = shell(&mut room, "exec sleep 600");
        let folder = room.path("");

        room.watchdog.stdin = None; // as the kernel does when the owner dies

        let status = eventually("the end of the child", PATIENCE, || {
            let status = child.exit_status().expect("it is our child");
            async move { status.ok_or_else(|| "it runs".to_owned()) }
        });
        assert_eq!(status.await.expect("it ends").signal(), Some(9));
        eventually("the end of the folder", PATIENCE, async || {
            if folder.exists() {
                Err("it is there".to_owned())
            } else {
                Ok(())
            }
        })
        .await
        .expect("the folder is removed");
    }

    #[tokio::test]
    async fn a_graceful_child_says_how_it_ended() {
        let mut room = Room::open("testbed").expect("a room");
        let mut child = shell(
            &mut room,
            "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done",
        );
        let output = child.log().to_owned();
        child
            .until(
                "a first line",
                PATIENCE,
                async || match std::fs::read_to_string(&output) {
                    Ok(text) if text == "up\n" => Ok(()),
                    other => Err(format!("{other:?}")),
                },
            )
            .await
            .expect("it comes up");
        let status = child.terminate(PATIENCE).await.expect("it ends");
        assert_eq!(status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_deaf_child_is_killed_when_its_time_is_over() {
        let mut room = Room::open("testbed").expect("a room");
        let mut child = shell(&mut room, "trap '' TERM; while :; do sleep 0.01; done");
        let status = child
            .terminate(Duration::from_millis(200))
            .await
            .expect("it ends");
        // The signal may arrive before the trap is set; either way nothing is left.
        assert!(matches!(status.signal(), Some(9 | 15)));
        assert!(!Path::new(&format!("/proc/{}", child.id())).exists());
    }

    #[tokio::test]
    async fn a_child_that_ends_early_shows_its_log() {
        let mut room = Room::open("testbed").expect("a room");
        let mut child = shell(&mut room, "echo no such flag >&2; exit 2");
        let error = child
            .until("readiness", PATIENCE, async || {
                Err::<(), _>("not ready".to_owned())
            })
            .await
            .expect_err("it ends early");
        assert_eq!(
            error.to_string(),
            "child ended before it was ready (exit status: 2); the end of its log:\nno such flag\n"
        );
    }
}
