use proptest::prelude::*;

use super::*;

fn scanner() -> Scanner {
    let known = [KnownSecret { called: "the secret edr/token".into(), value: b"correct horse battery".to_vec() }];
    Scanner::new(&known, AllowList::parse("tests/keys", Path::new(""))).expect("built")
}

fn kinds(text: &str) -> Vec<String> {
    scanner().file(Path::new("a.yaml"), text.as_bytes()).into_iter().map(|found| found.kind).collect()
}

/// Tokens are put together here: this file must be fine to push.
fn tokens() -> Vec<(String, &'static str)> {
    let letters = "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z";
    let capitals = "AB3DEF6HIJ7KLM2NOP5QRS4TUV2WXY4ZAB3DEF6HIJ7KLM2NOP5QRS4TUV2W";
    vec![
        (format!("AKIA{}", &capitals[..16]), "an AWS access key"),
        (format!("ghp_{}", &letters[..36]), "a GitHub token"),
        (format!("github_pat_{}", &letters[..40]), "a GitHub token"),
        (format!("glpat-{}", &letters[..20]), "a GitLab token"),
        (format!("xoxb-{}", &letters[..30]), "a Slack token"),
        (format!("https://hooks.slack.com/services/T0/B0/{}", &letters[..24]), "a Slack webhook"),
        (format!("-----BEGIN {} KEY-----", "RSA PRIVATE"), "a private key"),
        (format!("-----BEGIN PGP {} KEY BLOCK-----", "PRIVATE"), "a private key"),
        (format!("eyJ{0}.eyJ{0}.{0}", &letters[..20]), "a JSON web token"),
        (format!("SU{}", &capitals[..56]), "a NATS seed"),
        (format!("-----BEGIN USER NKEY {}-----", "SEED"), "NATS credentials"),
        (format!("AIza{}", &letters[..35]), "a Google API key"),
        (format!("nats://bus:{}@127.0.0.1:4222", &letters[..12]), "a password in a URL"),
    ]
}

#[test]
fn tokens_of_vendors_are_found_with_their_place_and_without_their_value() {
    for (token, kind) in tokens() {
        let found = scanner().file(Path::new("x/a.txt"), format!("# é\nsee '{token}' here\n").as_bytes());
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        let at = if kind == "a password in a URL" { 17 } else { 6 };
        assert_eq!((found[0].kind.as_str(), found[0].line, found[0].column), (kind, 2, at));
        assert!(!format!("{found:?}").contains(&token));
    }
}

#[test]
fn assignments_of_passwords_are_found() {
    for value in ["hunter2hunter2", "hJ7!kk_2pq", "c29tZXRoaW5nIHNlY3JldA==", "S3cr3t-of-mine"] {
        for text in [
            format!("password: {value}"),
            format!("  api_key: \"{value}\" # x"),
            format!("DB_PASSWORD={value}"),
            format!("\"client_secret\": \"{value}\","),
            format!("let token = '{value}';"),
        ] {
            assert_eq!(kinds(&text), [guess::KIND], "{text}");
        }
    }
}

#[test]
fn what_only_speaks_of_secrets_is_no_secret() {
    for text in [
        "password: \"{{ secret('x') }}\"",
        "token: SECRET[files.bus_password]",
        "password: ${NATS_PASSWORD_2024}",
        "password: <your password 1>",
        "password: changeme123!",
        "api_key: YOUR_API_KEY_1234567",
        "password: xxxxxxxxxxxx1",
        "secret: true\ntoken: null\npassword:\n  type: string",
        "- name: token\n  secret: true\n  description: What edr-1 asks for",
        "password_file: /run/secrets/a1b2c3d4e5f6",
        "token_url: https://example.org/oauth2/token",
        "password = get_secret(\"edr/token2\")",
        "token = response[\"access_token1\"]",
        "secret: edr/token_2",
        "let token = tokenizer.next_token_32();",
        "passwords: see docs/secrets.md",
        "nats://bus:{{ secret('password') }}@127.0.0.1",
        "nats://bus:${PASSWORD}@127.0.0.1 http://[::1]:8080/a@b",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ] {
        assert_eq!(kinds(text), [""; 0], "{text}");
    }
}

#[test]
fn the_catalogue_and_the_examples_are_clean() {
    let mut folders = vec![
        Path::new(env!("CARGO_MANIFEST_DIR")).join("products"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"),
    ];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                assert_eq!(scanner().file(&path, &std::fs::read(&path).expect("readable")), []);
            }
        }
    }
    assert!(files > 20);
}

#[test]
fn known_secrets_are_found_in_contents_messages_and_names() {
    let found = scanner().file(Path::new("d/correct horse battery.txt"), b"x\n  y: correct horse battery\n");
    assert_eq!((found[0].line, found[0].column, found[0].kind.as_str()), (2, 6, "the secret edr/token"));
    assert_eq!(
        (found[1].path.as_path(), found[1].kind.as_str()),
        (Path::new("d/***.txt"), "the secret edr/token, in the name of this file (there as ***)")
    );
    assert_eq!(
        scanner().message(b"use correct%20horse%20battery now")[0].kind,
        "the secret edr/token, as part of a URL"
    );
}

