//! Layouts of the C structures that calls take and fill in, computed by the C rules of alignment
//! from `suites/spec/structures.csv` (field names and types of the 3.2 header).

use std::collections::HashMap;
use std::sync::LazyLock;

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// `CK_ULONG` and its aliases.
    Ulong,
    /// `CK_BBOOL`.
    Bool,
    /// `CK_BYTE`.
    Byte,
    /// An array of bytes inside the structure.
    Bytes(usize),
    /// A structure inside the structure.
    Nested(&'static str),
    /// A pointer to bytes, or to something opaque.
    PointerToBytes,
    /// A pointer to `CK_ULONG`.
    PointerToUlong,
    /// A pointer to one or several structures.
    PointerTo(&'static str),
}

/// A field with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// C name (`ulIvLen`).
    pub name: &'static str,
    /// Type.
    pub field_type: FieldType,
    /// Offset in bytes.
    pub offset: usize,
}

/// A structure's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// C name (`CK_GCM_PARAMS`).
    pub name: &'static str,
    /// Fields in C order.
    pub fields: Vec<Field>,
    /// Names of the fields in C order.
    pub field_names: Vec<&'static str>,
    /// Size in bytes.
    pub size: usize,
    /// Alignment in bytes.
    pub align: usize,
}

impl Layout {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field that holds the length of what `pointer` points to, by the naming of the header
    /// (`pIv` and `ulIvLen`, `pSalt` and `ulSaltLen`).
    #[must_use]
    pub fn length_of(&self, pointer: &str) -> Option<&Field> {
        let stem = pointer.strip_prefix('p')?;
        self.field(&format!("ul{stem}Len"))
    }
}

static LAYOUTS: LazyLock<HashMap<&'static str, Layout>> = LazyLock::new(|| {
    let mut layouts = HashMap::new();
    let rows = include_str!("../../../suites/spec/structures.csv")
        .lines()
        .skip(1);
    let mut pending: Vec<(&'static str, Vec<(&'static str, FieldType)>)> = Vec::new();
    for row in rows {
        let (structure, field) =
            parse_line(row).expect("suites/spec/structures.csv: structure,field,type");
        match pending.last_mut() {
            Some((name, fields)) if *name == structure => fields.push(field),
            _ => pending.push((structure, vec![field])),
        }
    }
    // A nested structure may stand after the one that nests it: go round until all are placed.
    while !pending.is_empty() {
        let before = pending.len();
        pending.retain(|(name, fields)| match lay_out(name, fields, &layouts) {
            Some(layout) => {
                layouts.insert(*name, layout);
                false
            }
            None => true,
        });
        assert!(
            pending.len() < before,
            "suites/spec/structures.csv: {pending:?} nest in a circle"
        );
    }
    layouts
});

