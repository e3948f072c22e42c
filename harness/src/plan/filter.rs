//! Choosing cases by id: `--filter` and the suites named on the command line.

use wildmatch::WildMatch;

use super::suite::Case;

/// A filter expression: words joined by `|` (or), `&` (and), `!` (not) and parentheses; a word is a
/// glob over ids, and matches a whole group when it names one (`profiles/baseline-provider`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Expression);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Glob(String),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

/// A filter that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "filter `{text}`: {problem} at character {at}; write for instance `profiles/* & !*strict*`"
)]
pub struct FilterError {
    text: String,
    problem: &'static str,
    at: usize,
}

impl Filter {
    /// Parses an expression.
    ///
    /// # Errors
    /// [`FilterError`] with the place of the problem.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser { text, rest: text };
        let expression = parser.or()?;
        match parser.peek() {
            None => Ok(Self(expression)),
            Some(_) => Err(parser.error("something is left over")),
        }
    }

    /// True if the case is chosen.
    #[must_use]
    pub fn matches(&self, case: &Case) -> bool {
        self.matches_id(&case.id)
    }

    /// True if a case with this id would be chosen.
    #[must_use]
    pub fn matches_id(&self, id: &str) -> bool {
        self.0.matches(id)
    }
}

impl Expression {
    fn matches(&self, id: &str) -> bool {
        match self {
            Self::Glob(glob) => names(glob, id),
            Self::Not(inner) => !inner.matches(id),
            Self::And(one, two) => one.matches(id) && two.matches(id),
            Self::Or(one, two) => one.matches(id) || two.matches(id),
        }
    }
}

/// True if a glob matches an id, or a group that the id lies in.
#[must_use]
pub(crate) fn names(glob: &str, id: &str) -> bool {
    // Asked of every case for every sentence of the standard: most globs are told by their beginning.
    let literal = glob.split(['*', '?']).next().unwrap_or_default();
    let Some(rest) = id.strip_prefix(literal) else {
        return false;
    };
    if literal.len() == glob.len() {
        return rest.is_empty() || rest.starts_with('/');
    }
    let glob = WildMatch::new(glob);
    let mut ends = id.match_indices('/').map(|(at, _)| at).chain([id.len()]);
    ends.any(|end| glob.matches(&id[..end]))
}

/// False only if a glob can match neither the suite of that name nor a case or group in it.
///
/// A short run makes and reads no suites but those that its patterns may mean.
#[must_use]
pub fn may_name(glob: &str, suite: &str) -> bool {
    let literal = glob.split(['*', '?']).next().unwrap_or_default();
    suite.starts_with(literal) || literal.starts_with(suite)
}

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl Parser<'_> {
    fn error(&self, problem: &'static str) -> FilterError {
        let at = self.text.len() - self.rest.len() + 1;
        FilterError {
            text: self.text.to_owned(),
            problem,
            at,
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn or(&mut self) -> Result<Expression, FilterError> {
        let mut left = self.and()?;
        while self.take('|') {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, FilterError> {
        let mut left = self.not()?;
        while self.take('&') {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, FilterError> {
        if self.take('!') {
            return Ok(Expression::Not(Box::new(self.not()?)));
        }
        if self.take('(') {
            let inner = self.or()?;
            return match self.take(')') {
                true => Ok(inner),
                false => Err(self.error("a closing parenthesis is missing")),
            };
        }
        self.peek();
        let end = self
            .rest
            .find(|c: char| "|&!()".contains(c) || c.is_whitespace());
        let word = &self.rest[..end.unwrap_or(self.rest.len())];
        if word.is_empty() {
            return Err(self.error("a pattern is missing"));
        }
        let glob = Expression::Glob(word.to_owned());
        self.rest = &self.rest[word.len()..];
        Ok(glob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not read cannot be chosen, so a suite may only be left out if no case of it could be.
    #[test]
    fn a_suite_is_left_out_only_if_nothing_in_it_can_match() {
        for (glob, suite, may) in [
            ("profiles/*", "profiles/baseline-provider", true),
            ("profiles/*", "life/login", false),
            ("life/login/locks-*", "life/login", true),
            ("life/login/locks-*", "life/logins", false),
            ("life", "life/login", true),
            ("*login*", "life/login", true),
            ("l?fe/*", "life/login", true),
            ("lofe/*", "life/login", false),
        ] {
            assert_eq!(may_name(glob, suite), may, "{glob} and {suite}");
        }
    }

    #[test]
    fn expressions_choose_ids() {
        let id = "profiles/baseline-provider/bl-m-1-32";
        for (text, chosen) in [
            ("profiles", true),
            ("profile", false),
            ("profiles/*/bl-*", true),
            ("*bl-m*", true),
            ("profiles & !*strict*", true),
            ("functions | (profiles & bl)", false),
            ("!profiles", false),
            ("profiles/baseline-provider/bl-m-1-3?", true),
        ] {
            assert_eq!(
                Filter::parse(text).expect(text).0.matches(id),
                chosen,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_its_place() {
        for (text, problem, at) in [
            ("", "a pattern is missing", 1),
            ("a &", "a pattern is missing", 4),
            ("(a", "a closing parenthesis is missing", 3),
            ("a b", "something is left over", 3),
        ] {
            let error = Filter::parse(text).expect_err(text);
            assert_eq!((error.problem, error.at), (problem, at), "{text}");
        }
    }
}
