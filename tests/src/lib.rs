//! End-to-end tests: real binaries, real sockets, a temporary folder each; one file for each story or fault.
