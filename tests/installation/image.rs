//! The image, without a daemon: the folder that its last stage adds to the base is assembled by the same script, and
//! looked through.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of the base: distroless' `cc` holds glibc and libgcc (its package list), and nothing else is to be needed.
const LIBRARIES: &[&str] = &[
    "linux-vdso",
    "ld-linux",
    "libc.so",
    "libm.so",
    "libgcc_s.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_image_holds_the_binary_and_licences_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("hack/image/rootfs.sh");
    let assembled = Command::new(script)
        .arg(env!("CARGO_BIN_EXE_audience-sharing"))
        .arg(folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&assembled.stderr);
    assert!(assembled.status.success(), "{error}");
    assert_eq!(
        files(folder.path()),
        [
            "usr/local/bin/audience-sharing",
            "usr/share/doc/audience-sharing/LICENSE",
            "usr/share/doc/audience-sharing/THIRD-PARTY-LICENSES",
        ]
    );
    let binary = folder.path().join("usr/local/bin/audience-sharing");
    needs_only_the_base(&binary);
    let answer = Command::new(&binary).arg("--version").output().unwrap();
    assert!(answer.status.success());
    let licences = folder
        .path()
        .join("usr/share/doc/audience-sharing/THIRD-PARTY-LICENSES");
    every_package_has_its_text(&fs::read_to_string(licences).unwrap());
}

fn needs_only_the_base(binary: &Path) {
    let needed = Command::new("ldd").arg(binary).output().unwrap();
    let needed = String::from_utf8(needed.stdout).unwrap();
    for line in needed.lines() {
        let known = LIBRARIES.iter().any(|library| line.contains(library));
        assert!(known, "not in the base: {line}");
    }
}

/// A licence that asks to be named is of no use without its text. Where a package ships none, its name and version say
/// where it is.
fn every_package_has_its_text(licences: &str) {
    let packages: Vec<&str> = licences.split("\n=== ").skip(1).collect();
    assert!(packages.len() > 100, "{}", packages.len());
    let tokio = packages
        .iter()
        .find(|package| package.starts_with("tokio 1"));
    assert!(tokio.unwrap().contains("Permission is hereby granted"));
    let bare = packages
        .iter()
        .filter(|package| package.lines().count() < 3);
    let bare: Vec<&&str> = bare.collect();
    assert!(bare.len() * 10 < packages.len(), "without a text: {bare:?}");
}

#[test]
fn the_dockerfile_adds_that_folder_to_a_base_without_a_shell() {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let (build, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    assert!(build.contains("RUN hack/image/rootfs.sh target/release/audience-sharing /rootfs"));
    assert!(last.starts_with("gcr.io/distroless/cc-debian12:nonroot"));
    let adds: Vec<&str> = last
        .lines()
        .filter(|line| {
            ["COPY", "ADD", "RUN"]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .collect();
    assert_eq!(adds, ["COPY --from=build /rootfs/ /"]);
    for line in [
        "USER 65532:65532",
        "ENTRYPOINT [\"/usr/local/bin/audience-sharing\"]",
        "org.opencontainers.image.licenses=\"Apache-2.0\"",
    ] {
        assert!(last.contains(line), "{line}");
    }
    let toolchain = fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let (_, channel) = toolchain.split_once("channel = \"").unwrap();
    let channel = channel.split('"').next().unwrap();
    assert!(
        build.contains(&format!("ARG RUST_VERSION={channel}\n")),
        "{channel}"
    );
}

/// What a build in a clean folder needs: every path that the ignore file lets through exists.
#[test]
fn the_build_gets_what_it_needs() {
    let ignored = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let through: Vec<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    for path in &through {
        assert!(root().join(path).exists(), "{path}");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let members = members.split(']').next().unwrap().split(", ");
    for member in members.map(|member| member.trim_matches('"')) {
        assert!(through.contains(&member), "{member} is not let through");
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}
