//! The program `adobe-simulator`: four listeners, one JSON line with their addresses, then it serves until SIGTERM or
//! SIGINT ends it at once.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adobe_simulator::{Exchange, Options, Seed, Simulator, serve};
use clap::Parser;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Adobe IMS, Audience Manager and Experience Platform, simulated over HTTP.
///
/// Prints one JSON line with the addresses (ims, audienceManager, experiencePlatform, control) once it serves.
#[derive(Debug, Parser)]
#[command(name = "adobe-simulator", version)]
struct Arguments {
    /// Where IMS is served; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    ims: SocketAddr,
    /// Where Audience Manager is served, under /v1
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    audience_manager: SocketAddr,
    /// Where Experience Platform is served, under /data
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    experience_platform: SocketAddr,
    /// Where the log, the state, faults and switches are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// A state document to start from (JSON); without it, one small empty tenant
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// How long every call takes, such as 50ms or 1.5s
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration)]
    latency: Duration,
    /// Where every exchange is written, without secrets: a JSON object per line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("adobe-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments {
        ims,
        audience_manager,
        experience_platform,
        control,
        seed,
        latency,
        record,
    } = arguments;
    let seed = match seed {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("the seed {} cannot be read: {error}", path.display()))?;
            Some(Seed::from_json(&text).map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    let simulator = Simulator::new(Options { latency, seed });
    if let Some(path) = record {
        let file = File::create(&path)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        let file = Mutex::new(file);
        simulator.observe(move |exchange| record_exchange(&file, exchange));
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let (ims, ims_url) = listen(ims).await?;
    let (audience_manager, audience_manager_url) = listen(audience_manager).await?;
    let (experience_platform, experience_platform_url) = listen(experience_platform).await?;
    let (control, control_url) = listen(control).await?;
    let addresses = json!({
        "ims": ims_url,
        "audienceManager": audience_manager_url,
        "experiencePlatform": experience_platform_url,
        "control": control_url,
    });
    println!("{addresses}");
    tokio::select! {
        () = serve(ims, simulator.ims()) => {}
        () = serve(audience_manager, simulator.audience_manager()) => {}
        () = serve(experience_platform, simulator.experience_platform()) => {}
        () = serve(control, simulator.control()) => {}
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
