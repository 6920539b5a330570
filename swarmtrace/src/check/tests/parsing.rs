//! The assertions' language.

use super::word;
use crate::check::assertion::{Count, Limit, Metric, Operator, Scope, Statistic, Time};
use crate::check::parse::assertion;
use proptest::prelude::*;

fn column(text: &str) -> (usize, String) {
    let error = assertion(text).expect_err(text);
    let shown = error.to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    // The caret stands under the character that the column counts to.
    assert_eq!(lines[2].chars().count(), 4 + error.column, "{shown}");
    assert!(lines[2].ends_with('^'), "{shown}");
    (error.column, error.what)
}

#[test]
fn each_form_is_understood() {
    let hop = |name: &str, back| Time::Hop {
        name: name.to_owned(),
        back,
    };
    let p = Statistic::Percentile;
    let cases = [
        (
            "handshake.p99 < 5ms",
            Metric::Time(Time::Handshake, p(99.0)),
            Operator::Less,
            Limit::Time(5e6),
        ),
        (
            "first_byte.p99.9<=1.5s",
            Metric::Time(Time::FirstByte, p(99.9)),
            Operator::AtMost,
            Limit::Time(1.5e9),
        ),
        (
            "hop(ingress_sbox).p50 < 200us",
            Metric::Time(hop("ingress_sbox", false), p(50.0)),
            Operator::Less,
            Limit::Time(2e5),
        ),
        (
            "hop( vxlan out, back ).max < 2 ms",
            Metric::Time(hop("vxlan out", true), Statistic::Max),
            Operator::Less,
            Limit::Time(2e6),
        ),
        (
            "hop(host veth(ingress_sbox) out).mean > 3ns",
            Metric::Time(hop("host veth(ingress_sbox) out", false), Statistic::Mean),
            Operator::More,
            Limit::Time(3.0),
        ),
        (
            "rst.handshake == 0",
            Metric::Count(Count::RstHandshake),
            Operator::Equal,
            Limit::Count(0.0),
        ),
        (
            "rst.total != 1",
            Metric::Count(Count::RstTotal),
            Operator::NotEqual,
            Limit::Count(1.0),
        ),
        (
            "retransmit.syn == 0",
            Metric::Count(Count::RetransmitSyn),
            Operator::Equal,
            Limit::Count(0.0),
        ),
        (
            "retransmit.total < 0.5%",
            Metric::Count(Count::RetransmitTotal),
            Operator::Less,
            Limit::Percent(0.5),
        ),
        (
            "connections >= 100",
            Metric::Count(Count::Connections),
            Operator::AtLeast,
            Limit::Count(100.0),
        ),
        (
            "failed<1%",
            Metric::Count(Count::Failed),
            Operator::Less,
            Limit::Percent(1.0),
        ),
        (
            "unanswered == 0",
            Metric::Count(Count::Unanswered),
            Operator::Equal,
            Limit::Count(0.0),
        ),
        (
            "lost == 0",
            Metric::Count(Count::Lost),
            Operator::Equal,
            Limit::Count(0.0),
        ),
    ];
    for (text, metric, operator, limit) in cases {
        let read = assertion(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((read.scope, read.metric), (Scope::Each, metric), "{text}");
        assert_eq!((read.operator, read.limit), (operator, limit), "{text}");
    }
}

#[test]
fn edges_and_scopes() {
    let read = |text: &str| assertion(text).unwrap_or_else(|e| panic!("{e}"));
    let edge = Time::Edge {
        from: "host eth0 in".to_owned(),
        to: "vote nic(ingress) in".to_owned(),
    };
    for text in [
        "edge(host eth0 in -> vote nic(ingress) in).median < 1ms",
        "edge( host eth0 in → other node's vote nic(ingress) in ).p50 < 1ms",
    ] {
        assert_eq!(
            read(text).metric,
            Metric::Time(edge.clone(), Statistic::Percentile(50.0))
        );
    }
    assert_eq!(read("all: lost == 0").scope, Scope::All);
    assert_eq!(
        read("service(vote): failed == 0").scope,
        Scope::Service("vote".to_owned())
    );
    assert_eq!(
        read(" backend( 10.0.0.5:8080 ) :failed == 0").scope,
        Scope::Backend("10.0.0.5:8080".to_owned())
    );
}

#[test]
fn a_mistake_is_pointed_at() {
    for (text, expected, word) in [
        ("", 1, "expected a figure"),
        ("handshak.p99 < 5ms", 1, "no figure 'handshak'"),
        ("handshake.p9o < 5ms", 11, "percentile"),
        ("handshake.p100 < 5ms", 11, "less than 100"),
        ("handshake.p < 5ms", 11, "percentile"),
        ("handshake < 5ms", 11, "statistic"),
        ("handshake.p99 = 5ms", 15, "=="),
        ("handshake.p99 < ms", 17, "a time"),
        ("handshake.p99 < 5", 18, "unit"),
        ("handshake.p99 < 5 min", 19, "'min' is no unit"),
        ("handshake.p99 < 5ms!", 20, "nothing may follow"),
        ("handshake.p99 < -5ms", 17, "a time"),
        ("handshake.p99 < 5%", 18, "'%' is no unit of time"),
        ("lost == 0ms", 10, "no unit of a count"),
        ("connections > 5%", 16, "no unit of a count"),
        ("hop().p50 < 1ms", 5, "expected a name"),
        ("hop(a.p50 < 1ms", 4, "not closed"),
        ("hop(a, beck).p50 < 1ms", 8, "'there' or 'back'"),
        ("hop.p50 < 1ms", 4, "parentheses"),
        ("edge(a).p50 < 1ms", 6, "A -> B"),
        ("edge(a -> ).p50 < 1ms", 6, "A -> B"),
        ("rst == 0", 5, "handshake or total"),
        ("rst.handshak == 0", 5, "handshake or total"),
        ("service(vote) failed == 0", 15, "':'"),
        ("service(vöte) failed == 0", 15, "':'"),
        ("größe == 0", 1, "no figure 'größe'"),
    ] {
        let (column, what) = column(text);
        assert_eq!(column, expected, "{text}: {what}");
        assert!(what.contains(word), "{text}: {what}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,60}") {
        if let Err(error) = assertion(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column));
        }
    }

    #[test]
    fn no_mixture_of_its_own_words_is_too_odd(words in proptest::collection::vec(word(&[
        "handshake", "hop", "edge", "(", ")", ".", "p99", "p99.", "max", "<", "==", "=", "5", "ms",
        "%", "->", ",", "back", "service", ":", "rst", "total", "lost", " ", "é", "\t",
    ]), 0..12)) {
        let text = words.concat();
        if let Err(error) = assertion(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", text);
        }
    }

    #[test]
    fn times_mean_the_same_in_every_unit(number in 1_u32..1_000_000) {
        let limit = |text: String| assertion(&text).map(|a| a.limit);
        let ns = limit(format!("handshake.max < {number}000000ns"));
        prop_assert_eq!(&ns, &limit(format!("handshake.max<{number}ms")));
        prop_assert_eq!(&ns, &limit(format!("handshake.max  <  {number}000 us")));
    }
}
