//! Names that are known for what they are: zones of dynamic-DNS services, and URL shorteners.
//! Kept by hand from the services' own pages; a name below a listed one counts too.

use crate::indicator::is_within;

/// Zones in which anybody gets a name for an address that changes.
#[rustfmt::skip]
const DYNAMIC_DNS: &[&str] = &[
    "duckdns.org", "no-ip.com", "no-ip.org", "no-ip.biz", "no-ip.info", "noip.me", "noip.us", "ddns.net", "ddns.me",
    "hopto.org", "hopto.me", "zapto.org", "sytes.net", "servebeer.com", "serveblog.net", "servecounterstrike.com",
    "serveftp.com", "servegame.com", "servehalflife.com", "servehttp.com", "serveirc.com", "serveminecraft.net",
    "servemp3.com", "servepics.com", "servequake.com", "myftp.biz", "myftp.org", "myvnc.com", "redirectme.net",
    "bounceme.net", "gotdns.ch", "webhop.me", "3utilities.com", "onthewifi.com", "myddns.me", "freedynamicdns.net",
    "freedynamicdns.org", "dyndns.org", "dyndns.biz", "dyndns.info", "dyndns.tv", "dyndns-home.com", "dyndns-ip.com",
    "dyndns-office.com", "dyndns-server.com", "dyndns-work.com", "dnsalias.com", "dnsalias.net", "dnsalias.org",
    "dnsdojo.com", "dnsdojo.net", "dnsdojo.org", "homeip.net", "homelinux.com", "homelinux.net", "homelinux.org",
    "homeunix.com", "homeunix.net", "homeunix.org", "homeftp.net", "homeftp.org", "gotdns.com", "gotdns.org",
    "is-a-geek.com", "is-a-geek.net", "is-a-geek.org", "kicks-ass.net", "kicks-ass.org", "dynu.net", "dynu.com",
    "freeddns.org", "giize.com", "gleeze.com", "kozow.com", "loseyourip.com", "mywire.org", "ooguy.com", "theworkpc.com",
    "accesscam.org", "camdvr.org", "casacam.net", "ddnsfree.com", "ddnsgeek.com", "webredirect.org", "dynv6.net",
    "dynv6.com", "v6.rocks", "v6.army", "dns.army", "dns.navy", "afraid.org", "mooo.com", "chickenkiller.com",
    "us.to", "strangled.net", "crabdance.com", "ignorelist.com", "jumpingcrab.com", "twilightparadox.com",
    "changeip.com", "changeip.net", "ddns.info", "ddns.ms", "dynamic-dns.net", "dns04.com", "dns05.com", "dnsrd.com",
    "dsmtp.com", "ezua.com", "faqserv.com", "fartit.com", "gettrials.com", "itemdb.com", "itsaol.com", "jkub.com",
    "lflink.com", "lflinkup.com", "longmusic.com", "mefound.com", "mrbasic.com", "mrface.com", "my03.com", "mynetav.com",
    "ns01.us", "ns02.us", "ocry.com", "onedumb.com", "organiccrap.com", "otzo.com", "qpoe.com", "sexidude.com",
    "toythieves.com", "trickip.net", "trickip.org", "wikaba.com", "wwwhost.biz", "x24hr.com", "xxuz.com", "yourtrap.com",
    "zzux.com", "dnsomatic.com", "dtdns.net", "nsupdate.info", "spdns.de", "spdns.eu", "spdns.org", "selfhost.de",
    "selfhost.eu", "selfhost.me", "selfip.com", "selfip.net", "selfip.org", "myfritz.net", "synology.me", "myqnapcloud.com",
    "diskstation.me", "i234.me", "asuscomm.com", "tplinkdns.com", "mynetgear.com", "myds.me", "quickconnect.to",
    "now-dns.net", "now-dns.org", "now-dns.top", "goip.de", "ddnss.de", "ddnss.org", "dyn-ip24.de", "dyn53.io",
    "dynalias.com", "dynalias.net", "dynalias.org", "dynathome.net", "twodns.de", "sytes.org", "linkpc.net", "publicvm.com",
    "dnsexit.com", "zonomi.com", "tzo.com", "tzo.net", "dy.fi", "dyn.com", "3322.org", "8866.org", "8800.org", "9966.org",
    "2288.org", "6600.org", "7766.org", "f3322.net", "f3322.org", "eicp.net", "gicp.net", "vicp.net", "vicp.cc", "xicp.net",
    "oicp.net", "wicp.net", "imwork.net", "iok.la", "uicp.cn", "uicp.net",
];

/// Services that turn a long URL into a short one, and so hide where it leads.
#[rustfmt::skip]
const URL_SHORTENERS: &[&str] = &[
    "bit.ly", "bitly.com", "j.mp", "tinyurl.com", "t.co", "goo.gl", "is.gd", "v.gd", "ow.ly", "buff.ly", "adf.ly",
    "cutt.ly", "rebrand.ly", "rb.gy", "shorturl.at", "short.io", "shorte.st", "s.id", "t.ly", "tiny.cc", "tiny.one",
    "bl.ink", "lnkd.in", "db.tt", "fb.me", "g.co", "git.io", "amzn.to", "a.co", "youtu.be", "wp.me", "trib.al", "dlvr.it",
    "ift.tt", "mcaf.ee", "qr.ae", "po.st", "soo.gd", "clck.ru", "u.to", "x.co", "zpr.io", "vk.cc", "urlz.fr", "hyperurl.co",
    "snip.ly", "bc.vc", "ouo.io", "linktr.ee", "chilp.it", "clicky.me", "budurl.com", "yourls.org", "tr.im", "su.pr",
    "snipurl.com", "snurl.com", "shrtco.de", "9qr.de", "gg.gg", "kutt.it", "kutt.to", "lc.cx", "n9.cl", "qrco.de",
    "reurl.cc", "surl.li", "t2m.io", "tny.im", "urlzs.com", "vo.la", "x.gd", "goo.su", "u.nu", "1url.com", "2.gp", "t.me",
    "shorturl.gg", "dub.sh", "spoo.me", "ulvis.net", "da.gd", "zws.im", "cli.gs", "hubs.ly", "hubs.la", "mzl.la", "msft.it",
    "aka.ms", "apple.co", "spoti.fi", "nyti.ms", "wapo.st", "bbc.in", "reut.rs", "econ.st", "on.ft.com", "flip.it", "tmblr.co",
];

/// Whether a normalised name lies in a zone of a dynamic-DNS service.
pub fn is_dynamic_dns(name: &str) -> bool {
    is_listed(name, DYNAMIC_DNS)
}

/// Whether a normalised name is a URL shortener's.
pub fn is_url_shortener(name: &str) -> bool {
    is_listed(name, URL_SHORTENERS)
}

fn is_listed(name: &str, list: &[&str]) -> bool {
    list.iter().any(|listed| is_within(name, listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_names_and_those_below_count() {
        assert!(is_dynamic_dns("home.duckdns.org") && is_dynamic_dns("duckdns.org"));
        assert!(is_url_shortener("bit.ly") && is_url_shortener("www.tinyurl.com"));
        for name in ["notduckdns.org", "silentpush.com", "rabbit.ly", "bit.ly.evil.de"] {
            assert!(!is_dynamic_dns(name) && !is_url_shortener(name), "{name}");
        }
    }

    #[test]
    fn the_lists_are_written_as_names_are_compared() {
        for name in DYNAMIC_DNS.iter().chain(URL_SHORTENERS) {
            let indicator = crate::indicator::Indicator::domain(name).expect("a domain");
            assert_eq!(indicator.to_string(), *name);
        }
    }
}
