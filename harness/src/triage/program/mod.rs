//! A case as a C program of its own: `cc repro.c -ldl`, and whoever has the module sees what it does
//! without this harness. Buffers end at pages that nobody may touch, as in a worker.

mod header;
mod memory;
mod module;
mod verdict;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use p11assay_reports::evidence;

use self::header::{Known, header};
use self::memory::{Arguments, Memory};
pub use self::module::{BUILTIN, Module, SCRATCH};
use self::verdict::{Guilty, How, Witness};
use crate::cryptoki::{Function, Parameter, ParameterKind};
use crate::plan::{Case, Ladder};
use crate::run::ladder;
use crate::sequence::{Argument, Call, Reference, Sequence, Step};

/// What every program begins with.
const PROLOGUE: &str = include_str!("prologue.c");

/// Why a case is no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inexpressible {
    /// A part of a value that C would have to take apart.
    #[error(
        "`${0}` is part of a value that a program does not take apart: replay the case instead"
    )]
    Part(Reference),
    /// Calls at the same time, in a child, or of a library that is loaded again.
    #[error("the case does more than make one call after the other: replay it instead")]
    Together,
    /// The address of a callback, or the like.
    #[error("{0} has an argument that only the harness can give: replay the case instead")]
    Argument(Function),
}

/// The case as a program, which knows its finding by the record of the run that found it, if there is one.
///
/// # Errors
/// [`Inexpressible`] for what C would be a poor language for.
pub fn program(
    case: &Case,
    module: &Module,
    record: Option<&evidence::Case>,
) -> Result<String, Inexpressible> {
    let mut steps = Vec::new();
    if case.ladder != Ladder::Loaded {
        let initialize = Call::new(0, Function::C_Initialize);
        steps.push(Step::Call(Box::new(initialize)));
    }
    steps.extend(ladder::steps(case.ladder));
    steps.extend(case.sequence.steps.iter().cloned());
    let sequence = Sequence { steps };
    let witness = record.and_then(Witness::of);
    let calls: Vec<&Call> = case.sequence.calls().collect();
    let guilty = witness.as_ref().map(|witness| witness.guilty(&calls));
    let expects = |call: &&Call| !call.fixture && !call.expect.is_empty();
    let unjudged = match &guilty {
        Some(guilty) => *guilty == Guilty::Else,
        None => case.attack.is_some() || calls.iter().any(expects),
    };
    let known = Known {
        record: record.filter(|_| guilty.is_some()),
        guilty,
        unjudged,
    };
    let header = header(case, module, &known);
    let mut writer = Writer {
        module,
        witness,
        unjudged,
        attack: case.attack.is_some(),
        loops: 0,
        body: String::new(),
        indent: 1,
        names: BTreeMap::new(),
        memories: 0,
        slot_known: false,
    };
    writer.steps(&sequence.steps)?;
    Ok(writer.finish(&header))
}

/// What a name stands for in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Number,
    Bytes,
    List,
}

struct Writer<'m> {
    module: &'m Module,
    witness: Option<Witness<'m>>,
    unjudged: bool,
    attack: bool,
    /// How many loops the call stands in.
    loops: usize,
    body: String,
    indent: usize,
    names: BTreeMap<String, Variable>,
    memories: usize,
    slot_known: bool,
}

