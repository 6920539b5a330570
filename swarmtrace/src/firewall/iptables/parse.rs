//! Parsing what `iptables-save` prints.

use super::options::condition;
use super::ruleset::{Asks, Match, Policy, Rule, Ruleset, Table, Target};
use super::target::target;
use super::words::{is_option, words};

impl Ruleset {
    /// Parses the text. What is not understood stays visible, as
    /// [`Asks::Unknown`] or [`Target::Opaque`].
    pub fn parse(text: &str) -> Self {
        let mut set = Self::default();
        let mut table: Option<&mut Table> = None;
        for line in text.lines() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('*') {
                table = Some(set.tables.entry(name.to_owned()).or_default());
            } else if let (Some(table), Some(chain)) = (&mut table, line.strip_prefix(':')) {
                let mut words = chain.split_ascii_whitespace();
                let name = words.next().unwrap_or_default().to_owned();
                let policy = match words.next() {
                    None | Some("-") => None,
                    Some("DROP") => Some(Policy::Drop),
                    Some(_) => Some(Policy::Accept),
                };
                let chain = table.entry(name).or_default();
                chain.policy = policy;
                chain.packets = words.next().and_then(counted).filter(|_| policy.is_some());
            } else if let Some(table) = &mut table
                && let Some((chain, rule)) = rule(line)
            {
                table.entry(chain).or_default().rules.push(rule);
            }
        }
        set
    }
}

/// `[7:420] -A POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source …`
fn rule(line: &str) -> Option<(String, Rule)> {
    let (text, packets) = match line.split_once(']') {
        Some((counters, rest)) if counters.starts_with('[') => {
            (rest.trim_start(), counted(counters))
        }
        _ => (line, None),
    };
    let words = words(text);
    let mut words = words.iter().map(String::as_str).peekable();
    if words.next()? != "-A" {
        return None;
    }
    let chain = words.next()?.to_owned();
    let mut rule = Rule {
        text: text.to_owned(),
        packets,
        matches: Vec::new(),
        target: None,
    };
    let mut negated = false;
    let mut incoming = false;
    let mut module = "";
    while let Some(option) = words.next() {
        if option == "!" {
            negated = true;
            continue;
        }
        // Everything up to the next option is its value; what follows a
        // target are the target's own options.
        let mut values = Vec::new();
        while let Some(value) = words.next_if(|w| *w != "!" && !is_option(w)) {
            values.push(value);
        }
        let value = values.first().copied().unwrap_or_default();
        match option {
            "-j" | "-g" => {
                let options: Vec<&str> = words.by_ref().collect();
                rule.target = Some(match option {
                    "-j" => target(value, &options),
                    _ => Target::Goto(value.to_owned()),
                });
            }
            // Loads a match, and is no condition by itself except for `-m socket` and
            // others that need no option; known ones are followed by theirs.
            "-m" => {
                module = value;
                let alone = words.peek().is_none_or(|next| !next.starts_with("--"));
                let implied = matches!(value, "tcp" | "udp" | "sctp" | "comment");
                if alone && !implied && words.peek().copied() != Some("!") {
                    rule.matches.push(Match {
                        negated: false,
                        asks: Asks::Unknown(format!("-m {value}")),
                    });
                }
            }
            "--comment" => {}
            // Of `-m policy`: the direction, for the option after it.
            "--dir" => incoming = value == "in",
            "--pol" if incoming => rule.matches.push(Match {
                negated,
                asks: Asks::Ipsec(value == "ipsec"),
            }),
            _ => {
                // An option of the same name asks the connection's mark there.
                let known = module != "connmark" || option != "--mark";
                let condition = (known.then(|| condition(option, &values)).flatten())
                    .unwrap_or_else(|| Asks::Unknown(format!("{option} {}", values.join(" "))));
                rule.matches.push(Match {
                    negated,
                    asks: condition,
                });
            }
        }
        negated = false;
    }
    Some((chain, rule))
}

/// `[7:420]`, with or without its last bracket: 7.
fn counted(counters: &str) -> Option<u64> {
    let (packets, _) = counters.strip_prefix('[')?.split_once(':')?;
    packets.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(line: &str) -> Rule {
        rule(line).unwrap().1
    }

    #[test]
    fn dockers_rules_are_understood() {
        let rule = one(
            "[7:420] -A POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2",
        );
        assert_eq!(rule.matches.len(), 2);
        assert_eq!(rule.matches[1].asks, Asks::Ipvs);
        assert_eq!(rule.target, Some(Target::Snat("10.0.0.2".parse().ok())));
        let rule = one(
            "-A DOCKER-INGRESS -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:8080",
        );
        assert_eq!(
            rule.target,
            Some(Target::Dnat("172.18.0.2".parse().ok(), Some(8080)))
        );
        let rule =
            one("-A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x101/0xffffffff");
        assert_eq!(rule.target, Some(Target::Mark(0x101, u32::MAX)));
        let rule = one("-A FORWARD -i docker0 ! -o docker0 -j ACCEPT");
        assert!(rule.matches[1].negated && !rule.matches[0].negated);
    }

    #[test]
    fn what_is_unknown_stays_visible() {
        let rule =
            one(r#"-A FORWARD -m comment --comment "a -j \"b\"" -m set --match-set x src -j DROP"#);
        assert_eq!(
            rule.matches,
            [Match {
                negated: false,
                asks: Asks::Unknown("--match-set x src".into())
            }]
        );
        assert_eq!(rule.target, Some(Target::Drop));
        let rule = one("-A INPUT -m socket -j ACCEPT");
        assert_eq!(rule.matches[0].asks, Asks::Unknown("-m socket".into()));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            Ruleset::parse(&text);
        }

        #[test]
        fn anything_like_rules_is_survived(
            text in "(\\*nat|:A [A-Z-]+|-A A( ! | )(-[a-z]|--[a-z]{1,8})( [a-z0-9:/,\"]{0,9}){0,3}|\n){0,12}"
        ) {
            Ruleset::parse(&text);
        }
    }
}
