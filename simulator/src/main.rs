//! The program `adobe-simulator`: a listener for each system and one for the control port, one JSON line with their
//! addresses, then it serves until SIGTERM or SIGINT ends it at once.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adobe_simulator::{Exchange, Options, Preset, Seed, Simulator, serve, systems};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches as _, value_parser};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Args)]
struct Arguments {
    /// A state document to start from (JSON); without it, one small empty tenant
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// The readings of what the references leave unsure; the flags of the seed are laid over them
    #[arg(long, value_enum, default_value_t)]
    preset: Preset,
    /// How long every call takes, such as 50ms or 1.5s
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration)]
    latency: Duration,
    /// Where every exchange is written, without secrets: a JSON object per line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

const CONTROL: &str = "control";

/// The options, with an address for each system.
fn command() -> Command {
    let command = Command::new("adobe-simulator")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Adobe IMS, Audience Manager and Experience Platform, simulated over HTTP")
        .after_help("Prints one JSON line with the addresses once it serves.");
    let names = systems().map(adobe_simulator::System::name);
    let addresses = names.chain([CONTROL]).map(|name| {
        Arg::new(name)
            .long(kebab(name))
            .value_name("ADDRESS")
            .value_parser(value_parser!(SocketAddr))
            .default_value("127.0.0.1:0")
            .help(match name {
                CONTROL => "Where the log, the state, faults and switches are served".to_owned(),
                name => format!("Where {name} is served; port 0 takes a free one"),
            })
    });
    Arguments::augment_args(command.args(addresses))
}

/// `audienceManager` as an option is `audience-manager`.
fn kebab(name: &str) -> String {
    let mut option = String::new();
    for one in name.chars() {
        if one.is_ascii_uppercase() {
            option.push('-');
        }
        option.push(one.to_ascii_lowercase());
    }
    option
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&command().get_matches()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("adobe-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(matches: &ArgMatches) -> Result<(), String> {
    let Arguments {
        seed,
        preset,
        latency,
        record,
    } = Arguments::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let seed = match seed {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("the seed {} cannot be read: {error}", path.display()))?;
            Some(Seed::from_json(&text).map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    let simulator = Simulator::new(Options {
        latency,
        seed,
        preset,
    });
    if let Some(path) = record {
        let file = File::create(&path)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        let file = Mutex::new(file);
        simulator.observe(move |exchange| record_exchange(&file, exchange));
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut addresses = Map::new();
    let routers = systems().map(|system| (system.name(), simulator.router(system)));
    for (name, router) in routers.chain([(CONTROL, simulator.control())]) {
        let address = matches
            .get_one::<SocketAddr>(name)
            .ok_or_else(|| format!("no address for {name}"))?;
        let (listener, url) = listen(*address).await?;
        addresses.insert(name.to_owned(), json!(url));
        tokio::spawn(serve(listener, router));
    }
    println!("{}", Value::Object(addresses));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn record_exchange(file: &Mutex<File>, exchange: &Exchange) {
    let line = format!("{}\n", json!(exchange));
    // In one piece, so that a reader meets whole lines. A full disk must not end the simulator.
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = file.write_all(line.as_bytes()) {
        eprintln!("adobe-simulator: an exchange was not recorded: {error}");
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, String), String> {
    let failed = |error: std::io::Error| format!("cannot listen on {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{local}")))
}

/// A duration as Go writes it: numbers with units (`1m30s`, `1.5s`, `50ms`), or 0.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write it like 50ms, 1.5s or 1m30s");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|one: char| !(one.is_ascii_digit() || one == '.'))
            .ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let length = rest
            .find(|one: char| one.is_ascii_digit() || one == '.')
            .unwrap_or(rest.len());
        let seconds = match &rest[..length] {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        total += Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        rest = &rest[length..];
    }
    if text.is_empty() {
        Err(wrong())
    } else {
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_writes_them() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        for wrong in ["", "5", "ms", "5 s", "1d", "-1s"] {
            assert!(duration(wrong).is_err(), "{wrong:?} must be refused");
        }
    }
}
