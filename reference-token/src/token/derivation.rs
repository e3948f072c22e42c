//! C_DeriveKey: section 5.18.5. Finds the base key and the keys that the parameter names, and makes
//! objects of what the mechanism yields: all of them, or none.

use std::sync::Arc;

use cryptoki_sys::*;

use super::Token;
use super::generation::contribute;
use super::inheritance::{impose, inherit, supply};
use super::library::with_session;
use super::object::add_all;
use super::output::Answer;
use super::signing::Wanted;
use crate::attributes::{Attributes, Origin, Recipe, Template, Value};
use crate::mechanisms::{
    Back, Derivation, Entry, Family, Mechanism, Named, Product, Source, Wish, Yield, find_for,
    fixed_length, has_length, set_parity,
};
use crate::rv::{Result, ensure, refuse, translate};

/// What C_DeriveKey comes to. Section 6.42.6 lets a call that failed say through the parameter
/// which template was at fault, so there may be answers either way.
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Answer>,
    /// The handle for the function's own argument, if the mechanism has one to give.
    pub(crate) result: Result<Option<CK_OBJECT_HANDLE>>,
}

/// Keys and templates of a call, checked.
struct Sources {
    family: &'static dyn Family,
    mechanism: Mechanism,
    base: Arc<Attributes>,
    /// The template of the call, and those in the parameter.
    own: Template,
    additional: Vec<Template>,
    by_so: bool,
}

/// C_DeriveKey.
pub(crate) fn derive(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    base: CK_OBJECT_HANDLE,
    template: &Template,
) -> Outcome {
    let mut answers = Vec::new();
    let result = derive_into(session, mechanism, base, template, &mut answers);
    Outcome { answers, result }
}

fn derive_into(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    base: CK_OBJECT_HANDLE,
    template: &Template,
    answers: &mut Vec<Answer>,
) -> Result<Option<CK_OBJECT_HANDLE>> {
    let sources = with_session(session, |token| token.sources(mechanism, base, template))?;
    let sized = |template: &Template| Wish::of(template).bytes().is_some();
    if let Some(index) = sources.additional.iter().position(|each| !sized(each)) {
        blame(index, answers);
        return refuse(CKR_TEMPLATE_INCOMPLETE);
    }
    let asked = Derivation {
        mechanism: &sources.mechanism,
        base: &sources.base,
        own: Wish::of(&sources.own),
        additional: sources.additional.iter().map(Wish::of).collect(),
    };
    let Yield {
        products,
        own,
        back,
    } = sources.family.derive_keys(&asked)?;
    let mut objects = Vec::with_capacity(products.len());
    for product in products {
        let at = product.source;
        let object = sources.object(session, product);
        if let (Err(_), Source::Additional(index)) = (&object, at) {
            blame(index, answers);
        }
        objects.push(object?);
    }
    let handles = add_all(session, objects)?;
    *answers = back
        .into_iter()
        .map(|back| match back {
            Back::NoKey => Answer::Handle(CK_INVALID_HANDLE),
            Back::Bytes(bytes) => Answer::Bytes(bytes),
            Back::Key(index) => handles
                .get(index)
                .map_or(Answer::Nothing, |handle| Answer::Handle(*handle)),
        })
        .collect();
    Ok(own.and_then(|index| handles.get(index).copied()))
}

/// What a key that a parameter names is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Source(CK_OBJECT_CLASS),
    /// A secret source, or somebody's public RSA key, which is no secret.
    SourceOrPublic,
    Salt,
}

/// Section 6.42.6: the place of a handle tells whose template was at fault.
fn blame(index: usize, answers: &mut Vec<Answer>) {
    answers.resize(index, Answer::Nothing);
    answers.push(Answer::Handle(CK_INVALID_HANDLE));
}

impl Token {
    fn sources(
        &self,
        mechanism: &Mechanism,
        base: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<Sources> {
        let (family, entry) = find_for(mechanism.kind, CKF_DERIVE)?;
        let base = self.base(base, family, entry)?;
        let mut mechanism = mechanism.clone();
        let role = match mechanism.parameter.takes_public_key() {
            true => Role::SourceOrPublic,
            false => Role::Source(mechanism.parameter.named_class()),
        };
        for named in mechanism.parameter.named_keys() {
            self.resolve(named, role)?;
        }
        if let Some(salt) = mechanism.parameter.salt_key() {
            self.resolve(salt, Role::Salt)?;
        }
        let additional = mechanism.parameter.templates();
        let mut sources = Sources {
            family,
            base,
            own: template.clone(),
            additional: additional.to_vec(),
            mechanism,
            by_so: self.is_so(),
        };
        sources.impose_templates()?;
        Ok(sources)
    }

    /// The base key. The function has no code for a usage that is not permitted, only for a wrong
    /// type.
    fn base(
        &self,
        handle: CK_OBJECT_HANDLE,
        family: &dyn Family,
        entry: &Entry,
    ) -> Result<Arc<Attributes>> {
        let object = self.visible(handle, CKR_KEY_HANDLE_INVALID)?;
        let is_data = object.attributes.ulong(CKA_CLASS) == Some(CKO_DATA);
        if is_data && family.derives_from_data() {
            return Ok(Arc::clone(&object.attributes));
        }
        let wanted = Wanted {
            flag: CKF_DERIVE,
            usage: CKA_DERIVE,
            class: CKO_PRIVATE_KEY,
        };
        let usable = self.usable(handle, entry, &wanted).map_err(|refusal| {
            translate(
                refusal,
                CKR_KEY_FUNCTION_NOT_PERMITTED,
                CKR_KEY_TYPE_INCONSISTENT,
            )
        })?;
        Ok(usable.key)
    }

    /// Puts a key that a parameter names in the place of its handle. A source is one like the base
    /// key, so it too has to permit derivation.
    fn resolve(&self, named: &mut Named, role: Role) -> Result<()> {
        let Named::Handle(handle) = *named else {
            return Ok(());
        };
        let key = &self.visible(handle, CKR_KEY_HANDLE_INVALID)?.attributes;
        let is = key.ulong(CKA_CLASS);
        let public = role == Role::SourceOrPublic
            && is == Some(CKO_PUBLIC_KEY)
            && key.ulong(CKA_KEY_TYPE) == Some(CKK_RSA);
        let valid = match role {
            Role::Source(class) => is == Some(class),
            Role::SourceOrPublic => is == Some(CKO_SECRET_KEY) || public,
            Role::Salt => key.has(CKA_VALUE),
        };
        ensure(valid, CKR_KEY_HANDLE_INVALID)?;
        let permitted = role == Role::Salt || public || key.bool(CKA_DERIVE);
        ensure(permitted, CKR_KEY_TYPE_INCONSISTENT)?;
        *named = Named::Key(Arc::clone(key));
        Ok(())
    }
}

impl Sources {
    /// CKA_DERIVE_TEMPLATE of every source, in every template: otherwise two keys could trade
    /// places to be rid of it.
    fn impose_templates(&mut self) -> Result<()> {
        self.own = self.imposed(&self.own)?;
        let additional = self.additional.iter();
        self.additional = additional
            .map(|template| self.imposed(template))
            .collect::<Result<_>>()?;
        Ok(())
    }

