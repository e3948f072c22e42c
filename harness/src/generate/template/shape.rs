//! The objects that cases are about: of each class and type one template that makes it, and the
//! rows of the standard's tables that are about it.

use cryptoki_sys::*;

use super::super::draft::{Draft, session};
use super::value;
use crate::cryptoki::mechanism::{self, Mechanism, Use};
use crate::cryptoki::object::{self, Row};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::cryptoki::{Function, Kind, ParameterKind, Version, names};
use crate::plan::{Ladder, MechanismNeed, Needs};
use crate::sequence::recipe::{self, Recipe};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Call, Capture, Number, ParameterValue, Reference, Template,
};

const KEY_TYPES: Kind = Kind("key_types");
const CERTIFICATE_TYPES: Kind = Kind("certificate_types");

/// Name under which a case keeps its object.
pub(super) const OBJECT: &str = "object";
/// Name of the other key of a pair.
const COUNTERPART: &str = "counterpart";

/// Objects of one class and type.
pub(super) struct Shape {
    pub(super) class: u64,
    /// Type of key or certificate.
    pub(super) subtype: Option<u64>,
    /// What C_CreateObject is given.
    recipe: Option<&'static Recipe>,
    /// What generates it.
    pub(super) generator: Option<&'static Mechanism>,
    /// Every attribute that one has.
    pub(super) rows: Vec<&'static Row>,
    /// True for the first of its class, with which the rules are tried that are the same for all.
    pub(super) first: bool,
}

/// Everything that C_CreateObject makes of a recipe, then the key pairs that are only generated.
pub(super) fn all() -> Vec<Shape> {
    let mut shapes = listed();
    let mut seen = Vec::new();
    for shape in &mut shapes {
        shape.first = !seen.contains(&shape.class);
        seen.push(shape.class);
    }
    shapes
}

fn listed() -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    for recipe in recipe::objects() {
        let shape = Shape::created(recipe);
        let same = |other: &Shape| (other.class, other.subtype) == (shape.class, shape.subtype);
        if !shapes.iter().any(same) {
            shapes.push(shape);
        }
    }
    for generator in mechanism::all()
        .iter()
        .filter(|row| is_plain(row, Use::GeneratePair))
    {
        for (key_type, class) in generator
            .key_types
            .iter()
            .flat_map(|key_type| [(*key_type, CKO_PUBLIC_KEY), (*key_type, CKO_PRIVATE_KEY)])
        {
            let known = |shape: &Shape| (shape.class, shape.subtype) == (class, Some(key_type));
            if !recipe::generation(key_type).is_empty() && !shapes.iter().any(known) {
                shapes.push(Shape {
                    class,
                    subtype: Some(key_type),
                    recipe: None,
                    generator: Some(generator),
                    first: false,
                    rows: object::rows(class, Some(key_type)),
                });
            }
        }
    }
    shapes
}

fn is_plain(row: &Mechanism, of: Use) -> bool {
    row.uses.contains(&of) && row.parameter == mechanism::ParameterShape::None
}

/// What generates keys of a type, or a pair that one of this class is in.
fn generator(class: u64, key_type: u64) -> Option<&'static Mechanism> {
    let of = match class {
        CKO_PUBLIC_KEY | CKO_PRIVATE_KEY => Use::GeneratePair,
        CKO_SECRET_KEY | CKO_OTP_KEY => Use::Generate,
        _ => return None,
    };
    let fits = |row: &&Mechanism| is_plain(row, of) && row.key_types.contains(&key_type);
    mechanism::all().iter().find(fits)
}

impl Shape {
    fn created(recipe: &'static Recipe) -> Shape {
        let attributes = recipe.attributes();
        let named = |name| match value::of(&attributes, name) {
            Some(AttributeValue::Ulong(Number::Literal(value))) => Some(*value),
            _ => None,
        };
        let key_type = named(CKA_KEY_TYPE);
        let subtype = key_type.or_else(|| named(CKA_CERTIFICATE_TYPE));
        Shape {
            class: recipe.class,
            subtype,
            recipe: Some(recipe),
            generator: key_type.and_then(|key_type| generator(recipe.class, key_type)),
            rows: object::rows(recipe.class, subtype),
            first: false,
        }
    }

