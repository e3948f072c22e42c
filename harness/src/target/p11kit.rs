//! Finding a module by the name under which it is registered with p11-kit.
//!
//! Only names and paths are read; what else p11-kit does with its configuration is left to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::yaml::unknown_name;

/// Folders of registrations, the strongest last, as p11-kit looks at them.
const REGISTRATIONS: &[&str] = &["/usr/share/p11-kit/modules", "/etc/pkcs11/modules"];

/// Folder of a user's own registrations, below the configuration folder.
const OF_THE_USER: &str = "pkcs11/modules";

/// Folders that a relative module path may be relative to, depending on the distribution.
const MODULES: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/local/lib/pkcs11",
];

/// Where registrations and modules are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P11Kit {
    /// Folders of `NAME.module` files; a later one overrides an earlier one.
    pub registrations: Vec<PathBuf>,
    /// Folders that relative module paths are tried in, the first match winning.
    pub modules: Vec<PathBuf>,
}

/// A module that cannot be found through p11-kit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum P11KitError {
    /// No registration of that name.
    #[error("{message}; {}", listed(.registered))]
    Unknown {
        /// What is unknown, and what was probably meant.
        message: String,
        /// The names there are.
        registered: Vec<String>,
    },
    /// A registration that names no module, such as one of a remote module.
    #[error("`{path}` names no module file: give the module's path instead")]
    NoModule {
        /// The registration.
        path: PathBuf,
    },
    /// A registration of a file that is not there.
    #[error(
        "`{path}` registers `{module}`, which is in none of the module folders: install its package or give its path"
    )]
    Absent {
        /// The registration.
        path: PathBuf,
        /// What it registers.
        module: PathBuf,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "p11-kit has no registered modules here: give the module's path".to_owned();
    }
    format!("registered are: {}", names.join(", "))
}

impl Default for P11Kit {
    /// The folders of this system and of the user who runs this.
    fn default() -> Self {
        let home = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
        let mut registrations: Vec<PathBuf> = REGISTRATIONS.iter().map(PathBuf::from).collect();
        registrations.extend(home.map(|home| home.join(OF_THE_USER)));
        Self {
            registrations,
            modules: MODULES.iter().map(PathBuf::from).collect(),
        }
    }
}

impl P11Kit {
    /// Every registered name with the file that registers it.
    #[must_use]
    pub fn registered(&self) -> BTreeMap<String, PathBuf> {
        let folders = self
            .registrations
            .iter()
            .filter_map(|folder| folder.read_dir().ok());
        let files = folders.flatten().flatten().map(|entry| entry.path());
        files
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "module")
            })
            .filter_map(|path| Some((path.file_stem()?.to_string_lossy().into_owned(), path)))
            .collect()
    }

    /// The module file registered under a name.
    ///
    /// # Errors
    /// [`P11KitError`] if there is none, with the names there are.
    pub fn find(&self, name: &str) -> Result<PathBuf, P11KitError> {
        let registered = self.registered();
        let path = registered.get(name).ok_or_else(|| P11KitError::Unknown {
            message: unknown_name(
                "p11-kit module",
                name,
                registered.keys().map(String::as_str),
            ),
            registered: registered.keys().cloned().collect(),
        })?;
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let module = setting(&text, "module")
            .map(PathBuf::from)
            .ok_or_else(|| P11KitError::NoModule { path: path.clone() })?;
        // An absolute path stays itself when it is joined to a folder.
        self.modules
            .iter()
            .map(|folder| folder.join(&module))
            .find(|candidate| candidate.exists())
            .ok_or_else(|| P11KitError::Absent {
                path: path.clone(),
                module,
            })
    }
}

/// Value of a `name: value` line; the last one counts, and an empty one is none.
fn setting<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, value)| key.trim() == name && !value.trim().is_empty())
        .map(|(_, value)| value.trim())
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit(folder: &Path) -> P11Kit {
        let files = [
            (
                "system/softhsm2.module",
                "# comment\nmodule: /nonexistent/libsofthsm2.so\n",
            ),
            (
                "system/opensc-pkcs11.module",
                " module : opensc-pkcs11.so \npriority: 1\n",
            ),
            (
                "system/remote.module",
                "remote: |ssh host p11-kit remote\nmodule:\n",
            ),
            ("system/README", "module: not-a-registration.so\n"),
            ("user/softhsm2.module", "module: libsofthsm2.so\n"),
            ("system/gone.module", "module: gone.so\n"),
            ("lib/libsofthsm2.so", ""),
            ("lib/opensc-pkcs11.so", ""),
        ];
        for (path, text) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        P11Kit {
            registrations: vec![
                folder.join("absent"),
                folder.join("system"),
                folder.join("user"),
            ],
            modules: vec![folder.join("absent"), folder.join("lib")],
        }
    }

    #[test]
    fn modules_are_found_by_their_registered_name() {
        let folder = tempfile::tempdir().unwrap();
        let kit = kit(folder.path());
        let lib = folder.path().join("lib");
        assert_eq!(kit.find("opensc-pkcs11"), Ok(lib.join("opensc-pkcs11.so")));
        // The user's registration overrides the system's.
        assert_eq!(kit.find("softhsm2"), Ok(lib.join("libsofthsm2.so")));
    }

    #[test]
    fn what_cannot_be_found_says_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let kit = kit(folder.path());
        let message = kit.find("softhsm").unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown p11-kit module `softhsm`; did you mean `softhsm2`?; \
             registered are: gone, opensc-pkcs11, remote, softhsm2"
        );
        let path = |name: &str| folder.path().join("system").join(name);
        assert_eq!(
            kit.find("remote"),
            Err(P11KitError::NoModule {
                path: path("remote.module")
            })
        );
        let gone = P11KitError::Absent {
            path: path("gone.module"),
            module: "gone.so".into(),
        };
        assert_eq!(kit.find("gone"), Err(gone));
        let none = P11Kit {
            registrations: vec![],
            modules: vec![],
        };
        assert!(
            none.find("x")
                .unwrap_err()
                .to_string()
                .contains("no registered modules")
        );
    }
}
