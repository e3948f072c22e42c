//! The target files that come with the program, inside it: an installed binary needs no others.

/// Name and text of every shipped target.
const SHIPPED: &[(&str, &str)] = &[
    (
        "builtin",
        include_str!("../../../suites/targets/builtin.yaml"),
    ),
    (
        "builtin-removable",
        include_str!("../../../suites/targets/builtin-removable.yaml"),
    ),
    (
        "gnome-keyring",
        include_str!("../../../suites/targets/gnome-keyring.yaml"),
    ),
    (
        "kryoptic",
        include_str!("../../../suites/targets/kryoptic.yaml"),
    ),
    (
        "nss-softokn",
        include_str!("../../../suites/targets/nss-softokn.yaml"),
    ),
    (
        "opencryptoki",
        include_str!("../../../suites/targets/opencryptoki.yaml"),
    ),
    (
        "softhsm2",
        include_str!("../../../suites/targets/softhsm2.yaml"),
    ),
    (
        "tpm2-pkcs11",
        include_str!("../../../suites/targets/tpm2-pkcs11.yaml"),
    ),
];

/// Names of the shipped targets, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The YAML of a shipped target, also as an example to start a new one from.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    SHIPPED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
