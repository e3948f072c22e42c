//! The memory of one call in C: declarations and stores, one after the other. Memory for outputs is laid out by
//! `output`; numbers and bytes become expressions in `expression`.

mod expression;
mod output;

use self::expression::content;
pub(super) use self::expression::number;
use super::{Inexpressible, Variable, c_string};
use crate::cryptoki::structure::{self, FieldType, Layout};
use crate::cryptoki::{Function, Kind, ParameterKind, names};
use crate::sequence::{
    Attribute, AttributeValue, Bytes, Content, FieldValue, InitArgs, MechanismArgument, Mutexes,
    Number, ParameterValue, Reserved, Structure, Template,
};

/// The words that are handed to a function, and what they give back.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) words: Vec<String>,
    /// What is to be done with the answer to a question for sizes, before the call is made again.
    pub(super) answers: Vec<String>,
    /// By parameter: what an output is, and the expression of its value.
    pub(super) outputs: Vec<(&'static str, Variable, String)>,
}

impl Arguments {
    pub(super) fn word(&mut self, word: String) {
        self.words.push(word);
    }
}

/// The lines that lay out memory.
pub(super) struct Memory {
    lines: Vec<String>,
    count: usize,
    comment: Option<&'static str>,
}

type Made<T> = Result<T, Inexpressible>;

impl Memory {
    /// Memory whose names go on after so many others.
    pub(super) fn new(count: usize) -> Self {
        Self {
            lines: Vec::new(),
            count,
            comment: None,
        }
    }

    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What comes next is for this parameter.
    pub(super) fn comment(&mut self, parameter: &'static str) {
        self.comment = Some(parameter);
    }

    fn push(&mut self, line: String) {
        if let Some(comment) = self.comment.take() {
            self.lines.push(format!("/* {comment} */"));
        }
        self.lines.push(line);
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("m{}", self.count)
    }

    /// Memory with these bytes; gives its name.
    pub(super) fn bytes(&mut self, made: &str) -> String {
        let name = self.name();
        self.push(format!("bytes {name} = {made};"));
        name
    }

    /// Memory of this size, all zero; gives its name.
    fn room(&mut self, size: usize) -> String {
        let name = self.name();
        self.push(format!("unsigned char *{name} = room({size});"));
        name
    }

    fn put(&mut self, memory: &str, offset: usize, value: &str, width: usize) {
        self.push(format!("put({memory}, {offset}, {value}, {width});"));
    }

    /// Bytes to read: pointer and length, or only the pointer for text without one.
    pub(super) fn input(
        &mut self,
        kind: ParameterKind,
        bytes: &Bytes,
        arguments: &mut Arguments,
    ) -> Made<()> {
        let Some(of) = &bytes.content else {
            arguments.word("0".to_owned());
            let claim = bytes.claim.as_ref().map(number).transpose()?;
            arguments.words.extend(claim);
            return Ok(());
        };
        let made = match kind {
            ParameterKind::Padded(size) => {
                let padded = self.bytes(&format!("repeat(' ', {size})"));
                let from = content(of)?;
                self.push(format!("copy({padded}.at, 0, {from}, {size});"));
                padded
            }
            ParameterKind::Name => {
                let text = content(of)?;
                self.bytes(&format!("joined({text}, lit(\"\", 1))"))
            }
            _ => {
                let text = content(of)?;
                self.bytes(&text)
            }
        };
        arguments.word(format!("(W){made}.at"));
        if kind.words() > 1 {
            let length = bytes.claim.as_ref().map(number).transpose()?;
            arguments.word(length.unwrap_or_else(|| format!("{made}.length")));
        }
        Ok(())
    }

    /// Puts a pointer to bytes in a structure, and their length if there is a place for it.
    fn point(
        &mut self,
        bytes: &Bytes,
        (memory, offset): (&str, usize),
        length: Option<usize>,
    ) -> Made<()> {
        let mut told = "0".to_owned();
        if let Some(of) = &bytes.content {
            let of = content(of)?;
            let made = self.bytes(&of);
            self.put(memory, offset, &format!("(W){made}.at"), 8);
            told = format!("{made}.length");
        }
        if let Some(claim) = &bytes.claim {
            told = number(claim)?;
        }
        if let Some(length) = length {
            self.put(memory, length, &told, 8);
        }
        Ok(())
    }

