//! What the demo prints: steps, commands with their output, small tables. Colours only on a terminal.

use std::io::IsTerminal;

use testbed::{ControlPlane, Error};

/// How much of the operator's log a failure shows.
const LOG_LINES: usize = 30;

fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

pub(crate) fn step(title: &str, explanation: &str) {
    println!(
        "\n{} {}",
        paint("1;36", &format!("▶ {title}")),
        paint("2", explanation)
    );
}

pub(crate) fn seen(text: &str) {
    println!("  {} {text}", paint("32", "✔"));
}

pub(crate) fn done(text: &str) {
    println!("\n{}", paint("1;32", &format!("✔ {text}")));
}

pub(crate) fn command(line: &str) {
    println!("  {}", paint("1", &format!("$ {line}")));
}

pub(crate) fn lines(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}

/// Runs kubectl as a user would, and shows what it said.
pub(crate) async fn kubectl(control_plane: &ControlPlane, arguments: &[&str]) -> Result<(), Error> {
    command(&format!("kubectl {}", arguments.join(" ")));
    lines(&control_plane.run_kubectl(arguments).await?);
    Ok(())
}

pub(crate) fn log_tail(log: &str) {
    let all: Vec<&str> = log.lines().collect();
    let last = &all[all.len().saturating_sub(LOG_LINES)..];
    eprintln!("\nThe end of the operator's log:");
    for line in last {
        eprintln!("    {line}");
    }
}
