//! `cargo xtask`: set up, build, serve and test from a clean clone.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use xtask::components::{self, BROWSER, EDGE, PREDICTOR, Package, root};
use xtask::setup;

/// Set up, build, serve and test Edgewit; each command does by itself what it needs first.
#[derive(Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Add the wasm targets that the build needs.
    Setup,
    /// Build the components, and pack the churn model where spin.toml expects it.
    Components,
    /// Set up, build, pack and serve the models of this repository.
    Serve {
        /// Further arguments for `edgewit serve`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Set up, build and run every test.
    Test {
        /// The long suites in full length, too.
        #[arg(long)]
        full: bool,
    },
    /// Check formatting, lints, and the licences and sources of the dependencies.
    Lint,
    /// Measure Edgewit beside its peers; see bench/README.md.
    Bench {
        /// Criterion's micro-benchmarks of Edgewit alone instead.
        #[arg(long)]
        micro: bool,
        /// Further arguments for the benchmark; `-- --help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Setup => setup::setup(),
        Task::Components => components(),
        Task::Serve { arguments } => serve(&arguments),
        Task::Test { full } => test(full),
        Task::Lint => lint(),
        Task::Bench { micro, arguments } => bench(micro, &arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn components() -> Result<()> {
    let edgewit = edgewit()?;
    component(&EDGE)?;
    run(Command::new(edgewit).args(["pack", "models/churn", "--output", "packed/churn-1.wasm"]))
}

fn serve(arguments: &[OsString]) -> Result<()> {
    run(Command::new(edgewit()?).arg("serve").args(["--models", "models"]).args(arguments))
}

fn test(full: bool) -> Result<()> {
    setup::setup()?;
    component(&PREDICTOR)?;
    component(&BROWSER)?;
    component(&EDGE)?;
    step("edgewit (the first build takes some minutes)");
    run(&mut cargo(["build", "--release", "--locked"]))?;
    if full {
        step("every long suite in full length");
    }
    step("tests");
    let mut command = cargo(["test", "--release", "--locked", "--no-fail-fast"]);
    if full {
        command.env("EDGEWIT_TEST_FULL", "1");
    }
    run(&mut command)
}

fn lint() -> Result<()> {
    setup::setup()?;
    step("format");
    run(&mut cargo(["fmt", "--all", "--check"]))?;
    step("clippy, host");
    run(&mut cargo(["clippy", "--release", "--locked", "--all-targets", "--", "-D", "warnings"]))?;
    for package in [&PREDICTOR, &BROWSER, &EDGE] {
        step(&format!("clippy, {}", package.name));
        run(components::cargo(package, "clippy")?.args(["--", "-D", "warnings"]))?;
    }
    step("licences and sources of the dependencies");
    // The advisory database is fetched from the network, so it is not part of this check.
    run(&mut cargo(["deny", "--locked", "check", "bans", "licenses", "sources"]))
        .context("cargo-deny is needed; install it with: cargo install --locked cargo-deny")
}

fn bench(micro: bool, arguments: &[OsString]) -> Result<()> {
    setup::setup()?;
    component(&PREDICTOR)?;
    component(&BROWSER)?;
    if micro {
        step("benchmarks");
        return run(cargo(["bench", "--locked", "--package", "edgewit-bench"]).arg("--").args(arguments));
    }
    step("edgewit and its benchmark (the first build takes some minutes)");
    // Of the whole workspace, so that what the tests were built with serves here, too.
    run(&mut cargo(["build", "--release", "--locked", "--bins"]))?;
    run(Command::new(release("edgewit-bench")).args(arguments))
}

/// Builds the `edgewit` command, with the progress on the terminal, and returns its path.
fn edgewit() -> Result<PathBuf> {
    setup::setup()?;
    component(&PREDICTOR)?;
    component(&BROWSER)?;
    step("edgewit (the first build takes some minutes)");
    run(&mut cargo(["build", "--release", "--locked", "--package", "edgewit"]))?;
    Ok(release("edgewit"))
}

fn release(program: &str) -> PathBuf {
    root().join("target/release").join(format!("{program}{}", std::env::consts::EXE_SUFFIX))
}

/// The build script of whoever needs a component builds it, too, but without showing progress.
fn component(package: &Package) -> Result<()> {
    step(&format!("component {} (the first build takes some minutes)", package.name));
    components::build(package).map(drop)
}

fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> Result<()> {
    command.current_dir(root());
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}

fn step(text: &str) {
    eprintln!("==> {text}");
}
