//! What a decoded sequence begins with.

use cryptoki_sys::{CK_TRUE, CKA_TOKEN, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKU_SO, CKU_USER};

use super::setting::{Pins, Prelude};
use super::{Writer, number, reference, text};
use crate::cryptoki::Function;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Capture, Content, ForEach,
    Number, Reference, Step, Template, calls_mut,
};

/// Most objects on the token that a sequence destroys before it begins.
const MOST_OBJECTS: u64 = 64;

impl Writer<'_> {
    /// A session with the user logged in, on a token without objects.
    pub(super) fn prelude(&mut self) {
        match self.setting.prelude {
            Prelude::Token(pins) => self.new_token(pins),
            Prelude::Session => {
                self.open_session();
                self.log_in();
                self.empty_token();
            }
        }
        for call in calls_mut(&mut self.steps) {
            call.fixture = true;
        }
    }

    fn new_token(&mut self, pins: Pins<'_>) {
        let (so, user) = (text(pins.so), text(pins.user));
        self.call(Function::C_Initialize, &[]);
        let label = text("fuzz");
        let given = [("pin", so.clone()), ("label", label)];
        self.call(Function::C_InitToken, &given);
        self.open_session();
        self.log_in_as(CKU_SO, so);
        let given = [("session", self.session()), ("pin", user.clone())];
        self.call(Function::C_InitPIN, &given);
        self.call(Function::C_Logout, &[("session", self.session())]);
        self.log_in_as(CKU_USER, user);
    }

    /// Opens a session, which most calls from here on are about.
    pub(super) fn open_session(&mut self) {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        self.call(Function::C_OpenSession, &[("flags", number(flags))]);
        if let Some(last) = self.sessions.last() {
            self.current.clone_from(last);
        }
    }

    /// Logs the user in with the PIN that the token keeps.
    pub(super) fn log_in(&mut self) {
        let pin = Content::Reference(Reference::to("target").field("pin"));
        self.log_in_as(CKU_USER, Argument::Bytes(Bytes::of(pin)));
    }

    fn log_in_as(&mut self, user: u64, pin: Argument) {
        let given = [
            ("session", self.session()),
            ("user_type", number(user)),
            ("pin", pin),
        ];
        self.call(Function::C_Login, &given);
    }

    fn session(&self) -> Argument {
        reference(&self.current)
    }

    /// Destroys what earlier sequences left on the token.
    fn empty_token(&mut self) {
        let on_token = Attribute {
            attribute: CKA_TOKEN,
            value: AttributeValue::Bool(CK_TRUE),
        };
        let template = Template {
            attributes: vec![on_token],
            claim: None,
        };
        let session = self.session();
        let on = ("session", session.clone());
        let given = [on.clone(), ("template", Argument::Template(template))];
        self.call(Function::C_FindObjectsInit, &given);
        let room = Buffer::of(BufferSize::Elements(Number::Literal(MOST_OBJECTS)));
        let given = [on.clone(), ("object", Argument::Buffer(room))];
        let find = self.call(Function::C_FindObjects, &given);
        find.gives = vec![Capture {
            output: Reference::to("object"),
            name: "left".to_owned(),
        }];
        self.given
            .push(("left".to_owned(), super::Value::List(Vec::new())));
        self.call(Function::C_FindObjectsFinal, std::slice::from_ref(&on));
        let mut destroy = self.bare(Function::C_DestroyObject);
        destroy.arguments = vec![session, reference("one")];
        self.steps.push(Step::ForEach(ForEach {
            list: Reference::to("left"),
            bind: "one".to_owned(),
            steps: vec![Step::Call(Box::new(destroy))],
        }));
    }
}
