//! Which known name was probably meant by an unknown one.

/// The candidate closest to `got`, if one is close enough to be worth proposing.
///
/// Case and the choice between `-` and `_` count for nothing; otherwise about every third character
/// may be wrong.
pub fn closest<'c>(got: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let wanted = plain(got);
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(got.len()) <= limit * 4)
        .map(|candidate| (strsim::osa_distance(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "unknown return code `CKR_OKK`; did you mean `CKR_OK`?", or only its first half.
///
/// Give the result to [`serde::de::Error::custom`]; the place is added by the deserializer.
pub fn unknown_name<'c>(
    what: &str,
    got: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> String {
    match closest(got, candidates) {
        Some(name) => format!("unknown {what} `{got}`; did you mean `{name}`?"),
        None => format!("unknown {what} `{got}`"),
    }
}
