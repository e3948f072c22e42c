//! Functions in each of the five session states, as `suites/spec/session-states.csv` says; and handles
//! of private objects after the user has gone ([PKCS11-Base 3.2] 5.6.10).

mod call;
mod table;

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::answer::{Answer, takes};
use super::draft::{Draft, session};
use super::{handles, honest};
use crate::cryptoki::function::Domain;
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::cryptoki::{Function, ParameterKind, returns};
use crate::plan::{Ladder, Needs};
use crate::sequence::expectation::Expected;
use crate::sequence::recipe;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Call, Expectation, Number, Reference,
    Relation, Template,
};

use table::{Row, STATES, Says, State};

pub(super) fn cases(function: Function) -> Vec<Draft> {
    let rows = table::rows(function);
    let mut cases: Vec<Draft> = rows
        .flat_map(|row| {
            let states = STATES.iter().zip(&row.says);
            states.filter_map(move |(state, says)| case(row, state, says))
        })
        .collect();
    cases.extend(after_logout(function));
    cases
}

/// What a token may say to what it does not support, in whatever state.
fn limits() -> Vec<CK_RV> {
    refusals(&[
        Occasion::Create,
        Occasion::Generate,
        Occasion::Change,
        Occasion::Pin,
    ])
}

fn case(row: &Row, state: &State, says: &Says) -> Option<Draft> {
    let function = row.function;
    let call::Subject {
        needs,
        mut prepare,
        judged,
        tidy,
    } = call::subject(row, state)?;
    let login = Needs {
        pin: matches!(state.ladder, Ladder::User | Ladder::RwUser),
        so_pin: state.ladder == Ladder::So,
        ..Needs::default()
    };
    let of = match row.subject {
        "" => String::new(),
        subject => format!(" ({subject})"),
    };
    let does = match says {
        Says::Goes => "is not refused",
        Says::Refuses(..) => "is refused",
    };
    let id = match row.subject {
        "" => format!("state-{}", state.id),
        subject => format!("state-{}-{}", state.id, subject.replace(' ', "-")),
    };
    // What the case acts on is left to the token; whether it is made is asked in other cases.
    for call in &mut prepare {
        if call.function == Function::C_CreateObject {
            call.not_applicable = returns::CREATION_REFUSED.to_vec();
        }
    }
    let draft = Draft::new(id, row.section, state.ladder)
        .title(format!("{function}{of} {does} in the state {}", state.name))
        .level(row.level)
        .class(Class::A)
        .needs(&needs.and(&login))
        .fixtures(prepare);
    let draft = match says {
        Says::Goes => {
            let mut limits = limits();
            // 5.1.6: certain tokens want the user for more than the standard does.
            if !matches!(state.ladder, Ladder::User | Ladder::RwUser) {
                limits.push(CKR_USER_NOT_LOGGED_IN);
            }
            draft.call(Call {
                not_applicable: limits,
                ..judged
            })
        }
        Says::Refuses(right, weaker) => {
            let mut answer = Answer::of(function, right).tolerating(weaker.iter().copied());
            if takes(function, ParameterKind::Template) {
                let limits = limits().into_iter();
                answer = answer.tolerating(limits.filter(|v| *v != CKR_FUNCTION_NOT_SUPPORTED));
            }
            draft.judged(judged, answer)
        }
    };
    Some(
        match says {
            Says::Goes => tidy.after_success,
            Says::Refuses(..) => tidy.after_refusal,
        }
        .into_iter()
        .fold(draft, Draft::call),
    )
}

/// What the rest of a call may be refused for that is honest and no more.
const OF_OTHER_ARGUMENTS: [CK_RV; 8] = [
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_KEY_TYPE_INCONSISTENT,
    CKR_ARGUMENTS_BAD,
    CKR_MECHANISM_PARAM_INVALID,
    CKR_TEMPLATE_INCOMPLETE,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_WRAPPED_KEY_INVALID,
    CKR_WRAPPED_KEY_LEN_RANGE,
];

fn template(attributes: Vec<Attribute>) -> Argument {
    Argument::Template(Template {
        attributes,
        claim: None,
    })
}

/// 5.6.10: with the logout handles of private objects become invalid.
fn after_logout(function: Function) -> Option<Draft> {
    let object = ParameterKind::Ulong(Domain::Object);
    // It takes handles of keys, and looks at the saved state first.
    if !takes(function, object) || function == Function::C_SetOperationState {
        return None;
    }
    let mut key = recipe::keys(CKO_SECRET_KEY, &[CKK_AES])
        .next()?
        .attributes();
    let flags = [
        (CKA_TOKEN, false),
        (CKA_PRIVATE, true),
        (CKA_ENCRYPT, true),
        (CKA_DECRYPT, true),
    ];
    key.extend(flags.map(|(attribute, value)| Attribute {
        attribute,
        value: AttributeValue::Bool(value.into()),
    }));
    let mut create = honest::call(Function::C_CreateObject);
    create.arguments[1] = template(key);
    create.not_applicable = returns::CREATION_REFUSED.to_vec();
    // One that the token made public after all may be used by anybody.
    let asked = vec![Attribute {
        attribute: CKA_PRIVATE,
        value: AttributeValue::Buffer(Buffer::of(BufferSize::Exact)),
    }];
    let mut private = honest::call(Function::C_GetAttributeValue);
    private.arguments[1] = Argument::named("object");
    private.arguments[2] = template(asked);
    private.requires = vec![Expectation {
        subject: Reference::to("template").field("CKA_PRIVATE"),
        captured: false,
        relation: Relation::Equals(Expected::Number(Number::Literal(1))),
    }];
    private.otherwise = Some("the object is not private".to_owned());
    let logout = Call {
        arguments: vec![session()],
        ..Call::new(0, Function::C_Logout)
    };
    let mut judged = honest::call(function);
    for (parameter, argument) in function.parameters().iter().zip(&mut judged.arguments) {
        if parameter.kind == object {
            *argument = Argument::named("object");
        } else if parameter.kind == ParameterKind::Template
            && matches!(
                function,
                Function::C_CopyObject | Function::C_SetAttributeValue
            )
        {
            *argument = honest::label();
        }
    }
    judged.not_applicable = vec![CKR_MECHANISM_INVALID];
    let invalid = [
        CKR_OBJECT_HANDLE_INVALID,
        CKR_KEY_HANDLE_INVALID,
        CKR_WRAPPING_KEY_HANDLE_INVALID,
        CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        CKR_USER_NOT_LOGGED_IN,
        CKR_OPERATION_NOT_INITIALIZED,
    ];
    let right: Vec<u64> = invalid
        .into_iter()
        .filter(|value| returns::is_listed(function, *value))
        .collect();
    // Those that the function does not list tell the same; the others speak of other arguments, of
    // which any may be looked at first (5.1.6).
    let answer = Answer::of(function, &right)
        .tolerating(invalid)
        .tolerating(OF_OTHER_ARGUMENTS);
    let needs = Needs {
        pin: true,
        ..Needs::default()
    };
    Some(
        Draft::new("object-after-logout", "5.6.10", Ladder::User)
            .title(format!(
                "{function} refuses a private object after the logout"
            ))
            .level(match function {
                // A size gives nothing away, and one that is told without a look at the object shows no object.
                Function::C_GetObjectSize => Level::Must,
                _ => Level::Security,
            })
            .class(Class::A)
            .needs(&needs)
            .fixture(handles::kept(create))
            .fixture(private)
            .fixture(logout)
            .judged(judged, answer),
    )
}
