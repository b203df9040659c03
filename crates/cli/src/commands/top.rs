//! `parsimony top`: sweeps, workers, throughput and failures of a coordinator on a full screen, once a second.
//!
//! What is drawn is in `render/screen.rs`. This file asks the coordinator, reads the keys, and gives the terminal back as it was,
//! also after a panic.

use std::io;
use std::time::Duration;

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use rpc::v1;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::arguments::CoordinatorUrl;
use crate::client::{self, Client};
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupts::Interrupts;
use crate::render::screen::Screen;
use crate::runtime;

/// Time between two looks at the coordinator.
const EVERY: Duration = Duration::from_secs(1);

/// A coordinator that has not answered by then is shown as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// The thread that reads keys looks this often whether it is still wanted.
const KEYS_EVERY: Duration = Duration::from_millis(200);

/// Show sweeps, workers and throughput of a coordinator on a full screen
#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony top --coordinator http://127.0.0.1:7070

q quits, the arrow keys scroll. It needs a terminal of 80 by 24; a smaller one shows less.")]
pub(crate) struct Top {
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl Top {
    /// Shows a coordinator until `q` is pressed or a signal comes.
    ///
    /// # Errors
    /// [`CliError`]: standard output is no terminal; the coordinator cannot be reached at the start.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        if !crate::terminal::is_screen() {
            return Err(CliError::Request(
                "`top` needs a terminal; `parsimony list` and `parsimony workers` print the same once, for files and pipes"
                    .to_owned(),
            ));
        }
        runtime::one_thread()?.block_on(self.follow())
    }

    async fn follow(&self) -> Result<Exit, CliError> {
        let client = client::connect(&self.coordinator).await?;
        let mut interrupts = Interrupts::new()?;
        let mut screen = Screen::new(&self.coordinator.url);
        look(client.clone(), &mut screen).await?;
        // It restores the terminal from a panic's hook as well.
        let mut terminal = ratatui::try_init().map_err(CliError::Output)?;
        let shown = tokio::select! {
            shown = show(&mut terminal, client, &mut screen) => shown,
            () = interrupts.next() => Ok(()),
        };
        ratatui::restore();
        shown.map_err(CliError::Output)?;
        Ok(Exit::Done)
    }
}

/// Draws until somebody quits.
async fn show(
    terminal: &mut DefaultTerminal,
    client: Client,
    screen: &mut Screen,
) -> io::Result<()> {
    let mut keys = keys();
    let mut due = Instant::now() + EVERY;
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        tokio::select! {
            key = keys.recv() => match key {
                Some(Key::Quit) | None => return Ok(()),
                Some(Key::Move(by)) => screen.scroll(by),
                Some(Key::Redraw) => {}
            },
            () = sleep_until(due) => {
                let looked = tokio::time::timeout(PATIENCE, look(client.clone(), screen)).await;
                match looked {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => screen.away(&error.to_string()),
                    Err(_) => screen.away("it does not answer"),
                }
                due = Instant::now() + EVERY;
            }
        }
    }
}

/// Asks the coordinator for everything that is shown.
async fn look(mut client: Client, screen: &mut Screen) -> Result<(), CliError> {
    let sweeps = client.list(v1::ListRequest {}).await?.into_inner().sweeps;
    let workers = client.workers(v1::WorkersRequest {}).await?;
    screen.update(
        sweeps,
        workers.into_inner().workers,
        std::time::Instant::now(),
    );
    Ok(())
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Quit,
    /// Down by a number of rows; up where it is negative.
    Move(i32),
    Redraw,
}

/// Keys from a thread of their own: the terminal is read by blocking calls.
fn keys() -> mpsc::Receiver<Key> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let event = match event::poll(KEYS_EVERY) {
                Ok(true) => event::read(),
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            // A terminal that went away ends the program: the channel closes.
            let Ok(event) = event else { return };
            if let Some(key) = meaning(&event)
                && sender.blocking_send(key).is_err()
            {
                return;
            }
        }
    });
    receiver
}

fn meaning(event: &Event) -> Option<Key> {
    let key = match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        Event::Resize(..) => return Some(Key::Redraw),
        _ => return None,
    };
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Key::Quit,
        KeyCode::Char('c' | 'd') if with_control => Key::Quit,
        KeyCode::Down | KeyCode::Char('j') => Key::Move(1),
        KeyCode::Up | KeyCode::Char('k') => Key::Move(-1),
        KeyCode::PageDown => Key::Move(10),
        KeyCode::PageUp => Key::Move(-10),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn keys_mean_what_the_screen_says() {
        let check = |code, modifiers, expected| {
            let event = Event::Key(KeyEvent::new(code, modifiers));
            assert_eq!(meaning(&event), expected, "{code:?}");
        };
        let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        check(KeyCode::Char('q'), none, Some(Key::Quit));
        check(KeyCode::Char('c'), control, Some(Key::Quit));
        check(KeyCode::Char('c'), none, None);
        check(KeyCode::Down, none, Some(Key::Move(1)));
        check(KeyCode::PageUp, none, Some(Key::Move(-10)));
        assert_eq!(meaning(&Event::Resize(80, 24)), Some(Key::Redraw));
    }
}
