//! What all pages have in common: the frame (header, footer, colours, script), and how text from outside gets onto
//! them. A page needs no other file and no network; its policy lets the browser run the script written here and no other,
//! so that a string that a module wrote could do nothing even if it were taken for markup.

use std::fmt::Write as _;
use std::io;

use base64ct::{Base64, Encoding as _};
use maud::{DOCTYPE, Escaper, Markup, PreEscaped, Render, html};
use sha2::{Digest as _, Sha256};

use crate::text::{many_lines, one_line};

/// Colours, the frame, and the parts that pages are made of.
const STYLE: [&str; 3] = [
    include_str!("base.css"),
    include_str!("frame.css"),
    include_str!("parts.css"),
];
const SCRIPT: &str = include_str!("frame.js");

/// Text that p11assay did not write itself: on one line, escaped, and nothing in it turns the direction of writing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'t>(pub(crate) &'t str);

impl Render for Text<'_> {
    fn render_to(&self, buffer: &mut String) {
        // Writing to a string does not fail.
        let _ = Escaper::new(buffer).write_str(&one_line(self.0));
    }
}

/// As [`Text`], of several lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<'t>(pub(crate) &'t str);

impl Render for Lines<'_> {
    fn render_to(&self, buffer: &mut String) {
        let _ = Escaper::new(buffer).write_str(&many_lines(self.0));
    }
}

/// A page without what is on it.
#[derive(Debug, Default)]
pub(crate) struct Page<'p> {
    /// Its title.
    pub(crate) title: &'p str,
    /// Style beside what all pages share.
    pub(crate) style: &'p [&'static str],
    /// The script beside what all pages share, if there is one.
    pub(crate) script: Option<&'static str>,
    /// What the header leads to: anchor and name.
    pub(crate) sections: &'p [(&'p str, &'p str)],
}

impl Page<'_> {
    /// The beginning, with `main` as what the page says; [`Page::end`] is to follow.
    pub(crate) fn begin(&self, main: &Markup) -> Markup {
        let style = format!("\n{}{}", STYLE.concat(), self.style.concat());
        html! {
            (DOCTYPE)
            (PreEscaped("<html lang=\"en\">"))
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(self.policy(&style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (Text(self.title)) }
                // A browser would ask the server for an icon.
                link rel="icon" href="data:,";
                style { (PreEscaped(&style)) }
            }
            (PreEscaped("<body>"))
            a.skip href="#main" { "Skip to the content" }
            header.bar { div.bar-in {
                strong.brand { "p11assay" }
                @if !self.sections.is_empty() {
                    nav aria-label="Sections" { ul {
                        @for (id, name) in self.sections { li { a href={ "#" (id) } { (name) } } }
                    } }
                }
            } }
            main id="main" {
                h1 { (Text(self.title)) }
                (main)
            }
            footer { p.soft { "Made by p11assay " (env!("CARGO_PKG_VERSION")) " from the evidence of its runs." } }
        }
    }

    /// The end.
    pub(crate) fn end(&self) -> Markup {
        html! {
            script { (PreEscaped(SCRIPT)) }
            @if let Some(script) = self.script { script { (PreEscaped(script)) } }
            (PreEscaped("</body>\n</html>\n"))
        }
    }

    /// Writes the whole page.
    pub(crate) fn write(&self, main: &Markup, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.begin(main).into_string().as_bytes())?;
        out.write_all(self.end().into_string().as_bytes())
    }

    /// What the browser may do with the page: show it, and run what is named here by its hash.
    fn policy(&self, style: &str) -> String {
        let mut policy = format!(
            "default-src 'none'; img-src data:; style-src {}; script-src {}",
            hash(style),
            hash(SCRIPT)
        );
        if let Some(script) = self.script {
            let _ = write!(policy, " {}", hash(script));
        }
        policy
    }
}

/// A source of a content security policy: the text with this hash.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("'sha256-{}'", Base64::encode_string(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup_and_turns_nothing() {
        let shown = html! { p title=(Text("\"><script>")) { (Text("<b>&\u{202e}\n")) } };
        let expected = "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;\\u{202e}\\n</p>";
        assert_eq!(shown.into_string(), expected);
    }

    #[test]
    fn a_policy_names_the_script_by_its_hash() {
        assert_eq!(
            hash(""),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        );
        let page = Page {
            script: Some("alert(1)"),
            ..Page::default()
        };
        let wanted = format!("; script-src {} {}", hash(SCRIPT), hash("alert(1)"));
        assert!(page.policy("").ends_with(&wanted));
    }
}
