//! The members of a JSON object as text: what is not JSON, or stands twice, can be written too.

/// Members in their order, each a name and a value as they are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members(Vec<(String, String)>);

impl Members {
    /// Adds a member at the end; the name is written with quotes as it stands.
    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((format!("\"{name}\""), value.into()));
    }

    /// The same, before all others.
    pub(crate) fn push_front(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(0, (format!("\"{name}\""), value.into()));
    }

    /// Writes another value for a member, which is added where it is not there.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let written = format!("\"{name}\"");
        match self.0.iter_mut().find(|(member, _)| *member == written) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((written, value.into())),
        }
    }

    /// Takes a member out.
    pub(crate) fn remove(&mut self, name: &str) {
        let written = format!("\"{name}\"");
        self.0.retain(|(member, _)| *member != written);
    }

    /// Writes a member's name in another way.
    pub(crate) fn rename(&mut self, name: &str, other: &str) {
        let written = format!("\"{name}\"");
        if let Some((member, _)) = self.0.iter_mut().find(|(member, _)| *member == written) {
            *member = format!("\"{other}\"");
        }
    }

    /// A member's value as it is written.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let written = format!("\"{name}\"");
        self.0
            .iter()
            .find(|(member, _)| *member == written)
            .map(|(_, value)| value.as_str())
    }

    /// Turns the order by some places.
    pub(crate) fn rotate(&mut self, places: usize) {
        let length = self.0.len().max(1);
        self.0.rotate_left(places % length);
    }

    /// The object, with `space` between its tokens.
    pub(crate) fn text(&self, space: &str) -> String {
        let members: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{space}{name}{space}:{space}{value}{space}"))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A JSON text of a string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
