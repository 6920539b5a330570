//! Parsing what `iptables-save` prints.

use super::ruleset::{
    AddressType, Asks, ConnectionState, Match, Policy, Rule, Ruleset, Table, Target,
};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

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
                table.entry(name).or_default().policy = policy;
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
    let text = match line.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1.trim_start(),
        None => line,
    };
    let words = words(text);
    let mut words = words.iter().map(String::as_str).peekable();
    if words.next()? != "-A" {
        return None;
    }
    let chain = words.next()?.to_owned();
    let mut rule = Rule {
        text: text.to_owned(),
        matches: Vec::new(),
        target: None,
    };
    let mut negated = false;
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
            _ => {
                let condition = condition(option, value)
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

fn is_option(word: &str) -> bool {
    word.starts_with("--")
        || (word.len() == 2 && word.starts_with('-') && word.as_bytes()[1].is_ascii_alphabetic())
}

/// Splits into words as a shell does: comments are quoted.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(letters.next()),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn condition(option: &str, value: &str) -> Option<Asks> {
    Some(match option {
        "-s" => Asks::Source(net(value)?),
        "-d" => Asks::Destination(net(value)?),
        "-i" => Asks::Input(value.to_owned()),
        "-o" => Asks::Output(value.to_owned()),
        // iptables-save writes no -p for "all".
        "-p" => Asks::Protocol(value.parse().ok()?),
        "--sport" | "--sports" => Asks::SourcePorts(ports(value)?),
        "--dport" | "--dports" => Asks::DestinationPorts(ports(value)?),
        "--ctstate" | "--state" => Asks::States(states(value)?),
        "--src-type" => Asks::SourceType(address_type(value)),
        "--dst-type" => Asks::DestinationType(address_type(value)),
        "--mark" => {
            let (value, mask) = masked(value)?;
            Asks::Mark(value, mask)
        }
        "--ipvs" => Asks::Ipvs,
        "--syn" => Asks::Syn,
        // The same, as iptables-save writes it.
        "--tcp-flags" if value.contains("SYN") && value.contains("RST") => Asks::Syn,
        _ => return None,
    })
}

fn target(name: &str, options: &[&str]) -> Target {
    let option = |name: &str| {
        let at = options.iter().position(|o| *o == name)?;
        options.get(at + 1).copied()
    };
    let address = |text: &str| text.split([':', '-']).next()?.parse().ok();
    match name {
        "ACCEPT" => Target::Accept,
        "DROP" => Target::Drop,
        "REJECT" => Target::Reject,
        "RETURN" => Target::Return,
        "DNAT" => {
            let to = option("--to-destination").unwrap_or_default();
            let port = to.rsplit_once(':').and_then(|(_, p)| p.parse().ok());
            Target::Dnat(address(to), port)
        }
        "REDIRECT" => Target::Redirect(option("--to-ports").and_then(|p| p.parse().ok())),
        "SNAT" => Target::Snat(option("--to-source").and_then(address)),
        "MASQUERADE" => Target::Masquerade,
        "MARK" => {
            // --set-mark clears more bits than --set-xmark: value | mask.
            let x = option("--set-xmark").and_then(masked);
            let set = (option("--set-mark").and_then(masked)).map(|(v, m)| (v, v | m));
            match x.or(set) {
                Some((value, mask)) => Target::Mark(value, mask),
                None => Target::Jump(name.to_owned()),
            }
        }
        "NFQUEUE" | "QUEUE" | "TPROXY" | "SYNPROXY" => Target::Opaque(name.to_owned()),
        _ => Target::Jump(name.to_owned()),
    }
}

/// `NEW,ESTABLISHED`
fn states(text: &str) -> Option<Vec<ConnectionState>> {
    (text.split(','))
        .map(|state| {
            Some(match state {
                "NEW" => ConnectionState::New,
                "ESTABLISHED" => ConnectionState::Established,
                "RELATED" | "INVALID" | "UNTRACKED" => ConnectionState::Other,
                "DNAT" | "SNAT" => ConnectionState::Rewritten,
                _ => return None,
            })
        })
        .collect()
}

fn address_type(text: &str) -> AddressType {
    match text {
        "LOCAL" => AddressType::Local,
        _ => AddressType::Other,
    }
}

fn net(text: &str) -> Option<Ipv4Net> {
    text.parse()
        .or_else(|_| text.parse::<Ipv4Addr>().map(Ipv4Net::from))
        .ok()
}

fn ports(text: &str) -> Option<Vec<(u16, u16)>> {
    (text.split(','))
        .map(|range| {
            let (from, to) = range.split_once(':').unwrap_or((range, range));
            Some((from.parse().ok()?, to.parse().ok()?))
        })
        .collect()
}

/// `0x101/0xffffffff`, `0x101`
fn masked(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    let (value, mask) = match text.split_once('/') {
        Some((value, mask)) => (value, number(mask)?),
        None => (text, u32::MAX),
    };
    Some((number(value)?, mask))
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
