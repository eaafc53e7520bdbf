//! Programs that run beside the tests, and end with them however these end.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
};

use crate::patience::until;

/// How much of a log is shown.
const TAIL: u64 = 2 * 1024;

const FIRST_PORT: u32 = 20_000;
const PORTS: u32 = 12_000;

/// A program that runs until this is dropped. What it says is in a file.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    child: Mutex<Child>,
    log: PathBuf,
}

/// A command whose process dies when ours is killed, where the system can do that.
pub(crate) fn command(program: &Path) -> Command {
    if !*CAN_DIE_WITH_US {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// An address that nobody listens on, for a program that has to be told one. It is below the ports that systems give to
/// whoever connects: one of those might be taken again before the program listens.
pub(crate) fn free_address() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let free = (0..PORTS).find_map(|_| {
        // Test processes that run at the same time begin at different ports.
        let next = std::process::id().wrapping_mul(97).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = u16::try_from(FIRST_PORT + next).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?.local_addr().ok()
    });
    free.expect("a free port")
}

// === impl Process ===

impl Process {
    /// Starts what [`command`] made. A log that is there already goes on.
    pub(crate) fn start(name: &'static str, mut command: Command, log: PathBuf) -> Result<Self, String> {
        let failed = |error: io::Error| format!("`{name}` cannot be started: {error}");
        let file = fs::File::options().create(true).append(true).open(&log).map_err(failed)?;
        command.stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        Ok(Self { name, child: Mutex::new(spawn(command).map_err(failed)?), log })
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The end of what it said.
    pub(crate) fn tail(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = fs::File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            let mut tail = Vec::new();
            file.read_to_end(&mut tail).map(|_| tail)
        };
        let tail = read().unwrap_or_default();
        format!("--- the end of {}\n{}", self.log.display(), String::from_utf8_lossy(&tail))
    }

    /// Whether it has ended by itself, as an error that shows why.
    pub(crate) fn is_running(&self) -> Result<(), String> {
        match self.ended() {
            Some(status) => Err(format!("`{}` ended with {status}\n{}", self.name, self.tail())),
            None => Ok(()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(&self) -> Result<ExitStatus, String> {
        self.signal("-TERM")?;
        until("a process to end", || self.ended().ok_or_else(|| format!("`{}` still runs", self.name)))
    }

    /// Sends it a signal, as in `-STOP`.
    pub(crate) fn signal(&self, signal: &str) -> Result<(), String> {
        let pid = self.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        sent.map(|_| ()).map_err(|error| format!("`kill` cannot be started: {error}"))
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }

    fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

static CAN_DIE_WITH_US: LazyLock<bool> = LazyLock::new(|| {
    let tried = Command::new("setpriv").args(["--pdeathsig", "KILL", "--", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
});

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// A process that dies with us dies with the thread that started it, so one thread that outlives all tests starts them.
static NURSERY: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::spawn(move || {
        for (mut command, answer) in jobs {
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(sender)
});

fn spawn(command: Command) -> io::Result<Child> {
    let (answer, spawned) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts processes has ended");
    NURSERY.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| gone())?;
    spawned.recv().map_err(|_| gone())?
}
