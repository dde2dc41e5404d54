//! Authentication levels of the Federal Authentication Service.

/// Whom a level was obtained as, where the level says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FasContext {
    /// `urn:be:fedict:iam:fas:citizen:…`
    Citizen,
    /// `urn:be:fedict:iam:fas:enterprise:…`
    Enterprise,
}

/// An authentication level as a number that can be compared (M-13.2, M-24.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationLevel {
    /// `urn:be:fedict:iam:fas:[citizen:|enterprise:]Level<three digits>`.
    Fas {
        /// The context, where it was given.
        context: Option<FasContext>,
        /// The number: 100 to 500 in use.
        level: u16,
    },
    /// Any other text, the older `…:citizen:eid` among them. Never enough.
    Unknown,
}

impl AuthenticationLevel {
    /// Reads a level. The exact form only: case counts, nothing may precede or follow.
    pub fn parse(text: &str) -> Self {
        let Some(rest) = text.strip_prefix("urn:be:fedict:iam:fas:") else {
            return Self::Unknown;
        };
        let (context, rest) = if let Some(rest) = rest.strip_prefix("citizen:") {
            (Some(FasContext::Citizen), rest)
        } else if let Some(rest) = rest.strip_prefix("enterprise:") {
            (Some(FasContext::Enterprise), rest)
        } else {
            (None, rest)
        };
        rest.strip_prefix("Level")
            .filter(|digits| digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .map_or(Self::Unknown, |level| Self::Fas { context, level })
    }

    /// Whether the level is known and at least `minimum`.
    pub const fn is_at_least(self, minimum: u16) -> bool {
        match self {
            Self::Fas { level, .. } => level >= minimum,
            Self::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let fas = |context, level| AuthenticationLevel::Fas { context, level };
        for (text, expected) in [
            ("urn:be:fedict:iam:fas:Level500", fas(None, 500)),
            (
                "urn:be:fedict:iam:fas:citizen:Level400",
                fas(Some(FasContext::Citizen), 400),
            ),
            (
                "urn:be:fedict:iam:fas:enterprise:Level300",
                fas(Some(FasContext::Enterprise), 300),
            ),
            ("urn:be:fedict:iam:fas:Level000", fas(None, 0)),
        ] {
            assert_eq!(AuthenticationLevel::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_unknown_and_never_enough() {
        for text in [
            "",
            "400",
            "Level400",
            "urn:be:fedict:iam:fas:citizen:eid",
            "urn:be:fedict:iam:fas:level400",
            "urn:be:fedict:iam:fas:Level4000",
            "urn:be:fedict:iam:fas:Level40",
            "urn:be:fedict:iam:fas:Level+40",
            "urn:be:fedict:iam:fas:Level400 ",
            " urn:be:fedict:iam:fas:Level400",
            "urn:be:fedict:iam:fas:Level４00",
            "URN:be:fedict:iam:fas:Level400",
            "urn:be:fedict:iam:fas:citizen:citizen:Level400",
            "urn:be:fedict:iam:fas:Citizen:Level400",
            "urn:be:fedict:iam:fas::Level400",
        ] {
            let level = AuthenticationLevel::parse(text);
            assert_eq!(level, AuthenticationLevel::Unknown, "{text}");
            assert!(!level.is_at_least(0));
        }
    }

    #[test]
    fn comparison() {
        let level = AuthenticationLevel::parse("urn:be:fedict:iam:fas:Level400");
        assert!(level.is_at_least(400));
        assert!(!level.is_at_least(401));
    }
}