    fn ulongs(&mut self, numbers: &[Number], memory: &str, offset: usize) -> Made<()> {
        let array = self.room(8 * numbers.len());
        for (index, value) in numbers.iter().enumerate() {
            let value = number(value)?;
            self.put(&array, 8 * index, &value, 8);
        }
        self.put(memory, offset, &format!("(W){array}"), 8);
        Ok(())
    }

    pub(super) fn template(&mut self, template: &Template, arguments: &mut Arguments) -> Made<()> {
        let claim = template.claim.as_ref().map(number).transpose()?;
        let count = claim.unwrap_or_else(|| template.attributes.len().to_string());
        if template.attributes.is_empty() {
            arguments.word("0".to_owned());
            arguments.word(count);
            return Ok(());
        }
        let array = self.attributes(&template.attributes, &mut arguments.answers)?;
        arguments.word(format!("(W){array}"));
        arguments.word(count);
        Ok(())
    }

    /// An array of CK_ATTRIBUTE: type, pointer, length.
    fn attributes(&mut self, attributes: &[Attribute], answers: &mut Vec<String>) -> Made<String> {
        let array = self.room(24 * attributes.len());
        for (index, attribute) in attributes.iter().enumerate() {
            let at = 24 * index;
            let named = names::display(Kind::ATTRIBUTE, attribute.attribute);
            let value = format!("{:#x}UL /* {named} */", attribute.attribute);
            self.put(&array, at, &value, 8);
            match &attribute.value {
                AttributeValue::Bool(byte) => {
                    let bytes = Bytes::of(Content::Literal(vec![*byte]));
                    self.point(&bytes, (&array, at + 8), Some(at + 16))?;
                }
                AttributeValue::Bytes(bytes) => {
                    self.point(bytes, (&array, at + 8), Some(at + 16))?
                }
                AttributeValue::Ulong(value) => {
                    self.ulongs(std::slice::from_ref(value), &array, at + 8)?;
                    self.put(&array, at + 16, "8", 8);
                }
                AttributeValue::Ulongs(values) => {
                    self.ulongs(values, &array, at + 8)?;
                    self.put(&array, at + 16, &(8 * values.len()).to_string(), 8);
                }
                AttributeValue::Template(nested) => {
                    let inner = self.attributes(nested, answers)?;
                    self.put(&array, at + 8, &format!("(W){inner}"), 8);
                    self.put(&array, at + 16, &(24 * nested.len()).to_string(), 8);
                }
                AttributeValue::Buffer(buffer) => {
                    let (pointer, told) = (at + 8, Some((array.clone(), at + 16)));
                    self.offer(buffer, 1, (&array, pointer), told, answers)?;
                }
            }
        }
        Ok(array)
    }

    pub(super) fn mechanism(&mut self, given: &MechanismArgument) -> Made<String> {
        let memory = self.room(24);
        let named = match &given.mechanism {
            Number::Literal(value) => {
                let name = names::display(Kind::MECHANISM, *value);
                format!("{value:#x}UL /* {name} */")
            }
            other => number(other)?,
        };
        self.put(&memory, 0, &named, 8);
        match &given.parameter {
            ParameterValue::None => {}
            ParameterValue::Bytes(bytes) => self.point(bytes, (&memory, 8), Some(16))?,
            ParameterValue::Ulong(value) => {
                self.ulongs(std::slice::from_ref(value), &memory, 8)?;
                self.put(&memory, 16, "8", 8);
            }
            ParameterValue::Structure(given) => {
                let (inner, size) = self.structure(given)?;
                self.put(&memory, 8, &format!("(W){inner}"), 8);
                self.put(&memory, 16, &size.to_string(), 8);
            }
        }
        if let Some(claim) = &given.claim {
            let claim = number(claim)?;
            self.put(&memory, 16, &claim, 8);
        }
        Ok(memory)
    }