#[test]
fn the_name_of_a_file_is_told_without_the_secret_in_it() {
    let token = &tokens()[1].0;
    let path = format!("docs/{token}/correct horse battery/x.txt");
    let found = scanner().file(Path::new(&path), b"");
    let kinds: Vec<&str> = found.iter().map(|found| found.kind.split(',').next().expect("a part")).collect();
    assert_eq!(kinds, ["a GitHub token", "the secret edr/token"]);
    assert!(found.iter().all(|found| found.path == Path::new("docs/***/***/x.txt")), "{found:?}");
}

#[test]
fn the_names_of_branches_and_the_messages_of_tags_are_looked_through() {
    for (token, kind) in tokens().into_iter().take(6) {
        let found = scanner().name_of_reference(&format!("refs/heads/fix/{token}"));
        assert_eq!((found.len(), found[0].kind.as_str()), (1, kind));
        assert!(!format!("{found:?}").contains(&token));
        assert_eq!(scanner().message_of_tag("v1", format!("Release\n\nwith {token}\n").as_bytes())[0].line, 3);
    }
    assert_eq!(scanner().name_of_reference("refs/heads/fix-token-of-edr-1"), []);
}

#[test]
fn secrets_are_found_in_text_of_two_bytes_for_a_letter() {
    let token = &tokens()[1].0;
    let text = format!("# \u{e9}\nuse {token}\npassword: hunter2hunter2\nand correct horse battery\n");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let found = |content: &[u8]| -> Vec<(usize, usize, String)> {
        let found = scanner().file(Path::new("a.txt"), content).into_iter();
        found.map(|found| (found.line, found.column, found.kind)).collect()
    };
    let all = [(2, 5, "a GitHub token"), (3, 11, guess::KIND), (4, 5, "the secret edr/token")];
    let all = all.map(|(line, column, kind)| (line, column, kind.to_owned())).to_vec();
    assert_eq!(found(&[&[0xFF, 0xFE], little.as_slice()].concat()), all);
    assert_eq!(found(&[&[0xFE, 0xFF], big.as_slice()].concat()), all);
    // Without a mark nothing is guessed: bytes with zeros may be anything.
    let known = [all[0].clone(), all[2].clone()];
    assert_eq!(found(&little), known);
    assert_eq!(found(&big), known);
    // In the middle of something else, wherever it starts.
    for before in [b"\x7fELF\x01".as_slice(), b"\x7fELF\x01\x02"] {
        assert_eq!(found(&[before, little.as_slice()].concat()).len(), 2);
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    let line = format!("password: hunter2hunter2 # {MARKER}\n");
    assert_eq!(kinds(&line), [""; 0]);
    assert_eq!(kinds(&format!("{line}password: hunter2hunter2\n")).len(), 1);
    let path = Path::new("tests/keys/a.pem");
    let key = format!("-----BEGIN {} KEY-----\n", "PRIVATE");
    assert_eq!(scanner().file(path, key.as_bytes()), []);
    assert_eq!(scanner().file(path, b"correct horse battery").len(), 1);
}

#[test]
fn a_file_of_the_vault_must_be_encrypted() {
    let kinds = |content: &[u8]| scanner().file(Path::new("secrets/a.gpg"), content).len();
    assert_eq!(kinds(b"hunter2"), 1);
    assert_eq!(kinds(b"\x85\x01\x0c password: hunter2hunter2"), 0);
    assert_eq!(kinds(b"-----BEGIN PGP MESSAGE-----\n"), 0);
    assert_eq!(kinds(b"\x85 correct horse battery"), 1);
}

proptest! {
    #[test]
    fn any_bytes_can_be_looked_through(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for found in scanner().file(Path::new("a"), &bytes) {
            prop_assert!(found.line >= 1 && found.column >= 1);
        }
    }

    #[test]
    fn a_secret_is_found_whatever_stands_around_it(before in "[a-z \n\u{e9}]{0,200}", after in "[a-z \n]{0,200}") {
        let text = format!("{before}correct horse battery{after}");
        let found = scanner().file(Path::new("a"), text.as_bytes());
        let at = (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        prop_assert!(found.iter().any(|found| (found.line, found.column) == at));
    }
}

/// Texts made to make a careless scanner slow: one that takes the square of their length would be at
/// it for hours.
#[test]
fn the_time_is_linear_in_the_text() {
    let scanner = scanner();
    let texts = [
        "eyJ",
        "password=",
        "a:b@://",
        "-----BEGIN ",
        "://:",
        "xoxb-",
        "A",
        "correct horse ",
        "token: \"{{",
        "AKIA A2",
    ];
    for piece in texts {
        let text = piece.repeat(1024 * 1024 / piece.len());
        let start = std::time::Instant::now();
        scanner.file(Path::new("a"), text.as_bytes());
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "{piece}: {:?}", start.elapsed());
    }
}
