//! Builds the Worker into `dist/`: cargo, then wasm-bindgen as a library, then the hand-written JavaScript beside it.
//!
//! `dist/` is replaced as a whole, so that a stack which starts meanwhile sees the old Worker or the new one, never a
//! mix.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::process::{cargo_artifacts, run_quiet};
use crate::project::Project;
use crate::setup::{self, Tools};
use crate::stamp::{Hash, Stamp};
use crate::step::step;

/// Files that the Worker serves unchanged. `cargo xtask contract` writes the first two, and a test compares them with
/// the code.
const DOCUMENTS: [&str; 3] =
    ["crates/app/contract/openapi.json", "crates/app/contract/reference.html", "crates/app/src/api/reference.css"];

/// What the module may use: rustc's features of this target (the module's section `target_features`) and exception
/// handling, with which wasm-bindgen catches what JavaScript throws. With `--all-features` wasm-opt would write a compact
/// import section, which workerd reads and Node does not. A feature that is missing here fails the build.
const WASM_FEATURES: [&str; 9] = [
    "bulk-memory",
    "bulk-memory-opt",
    "call-indirect-overlong",
    "exception-handling",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
];

/// Options of `cargo xtask build`.
#[derive(clap::Args, Default)]
pub struct Args {
    /// Print the size of the WebAssembly module, raw and gzipped, in bytes
    #[arg(long)]
    pub size: bool,
    /// Shrink the module with wasm-opt -Oz (slow; for deployment)
    #[arg(long)]
    pub optimize: bool,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    let tools = setup::run(project)?;
    worker(project, &tools, args.optimize)?;
    if args.size {
        print_size(&project.dist())?;
    }
    Ok(())
}

/// Brings `dist/` up to date with the sources.
pub fn worker(project: &Project, tools: &Tools, optimize: bool) -> Result<()> {
    let _one_at_a_time = setup::lock(project)?;
    let wasm = step("compiling the Worker", || compile(project, tools, "oslira-worker"))?;
    let mut scripts = scripts(&project.root().join("crates/worker/js"))?;
    scripts.push(bundle_database(project, tools)?);
    scripts.extend(DOCUMENTS.map(|path| project.root().join(path)));
    // Cargo itself skips an unchanged compilation; this hash also skips the binding and the optional shrinking.
    let mut hash = Hash::new().add(env!("CARGO_PKG_VERSION").as_bytes()).add(&[u8::from(optimize)]).add_file(&wasm);
    for script in &scripts {
        hash = hash.add(script.as_os_str().as_encoded_bytes()).add_file(script);
    }
    let stamp = Stamp::new(project.state_dir().join("stamps/dist"), &hash);
    if stamp.is_current() && project.dist().join("index_bg.wasm").is_file() {
        return Ok(());
    }
    // In .oslira, on the same file system as dist/, so that the rename below works.
    let fresh = project.state_dir().join("dist.new");
    remove_dir(&fresh)?;
    step("binding the Worker to JavaScript", || bind(&wasm, &fresh))?;
    for script in &scripts {
        std::fs::copy(script, fresh.join(script.file_name().unwrap_or_default()))?;
    }
    if optimize {
        shrink(project, tools, &fresh.join("index_bg.wasm"))?;
    }
    remove_dir(&project.dist())?;
    std::fs::rename(&fresh, project.dist()).context("cannot put dist/ in place")?;
    stamp.set()
}

/// Compiles a package to one WebAssembly module and returns its path.
pub fn compile(project: &Project, tools: &Tools, package: &str) -> Result<PathBuf> {
    let mut cargo = tools.wasm.cargo(project, "build");
    cargo.args(["--release", "--lib", "--package", package]);
    let files = cargo_artifacts(&mut cargo, &package.replace('-', "_"))?;
    let wasm = files.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm"));
    wasm.with_context(|| format!("cargo made no WebAssembly module: {package} needs `crate-type = [\"cdylib\"]`"))
}

/// Writes the module and its JavaScript bindings, `index.js`, into a directory.
pub fn bind(wasm: &Path, out: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .out_name("index")
        .typescript(false)
        .module(true)?
        // With these two, `entry.js` gives an isolate a fresh instance after a trap.
        .reset_state_function(true)
        .force_enable_abort_handler(true)
        .generate(out)
}

