//! The token's attribute table against the tables of the standard, row by row: which attributes an
//! object has, their data types, footnotes and defaults. What the standard says stands in
//! `suites/spec/object-attributes.csv`; where the token departs from it, `DEPARTURES` says why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cryptoki_sys::*;

use crate::attributes::{COPY, TOKEN, Told, is_known, is_supported, told};

/// A row of the standard's tables.
#[derive(Clone, Debug, Default)]
struct Said {
    object: String,
    subtype: String,
    attribute: String,
    data_type: String,
    notes: Vec<u16>,
    default: String,
    #[allow(dead_code, reason = "printed where the rows differ")]
    section: String,
}

fn read(name: &str) -> Vec<Vec<String>> {
    let path = format!("{}/../suites/spec/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let fields = |line: &str| line.split(',').map(str::to_owned).collect();
    text.lines().skip(1).map(fields).collect()
}

fn said() -> Vec<Said> {
    let parse = |fields: Vec<String>| {
        let fields: [String; 8] = fields.try_into().expect("eight fields");
        let [
            object,
            subtype,
            attribute,
            data_type,
            footnotes,
            default,
            rules,
            section,
        ] = fields;
        let number = |note: &str| note.parse().expect("a footnote");
        let mut notes: Vec<u16> = footnotes.split_whitespace().map(number).collect();
        for (rule, note) in [("copy", COPY), ("token", TOKEN)] {
            notes.extend(rules.split("; ").any(|own| own == rule).then_some(note));
        }
        Said {
            object,
            subtype,
            attribute,
            data_type,
            notes,
            default,
            section,
        }
    };
    let rows = read("object-attributes.csv");
    rows.into_iter().map(parse).collect()
}

fn constants() -> HashMap<String, CK_ULONG> {
    let constant = |row: Vec<String>| {
        let digits = row.get(1)?.trim_start_matches("0x");
        let value = CK_ULONG::from_str_radix(digits, 16).ok()?;
        Some((row.first()?.clone(), value))
    };
    read("constants.csv")
        .into_iter()
        .filter_map(constant)
        .collect()
}

/// Where the token's table is not the standard's.
struct Departure {
    /// Object, type and attribute; empty for all.
    row: [&'static str; 3],
    /// What the token has in this place.
    instead: &'static str,
    because: &'static str,
}

#[rustfmt::skip]
const DEPARTURES: &[Departure] = &[
    Departure { row: ["", "", "CKA_COPYABLE"], instead: "CK_BBOOL [12, 14] Some([1])",
        because: "section 4.4: only the label changes after creation; so this changes in a copy" },
    Departure { row: ["", "", "CKA_TRUSTED"], instead: "CK_BBOOL [10] Some([0])",
        because: "no default is given, and CK_TRUE is not for everyone to have" },
    Departure { row: ["CKO_HW_FEATURE", "CKH_CLOCK", "CKA_VALUE"], instead: "bytes [15] None",
        because: "section 4.3.3.2: the device need not permit to set its clock" },
    Departure { row: ["CKO_CERTIFICATE", "CKC_WTLS", "CKA_URL"], instead: "RFC2279 string [] Some([])",
        because: "footnote 3 of the table lets it be empty, and no other default could be meant" },
    Departure { row: ["CKO_TRUST", "", "CKA_ISSUER"], instead: "bytes [1] None",
        because: "its footnote 1 makes it mandatory, and its default without effect" },
    Departure { row: ["CKO_TRUST", "", "CKA_SERIAL_NUMBER"], instead: "bytes [1] None",
        because: "its footnote 1 makes it mandatory, and its default without effect" },
    Departure { row: ["", "", "CKA_CHECK_VALUE"], instead: "bytes [8] None",
        because: "section 4.11: C_SetAttributeValue may empty it; nothing else passes" },
    Departure { row: ["", "", "CKA_PUBLIC_CRC64_VALUE"], instead: "bytes [4, 13] None",
        because: "mandatory, it would make every template of earlier versions incomplete" },
    Departure { row: ["CKO_PUBLIC_KEY", "", "CKA_ENCAPSULATE_TEMPLATE"], instead: "CK_ATTRIBUTE_PTR [] None",
        because: "version 3.2 names it without a table" },
    Departure { row: ["CKO_PRIVATE_KEY", "", "CKA_DECAPSULATE_TEMPLATE"], instead: "CK_ATTRIBUTE_PTR [] None",
        because: "version 3.2 names it without a table" },
    Departure { row: ["CKO_PRIVATE_KEY", "CKK_ML_DSA", "CKA_VALUE"], instead: "bytes [4, 6, 7] None",
        because: "section 6.67.3: the seed will do" },
    Departure { row: ["CKO_PRIVATE_KEY", "CKK_ML_KEM", "CKA_VALUE"], instead: "bytes [4, 6, 7] None",
        because: "section 6.68.3: the seed will do" },
    Departure { row: ["CKO_DOMAIN_PARAMETERS", "CKK_DSA", "CKA_SUBPRIME_BITS"], instead: "a number [2] None",
        because: "the text below the table of section 6.2.5 has it" },
    Departure { row: ["CKO_SECRET_KEY", "CKK_CHACHA20", "CKA_VALUE_LEN"], instead: "a number [2] None",
        because: "the length is fixed: it need not be given" },
    Departure { row: ["CKO_SECRET_KEY", "CKK_SALSA20", "CKA_VALUE_LEN"], instead: "a number [2] None",
        because: "the length is fixed: it need not be given" },
    Departure { row: ["CKO_SECRET_KEY", "CKK_POLY1305", "CKA_VALUE_LEN"], instead: "a number [2] None",
        because: "the length is fixed: it need not be given" },
    Departure { row: ["CKO_SECRET_KEY", "CKK_CAST128", "CKA_VALUE_LEN"], instead: "a number [2, 3] None",
        because: "mechanisms that do not preserve the length need it for unwrapping" },
];

impl Departure {
    fn is_for(&self, row: [&str; 3]) -> bool {
        let mut places = self.row.iter().zip(row);
        places.all(|(named, found)| named.is_empty() || *named == found)
    }
}

/// What the standard says of objects of one class and type: the most particular row of each
/// attribute.
fn rows_for(all: &[Said], class: &str, subtype: &str) -> BTreeMap<String, Said> {
    let key = class.ends_with("_KEY");
    // Section 6.53.5.1: keys of one-time passwords inherit what secret keys have in common.
    let secret = |row: &Said| row.object == "CKO_SECRET_KEY" && row.subtype.is_empty();
    let stored = !["CKO_HW_FEATURE", "CKO_MECHANISM"].contains(&class);
    let applies = |row: &&Said| match row.object.as_str() {
        "any" => true,
        "storage" => stored,
        "key" => key,
        _ if class == "CKO_OTP_KEY" && secret(row) => true,
        object => {
            // Section 6.44.2: one mechanism says more than the others.
            let any = ["", "CKM_CMS_SIG"].contains(&row.subtype.as_str());
            object == class && (any || row.subtype == subtype)
        }
    };
    let rows = all.iter().filter(applies);
    rows.map(|row| (row.attribute.clone(), row.clone()))
        .collect()
}

fn is_of(data_type: &str, token: &str) -> bool {
    match token {
        "a number" => data_type.starts_with("CK_") && !data_type.ends_with("_PTR"),
        "numbers" => ["CK_ULONG_PTR", "CK_MECHANISM_TYPE_PTR"].contains(&data_type),
        "bytes" => ["Byte array", "Big integer", "CK_CHAR[16]", "CK_VERSION"].contains(&data_type),
        "RFC2279 string" => [token, "CK_UTF8CHAR"].contains(&data_type),
        _ => data_type == token,
    }
}

/// The default in the words of the table. What a footnote leaves to the token, what functions
/// supply, and what is computed needs none.
fn default_is(said: &Said, told: &Told, constants: &HashMap<String, CK_ULONG>) -> bool {
    let number = |name: &str| {
        constants
            .get(name)
            .map(|value| value.to_ne_bytes().to_vec())
    };
    match (said.default.as_str(), &told.default) {
        ("empty", default) => *default == Some(Vec::new()),
        ("CK_FALSE", default) => *default == Some(vec![0]),
        ("CK_TRUE", default) => *default == Some(vec![1]),
        ("computed", default) => default.is_none(),
        ("", None) => true,
        ("", Some(_)) => [2, 9].iter().any(|note| said.notes.contains(note)),
        (name, None) => name.ends_with(" if absent"),
        (name, default) => *default == number(name.trim_end_matches(" if absent")),
    }
}

/// Footnote 9 is about the default, which is compared by itself.
fn without_9(notes: &[u16]) -> Vec<u16> {
    notes.iter().copied().filter(|note| *note != 9).collect()
}

fn agrees(said: &Said, told: &Told, constants: &HashMap<String, CK_ULONG>) -> bool {
    is_of(&said.data_type, told.data_types)
        && without_9(&said.notes) == without_9(&told.notes)
        && default_is(said, told, constants)
}

/// Everything in which the rows of the token for one shape are not those of the standard, but for
/// the departures, which are crossed off.
fn differences(
    [class, subtype]: [&str; 2],
    mut said: BTreeMap<String, Said>,
    constants: &HashMap<String, CK_ULONG>,
    unused: &mut BTreeSet<[&'static str; 3]>,
) -> Vec<String> {
    let number = |name: &str| *constants.get(name).unwrap_or_else(|| panic!("{name}?"));
    // Of two names of one attribute the tables use one.
    let name_of = |value| {
        let names = constants.iter().filter(|(name, number)| {
            **number == value && name.starts_with("CKA_") && **name != "CKA_ECDSA_PARAMS"
        });
        names.map(|(name, _)| name.as_str()).min().expect("a name")
    };
    let mut wrong = Vec::new();
    let subtyped = (!subtype.is_empty()).then(|| number(subtype));
    for told in told(number(class), subtyped) {
        let row = [class, subtype, name_of(told.attribute)];
        let said = said.remove(row[2]);
        let instead = format!("{} {:?} {:?}", told.data_types, told.notes, told.default);
        match DEPARTURES.iter().find(|departure| departure.is_for(row)) {
            _ if said
                .as_ref()
                .is_some_and(|said| agrees(said, &told, constants)) => {}
            Some(departure) if departure.instead == instead => {
                unused.remove(&departure.row);
            }
            _ => wrong.push(format!("{row:?}: {said:?}, but the token has {instead}")),
        }
    }
    let missing = said.into_values();
    wrong
        .extend(missing.map(|said| format!("{class} {subtype}: {said:?}, but the token has none")));
    wrong
}

#[test]
fn the_table_says_what_the_standard_says() {
    let (all, constants) = (said(), constants());
    assert!(
        DEPARTURES
            .iter()
            .all(|departure| !departure.because.is_empty())
    );
    let mut unused: BTreeSet<_> = DEPARTURES.iter().map(|departure| departure.row).collect();
    let shapes: BTreeSet<_> = all
        .iter()
        .filter(|row| row.object.starts_with("CKO_"))
        // Section 6.44.2: on tokens with this mechanism alone.
        .filter(|row| row.subtype != "CKM_CMS_SIG")
        .map(|row| [row.object.as_str(), row.subtype.as_str()])
        .collect();
    let mut compared = 0;
    for [class, subtype] in shapes {
        let value = |name: &str| constants.get(name).copied();
        if is_supported(value(class).expect(class), value(subtype)) {
            let rows = rows_for(&all, class, subtype);
            compared += rows.len();
            let wrong = differences([class, subtype], rows, &constants, &mut unused);
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
    assert!(compared > 1000, "only {compared} rows were compared");
    assert!(unused.is_empty(), "no departures at all: {unused:?}");
}

/// HMAC keys and CKK_HKDF have no table of their own: their sections use them like generic secrets.
#[test]
fn keys_without_a_table_are_like_generic_secrets() {
    let (all, constants) = (said(), constants());
    let rows = rows_for(&all, "CKO_SECRET_KEY", "CKK_GENERIC_SECRET");
    let mut seen = 0;
    let tabled: Vec<_> = all.iter().map(|row| row.subtype.as_str()).collect();
    let of_tables: BTreeSet<_> = tabled
        .iter()
        .filter_map(|name| constants.get(*name))
        .collect();
    for (name, value) in constants
        .iter()
        .filter(|(name, _)| name.starts_with("CKK_"))
    {
        if !of_tables.contains(value) && is_supported(CKO_SECRET_KEY, Some(*value)) {
            assert!(name.ends_with("_HMAC") || name == "CKK_HKDF", "{name}");
            let shape = ["CKO_SECRET_KEY", name];
            let wrong = differences(shape, rows.clone(), &constants, &mut BTreeSet::new());
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

/// HOTP keys have what all keys of one-time passwords have. Their values are fewer: those are in the
/// token's table.
#[test]
fn hotp_keys_are_as_the_table_of_their_class_says() {
    let (all, constants) = (said(), constants());
    let rows = rows_for(&all, "CKO_OTP_KEY", "CKK_HOTP");
    assert!(rows.len() > 40, "{}", rows.len());
    let shape = ["CKO_OTP_KEY", "CKK_HOTP"];
    let wrong = differences(shape, rows, &constants, &mut BTreeSet::new());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Section 4.1.1: an attribute that the standard describes is valid, whatever objects there are.
#[test]
fn every_attribute_of_the_standard_is_known() {
    let constants = constants();
    let unknown: Vec<_> = said()
        .into_iter()
        .filter(|row| !is_known(*constants.get(&row.attribute).expect(&row.attribute)))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
