//! A command line that can be pasted into a shell.

/// The command with these arguments. `None` if one of them cannot be printed unchanged.
pub(crate) fn line(arguments: &[String]) -> Option<String> {
    let quoted: Option<Vec<_>> = arguments.iter().map(|argument| quoted(argument)).collect();
    Some(format!("mendix-deploy {}", quoted?.join(" ")))
}

fn quoted(argument: &str) -> Option<String> {
    // An agent of Azure Pipelines takes `##vso[` in any line for a command.
    if argument.contains(is_invisible) || argument.contains("##") {
        return None;
    }
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,\\".contains(c) && (c != '\\' || cfg!(windows));
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return Some(argument.to_owned());
    }
    if cfg!(windows) {
        // File names cannot contain a quotation mark there.
        return (!argument.contains('"')).then(|| format!("\"{argument}\""));
    }
    Some(format!("'{}'", argument.replace('\'', r"'\''")))
}

/// Whether a character is invisible, or reverses the text around it.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(argument: &str) -> Option<String> {
        line(&[argument.to_owned()]).map(|line| line["mendix-deploy ".len()..].to_owned())
    }

    #[test]
    fn what_a_shell_would_change_is_quoted() {
        for plain in ["calc", "--name", "target/calc_1.0.0.45.mda", "Überprüfung", "a@b"] {
            assert_eq!(of(plain).as_deref(), Some(plain));
        }
        if cfg!(windows) {
            assert_eq!(of(r"C:\my files\x.mda").unwrap(), r#""C:\my files\x.mda""#);
        } else {
            for (argument, expected) in
                [("", "''"), ("my app.mda", "'my app.mda'"), ("$x", "'$x'"), ("it's", r"'it'\''s'"), (r"a\b", r"'a\b'")]
            {
                assert_eq!(of(argument).unwrap(), expected);
            }
        }
        for unprintable in ["a\nb", "\u{1b}[31m", "\u{202e}adm.x", "##vso[task.complete]"] {
            assert_eq!(of(unprintable), None);
        }
    }
}
