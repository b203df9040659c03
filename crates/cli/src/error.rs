//! Errors of the program: typed until here, then drawn by miette on standard error, each with its exit code.

use std::fmt;
use std::path::PathBuf;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteHandlerOpts, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use sweep::{Excerpt, SweepError};
use tonic::Code;

use crate::exit::Exit;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Sweep(Box<Drawn>),
    #[error(transparent)]
    Data(#[from] table::DataError),
    #[error(transparent)]
    Query(#[from] table::QueryError),
    #[error(transparent)]
    Plot(#[from] report::plot::PlotError),
    #[error("the page is not drawn: {0}")]
    Draw(#[from] report::render::RenderError),
    #[error(transparent)]
    Folder(#[from] table::FolderError),
    #[error(transparent)]
    Report(#[from] report::ReportError),
    #[error("{path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {source}")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("nobody reads standard output any more")]
    ReaderGone,
    #[error("standard output: {0}")]
    Output(#[source] std::io::Error),
    #[error("{0}")]
    Request(String),
    #[error("the coordinator at {url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },
    #[error("the connection to the coordinator was lost: {0}")]
    Connection(String),
    #[error("{}", .0.message())]
    Status(Box<tonic::Status>),
    #[error(transparent)]
    Worker(#[from] worker::WorkerError),
    #[error(transparent)]
    Coordinator(#[from] coordinator::CoordinatorError),
    #[error(transparent)]
    Certs(#[from] rpc::certs::CertsError),
    #[error(transparent)]
    Token(#[from] rpc::auth::TokenError),
    #[error(transparent)]
    Batch(#[from] launch::batch::BatchError),
    #[error(transparent)]
    Ssh(#[from] launch::ssh::SshError),
    #[error("{failed} of {of} hosts failed")]
    Hosts { failed: usize, of: usize },
    #[error("the runtime could not start: {0}")]
    Runtime(#[source] std::io::Error),
    #[error("a part of the program ended by itself: {0}")]
    Ended(String),
}

impl From<SweepError> for CliError {
    fn from(error: SweepError) -> Self {
        CliError::Sweep(Box::new(Drawn::from(error)))
    }
}

impl From<tonic::Status> for CliError {
    /// What the coordinator answers has no source; what has one comes from this end of the connection.
    fn from(status: tonic::Status) -> Self {
        let mut innermost = None;
        let mut source = std::error::Error::source(&status);
        while let Some(error) = source {
            innermost = Some(error.to_string());
            source = error.source();
        }
        match innermost {
            Some(why) => CliError::Connection(why),
            None => CliError::Status(Box::new(status)),
        }
    }
}

impl CliError {
    /// Prints it on standard error.
    pub(crate) fn print(&self) -> Exit {
        let exit = self.exit();
        if let CliError::ReaderGone = self {
            return exit;
        }
        if let CliError::Sweep(drawn) = self {
            let mut text = String::new();
            let handler = MietteHandlerOpts::new()
                .color(crate::terminal::colour())
                .unicode(false)
                .terminal_links(false)
                .build();
            let others = drawn.error.others().iter().cloned().map(Drawn::from);
            let others: Vec<Drawn> = others.collect();
            let shown = std::iter::once(drawn.as_ref())
                .chain(&others)
                .try_for_each(|drawn| fmt_with(&handler, drawn, &mut text));
            if shown.is_ok() {
                crate::talk::write(format_args!("{text}"));
                return exit;
            }
        }
        say!("error: {self}");
        if let Some(help) = self.help() {
            say!("  help: {help}");
        }
        exit
    }

    fn exit(&self) -> Exit {
        match self {
            CliError::Sweep(_)
            | CliError::Data(_)
            | CliError::Request(_)
            | CliError::Certs(_)
            | CliError::Token(_)
            | CliError::Read { .. } => Exit::Request,
            CliError::Query(error) if error.is_request_error() => Exit::Request,
            CliError::Plot(error) if error.is_request_error() => Exit::Request,
            CliError::Folder(error) if error.is_request_error() => Exit::Request,
            CliError::Report(error) if error.is_request_error() => Exit::Request,
            CliError::Batch(error) if error.is_request() => Exit::Request,
            CliError::Ssh(error) if error.is_request() => Exit::Request,
            CliError::ReaderGone => Exit::Done,
            CliError::Unreachable { .. } | CliError::Connection(_) => Exit::Unreachable,
            CliError::Worker(
                worker::WorkerError::Unreachable(_)
                | worker::WorkerError::Lost(_)
                | worker::WorkerError::Permanent(_),
            ) => Exit::Unreachable,
            CliError::Worker(
                worker::WorkerError::Refused(_) | worker::WorkerError::Scratch { .. },
            ) => Exit::Request,
            CliError::Coordinator(
                coordinator::CoordinatorError::Locked(_) | coordinator::CoordinatorError::Io { .. },
            ) => Exit::Request,
            CliError::Status(status) => match status.code() {
                Code::InvalidArgument
                | Code::NotFound
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::AlreadyExists
                | Code::Unauthenticated
                | Code::PermissionDenied => Exit::Request,
                Code::Unavailable => Exit::Unreachable,
                _ => Exit::Unexpected,
            },
            _ => Exit::Unexpected,
        }
    }

    fn help(&self) -> Option<&'static str> {
        match self {
            CliError::Status(status) if status.code() == Code::Unauthenticated => Some(
                "give the token's file with --token-file or PARSIMONY_TOKEN_FILE: worker.token for `worker`, user.token for \
                 the rest",
            ),
            CliError::Unreachable { .. } | CliError::Connection(_) => {
                Some("is it running? give its address with --coordinator or PARSIMONY_COORDINATOR")
            }
            _ => None,
        }
    }
}

fn fmt_with(handler: &miette::MietteHandler, drawn: &Drawn, text: &mut String) -> fmt::Result {
    use miette::ReportHandler as _;
    struct Show<'a>(&'a miette::MietteHandler, &'a Drawn);
    impl fmt::Display for Show<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.debug(self.1, f)
        }
    }
    use fmt::Write as _;
    write!(text, "{}", Show(handler, drawn))
}

/// An error in a sweep file as miette draws it.
#[derive(Debug)]
pub(crate) struct Drawn {
    error: SweepError,
    lines: Option<Lines>,
}

impl From<SweepError> for Drawn {
    fn from(error: SweepError) -> Self {
        let lines = error
            .file_name()
            .zip(error.excerpt())
            .map(|(name, excerpt)| Lines {
                name: name.to_owned(),
                excerpt,
            });
        Drawn { error, lines }
    }
}

/// The lines that an error points at. The whole file may have lines that are longer than a column number of a
/// formatter can be.
#[derive(Debug)]
struct Lines {
    name: String,
    excerpt: Excerpt,
}

impl SourceCode for Lines {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let excerpt = &self.excerpt;
        let found = excerpt.text.read_span(span, lines_before, lines_after)?;
        // Without lines before it, the span is asked for to print its place.
        let column = match lines_before {
            0 if span.offset() == excerpt.span.start => excerpt.column - 1,
            _ => found.column(),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            excerpt.lines_before + found.line(),
            column,
            found.line_count(),
        )))
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Drawn {}

impl Diagnostic for Drawn {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.error.help_text()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let lines = self.lines.as_ref()?;
        Some(lines)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.lines.as_ref()?.excerpt.span.clone();
        let label = self.error.label_text().unwrap_or("here").to_owned();
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(
            Some(label),
            span,
        ))))
    }
}
