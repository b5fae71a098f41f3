/// {{ says }}
#[{{ path }}{{ attribute }}{{ "(" ~ arguments | join(", ") ~ ")" if arguments else "" }}]
fn {{ function }}(_ctx: &{{ path }}{{ context }}) -> {{ path }}Result<()> {
    {{ path }}bail!("{{ missing }}")
}