impl Writer<'_> {
    fn line(&mut self, text: impl AsRef<str>) {
        for _ in 0..self.indent {
            self.body.push_str("    ");
        }
        self.body.push_str(text.as_ref());
        self.body.push('\n');
    }

    fn finish(self, header: &str) -> String {
        let module = self.module;
        let mut text = format!(
            "{header}{PROLOGUE}\nint main(int argc, char **argv)\n{{\n    W rv, slot = 0;\n"
        );
        for (name, variable) in &self.names {
            let declared = match variable {
                Variable::Number => format!("W {} = 0;", c_name(name)),
                Variable::Bytes => format!("bytes {} = {{NULL, 0}};", c_name(name)),
                Variable::List => format!("list {} = {{NULL, 0}};", c_name(name)),
            };
            // Some are there for expectations alone, which a program does not look at.
            let _ = writeln!(text, "    {declared} (void){};", c_name(name));
        }
        for line in module.environment_lines() {
            let _ = writeln!(text, "    {line}");
        }
        let path = match module.path.as_str() {
            BUILTIN => "NULL".to_owned(),
            path => c_string(path.as_bytes()),
        };
        let _ = writeln!(
            text,
            "    watched();\n    load(argc > 1 ? argv[1] : {path});\n    (void)slot;\n"
        );
        let code = if self.unjudged {
            "NOT_JUDGED"
        } else {
            "NOT_SEEN"
        };
        let _ = writeln!(
            text,
            "{}    (void)rv;\n    printf(\"the end\\n\");\n    return {code};\n}}",
            self.body
        );
        text
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Inexpressible> {
        steps.iter().try_for_each(|step| match step {
            Step::Call(call) => self.call(call),
            Step::Together(_)
            | Step::InChild(_)
            | Step::Reload
            | Step::Token { .. }
            | Step::Pause(_) => Err(Inexpressible::Together),
            Step::ForEach(each) => {
                if !each.list.path.is_empty() {
                    return Err(Inexpressible::Part(each.list.clone()));
                }
                let (list, one) = (c_name(&each.list.name), c_name(&each.bind));
                self.names.insert(each.bind.clone(), Variable::Number);
                self.line(format!("for (W at = 0; at < {list}.count; at++) {{"));
                self.indent += 1;
                self.loops += 1;
                self.line(format!("{one} = get({list}.at, 8 * at);"));
                self.steps(&each.steps)?;
                self.loops -= 1;
                self.indent -= 1;
                self.line("}");
                Ok(())
            }
        })
    }

    fn call(&mut self, call: &Call) -> Result<(), Inexpressible> {
        let function = call.function;
        self.know_slot(function);
        let mut memory = Memory::new(self.memories);
        let mut arguments = Arguments::default();
        for (parameter, argument) in function.parameters().iter().zip(&call.arguments) {
            self.argument(function, parameter, argument, &mut memory, &mut arguments)?;
        }
        self.line("{");
        self.indent += 1;
        for line in memory.lines() {
            self.line(line);
        }
        let mut words = arguments.words.clone();
        words.resize(10, "0".to_owned());
        let words = words.join(", ");
        let made = format!("rv = call(\"{function}\", {}, {words});", function as usize);
        let witness = self.witness.as_ref();
        let deadline = witness.and_then(|witness| witness.deadline(call));
        if let Some(seconds) = deadline {
            self.line(format!("limit({seconds});"));
        }
        self.line(&made);
        if !arguments.answers.is_empty() {
            self.line("if (tells(rv)) {");
            self.indent += 1;
            for line in &arguments.answers {
                self.line(line);
            }
            self.line(&made);
            self.indent -= 1;
            self.line("}");
        }
        if deadline.is_some() {
            self.line("limit(0);");
        }
        let how = How {
            once: self.loops == 0,
            attack: self.attack,
        };
        for line in verdict::lines(call, self.witness.as_ref(), how) {
            self.line(line);
        }
        for capture in &call.gives {
            let whole = capture.output.path.is_empty();
            let mut output = arguments.outputs.iter();
            let output = output.rfind(|(name, ..)| whole && *name == capture.output.name);
            let Some((_, variable, value)) = output else {
                return Err(Inexpressible::Part(capture.output.clone()));
            };
            self.names.insert(capture.name.clone(), *variable);
            self.line("if (rv == CKR_OK)");
            self.line(format!("    {} = {value};", c_name(&capture.name)));
        }
        self.memories = memory.count();
        self.indent -= 1;
        self.line("}");
        Ok(())
    }

    /// The slot can only be asked for once the library is initialised.
    fn know_slot(&mut self, function: Function) {
        let needs = function.parameters().iter().any(|parameter| {
            parameter.kind == ParameterKind::Ulong(crate::cryptoki::function::Domain::Slot)
        });
        if needs && !self.slot_known {
            let slot = self.module.slot;
            let label = self.module.label.as_ref();
            let label = label.map_or_else(|| "NULL".to_owned(), |label| c_string(label.as_bytes()));
            self.line(format!("slot = the_slot({slot:#x}UL, {label});"));
            self.slot_known = true;
        }
    }

    fn argument(
        &self,
        function: Function,
        parameter: &Parameter,
        argument: &Argument,
        memory: &mut Memory,
        arguments: &mut Arguments,
    ) -> Result<(), Inexpressible> {
        memory.comment(parameter.name);
        let before = arguments.words.len();
        match argument {
            Argument::Callback | Argument::CancellingCallback => {
                return Err(Inexpressible::Argument(function));
            }
            Argument::Null => {}
            Argument::Pointer(value) => arguments.word(format!("{value:#x}UL")),
            Argument::Number(number) => arguments.word(memory::number(number)?),
            Argument::Version { major, minor } => {
                let made = memory.bytes(&format!("lit(\"\\x{major:02x}\\x{minor:02x}\", 2)"));
                arguments.word(format!("(W){made}.at"));
            }
            Argument::Bytes(bytes) => memory.input(parameter.kind, bytes, arguments)?,
            Argument::Mechanism(given) => {
                let made = memory.mechanism(given)?;
                arguments.word(format!("(W){made}"));
            }
            Argument::Structure(given) => {
                let (made, size) = memory.structure(given)?;
                arguments.word(format!("(W){made}"));
                arguments.word(size.to_string());
            }
            Argument::Template(given) => memory.template(given, arguments)?,
            Argument::InitArgs(given) => {
                let given = given.completed(self.module.init_args.as_ref());
                let made = memory.init_args(&given, function)?;
                arguments.word(format!("(W){made}"));
            }
            Argument::Buffer(buffer) => memory.output(parameter, buffer, arguments)?,
            Argument::Default => self.default(function, parameter, memory, arguments)?,
        }
        // What is left of the parameter's words is NULL or zero.
        while arguments.words.len() < before + parameter.kind.words() {
            arguments.word("0".to_owned());
        }
        Ok(())
    }

    fn default(
        &self,
        function: Function,
        parameter: &Parameter,
        memory: &mut Memory,
        arguments: &mut Arguments,
    ) -> Result<(), Inexpressible> {
        match parameter.kind {
            ParameterKind::Ulong(crate::cryptoki::function::Domain::Slot) => {
                arguments.word("slot".to_owned());
            }
            ParameterKind::InitArgs => {
                if let Some(given) = &self.module.init_args {
                    let made = memory.init_args(given, function)?;
                    arguments.word(format!("(W){made}"));
                }
            }
            _ => memory.default_output(parameter, arguments)?,
        }
        Ok(())
    }
}

/// A name that C takes.
fn c_name(name: &str) -> String {
    format!("v_{}", name.replace('-', "_"))
}

/// A string literal with these bytes.
fn c_string(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            // Octal, of which three digits are the end; a hexadecimal escape would go on.
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests;
