//! Memory for outputs: room, the place of its pointer, and what is to be done once a call has said how much it wants.

use super::{Arguments, Made, Memory, number};
use crate::cryptoki::structure;
use crate::cryptoki::{Parameter, ParameterKind};
use crate::sequence::{Buffer, BufferSize, Number};
use crate::triage::program::Variable;

impl Memory {
    /// The output of a parameter about which nothing was said.
    pub(in crate::triage::program) fn default_output(
        &mut self,
        parameter: &Parameter,
        arguments: &mut Arguments,
    ) -> Made<()> {
        let size = match parameter.kind {
            ParameterKind::OutUlong(_) | ParameterKind::OutTable => 8,
            ParameterKind::Out(record) => {
                structure::layout(record.structure()).map_or(0, |layout| layout.size)
            }
            ParameterKind::OutTemplate | ParameterKind::MessageParameter => return Ok(()),
            kind if kind.is_output() => {
                return self.output(parameter, &Buffer::of(BufferSize::Exact), arguments);
            }
            _ => return Ok(()),
        };
        let memory = self.room(size);
        arguments.word(format!("(W){memory}"));
        let value = format!("get({memory}, 0)");
        arguments
            .outputs
            .push((parameter.name, Variable::Number, value));
        Ok(())
    }

    /// An output array by the convention of its kind.
    pub(in crate::triage::program) fn output(
        &mut self,
        parameter: &Parameter,
        buffer: &Buffer,
        arguments: &mut Arguments,
    ) -> Made<()> {
        let element = match parameter.kind {
            ParameterKind::OutUlongs(_) | ParameterKind::OutHandles => 8,
            ParameterKind::OutInterfaces => 24,
            _ => 1,
        };
        let fixed = matches!(
            parameter.kind,
            ParameterKind::OutFixed | ParameterKind::OutHandles
        );
        let mut buffer = buffer.clone();
        if fixed && buffer.size == BufferSize::Exact {
            buffer.size = BufferSize::Elements(Number::Literal(64));
        }
        // The pointer and the number of elements there is room for, patched once an answer is there.
        let place = self.room(16);
        let told = (!buffer.null_length).then(|| (place.clone(), 8));
        self.offer(&buffer, element, (&place, 0), told, &mut arguments.answers)?;
        arguments.word(format!("get({place}, 0)"));
        let count = match parameter.kind {
            ParameterKind::OutFixed => {
                arguments.word(format!("get({place}, 8)"));
                format!("get({place}, 8)")
            }
            ParameterKind::OutHandles => {
                let count = self.room(8);
                arguments.word(format!("get({place}, 8)"));
                arguments.word(format!("(W){count}"));
                format!("get({count}, 0)")
            }
            _ if buffer.null_length => {
                arguments.word("0".to_owned());
                "0".to_owned()
            }
            _ => {
                arguments.word(format!("(W)({place} + 8)"));
                format!("get({place}, 8)")
            }
        };
        let at = format!("(unsigned char *)get({place}, 0)");
        arguments.outputs.push(match element {
            1 => (
                parameter.name,
                Variable::Bytes,
                format!("(bytes){{{at}, {count}}}"),
            ),
            _ => (
                parameter.name,
                Variable::List,
                format!("(list){{{at}, {count}}}"),
            ),
        });
        Ok(())
    }

    /// Offers memory: its pointer and, if there is a place for it, the room that is said to be there.
    pub(super) fn offer(
        &mut self,
        buffer: &Buffer,
        element: usize,
        (memory, pointer): (&str, usize),
        told: Option<(String, usize)>,
        answers: &mut Vec<String>,
    ) -> Made<()> {
        let tell = |told: &Option<(String, usize)>, value: &str| {
            told.as_ref()
                .map(|(memory, at)| format!("put({memory}, {at}, {value}, 8);"))
        };
        let claim = buffer.claim.as_ref().map(number).transpose()?;
        match &buffer.size {
            BufferSize::Null => {
                let line = tell(&told, claim.as_deref().unwrap_or("0"));
                line.into_iter().for_each(|line| self.push(line));
            }
            BufferSize::Elements(count) => {
                let count = number(count)?;
                self.push(format!(
                    "put({memory}, {pointer}, (W)room({element} * {count}), 8);"
                ));
                let line = tell(&told, claim.as_deref().unwrap_or(&count));
                line.into_iter().for_each(|line| self.push(line));
            }
            BufferSize::Exact | BufferSize::Short => {
                let line = tell(&told, "0");
                line.into_iter().for_each(|line| self.push(line));
                let Some((at, offset)) = &told else {
                    return Ok(());
                };
                let less = usize::from(buffer.size == BufferSize::Short);
                let answer = format!("get({at}, {offset})");
                let enough = match less {
                    0 => String::new(),
                    less => format!(" && {answer} >= {less}"),
                };
                answers.push(format!("if ({answer} != NOT_AVAILABLE{enough}) {{"));
                let room = format!("{element}, {answer} - {less}");
                answers.push(format!(
                    "    put({memory}, {pointer}, (W)asked({room}), 8);"
                ));
                let said = claim.unwrap_or_else(|| format!("{answer} - {less}"));
                answers.push(format!("    put({at}, {offset}, {said}, 8);"));
                answers.push("}".to_owned());
            }
        }
        Ok(())
    }
}