    /// A structure; gives its memory and its size.
    pub(super) fn structure(&mut self, given: &Structure) -> Made<(String, usize)> {
        let Some(layout) = structure::layout(&given.name) else {
            return Ok((self.room(0), 0));
        };
        let memory = self.room(layout.size);
        self.fields(layout, given, &memory, 0)?;
        Ok((memory, layout.size))
    }

    fn fields(
        &mut self,
        layout: &Layout,
        given: &Structure,
        memory: &str,
        base: usize,
    ) -> Made<()> {
        for (name, value) in &given.fields {
            let Some(field) = layout.field(name) else {
                continue;
            };
            let at = base + field.offset;
            let length = layout
                .length_of(name)
                .filter(|length| given.fields.iter().all(|(given, _)| given != length.name))
                .map(|length| base + length.offset);
            match (value, field.field_type) {
                (FieldValue::Number(value), FieldType::Bool | FieldType::Byte) => {
                    let value = number(value)?;
                    self.put(memory, at, &value, 1);
                }
                (FieldValue::Number(value), _) => {
                    let value = number(value)?;
                    self.put(memory, at, &format!("{value} /* {name} */"), 8);
                }
                (FieldValue::Bytes(bytes), FieldType::Bytes(_) | FieldType::Nested(_)) => {
                    let room = match field.field_type {
                        FieldType::Bytes(room) => room,
                        _ => 2,
                    };
                    if let Some(of) = &bytes.content {
                        let of = content(of)?;
                        self.push(format!("copy({memory}, {at}, {of}, {room});"));
                    }
                }
                (FieldValue::Bytes(bytes), _) => self.point(bytes, (memory, at), length)?,
                (FieldValue::Ulongs(values), _) => self.ulongs(values, memory, at)?,
                (FieldValue::Structures(list), FieldType::Nested(of)) => {
                    if let (Some(inner), Some(layout)) = (list.first(), structure::layout(of)) {
                        self.fields(layout, inner, memory, at)?;
                    }
                }
                (FieldValue::Structures(list), FieldType::PointerTo(of)) => {
                    if let Some(layout) = structure::layout(of) {
                        let array = self.room(layout.size * list.len());
                        for (index, inner) in list.iter().enumerate() {
                            self.fields(layout, inner, &array, index * layout.size)?;
                        }
                        self.put(memory, at, &format!("(W){array}"), 8);
                    }
                }
                (FieldValue::Structures(_), _) => {}
                (FieldValue::Mechanism(inner), _) => {
                    let inner = self.mechanism(inner)?;
                    self.put(memory, at, &format!("(W){inner}"), 8);
                }
                (FieldValue::Template(attributes), _) => {
                    let array = self.attributes(attributes, &mut Vec::new())?;
                    self.put(memory, at, &format!("(W){array}"), 8);
                }
            }
        }
        Ok(())
    }

    /// Puts a pointer to a text of the target in a structure.
    fn text(&mut self, text: &str, (memory, offset): (&str, usize)) {
        let name = self.name();
        let text = c_string(text.as_bytes());
        self.push(format!("char *{name} = expanded({text});"));
        self.put(memory, offset, &format!("(W){name}"), 8);
    }

    pub(super) fn init_args(&mut self, given: &InitArgs, function: Function) -> Made<String> {
        if given.mutexes != Mutexes::None {
            return Err(Inexpressible::Argument(function));
        }
        let words = if given.nss.is_some() { 7 } else { 6 };
        let memory = self.room(8 * words);
        self.put(&memory, 32, &format!("{:#x}UL", given.flags), 8);
        if let Some(text) = &given.nss {
            self.text(text, (&memory, 40));
        }
        let reserved = 8 * (words - 1);
        match &given.reserved {
            Reserved::Null => {}
            Reserved::Text(text) => self.text(text, (&memory, reserved)),
            Reserved::Pointer(value) => self.put(&memory, reserved, &format!("{value:#x}UL"), 8),
        }
        Ok(memory)
    }
}
