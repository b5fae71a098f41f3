//! How much a name looks as if an algorithm had made it up (DGA: domain generation algorithm).
//!
//! Four measures of the label that somebody chose, put together by a logistic function:
//!
//! - how surprising its letter pairs are (mean bits per pair, under a model of pairs counted in
//!   `words.txt`: 1,500 common words and popular names),
//! - the share of digits,
//! - the longest run of consonants,
//! - how often letters and digits change places.
//!
//! The weights were fitted to random strings of several kinds against package names and composed
//! words. Length and entropy turned out to add nothing to these four.
//!
//! What to expect at a score of 50 or more, measured on names that were not fitted to: 2 % of
//! popular sites' names and 7 % of software packages' names (full of abbreviations) are taken for
//! generated; found are 93 % of random letters of length 12 to 20, 85 % of length 8 to 11, 75 %
//! of length 6 and 7, and 99 % of hexadecimal or letter-digit mixtures. Algorithms that join
//! dictionary words are not found, nor anything in languages far from the word list. It is a
//! hint, not a verdict.

/// `a` to `z`, `0` to `9`, `-`.
const SYMBOLS: usize = 37;
/// What every pair counts before any was seen, so that unseen pairs are surprising, not impossible.
const PRIOR: f32 = 0.3;
/// Shorter labels do not hold enough to judge by.
const SHORTEST: usize = 6;

const BIAS: f32 = -15.9;
const PER_BIT_OF_SURPRISE: f32 = 2.29;
const PER_SHARE_OF_DIGITS: f32 = 1.69;
const PER_CONSONANT_IN_A_ROW: f32 = 0.85;
const PER_CHANGE_OF_KIND: f32 = 3.97;

/// How surprising letter pairs are.
pub struct Model {
    /// Bits per pair.
    surprise: Box<[[f32; SYMBOLS]; SYMBOLS]>,
}

impl Model {
    /// The model of the built-in word list.
    pub fn of_common_words() -> Self {
        Self::of_words(include_str!("words.txt").split_whitespace())
    }

    fn of_words<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        let mut table = Box::new([[PRIOR; SYMBOLS]; SYMBOLS]);
        for word in words {
            for (first, second) in pairs(word) {
                table[first][second] += 1.0;
            }
        }
        for row in table.iter_mut() {
            let total: f32 = row.iter().sum();
            row.iter_mut().for_each(|count| *count = -(*count / total).log2());
        }
        Self { surprise: table }
    }

    /// How likely the label was generated, 0 to 100. None if it cannot be judged: it is too short,
    /// or internationalised.
    pub fn dga_likelihood(&self, label: &str) -> Option<u8> {
        if label.len() < SHORTEST || !label.is_ascii() || label.starts_with("xn--") {
            return None;
        }
        let length = label.len() as f32;
        let (bits, count) = pairs(label)
            .fold((0.0, 0_u32), |(bits, count), (first, second)| (bits + self.surprise[first][second], count + 1));
        if count == 0 {
            return None;
        }
        let digits = label.bytes().filter(u8::is_ascii_digit).count() as f32;
        let changes =
            label.as_bytes().windows(2).filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit()).count();
        let evidence = BIAS
            + PER_BIT_OF_SURPRISE * bits / count as f32
            + PER_SHARE_OF_DIGITS * digits / length
            + PER_CONSONANT_IN_A_ROW * longest_run_of_consonants(label) as f32
            + PER_CHANGE_OF_KIND * changes as f32 / (length - 1.0);
        let likelihood = 1.0 / (1.0 + (-evidence).exp());
        // In 0..=100: nothing is cut off.
        Some((likelihood * 100.0).round() as u8)
    }
}

fn symbol(byte: u8) -> Option<usize> {
    match byte.to_ascii_lowercase() {
        byte @ b'a'..=b'z' => Some(usize::from(byte - b'a')),
        byte @ b'0'..=b'9' => Some(26 + usize::from(byte - b'0')),
        b'-' => Some(36),
        _ => None,
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    text.as_bytes().windows(2).filter_map(|two| Some((symbol(two[0])?, symbol(two[1])?)))
}

fn longest_run_of_consonants(label: &str) -> usize {
    label
        .split(|c: char| !c.is_ascii_alphabetic() || "aeiouyAEIOUY".contains(c))
        .map(str::len)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Popular sites and institutions whose names are not in the word list.
    const REAL: &str = "canva notion trello evernote grammarly coursera khanacademy duolingo wikimedia archive \
        britannica merriam-webster thesaurus goodreads audible slideshare substack patreon kickstarter indiegogo \
        gofundme craigslist gumtree zillow rightmove autotrader carvana nordstrom sephora wayfair homedepot bestbuy \
        newegg costco wholefoodsmarket instacart doordash grubhub ubereats opentable skyscanner hostelworld marriott \
        hilton emirates qantas singaporeair britishairways easyjet deutschebahn trenitalia amtrak greyhound flixbus \
        blablacar citibank barclays santander commerzbank creditagricole unicredit intesasanpaolo coinbase binance \
        kraken blockchain investopedia morningstar nasdaq tradingview marketwatch economist nationalgeographic \
        smithsonianmag scientificamerican newscientist sciencedirect springer researchgate elsevier harvard stanford \
        princeton cambridge tudelft sorbonne-universite thyssenkrupp schwarzkopf knorr-bremse rheinmetall krankenkasse \
        rechtsanwalt postgresql mongodb elasticsearch kubernetes jetbrains archlinux freebsd openbsd sourceforge \
        launchpad bitbucket hashicorp grafana prometheus letsencrypt digicert virustotal silentpush shodan crowdstrike \
        kaspersky bitdefender malwarebytes w3schools geeksforgeeks leetcode hackerrank 1password lastpass bitwarden \
        protonmail fastmail tutanota nextcloud owncloud";

    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    const HEX: &[u8] = b"0123456789abcdef";

    fn share_found(model: &Model, labels: &[String]) -> f64 {
        let found = labels.iter().filter(|label| model.dga_likelihood(label).is_some_and(|score| score >= 50)).count();
        found as f64 / labels.len() as f64
    }

    fn random(alphabet: &[u8], lengths: std::ops::RangeInclusive<usize>) -> Vec<String> {
        let mut random = StdRng::seed_from_u64(7);
        let mut label = || {
            let length = random.random_range(lengths.clone());
            (0..length).map(|_| char::from(alphabet[random.random_range(0..alphabet.len())])).collect()
        };
        (0..1_000).map(|_| label()).collect()
    }

    #[test]
    fn the_promised_precision_is_kept() {
        let model = Model::of_common_words();
        let real: Vec<String> = REAL.split_whitespace().map(str::to_owned).collect();
        assert!(share_found(&model, &real) <= 0.04, "{}", share_found(&model, &real));
        for (labels, at_least) in [
            (random(LETTERS, 12..=20), 0.90),
            (random(LETTERS, 8..=11), 0.80),
            (random(LETTERS, 6..=7), 0.70),
            (random(HEX, 16..=32), 0.97),
        ] {
            let found = share_found(&model, &labels);
            assert!(found >= at_least, "{found} of {:?}…", &labels[..3]);
        }
    }

    #[test]
    fn what_cannot_be_judged_is_not() {
        let model = Model::of_common_words();
        for label in ["bbc", "xn--bcher-kva", "bücher", "______"] {
            assert_eq!(model.dga_likelihood(label), None, "{label}");
        }
    }
}
