//! `audience-sharing crds`: prints the custom resource definitions, or their reference, as generated from the types.
//!
//! It reads no cluster and no setting; the same program always prints the same.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::api::crd::{Definition, DefinitionError, definitions};
use crate::api::reference;

/// Print the custom resource definitions.
#[derive(Clone, Debug, clap::Args)]
pub struct CrdsArgs {
    /// Write one YAML file per definition into this directory instead of standard output
    #[arg(long, value_name = "DIR", conflicts_with = "format")]
    output_directory: Option<PathBuf>,

    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The definitions, ready for kubectl apply
    Yaml,
    /// The reference of all fields
    Markdown,
}

/// Why nothing, or not everything, was printed.
#[derive(Debug, thiserror::Error)]
pub enum CrdsError {
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error("the API reference could not be formatted")]
    Reference(#[from] std::fmt::Error),
    #[error("cannot write to standard output")]
    Print(#[source] std::io::Error),
    #[error("cannot write {}; check that the directory exists and may be written to", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Prints or writes what `args` ask for.
///
/// # Errors
/// Standard output or a file could not be written.
pub fn run(args: &CrdsArgs) -> Result<(), CrdsError> {
    let definitions = definitions()?;
    match (&args.output_directory, args.format) {
        (Some(directory), _) => write_files(directory, &definitions),
        (None, Format::Yaml) => print(&yaml(&definitions)?),
        (None, Format::Markdown) => print(&reference::markdown(&definitions)?),
    }
}

fn yaml(definitions: &[Definition]) -> Result<String, CrdsError> {
    let documents = definitions
        .iter()
        .map(Definition::to_yaml)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}

fn write_files(directory: &Path, definitions: &[Definition]) -> Result<(), CrdsError> {
    for definition in definitions {
        let path = directory.join(file_name(definition));
        std::fs::write(&path, definition.to_yaml()?)
            .map_err(|source| CrdsError::Write { path, source })?;
    }
    Ok(())
}

/// `<plural>.<group>.yaml`.
fn file_name(definition: &Definition) -> String {
    format!("{}.yaml", definition.name())
}

/// A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> Result<(), CrdsError> {
    let mut output = std::io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CrdsError::Print(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gets_one_file_per_definition() {
        let directory = std::env::temp_dir().join(format!("crds-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("the directory can be made");
        let args = CrdsArgs {
            output_directory: Some(directory.clone()),
            format: Format::Yaml,
        };
        run(&args).expect("the files can be written");
        for name in ["sharingconnections", "sharedaudiences"] {
            let path = directory.join(format!("{name}.audience-sharing.dev.yaml"));
            let text = std::fs::read_to_string(path).expect("the file is there");
            assert!(text.contains(&format!("plural: {name}\n")), "{name}");
        }
        std::fs::remove_dir_all(&directory).expect("the directory can be removed");
    }

    #[test]
    fn a_missing_directory_is_named() {
        let args = CrdsArgs {
            output_directory: Some("/nowhere/at-all".into()),
            format: Format::Yaml,
        };
        insta::assert_snapshot!(
            run(&args).expect_err("there is no such directory"),
            @"cannot write /nowhere/at-all/sharingconnections.audience-sharing.dev.yaml; check that the directory exists and may be written to"
        );
    }

    #[test]
    fn standard_output_gets_both_definitions_as_documents() {
        let yaml = yaml(&definitions().expect("the definitions encode")).expect("they print");
        let documents = yaml.split("\n---\n").collect::<Vec<_>>();
        assert_eq!(documents.len(), 2);
        assert!(
            documents
                .iter()
                .all(|document| document.starts_with("apiVersion: "))
        );
    }
}
