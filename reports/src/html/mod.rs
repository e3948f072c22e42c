//! What all pages have in common: the frame, the colours, and how text from outside gets onto them. A page
//! needs no other file and no network; its policy lets the browser run the script written here and no other,
//! so that a string that a module wrote could do nothing even if it were taken for markup.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use maud::{DOCTYPE, Escaper, Markup, PreEscaped, Render, html};
use sha2::{Digest as _, Sha256};

use crate::text::one_line;

const COLOURS: &str = include_str!("base.css");

/// Text that p11assay did not write itself: on one line, escaped, and nothing in it turns the direction of writing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'t>(pub(crate) &'t str);

impl Render for Text<'_> {
    fn render_to(&self, buffer: &mut String) {
        // Writing to a string does not fail.
        let _ = Escaper::new(buffer).write_str(&one_line(self.0));
    }
}

/// The frame of a page.
#[derive(Debug)]
pub(crate) struct Page<'p> {
    /// Its title.
    pub(crate) title: &'p str,
    /// Style beside the colours that all pages share.
    pub(crate) style: &'p [&'static str],
    /// The script, if there is one.
    pub(crate) script: Option<&'static str>,
}

impl Page<'_> {
    /// The beginning, up to what `body` says; [`Page::end`] is to follow.
    pub(crate) fn begin(&self, body: &Markup) -> Markup {
        let style = format!("\n{COLOURS}{}", self.style.concat());
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
            (body)
        }
    }

    /// The end.
    pub(crate) fn end(&self) -> Markup {
        html! {
            @if let Some(script) = self.script { script { (PreEscaped(script)) } }
            (PreEscaped("</body>\n</html>\n"))
        }
    }

    /// What the browser may do with the page: show it, and run what is named here by its hash.
    fn policy(&self, style: &str) -> String {
        let mut policy = format!(
            "default-src 'none'; img-src data:; style-src {}",
            hash(style)
        );
        if let Some(script) = self.script {
            let _ = write!(policy, "; script-src {}", hash(script));
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
            title: "t",
            style: &[],
            script: Some("alert(1)"),
        };
        assert!(page.policy("").contains("; script-src 'sha256-"));
    }
}
