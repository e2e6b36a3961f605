//! The reference of all commands as Markdown, made from the definitions that parse them.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Cli;

const INTRODUCTION: &str = "\
# Commands

What can be typed, made from the program's own definitions by `mezz reference`; a test fails when this page is not
current. `mezz help COMMAND` says the same in a terminal.
";

/// The page `docs/cli.md`.
pub(crate) fn reference() -> String {
    let mut root = Cli::command();
    root.build();
    let globals: Vec<String> = root.get_arguments().map(|it| it.get_id().to_string()).collect();
    let mut page = INTRODUCTION.to_owned();
    describe(&mut page, &mut root, "mezz", &globals);
    page
}

/// Appends a command and all under it.
fn describe(page: &mut String, command: &mut Command, path: &str, globals: &[String]) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    // Writing to a string cannot fail.
    let _ = write!(page, "\n## {path}\n\n{about}.\n\n```text\n{usage}\n```\n");
    let is_root = path == "mezz";
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|it| !it.is_hide_set() && !["help", "version"].contains(&it.get_id().as_str()))
        .filter(|it| is_root || !globals.contains(&it.get_id().to_string()))
        .collect();
    if !shown.is_empty() {
        page.push('\n');
    }
    for argument in shown {
        page.push_str(&line(argument));
    }
    if let Some(examples) = command.get_after_help() {
        let _ = write!(page, "\n```text\n{}\n```\n", examples.to_string().trim_end());
    }
    for child in command.get_subcommands_mut() {
        if child.is_hide_set() || child.get_name() == "help" {
            continue;
        }
        let path = format!("{path} {}", child.get_name());
        describe(page, child, &path, globals);
    }
}

/// One argument: how it is written, what it means, what holds without it.
fn line(argument: &Arg) -> String {
    let values: Vec<String> =
        argument.get_value_names().unwrap_or_default().iter().map(|it| format!("<{it}>")).collect();
    let takes_value = argument.get_action().takes_values();
    let written = match (argument.get_long(), takes_value) {
        (Some(long), true) => format!("--{long} {}", values.join(" ")),
        (Some(long), false) => format!("--{long}"),
        (None, _) => values.join(" "),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("- `{written}` — {}", help.trim_end_matches('.'));
    let choices: Vec<String> = if takes_value {
        argument
            .get_possible_values()
            .iter()
            .map(|it| match it.get_help() {
                Some(help) => {
                    let help = help.to_string();
                    format!("`{}` ({})", it.get_name(), help.trim_end_matches('.'))
                }
                None => format!("`{}`", it.get_name()),
            })
            .collect()
    } else {
        Vec::new()
    };
    if !choices.is_empty() {
        let _ = write!(text, "; one of {}", choices.join(", "));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|it| format!("`{}`", it.display())).collect();
    if takes_value && !defaults.is_empty() {
        let _ = write!(text, "; {} if left out", defaults.join(", "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(text, "; environment: `{}`", variable.display());
    }
    text.push_str(".\n");
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
        let committed = std::fs::read_to_string(path).expect("the page is there");
        assert!(
            committed == reference(),
            "docs/cli.md is not what the program says of itself: run `mezz reference > docs/cli.md`"
        );
    }

    #[test]
    fn every_command_teaches_by_example() {
        fn check(command: &Command, path: &str) {
            for child in command.get_subcommands().filter(|it| !it.is_hide_set()) {
                let path = format!("{path} {}", child.get_name());
                let examples = child.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(examples.contains(&path), "`{path}` has no example of itself");
                check(child, &path);
            }
        }
        check(&Cli::command(), "mezz");
    }
}
