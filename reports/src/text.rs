//! Makes strings that a module wrote fit to be shown: no character acts on a terminal, breaks an
//! XML document or turns the direction of writing, and no text is longer than its reader can
//! take. Which limit applies where is left to the renderings.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Line breaks and tabs a text may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Escape,
    Keep,
}

/// The text on one line: control characters, line breaks, non-characters and marks that turn the
/// direction of writing become visible escapes (`\n`, `\u{1b}`). Anything else stays as it is.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, Breaks::Escape)
}

/// As [`one_line`], but line feeds and tabs stay, and CR LF becomes LF (as any XML parser would
/// make it).
#[must_use]
pub fn many_lines(text: &str) -> Cow<'_, str> {
    escape(text, Breaks::Keep)
}

fn escape(text: &str, breaks: Breaks) -> Cow<'_, str> {
    let Some(first) = text.find(|c| is_unfit(c, breaks)) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    let mut rest = text[first..].chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if breaks == Breaks::Keep && rest.peek() == Some(&'\n') => {}
            c if !is_unfit(c, breaks) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    Cow::Owned(out)
}

/// Characters no report may carry as they are. XML 1.0 excludes most of the C0 controls and
/// U+FFFE, U+FFFF; terminals act on C0, DEL and C1; line separators and marks of direction make
/// a reader see another text than the one that is there.
fn is_unfit(c: char, breaks: Breaks) -> bool {
    match c {
        '\n' | '\t' => breaks == Breaks::Escape,
        ' '..='~' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}' => true,
        c => c.is_control() || u32::from(c) & 0xfffe == 0xfffe,
    }
}

/// The text if it has at most `limit` bytes; else its beginning (three quarters of the limit) and
/// its end, with a note between them of how many bytes were left out.
#[must_use]
pub fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut head = limit / 4 * 3;
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    let mut tail = text.len() - limit / 4;
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    Cow::Owned(format!(
        "{}[... {} bytes left out here; the evidence stream has them ...]{}",
        &text[..head],
        tail - head,
        &text[tail..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_unfit_characters_is_not_copied() {
        assert!(matches!(one_line("Schlüssel 🔑 ok"), Cow::Borrowed(_)));
        assert!(matches!(many_lines("a\n\tb"), Cow::Borrowed(_)));
    }

    #[test]
    fn terminal_escapes_become_visible() {
        assert_eq!(
            one_line("a\u{1b}[31mred\u{9b}2J\u{7f}"),
            "a\\u{1b}[31mred\\u{9b}2J\\u{7f}"
        );
        assert_eq!(one_line("abc\u{202e}cba"), "abc\\u{202e}cba");
    }

    #[test]
    fn line_breaks_are_kept_only_where_lines_are_wanted() {
        assert_eq!(one_line("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(many_lines("a\r\nb\tc\rd"), "a\nb\tc\\rd");
    }

    #[test]
    fn characters_xml_excludes_become_visible() {
        assert_eq!(many_lines("\0\u{fffe}\u{ffff}"), "\\u{0}\\u{fffe}\\u{ffff}");
    }

    #[test]
    fn a_clipped_text_keeps_both_ends_and_says_what_is_missing() {
        let text = format!("{}{}", "ä".repeat(100), "end");
        let clipped = clip(&text, 40);
        assert!(clipped.starts_with("ää") && clipped.ends_with("end"));
        assert!(clipped.contains("bytes left out"), "{clipped}");
        assert_eq!(clip("short", 5), "short");
    }
}
