//! `--web` and what belongs to it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::values::{host, listen};

// No doc comment: clap would show it for the command.
#[derive(Debug, Args)]
pub(crate) struct Web {
    /// Serve a live page at http://ADDR/; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub(crate) web: Option<SocketAddr>,
    /// File with the user's token that allows changes from the page [default: user.token of --certs, or read-only]
    #[arg(long, value_name = "FILE", requires = "web")]
    pub(crate) web_token: Option<PathBuf>,
    /// Host name of a proxy before the page (repeatable)
    #[arg(long = "web-host", value_name = "NAME", requires = "web", value_parser = host)]
    pub(crate) web_hosts: Vec<String>,
}
