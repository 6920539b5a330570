//! The matrix as text: a line for each kernel and Docker, then what is missing
//! where, then what went wrong.

use super::row::{CHECKS, Row};

/// The text, without colour: it is for logs, too.
pub fn render(rows: &[Row]) -> String {
    let mut programs: Vec<&str> = Vec::new();
    for program in rows.iter().flat_map(|row| &row.programs) {
        if !programs.contains(&program.name.as_str()) {
            programs.push(&program.name);
        }
    }
    programs.sort_unstable();
    let short = |name: &&str| name.trim_start_matches("swarmtrace_").to_owned();
    let mut table = vec![
        ["kernel", "Docker"]
            .into_iter()
            .chain(CHECKS)
            .map(str::to_owned)
            .chain(programs.iter().map(short))
            .collect(),
    ];
    for row in rows {
        let mut cells = vec![row.kernel.clone(), row.docker.clone()];
        cells.extend(CHECKS.map(|name| check(row, name)));
        cells.extend(programs.iter().map(|name| verified(row, name)));
        table.push(cells);
    }
    let mut out = align(&table);
    if !programs.is_empty() {
        out += "(of each program: instructions that the kernel's verifier looked at; its limit is \
                1,000,000)\n";
    }
    for row in rows.iter().filter(|row| !row.missing.is_empty()) {
        out += &format!("missing on {}: {}\n", row.kernel, row.missing.join(", "));
    }
    for row in rows {
        for check in row.checks.iter().filter(|check| !check.wrong.is_empty()) {
            let wrong = check.wrong.join("\n").replace('\n', "\n    ");
            let (kernel, docker, name) = (&row.kernel, &row.docker, &check.name);
            out += &format!("\n{kernel}, Docker {docker}: {name} FAILED\n    {wrong}\n");
        }
    }
    out
}

fn check(row: &Row, name: &str) -> String {
    match row.check(name) {
        None => "-".to_owned(),
        Some(check) => {
            let word = match check.wrong.is_empty() {
                true => "ok",
                false => "FAILED",
            };
            let note = match check.note.is_empty() {
                true => String::new(),
                false => format!(" {}", check.note),
            };
            format!("{word}{note}, {:.0} s", check.seconds)
        }
    }
}

fn verified(row: &Row, name: &str) -> String {
    let program = row.programs.iter().find(|program| program.name == name);
    match program {
        None => "-".to_owned(),
        Some(program) if program.refused.is_some() => "refused".to_owned(),
        Some(program) => match program.verified_instructions {
            Some(number) => number.to_string(),
            None => "not known".to_owned(),
        },
    }
}

/// Columns as wide as their widest cell.
fn align(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in table {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        out += line.join("  ").trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::row::{Check, Program};
    use super::*;
    use swarm_vm::{Debian, Kernel};

    fn tried(name: &str, wrong: &[&str]) -> Check {
        Check {
            name: name.to_owned(),
            wrong: wrong.iter().map(|&line| line.to_owned()).collect(),
            note: String::new(),
            seconds: 4.4,
        }
    }

    #[test]
    fn one_line_each_then_what_is_missing_and_what_went_wrong() {
        let program = |name: &str, verified: Option<u32>| Program {
            name: name.to_owned(),
            verified_instructions: verified,
            refused: None,
        };
        let old = Row {
            kernel: "5.10.0-46".to_owned(),
            docker: "20.10.24".to_owned(),
            checks: vec![tried("up", &[]), tried("load", &["no", "really"])],
            programs: vec![program("swarmtrace_in", None)],
            missing: vec!["tcx".to_owned(), "drop-reasons".to_owned()],
        };
        let new = Row {
            kernel: "6.12.1".to_owned(),
            docker: "26.1.5".to_owned(),
            checks: CHECKS.map(|name| tried(name, &[])).into(),
            programs: vec![
                program("swarmtrace_in", Some(23132)),
                program("swarmtrace_drop", Some(7)),
            ],
            missing: Vec::new(),
        };
        let text = render(&[old, new]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "kernel     Docker    up       load         trace    clean-up  scenarios  drop  in",
                "5.10.0-46  20.10.24  ok, 4 s  FAILED, 4 s  -        -         -          -     not known",
                "6.12.1     26.1.5    ok, 4 s  ok, 4 s      ok, 4 s  ok, 4 s   ok, 4 s    7     23132",
            ]
        );
        assert_eq!(lines[4], "missing on 5.10.0-46: tcx, drop-reasons");
        assert_eq!(
            lines[6..],
            [
                "5.10.0-46, Docker 20.10.24: load FAILED",
                "    no",
                "    really"
            ]
        );
    }

    #[test]
    fn a_kernel_that_does_not_come_up_has_a_line_too() {
        let row = Row::failed(Kernel::Newest, Debian::Trixie, "it hangs".to_owned());
        let text = render(&[row]);
        assert!(
            text.contains("newest  Debian 13's  FAILED, 0 s  -"),
            "{text}"
        );
        assert!(text.ends_with("up FAILED\n    it hangs\n"), "{text}");
    }
}