    /// Class and type, as in `CKO_SECRET_KEY/CKK_AES`.
    pub(super) fn name(&self) -> String {
        let class = names::display(Kind::OBJECT_CLASS, self.class);
        match self.subtype_name() {
            Some(subtype) => format!("{class}/{subtype}"),
            None => class,
        }
    }

    fn subtype_kind(&self) -> Kind {
        match self.class {
            CKO_CERTIFICATE => CERTIFICATE_TYPES,
            _ => KEY_TYPES,
        }
    }

    fn subtype_name(&self) -> Option<String> {
        let kind = self.subtype_kind();
        self.subtype.map(|subtype| names::display(kind, subtype))
    }

    /// As titles call one.
    pub(super) fn noun(&self) -> String {
        let class = names::display(Kind::OBJECT_CLASS, self.class);
        match self.subtype_name() {
            Some(subtype) => format!("{class} of {subtype}"),
            None => class,
        }
    }

    fn since(&self) -> Version {
        let class = object::since(Kind::OBJECT_CLASS, self.class);
        let kind = self.subtype_kind();
        let subtype = self.subtype.map(|subtype| object::since(kind, subtype));
        subtype.map_or(class, |subtype| subtype.max(class))
    }

    pub(super) fn is_pair(&self) -> bool {
        [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].contains(&self.class)
    }

    /// The attributes to look at: those that objects of all classes have are looked at with the
    /// first of each class.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &'static Row> {
        let rows = self.rows.iter().copied();
        rows.filter(|row| self.first || !row.is_common())
    }

    pub(super) fn is_secret(&self) -> bool {
        self.rows.iter().any(|row| row.attribute == CKA_EXTRACTABLE)
    }

    /// A case for modules that have such objects, and the attribute of the row if there is one.
    pub(super) fn draft(&self, id: String, row: Option<&Row>, section: &'static str) -> Draft {
        let since = row.map_or(self.since(), |row| row.since.max(self.since()));
        let newer = row.is_some_and(|row| NOT_IN_2_20.contains(&row.attribute));
        let needs = Needs {
            at_least: (newer || since > Version::V2_40).then_some(since),
            pin: true,
            ..Needs::default()
        };
        Draft::new(id, section, Ladder::RwUser).needs(&needs)
    }

    /// What a target must have to generate one.
    pub(super) fn generating(&self) -> Option<Needs> {
        let flags = if self.is_pair() {
            CKF_GENERATE_KEY_PAIR
        } else {
            CKF_GENERATE
        };
        let mechanism = self.generator?;
        Some(Needs {
            mechanisms: vec![MechanismNeed {
                mechanism: mechanism.value,
                flags,
                key_size: None,
            }],
            ..Needs::default()
        })
    }

    /// The template for C_CreateObject.
    pub(super) fn created_from(&self) -> Option<Vec<Attribute>> {
        Some(ours(self.recipe?.attributes()))
    }

    /// The part of the template for generation that is about this object.
    pub(super) fn generated_from(&self) -> Vec<Attribute> {
        let mut attributes = match (self.class, self.subtype) {
            (CKO_PRIVATE_KEY, _) | (_, None) => Vec::new(),
            (_, Some(key_type)) => recipe::generation(key_type),
        };
        // CKM_SHA256_KEY_GEN and its like make keys of a length as others do.
        let mut rows = self.rows.iter();
        let sized = rows.any(|row| row.attribute == CKA_VALUE_LEN && row.note(3));
        if sized && value::of(&attributes, CKA_VALUE_LEN).is_none() {
            attributes.push(value::ulong(CKA_VALUE_LEN, 32));
        }
        if self.is_secret() {
            attributes.extend(recipe::open());
        }
        ours(attributes)
    }

    /// A call that creates one from this template, kept as `name`.
    pub(super) fn create(attributes: Vec<Attribute>, name: &str) -> Call {
        let mut call = call(Function::C_CreateObject);
        call.arguments[1] = template(attributes);
        kept(call, "object", name)
    }

    /// A call that generates one from this template, kept as `name`. That the mechanism is listed and
    /// not there is not what a template is about.
    pub(super) fn generate(&self, attributes: Vec<Attribute>, name: &str) -> Option<Call> {
        let mechanism = Argument::mechanism(self.generator?.value, ParameterValue::None);
        if !self.is_pair() {
            let mut call = call(Function::C_GenerateKey);
            call.arguments[1] = mechanism;
            call.arguments[2] = template(attributes);
            call.not_applicable = refusals(&[Occasion::Generate]);
            return Some(kept(call, "key", name));
        }
        let other = match self.class {
            CKO_PUBLIC_KEY => recipe::open(),
            _ => recipe::generation(self.subtype?),
        };
        let pair = [attributes, ours(other)].map(template);
        let (public, private) = match (self.class, pair) {
            (CKO_PUBLIC_KEY, [public, private]) => (public, private),
            (_, [private, public]) => (public, private),
        };
        let mut call = call(Function::C_GenerateKeyPair);
        call.not_applicable = refusals(&[Occasion::Generate]);
        call.arguments[1..4].clone_from_slice(&[mechanism, public, private]);
        let (mine, theirs) = match self.class {
            CKO_PUBLIC_KEY => ("public_key", "private_key"),
            _ => ("private_key", "public_key"),
        };
        Some(kept(kept(call, mine, name), theirs, COUNTERPART))
    }

    /// The usual template, whichever way the object is made.
    pub(super) fn usual(&self) -> Vec<Attribute> {
        self.created_from().unwrap_or_else(|| self.generated_from())
    }

    /// A call that makes one from this template in the way of [`usual`](Self::usual); that it does
    /// is presumed.
    pub(super) fn make(&self, attributes: Vec<Attribute>) -> Call {
        let call = match (self.recipe, &self.generator) {
            (None, Some(_)) => self.generate(attributes.clone(), OBJECT),
            _ => None,
        };
        presumed(call.unwrap_or_else(|| Shape::create(attributes, OBJECT)))
    }

    /// What a target must have for [`make`](Self::make).
    pub(super) fn making(&self) -> Needs {
        let generated = self.recipe.is_none().then(|| self.generating());
        generated.flatten().unwrap_or_default()
    }

    /// A case with an object of the usual template as `$object`.
    pub(super) fn with_object(
        &self,
        id: String,
        row: Option<&Row>,
        section: &'static str,
    ) -> Draft {
        self.draft(id, row, section)
            .needs(&self.making())
            .fixture(self.make(self.usual()))
    }
}

