//! SSH: workers on hosts of a list, through the machine's own `ssh` with its keys and settings.
//!
//! Nothing is copied. The remote shell starts the worker detached, since ending the ssh client leaves the
//! remote process running anyway, and prints its process id, by which it is stopped again. A token goes over
//! standard input to the worker itself: it is in no file and on no command line of the host.

mod error;
mod hosts;
mod membership;
mod remote;

pub use error::SshError;
pub use hosts::hosts;
pub use membership::{Member, Membership};
pub use remote::{Started, Stopped, start, stop};
