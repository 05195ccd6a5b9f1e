//! Where the control plane's programs are: KUBEBUILDER_ASSETS, else what `make control-plane` built. Never the PATH,
//! where some other version would be found.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The Go module that pins the version; read so that a raised version is never run with the old programs.
const GO_MODULE: &str = include_str!("../../hack/control-plane/go.mod");

pub(crate) const ETCD: &str = "etcd";
pub(crate) const API_SERVER: &str = "kube-apiserver";
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";
pub(crate) const KUBECTL: &str = "kubectl";

/// Pins Helm's version.
const INSTALLATION_MODULE: &str = include_str!("../../hack/installation/go.mod");

/// What `make installation-tools` built: `helm`, and `judge`, which tells how Flux and Argo CD see an object.
///
/// # Errors
/// [`Error::ToolMissing`], which says how to get it.
pub fn installation_tool(name: &'static str) -> Result<PathBuf, Error> {
    let version = pinned_version(INSTALLATION_MODULE, "helm.sh/helm/v3");
    let folder = project().join(format!(".assets/tools/installation-{version}/bin"));
    let path = folder.join(name);
    match path.is_file() {
        true => Ok(path),
        false => Err(Error::ToolMissing { name, folder }),
    }
}

/// The program, for what needs no API server.
///
/// # Errors
/// [`Error::ProgramMissing`], which says how to get it.
pub fn kubectl() -> Result<PathBuf, Error> {
    Programs::from_environment().path(KUBECTL)
}

/// The folder of the programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    pub(crate) fn from_environment() -> Self {
        let folder = std::env::var_os("KUBEBUILDER_ASSETS")
            .filter(|folder| !folder.is_empty())
            .map_or_else(built_here, PathBuf::from);
        Self { folder }
    }

    /// # Errors
    /// [`Error::ProgramMissing`], which says how to get it.
    pub(crate) fn path(&self, program: &'static str) -> Result<PathBuf, Error> {
        let path = self.folder.join(program);
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::ProgramMissing {
                program,
                folder: self.folder.clone(),
            })
        }
    }
}

fn built_here() -> PathBuf {
    project()
        .join(".assets/control-plane")
        .join(pinned_version(GO_MODULE, "k8s.io/kubernetes"))
        .join("bin")
}

fn project() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// `1.36.3` out of the line `k8s.io/kubernetes v1.36.3`.
fn pinned_version<'text>(go_module: &'text str, module: &str) -> &'text str {
    go_module
        .lines()
        .find_map(|line| line.trim().strip_prefix(module)?.strip_prefix(" v"))
        .unwrap_or("unpinned")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_go_module() {
        let module =
            "require (\n\tgo.etcd.io/etcd/server/v3 v3.6.16\n\tk8s.io/kubernetes v1.36.3\n)";
        assert_eq!(pinned_version(module, "k8s.io/kubernetes"), "1.36.3");
        for (module, name) in [
            (GO_MODULE, "k8s.io/kubernetes"),
            (INSTALLATION_MODULE, "helm.sh/helm/v3"),
        ] {
            assert_ne!(pinned_version(module, name), "unpinned");
        }
    }

    #[test]
    fn a_missing_program_names_the_way_to_get_it() {
        let programs = Programs {
            folder: PathBuf::from("/nowhere"),
        };
        assert_eq!(
            programs.path(ETCD).expect_err("it is nowhere").to_string(),
            "etcd is not in /nowhere: run `make control-plane`, or set KUBEBUILDER_ASSETS to a folder that holds it"
        );
    }
}