/// A template of a session object with a label.
fn ours(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    let given = [CKA_TOKEN, CKA_PRIVATE, CKA_LABEL];
    attributes.retain(|one| !given.contains(&one.attribute));
    attributes.push(value::flag(CKA_TOKEN, false));
    attributes.push(value::text(CKA_LABEL, "p11assay"));
    attributes
}

pub(super) fn template(attributes: Vec<Attribute>) -> Argument {
    Argument::Template(Template {
        attributes,
        claim: None,
    })
}

/// A call of `function` in the session of the case.
pub(super) fn call(function: Function) -> Call {
    let mut call = Call::new(0, function);
    call.arguments[0] = session();
    call
}

/// A call of `function` on the object kept as `name`, with this template.
pub(super) fn on(function: Function, name: &str, attributes: Vec<Attribute>) -> Call {
    let mut call = call(function);
    call.arguments[1] = Argument::named(name);
    let parameters = function.parameters().iter().zip(&mut call.arguments);
    for (parameter, argument) in parameters {
        if matches!(
            parameter.kind,
            ParameterKind::Template | ParameterKind::OutTemplate
        ) {
            *argument = template(attributes.clone());
        }
    }
    call
}

pub(super) fn kept(mut call: Call, output: &str, name: &str) -> Call {
    call.gives.push(Capture {
        output: Reference::to(output),
        name: name.to_owned(),
    });
    call
}

/// Attributes of 2.40 that modules of 2.20, of which there are some yet, cannot know.
const NOT_IN_2_20: [CK_ATTRIBUTE_TYPE; 4] = [
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_NAME_HASH_ALGORITHM,
    CKA_PUBLIC_KEY_INFO,
];

/// What a token may be asked for by these cases, none of which is about whether it does it.
const ASKED: [Occasion; 8] = [
    Occasion::Create,
    Occasion::Session,
    Occasion::Generate,
    Occasion::Start,
    Occasion::Wrap,
    Occasion::Unwrap,
    Occasion::Change,
    Occasion::Aside,
];

/// A call whose success the standard leaves to the token: without it there is nothing to judge.
pub(super) fn presumed(call: Call) -> Call {
    Call {
        not_applicable: refusals(&ASKED),
        ..call
    }
}
