//! The page of all commands, made of the command line's own description.

use clap::{Arg, Command};

const INTRODUCTION: &str = "\
# Commands

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 130 interrupted. Data goes to standard output,
everything else to standard error.
";

/// The page, as Markdown.
pub(super) fn markdown(mut root: Command) -> String {
    root.build();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| command | |\n|---|---|\n");
    for command in visible(&root) {
        page.push_str(&format!("| [`{}`](#{}) | {} |\n", name(command), anchor(command), about(command)));
    }
    page.push_str("\n## Options of every command\n");
    arguments(&root, |_| true, &mut page);
    for command in visible(&root) {
        section(command, 2, &mut page);
    }
    page
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|own| !own.is_hide_set() && own.get_name() != "help")
}

/// The name with those of the commands that it is part of: `list plugs`.
fn name(command: &Command) -> &str {
    let whole = command.get_bin_name().unwrap_or(command.get_name());
    whole.split_once(' ').map_or(whole, |(_, rest)| rest)
}

fn anchor(command: &Command) -> String {
    name(command).replace(' ', "-")
}

fn about(command: &Command) -> String {
    command.get_about().map(|about| cell(&about.to_string())).unwrap_or_default()
}

/// A text for a cell of a table.
fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|").replace("\n\n", " ").replace('\n', " ")
}

fn section(command: &Command, level: usize, page: &mut String) {
    page.push_str(&format!("\n{} {}\n", "#".repeat(level), name(command)));
    let text = command.get_long_about().or(command.get_about());
    if let Some(text) = text {
        page.push_str(&format!("\n{}\n", text.to_string().trim()));
    }
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage:").lines().map(str::trim).collect();
    page.push_str(&format!("\n```text\n{}\n```\n", usage.join("\n")));
    arguments(command, |own| !own.is_global_set(), page);
    for below in visible(command) {
        section(below, level + 1, page);
    }
}

fn arguments(command: &Command, wanted: fn(&Arg) -> bool, page: &mut String) {
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|own| wanted(own) && !own.is_hide_set() && !["help", "version"].contains(&own.get_id().as_str()))
        .collect();
    if shown.is_empty() {
        return;
    }
    page.push_str("\n| | |\n|---|---|\n");
    for own in shown {
        page.push_str(&format!("| `{}` | {} |\n", form(own).replace('|', "\\|"), explained(own)));
    }
}

/// How an argument is written: `-m, --mode <MODE>`.
fn form(argument: &Arg) -> String {
    let values = if argument.get_action().takes_values() {
        argument
            .get_value_names()
            .map(|names| names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" "))
    } else {
        None
    };
    let value = values.unwrap_or_default();
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    if flags.is_empty() {
        let more = if argument.get_action().takes_values()
            && argument.get_num_args().is_some_and(|own| own.max_values() > 1)
        {
            "..."
        } else {
            ""
        };
        let value = if value.is_empty() { format!("<{}>", argument.get_id().as_str().to_uppercase()) } else { value };
        return if argument.is_required_set() {
            format!("{value}{more}")
        } else {
            format!("[{}]{more}", &value[1..value.len() - 1])
        };
    }
    format!("{} {value}", flags.join(", ")).trim().to_owned()
}

/// What an argument does, with the values that it takes.
fn explained(argument: &Arg) -> String {
    let text = argument.get_long_help().or(argument.get_help()).map(|help| cell(&help.to_string()));
    let mut text = text.unwrap_or_default();
    if !argument.get_action().takes_values() {
        return text;
    }
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), cell(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !values.is_empty() && !argument.is_hide_possible_values_set() {
        text.push_str(&format!(": {}", values.join(", ")));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if !defaults.is_empty() && !argument.is_hide_default_value_set() {
        text.push_str(&format!(" [default: {}]", defaults.join(", ")));
    }
    text
}