fn parse_line(line: &'static str) -> Option<(&'static str, (&'static str, FieldType))> {
    let mut fields = line.split(',');
    let (structure, name, text) = (fields.next()?, fields.next()?, fields.next()?);
    let field_type = match text {
        "ulong" => FieldType::Ulong,
        "bool" => FieldType::Bool,
        "byte" => FieldType::Byte,
        "*byte" | "*void" | "*bool" => FieldType::PointerToBytes,
        "*ulong" => FieldType::PointerToUlong,
        _ => match (text.strip_prefix('*'), text.strip_prefix("byte[")) {
            (Some(target), _) => FieldType::PointerTo(target),
            (_, Some(count)) => FieldType::Bytes(count.strip_suffix(']')?.parse().ok()?),
            _ => FieldType::Nested(text),
        },
    };
    Some((structure, (name, field_type)))
}

fn lay_out(
    name: &'static str,
    fields: &[(&'static str, FieldType)],
    known: &HashMap<&'static str, Layout>,
) -> Option<Layout> {
    const WORD: usize = size_of::<usize>();
    let (mut offset, mut align, mut placed) = (0, 1, Vec::with_capacity(fields.len()));
    for &(field, field_type) in fields {
        let (size, own_align) = match field_type {
            FieldType::Bool | FieldType::Byte => (1, 1),
            FieldType::Bytes(count) => (count, 1),
            FieldType::Nested(structure) => {
                let layout = known.get(structure)?;
                (layout.size, layout.align)
            }
            _ => (WORD, WORD),
        };
        offset = usize::next_multiple_of(offset, own_align);
        placed.push(Field {
            name: field,
            field_type,
            offset,
        });
        offset += size;
        align = align.max(own_align);
    }
    Some(Layout {
        name,
        field_names: placed.iter().map(|field| field.name).collect(),
        fields: placed,
        size: offset.next_multiple_of(align),
        align,
    })
}

/// The layout of a structure.
#[must_use]
pub fn layout(name: &str) -> Option<&'static Layout> {
    LAYOUTS.get(name)
}

/// Names of all structures, for suggestions.
pub fn structure_names() -> impl Iterator<Item = &'static str> {
    LAYOUTS.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn sizes_are_those_of_the_bindings() {
        macro_rules! same_size {
            ($($name:ident),* $(,)?) => {
                $(assert_eq!(
                    layout(stringify!($name)).map(|l| (l.size, l.align)),
                    Some((size_of::<cryptoki_sys::$name>(), align_of::<cryptoki_sys::$name>())),
                    stringify!($name)
                );)*
            };
        }
        same_size!(
            CK_ATTRIBUTE,
            CK_C_INITIALIZE_ARGS,
            CK_DATE,
            CK_DERIVED_KEY,
            CK_VERSION,
            CK_INFO,
            CK_INTERFACE,
            CK_MECHANISM,
            CK_MECHANISM_INFO,
            CK_SESSION_INFO,
            CK_SLOT_INFO,
            CK_TOKEN_INFO,
            CK_AES_CBC_ENCRYPT_DATA_PARAMS,
            CK_AES_CCM_PARAMS,
            CK_AES_CTR_PARAMS,
            CK_AES_GCM_PARAMS,
            CK_ARIA_CBC_ENCRYPT_DATA_PARAMS,
            CK_ASYNC_DATA,
            CK_CAMELLIA_CBC_ENCRYPT_DATA_PARAMS,
            CK_CAMELLIA_CTR_PARAMS,
            CK_CCM_MESSAGE_PARAMS,
            CK_CCM_PARAMS,
            CK_CCM_WRAP_PARAMS,
            CK_CHACHA20_PARAMS,
            CK_CMS_SIG_PARAMS,
            CK_DES_CBC_ENCRYPT_DATA_PARAMS,
            CK_DSA_PARAMETER_GEN_PARAM,
            CK_ECDH_AES_KEY_WRAP_PARAMS,
            CK_ECDH1_DERIVE_PARAMS,
            CK_ECDH2_DERIVE_PARAMS,
            CK_ECMQV_DERIVE_PARAMS,
            CK_EDDSA_PARAMS,
            CK_GCM_MESSAGE_PARAMS,
            CK_GCM_PARAMS,
            CK_GCM_WRAP_PARAMS,
            CK_GOSTR3410_DERIVE_PARAMS,
            CK_GOSTR3410_KEY_WRAP_PARAMS,
            CK_HASH_SIGN_ADDITIONAL_CONTEXT,
            CK_HKDF_PARAMS,
            CK_IKE_PRF_DERIVE_PARAMS,
            CK_IKE1_EXTENDED_DERIVE_PARAMS,
            CK_IKE1_PRF_DERIVE_PARAMS,
            CK_IKE2_PRF_PLUS_DERIVE_PARAMS,
            CK_KEA_DERIVE_PARAMS,
            CK_KEY_DERIVATION_STRING_DATA,
            CK_KEY_WRAP_SET_OAEP_PARAMS,
            CK_KIP_PARAMS,
            CK_OTP_PARAM,
            CK_OTP_PARAMS,
            CK_OTP_SIGNATURE_INFO,
            CK_PBE_PARAMS,
            CK_PKCS5_PBKD2_PARAMS,
            CK_PKCS5_PBKD2_PARAMS2,
            CK_PRF_DATA_PARAM,
            CK_RC2_CBC_PARAMS,
            CK_RC2_MAC_GENERAL_PARAMS,
            CK_RC5_CBC_PARAMS,
            CK_RC5_MAC_GENERAL_PARAMS,
            CK_RC5_PARAMS,
            CK_RSA_AES_KEY_WRAP_PARAMS,
            CK_RSA_PKCS_OAEP_PARAMS,
            CK_RSA_PKCS_PSS_PARAMS,
            CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS,
            CK_SALSA20_CHACHA20_POLY1305_PARAMS,
            CK_SALSA20_PARAMS,
            CK_SEED_CBC_ENCRYPT_DATA_PARAMS,
            CK_SIGN_ADDITIONAL_CONTEXT,
            CK_SKIPJACK_PRIVATE_WRAP_PARAMS,
            CK_SKIPJACK_RELAYX_PARAMS,
            CK_SP800_108_COUNTER_FORMAT,
            CK_SP800_108_DKM_LENGTH_FORMAT,
            CK_SP800_108_FEEDBACK_KDF_PARAMS,
            CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS,
            CK_SP800_108_KDF_PARAMS,
            CK_X2RATCHET_INITIALIZE_PARAMS,
            CK_X2RATCHET_RESPOND_PARAMS,
            CK_X3DH_INITIATE_PARAMS,
            CK_X3DH_RESPOND_PARAMS,
            CK_X9_42_DH1_DERIVE_PARAMS,
            CK_X9_42_DH2_DERIVE_PARAMS,
            CK_X9_42_MQV_DERIVE_PARAMS,
            CK_XEDDSA_PARAMS,
            CK_SSL3_KEY_MAT_OUT,
            CK_SSL3_RANDOM_DATA,
            CK_SSL3_KEY_MAT_PARAMS,
            CK_SSL3_MASTER_KEY_DERIVE_PARAMS,
            CK_TLS_KDF_PARAMS,
            CK_TLS_MAC_PARAMS,
            CK_TLS_PRF_PARAMS,
            CK_TLS12_KEY_MAT_PARAMS,
            CK_TLS12_MASTER_KEY_DERIVE_PARAMS,
            CK_WTLS_KEY_MAT_OUT,
            CK_WTLS_RANDOM_DATA,
            CK_WTLS_KEY_MAT_PARAMS,
            CK_WTLS_MASTER_KEY_DERIVE_PARAMS,
            CK_WTLS_PRF_PARAMS,
        );
    }

    #[test]
    fn offsets_are_those_of_the_bindings() {
        let gcm = layout("CK_GCM_PARAMS").expect("known");
        assert_eq!(
            gcm.field("ulTagBits").map(|f| f.offset),
            Some(offset_of!(cryptoki_sys::CK_GCM_PARAMS, ulTagBits))
        );
        let token = layout("CK_TOKEN_INFO").expect("known");
        assert_eq!(
            token.field("utcTime").map(|f| f.offset),
            Some(offset_of!(cryptoki_sys::CK_TOKEN_INFO, utcTime))
        );
    }

    #[test]
    fn a_pointer_finds_its_length() {
        let gcm = layout("CK_GCM_PARAMS").expect("known");
        assert_eq!(gcm.length_of("pIv").map(|f| f.name), Some("ulIvLen"));
        assert_eq!(gcm.length_of("ulTagBits"), None);
    }
}
