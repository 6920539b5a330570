//! An impossible request ends with exit status 2 and one line that says why and what
//! to do.

use bed::binary::swarmtrace_binary;
use bed::program::{Ended, Running};
use needs::needs;
use replica::trace::LIMIT;
use replica::{Replica, Side};
use std::os::unix::process::CommandExt;

/// One line on standard error that mentions all of `words`, nothing printed, 2.
#[track_caller]
fn assert_refused(ended: &Ended, words: &[&str]) {
    ended.expect_code(2);
    assert_eq!(ended.stdout, "", "nothing is printed");
    let lines: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|l| !l.trim().is_empty())
        .collect();
    assert_eq!(lines.len(), 1, "one line: {}", ended.stderr);
    for word in words {
        assert!(lines[0].contains(word), "{word:?} in: {}", lines[0]);
    }
}

#[test]
fn a_service_where_there_is_no_docker() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let follow = |options: &[&str]| {
        let mut arguments = vec!["follow", "--duration", "1s"];
        arguments.extend(options);
        node.swarmtrace(arguments).wait(LIMIT)
    };
    assert_refused(&follow(&["--service", "vote"]), &["Docker", "--port"]);
    assert_refused(
        &follow(&["--service", "vote", "--port", "8080"]),
        &["Docker"],
    );
    assert_refused(&follow(&["--network", "overlay1"]), &["Docker"]);
}

#[test]
fn without_root() {
    needs!(Root, Btf);
    let mut command = swarmtrace_programs::built(swarmtrace_binary());
    command
        .args(["follow", "--port", "8080", "--duration", "1s"])
        .uid(65534)
        .gid(65534);
    let ended = Running::start(command).wait(LIMIT);
    assert_refused(&ended, &["root"]);
}

#[test]
fn words_that_make_no_sense() {
    needs!(Root, Btf);
    let follow = |options: &[&str]| {
        let mut command = swarmtrace_programs::built(swarmtrace_binary());
        command.arg("follow").args(options);
        Running::start(command).wait(LIMIT)
    };
    for (options, word) in [
        (["--port", "0"], "port"),
        (["--client", "vote"], "network"),
        (["--sample", "5"], "1/10"),
        (["--duration", "soon"], "30s"),
        (["--output", "xml"], "json"),
    ] {
        let ended = follow(&options);
        ended.expect_code(2);
        assert!(ended.stderr.contains(word), "{options:?}: {}", ended.stderr);
    }
}
