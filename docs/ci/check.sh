#!/bin/sh
# Runs a command under `swarmtrace check` and leaves what it found in files, for a
# build server to show. Exit status: 0 all held, 1 a regression, 2 not measured (too
# few connections, lost events, or the command itself failed).
#
#   check.sh FOLDER [OPTION...] -- COMMAND [ARGUMENT...]
#
# FOLDER gets report.xml (JUnit), summary.md (Markdown) and report.json. The options
# are those of `swarmtrace check`: --service, --port, --assert, --baseline, ...
# SWARMTRACE names the binary, if it is not the one in PATH.
set -eu

if [ $# -lt 3 ]; then
    echo "usage: check.sh FOLDER [OPTION...] -- COMMAND [ARGUMENT...]" >&2
    exit 2
fi
folder=$1
shift
mkdir -p "$folder"

# Tracing needs root; the command under it gets it, too.
root=
if [ "$(id -u)" -ne 0 ]; then
    root="sudo --preserve-env"
fi

status=0
$root "${SWARMTRACE:-swarmtrace}" check \
    --report "junit=$folder/report.xml" \
    --report "markdown=$folder/summary.md" \
    --report "json=$folder/report.json" \
    "$@" || status=$?

if [ -n "$root" ]; then
    $root chown -R "$(id -u):$(id -g)" "$folder"
fi
# GitHub shows this file's Markdown on the page of the run.
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -s "$folder/summary.md" ]; then
    cat "$folder/summary.md" >> "$GITHUB_STEP_SUMMARY"
fi
exit "$status"
