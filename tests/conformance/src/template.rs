//! Texts of the corpus with names in them: `${iss}/`, `${now+skew-1}`, `${repeat:20:.}`, and `$<20:{}>$` for a text with braces.

use std::collections::BTreeMap;

use crate::error::BuildError;

/// Most bytes that one text becomes.
const MAX_EXPANDED_BYTES: usize = 8 * 1024 * 1024;

/// What the names stand for.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    texts: BTreeMap<String, String>,
    numbers: BTreeMap<&'static str, i128>,
}

impl Scope {
    /// Names a text.
    pub fn text(&mut self, name: &str, text: impl Into<String>) {
        self.texts.insert(name.to_owned(), text.into());
    }

    /// Names a number, which sums can be made of.
    pub fn number(&mut self, name: &'static str, number: u64) {
        self.numbers.insert(name, number.into());
    }

    /// The text of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Puts values in the places of names.
    pub fn expand(&self, text: &str) -> Result<String, BuildError> {
        let mut expanded = String::with_capacity(text.len());
        let text = &repeated(text)?;
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| BuildError::Template { text: text.clone() })?;
            expanded.push_str(&self.value(name)?);
            if expanded.len() > MAX_EXPANDED_BYTES {
                return Err(BuildError::TooLong {
                    limit: MAX_EXPANDED_BYTES,
                });
            }
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn value(&self, name: &str) -> Result<String, BuildError> {
        if let Some(text) = self.texts.get(name) {
            return Ok(text.clone());
        }
        let unknown = || BuildError::Name {
            name: name.to_owned(),
        };
        if let Some(repeat) = name.strip_prefix("repeat:") {
            return times(repeat);
        }
        self.sum(name)
            .map(|sum| sum.to_string())
            .ok_or_else(unknown)
    }

    /// `now+skew-1`: names and integers.
    fn sum(&self, text: &str) -> Option<i128> {
        let mut total: i128 = 0;
        let mut rest = text;
        let mut sign = 1;
        loop {
            let end = rest.find(['+', '-']).unwrap_or(rest.len());
            let (term, after) = rest.split_at(end);
            let value = match term.parse::<i128>() {
                Ok(value) => value,
                Err(_) => *self.numbers.get(term)?,
            };
            total += sign * value;
            let mut characters = after.chars();
            sign = match characters.next() {
                None => return Some(total),
                Some('-') => -1,
                Some(_) => 1,
            };
            rest = characters.as_str();
        }
    }
}

/// `20:x` as twenty x.
fn times(repeat: &str) -> Result<String, BuildError> {
    let unknown = || BuildError::Name {
        name: repeat.to_owned(),
    };
    let (count, text) = repeat.split_once(':').ok_or_else(unknown)?;
    let count = count.parse::<usize>().map_err(|_| unknown())?;
    if count.saturating_mul(text.len()) > MAX_EXPANDED_BYTES {
        return Err(BuildError::TooLong {
            limit: MAX_EXPANDED_BYTES,
        });
    }
    Ok(text.repeat(count))
}

/// Every `$<20:x>$` written out.
fn repeated(text: &str) -> Result<String, BuildError> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$<") {
        expanded.push_str(before);
        let (repeat, after) = after.split_once(">$").ok_or_else(|| BuildError::Template {
            text: text.to_owned(),
        })?;
        expanded.push_str(&times(repeat)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sums_and_repetitions() {
        let mut scope = Scope::default();
        scope.text("iss", "https://a");
        scope.number("now", 1000);
        scope.number("skew", 5);
        let good = |text: &str| scope.expand(text).unwrap();
        assert_eq!(good("\"${iss}/\""), "\"https://a/\"");
        assert_eq!(good("${now+skew-1}"), "1004");
        assert_eq!(good("${now-2000}"), "-1000");
        assert_eq!(good("${repeat:3:ab}"), "ababab");
        assert_eq!(good("plain {} $"), "plain {} $");
        assert_eq!(good("[$<2:{},>${}]"), "[{},{},{}]");
        for bad in ["${nobody}", "${now+x}", "${now", "${}", "${repeat:x:a}"] {
            assert!(scope.expand(bad).is_err(), "{bad}");
        }
        assert!(scope.expand("${repeat:90000000:ab}").is_err());
    }
}
