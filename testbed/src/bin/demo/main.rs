//! `demo`: the operator at work, on this machine alone. Starts a control plane, simulated Adobe systems and the
//! operator, and walks through what a user does and sees.
//!
//! A step counts only once its effect was seen; the tour ends at the first that was not.

mod aam;
mod screen;
mod stage;
mod tour;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::stage::{Failure, Material, Stage};

/// Shows the operator at work on a local control plane and simulated Adobe systems.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Arguments {
    /// End after the tour: with exit code 0 if every step was seen, else 1
    #[arg(long)]
    once: bool,
    /// The operator's program [default: audience-sharing beside this program]
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// The simulator's program [default: adobe-simulator beside this program]
    #[arg(long, value_name = "FILE")]
    simulator: Option<PathBuf>,
    /// The tenant that the simulator starts with [default: simulator/seeds/realistic.json of the project]
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// The custom resource definitions [default: crds of the project]
    #[arg(long, value_name = "FOLDER")]
    crds: Option<PathBuf>,
    /// The manifests: secret.yaml, connection.yaml and audience.yaml [default: examples of the project]
    #[arg(long, value_name = "FOLDER")]
    examples: Option<PathBuf>,
}

impl Material {
    /// # Errors
    /// Names the first file that is missing, and how to get it.
    fn gather(arguments: Arguments) -> Result<Self, String> {
        let Arguments {
            once: _,
            operator,
            simulator,
            seed,
            crds,
            examples,
        } = arguments;
        let project = project_folder();
        let beside = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
        let material = Self {
            operator: operator.unwrap_or_else(|| beside.with_file_name("audience-sharing")),
            simulator: simulator.unwrap_or_else(|| beside.with_file_name("adobe-simulator")),
            seed: seed.unwrap_or_else(|| project.join("simulator/seeds/realistic.json")),
            crds: crds.unwrap_or_else(|| project.join("crds")),
            examples: examples.unwrap_or_else(|| project.join("examples")),
        };
        let Self {
            operator,
            simulator,
            seed,
            crds,
            examples,
        } = &material;
        for (path, remedy) in [
            (operator, "run `make demo`, which builds it"),
            (simulator, "run `make demo`, which builds it"),
            (seed, "name another with --seed"),
            (crds, "run `make generate`"),
            (examples, "name another folder with --examples"),
        ] {
            if !path.exists() {
                return Err(format!("{} is not there: {remedy}", path.display()));
            }
        }
        Ok(material)
    }
}

/// The root of the project; relative where that is shorter to read, since the commands that the demo shows name it.
fn project_folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    match std::env::current_dir() {
        Ok(here) if here == root => PathBuf::new(),
        _elsewhere => root.to_owned(),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let once = arguments.once;
    let material = match Material::gather(arguments) {
        Ok(material) => material,
        Err(message) => return failed(&message),
    };
    // Dropping the stage, on every way out, ends all that it started.
    let stage = tokio::select! {
        played = play(&material) => match played {
            Ok(stage) => stage,
            Err(failure) => return failed(&failure.to_string()),
        },
        _interrupted = tokio::signal::ctrl_c() => return failed("interrupted before the tour was over"),
    };
    finish(stage, once).await
}

async fn play(material: &Material) -> Result<Stage, Failure> {
    let stage = Stage::set(material).await?;
    if let Err(failure) = tour::walk(&stage).await {
        screen::log_tail(&stage.operator.log_tail());
        return Err(failure);
    }
    Ok(stage)
}

/// Ends at once, or with a Ctrl-C, and in order in both cases.
async fn finish(mut stage: Stage, once: bool) -> ExitCode {
    if once {
        screen::done("Every step was seen.");
    } else {
        tour::by_hand(&stage);
        tokio::select! {
            ended = stage.operator_ended() => {
                screen::log_tail(&stage.operator.log_tail());
                return failed(&ended);
            }
            _interrupted = tokio::signal::ctrl_c() => println!("\nStopping."),
        }
    }
    match stage.strike().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(message: &str) -> ExitCode {
    eprintln!("demo: {message}");
    ExitCode::FAILURE
}