fn scripts(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut scripts: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "js"))
        .collect();
    scripts.sort();
    if !scripts.iter().any(|script| script.ends_with("entry.js")) {
        bail!("{} has no entry.js", dir.display());
    }
    Ok(scripts)
}

/// Makes one module of node-postgres and our code before it, and answers where it is. What it requires of Node is the
/// runtime's (`nodejs_compat`) or never used.
fn bundle_database(project: &Project, tools: &Tools) -> Result<PathBuf> {
    const RUNTIME: [(&str, &str); 4] =
        [("events", "events"), ("util", "util"), ("util/types", "util-types"), ("crypto", "crypto")];
    const UNUSED: [&str; 5] = ["fs", "net", "tls", "dns", "pgpass"];
    let source = project.root().join("crates/worker/js/database");
    let bundle = project.state_dir().join("database.js");
    let mut esbuild = Command::new(&tools.node);
    esbuild.arg(project.root().join("node_modules/esbuild/bin/esbuild")).arg(source.join("database.js"));
    // `workerd`, not `import`: pg's own wrapper for `import` brings its pool with it.
    esbuild.args(["--bundle", "--format=esm", "--conditions=workerd", "--minify", "--log-level=warning"]);
    esbuild.args(["--external:node:*", "--external:cloudflare:*"]);
    let files = RUNTIME.into_iter().chain(UNUSED.map(|name| (name, "unused")));
    for (name, file) in files {
        esbuild.arg(format!("--alias:{name}={}", source.join("node").join(file).with_extension("js").display()));
    }
    esbuild.arg(format!("--outfile={}", bundle.display()));
    run_quiet(&mut esbuild).context("cannot bundle the database driver")?;
    Ok(bundle)
}

fn shrink(project: &Project, tools: &Tools, wasm: &Path) -> Result<()> {
    let dir = project.state_dir().join("binaryen");
    crate::npm::install_copy(&project.root().join("xtask/npm/binaryen"), &dir, "wasm-opt")?;
    let mut command = Command::new(&tools.node);
    command.arg(dir.join("node_modules/binaryen/bin/wasm-opt")).arg("-Oz");
    command.args(WASM_FEATURES.map(|feature| format!("--enable-{feature}"))).arg(wasm);
    step("shrinking the Worker", || run_quiet(command.arg("-o").arg(wasm)))?;
    step("compiling it as the runtime will", || compiles(&tools.node, wasm))
}

/// Fails unless V8, the engine of Node and of workerd, takes the module.
fn compiles(node: &Path, wasm: &Path) -> Result<()> {
    const SCRIPT: &str = "WebAssembly.compile(require('node:fs').readFileSync(process.argv[1]))";
    run_quiet(Command::new(node).args(["--eval", SCRIPT]).arg(wasm))
        .map(drop)
        .context("Node does not compile the shrunk module: see WASM_FEATURES in xtask/src/build.rs")
}

fn print_size(dist: &Path) -> Result<()> {
    let size = size(dist)?;
    println!("bundle.raw_bytes {}", size.raw_bytes);
    println!("bundle.gzip_bytes {}", size.gzip_bytes);
    Ok(())
}

pub struct Size {
    pub raw_bytes: usize,
    /// Compressed by gzip's default level, which is what Cloudflare's size limit counts.
    pub gzip_bytes: usize,
}

/// The size of the WebAssembly module in `dist`.
pub fn size(dist: &Path) -> Result<Size> {
    let bytes = std::fs::read(dist.join("index_bg.wasm"))?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&bytes)?;
    Ok(Size { raw_bytes: bytes.len(), gzip_bytes: gzip.finish()?.len() })
}

fn remove_dir(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_node_does_not_know_is_refused() {
        let node = Project::find().and_then(|project| setup::node::choose(&project)).unwrap_or_else(|_| "node".into());
        let module = std::env::temp_dir().join(format!("oslira-module-{}.wasm", std::process::id()));
        let head = [0, b'a', b's', b'm', 1, 0, 0, 0];
        std::fs::write(&module, head).unwrap();
        compiles(&node, &module).unwrap();
        // An import of kind 0x7f, as in the compact import section that `--all-features` makes.
        std::fs::write(&module, [&head[..], &[2, 6, 1, 1, b'a', 1, b'b', 0x7f]].concat()).unwrap();
        let refused = compiles(&node, &module).unwrap_err();
        std::fs::remove_file(&module).unwrap();
        assert!(format!("{refused:#}").contains("import kind"), "{refused:#}");
    }
}
