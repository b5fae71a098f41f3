use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[(&str, &str)]) -> Arc<Redactor> {
    Arc::new(Redactor::new(secrets.iter().copied()))
}

/// The stream in these pieces.
fn filtered(redactor: &Arc<Redactor>, pieces: &[&[u8]]) -> String {
    let (mut filter, mut out) = (Filter::new(redactor.clone()), Vec::new());
    for piece in pieces {
        filter.push(piece, &mut out);
    }
    filter.finish(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn a_secret_is_hidden_wherever_the_stream_is_cut() {
    let known = redactor(&[("bus/password", "hunter2!"), ("store/key", "er2!x9"), ("a", "hunter2!and more")]);
    let text = "login hunter2! and aHVudGVyMiE= hunter2!x9, hunter2%21 hunter2!and more. hunter";
    let whole = filtered(&known, &[text.as_bytes()]);
    assert_eq!(
        whole,
        "login [secret bus/password] and [secret bus/password]E= [secret bus/password][secret store/key], \
         [secret bus/password] [secret a]. hunter"
    );
    let bytes = text.as_bytes();
    for cut in 0..=bytes.len() {
        assert_eq!(filtered(&known, &[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(filtered(&known, &single), whole);
}

#[test]
fn only_the_possible_beginning_of_a_secret_is_held_back() {
    let known = redactor(&[("p", "hunter2!")]);
    let (mut filter, mut out) = (Filter::new(known), Vec::new());
    filter.push(b"ready\nhun", &mut out);
    assert_eq!(out, b"ready\n");
    filter.push(b"gry\n", &mut out);
    assert_eq!(out, b"ready\nhungry\n");
}

#[test]
fn what_is_too_common_is_said_and_left_alone() {
    for value in ["", "abc12", "Password", "aaaaaaaa"] {
        assert!(too_common(value).is_some(), "{value}");
    }
    assert_eq!(too_common("hunter2!"), None);
    assert_eq!(redactor(&[("p", "password")]).redact("no password given"), "no password given");
}

#[test]
fn secrets_that_come_later_are_hidden_from_then_on() {
    let (mut filter, mut out) = (Filter::new(redactor(&[("old", "hunter2!")])), Vec::new());
    filter.push(b"hunter2! opens hunter", &mut out);
    filter.replace(redactor(&[("old", "hunter2!"), ("new", "hunterX99")]), &mut out);
    filter.push(b"X99 hunter2!\n", &mut out);
    filter.finish(&mut out);
    assert_eq!(String::from_utf8(out).expect("UTF-8"), "[secret old] opens [secret new] [secret old]\n");
}

#[test]
fn a_redactor_does_not_show_what_it_knows() {
    let known = redactor(&[("p", "hunter2!")]);
    assert!(!format!("{known:?} {:?}", Filter::new(known.clone())).contains("hunter2!"));
}

proptest! {
    #[test]
    fn no_cut_lets_a_secret_through(
        secrets in vec("[ab]{6,9}", 1..4),
        parts in vec(prop_oneof!["[abc]{0,6}", "[ab]{6,9}"], 0..8),
        cuts in vec(0_usize..80, 0..6),
    ) {
        let named: Vec<(&str, &str)> = secrets.iter().map(|secret| ("s", secret.as_str())).collect();
        let known = redactor(&named);
        let text: String = parts.iter().zip(secrets.iter().cycle()).flat_map(|(part, secret)| [part.as_str(), secret]).collect();
        let whole = known.redact(&text);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
        let cut = filtered(&known, &pieces);
        for secret in secrets.iter().filter(|secret| too_common(secret).is_none()) {
            prop_assert!(!whole.contains(secret.as_str()), "{text} -> {whole}");
            prop_assert!(!cut.contains(secret.as_str()), "{text} -> {cut}");
        }
        // Nothing else is taken away: what no secret covers is still there, in order.
        let covered = |at: usize| secrets.iter().filter(|secret| too_common(secret).is_none())
            .any(|secret| text.match_indices_at(secret).any(|start| (start..start + secret.len()).contains(&at)));
        let kept: String = text.char_indices().filter(|(at, _)| !covered(*at)).map(|(_, c)| c).collect();
        prop_assert_eq!(whole.replace("[secret s]", ""), kept.clone());
        prop_assert_eq!(cut.replace("[secret s]", ""), kept);
    }
}

/// All places of a text, overlapping ones too.
trait Places {
    fn match_indices_at<'a>(&'a self, wanted: &'a str) -> Box<dyn Iterator<Item = usize> + 'a>;
}

impl Places for String {
    fn match_indices_at<'a>(&'a self, wanted: &'a str) -> Box<dyn Iterator<Item = usize> + 'a> {
        Box::new((0..self.len()).filter(move |at| self[*at..].starts_with(wanted)))
    }
}
