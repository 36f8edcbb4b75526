//! The API key: validated, never shown. And what people paste instead of a value.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::text;

/// The API key, without `Debug` and `Display`, so that it cannot be printed by accident.
#[derive(Clone)]
pub(crate) struct ApiKey(Arc<str>);

impl ApiKey {
    pub(crate) fn new(key: &str) -> Result<Self> {
        validate_header_value("the API key", key)?;
        Ok(ApiKey(key.into()))
    }

    /// The key itself, for the one header that carries it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Refuses a header value that servers could read differently (only visible ASCII is allowed), and a placeholder that a
/// script or a CI system should have replaced.
pub(crate) fn validate_header_value(what: &str, value: &str) -> Result<()> {
    let problem = if value.is_empty() {
        "is empty"
    } else if let Some(problem) = not_a_value(value) {
        problem
    } else if is_reference(value) {
        "is a reference to a value, not the value itself: did the step run that replaces it?"
    } else if let Some(odd) = value.chars().find(|c| !c.is_ascii_graphic()) {
        let odd = text::kind_of(odd);
        return Err(Error::config(format!("{what} contains {odd}; only visible ASCII can be sent in a header")));
    } else {
        return Ok(());
    };
    Err(Error::config(format!("{what} {problem}")))
}

/// Whether the value is a reference to a secret in a password manager, a vault or an encrypted file.
fn is_reference(value: &str) -> bool {
    const BEGINNINGS: [&str; 41] = [
        "!ref", "!vault", "$ansible_vault", "./", "/etc/", "/home/", "/mnt/", "/run/", "/secrets/", "/var/",
        "@microsoft.", "akv:", "arn:", "aws-ssm:", "aws:", "bws:", "conjur:", "credentials(", "enc(", "enc[", "env.",
        "env:", "file:", "gcp:", "hashivault:", "keyvault:", "kms:", "op:", "process.env.", "projects/", "secret/",
        "secret:", "secretref:", "secrets.", "secretsmanager:", "sops:", "ssm:", "vars.", "vault:", "{cipher}", "~/",
    ];
    let value = value.to_ascii_lowercase();
    value.contains("://") || BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
}

/// Why a text is not a plain value: it is in quotes, or a placeholder.
pub(crate) fn not_a_value(text: &str) -> Option<&'static str> {
    const QUOTES: [&str; 6] = ["\"", "'", "`", "\u{201c}", "\u{201d}", "\u{2018}"];
    const BEGINNINGS: [&str; 11] = ["$(", "${", "$[", "{{", "#{", "$env:", "((", "%(", "%{", "@@", "MENDIX_API_KEY"];
    const EMPTY: [&str; 8] = ["null", "undefined", "none", "nil", "nan", "n/a", "object object", "changeme"];
    const ENDS: [(&str, &str); 4] = [("%", "%"), ("<", ">"), ("__", "__"), ("!", "!")];
    let is_variable = |name: &str| {
        let is_of_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && (name.bytes().all(is_of_name) || name.contains('_') && name.to_ascii_uppercase().bytes().all(is_of_name))
    };
    let word = text.trim_matches(['(', ')', '[', ']']);
    if text.trim() != text {
        Some("has leading or trailing whitespace; was it read from a file that ends in a newline?")
    } else if QUOTES.iter().any(|quote| text.starts_with(quote)) {
        Some("is in quotes, which are not part of it")
    } else if BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        || ENDS
            .iter()
            .any(|(start, end)| text.len() > 2 * start.len() && text.starts_with(start) && text.ends_with(end))
        || text.strip_prefix('$').is_some_and(is_variable)
    {
        Some("is a placeholder that was not replaced: is the variable defined, and visible to this step?")
    } else if EMPTY.iter().any(|empty| word.eq_ignore_ascii_case(empty)) {
        Some("reads like an unset variable: is the variable defined, and visible to this step?")
    } else if text.starts_with("***") || ["masked", "redacted"].iter().any(|masked| word.eq_ignore_ascii_case(masked)) {
        Some("is masked: it was copied from a place that shows asterisks, or a word, instead")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_form_of_an_unset_variable_is_not_a_value() {
        for text in ["null", "undefined", "None", "NULL", "nil", "(null)", "(none)", "[null]", "N/A", "[object Object]"]
        {
            assert!(not_a_value(text).is_some_and(|problem| problem.contains("unset variable")), "{text}");
        }
        for text in ["nullable", "none-1", "undefined1", "Nile"] {
            assert_eq!(not_a_value(text), None, "{text}");
        }
    }

    #[test]
    fn a_reference_to_a_secret_is_not_the_secret() {
        for text in [
            "op://ci/mendix/key",
            "op:ci/k",
            "secrets.MENDIX_API_KEY",
            "credentials('mendix')",
            "~/key",
            "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/k)",
            "vault:secret/data/mendix#key",
            "arn:aws:secretsmanager:eu-west-1:1:secret:k",
            "ENC[AES256_GCM,data:x]",
            "ENC(x==)",
            "sm://project/key",
            "ref+vault://secret#key",
            "AWS-SSM:/ci/key",
            "aws:ssm:/ci/key",
            "ssm:/ci/key",
            "gcp:secretmanager:k",
            "awssm://k",
            "secretref:key",
            "projects/p/secrets/k/versions/1",
            "file:/run/secrets/key",
            "/run/secrets/key",
            "$ANSIBLE_VAULT;1.1;AES256",
            "env:KEY",
            "!vault",
        ] {
            let error = validate_header_value("the API key", text).unwrap_err().to_string();
            assert!(error.contains("reference") && !error.contains(text), "{text}: {error}");
        }
        for text in [
            "me@example.com", "26587896-1cef-4483-accf-ad304e2673d6", "a/b", "a:b", "ENCHANTED", "CORP\\me",
            "/ab+/cd==",
        ] {
            validate_header_value("the user name", text).unwrap();
        }
    }

    #[test]
    fn an_unprintable_character_is_named_and_the_value_is_not() {
        for (text, named) in [
            ("pa ss", "a blank"),
            ("pa\u{a0}ss", "a blank"),
            ("pa\tss", "a tab"),
            ("pa\nss", "a line break"),
            ("pa\0ss", "a control character"),
            ("pa\u{7f}ss", "a control character"),
            ("pa\u{200b}ss", "an invisible character"),
            ("pa\u{fc}ss", "a character that is not ASCII"),
        ] {
            let error = validate_header_value("the API key", text).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains("ss"), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_placeholder_is_not_a_value() {
        for text in [
            "\"pa55\"", "'pa55'", "$(PA55)", "${PA55}", "${{ secrets.PA55 }}", "{{ pa55 }}", "%PA55%", "#{PA55}#",
            "<pa55>", "__PA55__", "$PASS", "$env:PA55", "***", "$KEY1", "$mendix_api_key", "!PA55!", "((pa55))",
            "%(PA55)s", "%{PA55}", "@@PA55@@", "******d6", "[MASKED]", "MENDIX_API_KEY=26587896",
        ] {
            let problem = not_a_value(text).unwrap_or_default();
            assert!(!problem.is_empty(), "{text}");
        }
        for text in
            ["pa55", "$ecret", "100%", "%", "a\"b", "{pa55}", "<", "__", "____", "*a*", "$Pass", "26587896-1cef"]
        {
            assert_eq!(not_a_value(text), None, "{text}");
        }
    }
}
