//! The command line: what is asked for, and the exit code.

pub mod crds;
pub mod run;

use clap::{Parser, Subcommand};

/// Shares audiences between Adobe Experience Platform and Adobe Audience Manager, declared as Kubernetes resources.
#[derive(Debug, Parser)]
#[command(
    name = "audience-sharing",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(Box<run::Arguments>),
    /// Print the custom resource definitions, or their reference.
    Crds(crds::CrdsArgs),
}

impl Arguments {
    /// Does what was asked for.
    ///
    /// # Errors
    /// What went wrong, in words for the person at the command line.
    pub async fn run(self) -> Result<(), String> {
        match self.command {
            Command::Run(arguments) => run::run(*arguments).await,
            Command::Crds(arguments) => crds::run(&arguments).map_err(|error| error.to_string()),
        }
    }
}