    fn imposed(&self, template: &Template) -> Result<Template> {
        let mut keys = self.keys().into_iter();
        keys.try_fold(template.clone(), |template, key| {
            impose(&key, CKA_DERIVE_TEMPLATE, &template)
        })
    }

    /// The base key and the keys that the parameter names.
    fn keys(&self) -> Vec<Arc<Attributes>> {
        let mut mechanism = self.mechanism.clone();
        let named = mechanism.parameter.named_keys().into_iter();
        let named = named.filter_map(|named| match named {
            Named::Key(key) => Some(Arc::clone(key)),
            Named::Handle(_) => None,
        });
        std::iter::once(Arc::clone(&self.base))
            .chain(named)
            .collect()
    }

    /// The attributes of a new object.
    fn object(&self, session: CK_SESSION_HANDLE, product: Product) -> Result<Attributes> {
        let mut template = match product.source {
            Source::Own => self.own.clone(),
            Source::Beside => beside(&self.own),
            Source::Additional(index) => match self.additional.get(index) {
                Some(template) => template.clone(),
                None => return refuse(CKR_GENERAL_ERROR),
            },
        };
        for (attribute, value) in product.defaults {
            supply(&mut template, attribute, value);
        }
        // What the keys impose holds for the parts too that the application has no say in.
        if product.source == Source::Beside {
            template = self.imposed(&template)?;
        }
        let origin = match product.class {
            CKO_SECRET_KEY | CKO_OTP_KEY => {
                let keys = self.keys();
                let keys: Vec<&Attributes> = keys.iter().map(Arc::as_ref).collect();
                inherit(product.inheritance, &keys, &mut template)?
            }
            _ => Origin::Derived {
                always_sensitive: false,
                never_extractable: false,
            },
        };
        drop_implied_length(product.class, product.key_type, &mut template)?;
        let mut attributes = with_session(session, |token| {
            token.draft(
                session,
                &Recipe {
                    origin,
                    template: &template,
                    class: Some(product.class),
                    key_type: product.key_type,
                    by_so: self.by_so,
                },
            )
        })?;
        for (attribute, value) in product.fixed {
            attributes.set(attribute, value);
        }
        let mut contribution = product.contribution;
        if let Some(key_type) = attributes.ulong(CKA_KEY_TYPE) {
            for (attribute, value) in &mut contribution {
                if let (CKA_VALUE, Value::Bytes(value)) = (*attribute, value) {
                    set_parity(key_type, value);
                }
            }
        }
        contribute(&mut attributes, contribution)?;
        Ok(attributes)
    }
}

/// What a template says about a key beside the one that it describes: where it is kept and who sees
/// it, not what it is.
fn beside(template: &Template) -> Template {
    let own = [
        CKA_KEY_TYPE,
        CKA_VALUE_LEN,
        CKA_ENCRYPT,
        CKA_DECRYPT,
        CKA_SIGN,
        CKA_VERIFY,
        CKA_WRAP,
        CKA_UNWRAP,
        CKA_DERIVE,
        CKA_CHECK_VALUE,
    ];
    template
        .iter()
        .filter(|(attribute, _)| !own.contains(attribute))
        .cloned()
        .collect()
}

/// A length that the template names for an object without CKA_VALUE_LEN: of data objects, by
/// section 6.62.4, and of keys whose type implies it, if it is the right one (section 6.43.3).
pub(super) fn drop_implied_length(
    class: CK_OBJECT_CLASS,
    key_type: Option<CK_KEY_TYPE>,
    template: &mut Template,
) -> Result<()> {
    let wish = Wish::of(template);
    let key_type = wish.key_type.or(key_type);
    if let (Some(implied), Some(length)) = (key_type.and_then(fixed_length), wish.length) {
        ensure(implied == length, CKR_TEMPLATE_INCONSISTENT)?;
    }
    if class == CKO_DATA || key_type.is_some_and(|key_type| !has_length(key_type)) {
        template.retain(|(attribute, _)| *attribute != CKA_VALUE_LEN);
    }
    Ok(())
}
