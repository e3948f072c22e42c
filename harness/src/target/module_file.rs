//! Finding the module that a target means among its candidates.
//!
//! Whether what is found can be loaded is left to the worker that loads it.

use std::path::{Path, PathBuf};

use super::description::Description;
use super::p11kit::{P11Kit, P11KitError};
use super::resolve::{Origin, Overrides, TargetError};
use super::template::Context;
use super::uri::Uri;

/// The module to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// The reference token inside the program.
    Builtin,
    /// A file; a bare name is left to the dynamic loader to find.
    Path(PathBuf),
}

/// The first candidate that exists; a flag leaves no other candidate.
pub(super) fn find(
    description: &Description,
    origin: &Origin,
    flags: &Overrides,
) -> Result<Module, TargetError> {
    let uri = flags.uri.as_ref();
    let by_uri = uri.and_then(|uri| uri.module_path.clone());
    let by_name = uri.filter(|uri| uri.module_name.is_some());
    let mut tried = Vec::new();
    let found = if let Some(path) = flags.module.clone().or(by_uri) {
        keep(candidate(&path, None), &mut tried)
    } else if let Some(uri) = by_name {
        keep(registered(uri), &mut tried)
    } else {
        let context = Context {
            target_dir: origin.folder(),
            ..Context::default()
        };
        description.module.0.iter().find_map(|template| {
            let module = template
                .expand(&context)
                .map_err(|error| error.to_string())
                .and_then(|text| candidate(&text, origin.folder()));
            keep(module, &mut tried)
        })
    };
    found.ok_or_else(|| TargetError::NoModule {
        name: description.target.0.clone(),
        tried: tried.join("; "),
        hint: match &description.package {
            Some(package) => {
                format!("; install the package `{package}`, or give a path with --module")
            }
            None => "; give its path with --module".to_owned(),
        },
    })
}

fn keep(module: Result<Module, String>, tried: &mut Vec<String>) -> Option<Module> {
    module.map_err(|reason| tried.push(reason)).ok()
}

/// One candidate, if it exists.
fn candidate(text: &str, folder: Option<&Path>) -> Result<Module, String> {
    if text == "builtin" {
        return Ok(Module::Builtin);
    }
    if let Some(name) = text.strip_prefix("p11-kit:") {
        let found: Result<PathBuf, P11KitError> = P11Kit::default().find(name);
        return found.map(Module::Path).map_err(|error| error.to_string());
    }
    let path = match folder {
        Some(folder) if text.contains('/') => folder.join(text),
        _ => PathBuf::from(text),
    };
    let path = std::path::absolute(&path).unwrap_or(path);
    match path.is_file() {
        true => Ok(Module::Path(path)),
        // Only the dynamic loader knows its own folders: whether a bare name exists is seen later.
        false if !text.contains('/') && text.contains(".so") => {
            Ok(Module::Path(PathBuf::from(text)))
        }
        false => Err(format!("`{}` is not a file", path.display())),
    }
}

/// The registered module that a URI's `module-name` means.
fn registered(uri: &Uri) -> Result<Module, String> {
    let kit = P11Kit::default();
    let modules = kit
        .registered()
        .into_keys()
        .filter_map(|name| kit.find(&name).ok());
    let name = uri.module_name.as_deref().unwrap_or_default();
    modules
        .filter(|path| uri.names_module(path))
        .map(Module::Path)
        .next()
        .ok_or_else(|| format!("no module that p11-kit knows is called `{name}`"))
}
