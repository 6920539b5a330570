//! `iptables-save -c`: which rules there are and how often each was hit.

/// One rule with its packet counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `nat`, `mangle`, `filter`
    pub table: String,
    /// `-A DOCKER-INGRESS -p tcp …`
    pub text: String,
    /// Packets that it matched.
    pub packets: u64,
}

/// The rules of a listing.
pub fn parse(listing: &str) -> Vec<Rule> {
    let mut table = String::new();
    let mut rules = Vec::new();
    for line in listing.lines() {
        if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
        } else if let Some((counters, text)) =
            line.strip_prefix('[').and_then(|l| l.split_once("] "))
        {
            let packets = counters.split(':').next().and_then(|n| n.parse().ok());
            rules.push(Rule {
                table: table.clone(),
                text: text.to_owned(),
                packets: packets.unwrap_or_default(),
            });
        }
    }
    rules
}

/// The mark that the rules set on packets to `port` that they have matched.
pub fn mark_for_port(rules: &[Rule], port: u16) -> Option<u32> {
    let port = format!("--dport {port} ");
    let hit = rules
        .iter()
        .find(|r| r.table == "mangle" && r.packets > 0 && r.text.contains(&port))?;
    let mark = hit.text.split("--set-xmark 0x").nth(1)?;
    u32::from_str_radix(mark.split('/').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_that_of_the_rule_that_was_hit() {
        let rules = parse(
            "*mangle\n:PREROUTING ACCEPT [0:0]\n\
             [48:3119] -A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x101/0xffffffff\n\
             [0:0] -A PREROUTING -p tcp -m tcp --dport 9000 -j MARK --set-xmark 0x102/0xffffffff\nCOMMIT\n",
        );
        assert_eq!(mark_for_port(&rules, 8080), Some(0x101));
        assert_eq!(mark_for_port(&rules, 9000), None);
    }
}
