//! The screen of `top`: what was last seen, and how it is drawn at any size from 40 by 12 on.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Sparkline, Table};
use rpc::v1;

use super::{numbers, sweeps, waiting};

/// Readings of the throughput that are kept: the widest terminal shows as many.
const RATES: usize = 400;

/// Failures shown at most.
const FAILURES: usize = 6;

/// What is shown.
pub(crate) struct Screen {
    url: String,
    sweeps: Vec<v1::SweepStatus>,
    workers: Vec<v1::WorkerStatus>,
    /// Trials a second, the newest first.
    rates: VecDeque<f64>,
    /// Trials reported of each sweep at the last look.
    reported: Option<(Instant, BTreeMap<String, u64>)>,
    /// Why the coordinator is away.
    away: Option<String>,
    /// First rows shown.
    scrolled: usize,
}

impl Screen {
    pub(crate) fn new(url: &str) -> Self {
        Screen {
            url: url.to_owned(),
            sweeps: Vec::new(),
            workers: Vec::new(),
            rates: VecDeque::new(),
            reported: None,
            away: None,
            scrolled: 0,
        }
    }

    /// Takes in what the coordinator answers.
    pub(crate) fn update(
        &mut self,
        mut sweeps: Vec<v1::SweepStatus>,
        mut workers: Vec<v1::WorkerStatus>,
        now: Instant,
    ) {
        self.away = None;
        let reported: BTreeMap<String, u64> = sweeps
            .iter()
            .map(|sweep| (sweep.name.clone(), sweep.reported))
            .collect();
        if let Some((then, before)) = &self.reported {
            // Of a sweep that is new here it is not known when its trials were reported.
            let of = |(name, now): (&String, &u64)| {
                before
                    .get(name)
                    .map_or(0, |before| now.saturating_sub(*before))
            };
            let trials: u64 = reported.iter().map(of).sum();
            let seconds = now.duration_since(*then).max(Duration::from_millis(1));
            self.rates.push_front(trials as f64 / seconds.as_secs_f64());
            self.rates.truncate(RATES);
        }
        self.reported = Some((now, reported));
        sweeps.sort_by(|a, b| (rank(a.state()), &a.name).cmp(&(rank(b.state()), &b.name)));
        workers.sort_by(|a, b| {
            let key = |worker: &v1::WorkerStatus| (worker.problem.is_empty(), worker.name.clone());
            key(a).cmp(&key(b))
        });
        (self.sweeps, self.workers) = (sweeps, workers);
    }

    /// The coordinator does not answer: what was seen stays, and is called old.
    pub(crate) fn away(&mut self, why: &str) {
        self.away = Some(why.to_owned());
        self.reported = None;
    }

    pub(crate) fn scroll(&mut self, by: i32) {
        let rows = self.sweeps.len().max(self.workers.len());
        let step = by.unsigned_abs() as usize;
        self.scrolled = match by < 0 {
            true => self.scrolled.saturating_sub(step),
            false => (self.scrolled + step).min(rows.saturating_sub(1)),
        };
    }

    pub(crate) fn draw(&self, frame: &mut Frame<'_>) {
        let failures = self.failures();
        let tall = frame.area().height;
        let room = match tall {
            0..12 => 0,
            12..24 => 1,
            _ => failures.len().clamp(1, FAILURES) as u16,
        };
        let [head, speed, sweeps, workers, last] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(if tall < 16 { 0 } else { 4 }),
            Constraint::Fill(3),
            Constraint::Fill(2),
            Constraint::Length(if room == 0 { 0 } else { room + 1 }),
        ])
        .areas(frame.area());
        frame.render_widget(self.head(), head);
        self.draw_speed(frame, speed);
        self.draw_sweeps(frame, sweeps);
        self.draw_workers(frame, workers);
        let lines: Vec<Line<'_>> = match failures.is_empty() {
            true => vec![Line::from("no trial has failed lately")],
            false => failures,
        };
        frame.render_widget(Paragraph::new(lines).block(titled("last failures")), last);
    }

    fn head(&self) -> Line<'_> {
        let keys = "q quits, arrows scroll";
        if let Some(why) = &self.away {
            return Line::from(vec![
                Span::styled(
                    "NOT CONNECTED",
                    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
                ),
                Span::raw(format!(" ({why}), retrying; what is below is old. {keys}")),
            ]);
        }
        Line::from(vec![
            Span::styled("parsimony top", Style::new().add_modifier(Modifier::BOLD)),
            Span::raw(format!("  {}  {keys}", self.url)),
        ])
    }

    fn draw_speed(&self, frame: &mut Frame<'_>, area: Rect) {
        let running = self
            .sweeps
            .iter()
            .filter(|sweep| sweep.state() == v1::SweepState::Running);
        let threads: u64 = self
            .workers
            .iter()
            .map(|worker| u64::from(worker.threads))
            .sum();
        let rate = match self.rates.front() {
            Some(rate) => format!("{} trials/s", numbers::scaled((rate * 10.0).round() / 10.0)),
            None => "throughput not known yet".to_owned(),
        };
        let title = format!(
            "{rate} | {} of {} running | {}, {}",
            running.count(),
            counted(self.sweeps.len() as u64, "sweep"),
            counted(self.workers.len() as u64, "worker"),
            counted(threads, "thread"),
        );
        let width = usize::from(area.width);
        // A bar has eight heights; tenths keep slow sweeps visible.
        let newest_last = self.rates.iter().take(width).rev();
        let bars: Vec<u64> = newest_last.map(|rate| (rate * 10.0) as u64).collect();
        let line = Sparkline::default()
            .data(&bars)
            .style(Style::new().fg(Color::Cyan))
            .block(titled(title));
        frame.render_widget(line, area);
    }

    fn draw_sweeps(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self
            .sweeps
            .iter()
            .skip(self.first(self.sweeps.len(), area))
            .map(|sweep| {
                let done = sweep.completed + sweep.diverged + sweep.failed;
                let state = sweeps::state_name(sweep.state());
                Row::new([
                    Cell::from(sweep.name.clone()),
                    Cell::from(state).style(Style::new().fg(colour(sweep.state()))),
                    right(bar(done, sweep.trials)),
                    right(short(done)),
                    right(short(sweep.trials)),
                    right(match sweep.failed {
                        0 => String::new(),
                        failed => numbers::grouped(failed),
                    }),
                    right(left(sweep)),
                    Cell::from(note(sweep)),
                ])
            });
        let widths = [
            Constraint::Fill(3),
            Constraint::Length(9),
            Constraint::Length(10),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(6),
            Constraint::Length(10),
            Constraint::Fill(2),
        ];
        let header = [
            "SWEEP", "STATE", "PROGRESS", "DONE", "TRIALS", "FAILED", "LEFT", "WAITING",
        ];
        frame.render_widget(
            table(
                rows,
                widths,
                header,
                &[2, 3, 4, 5, 6],
                "sweeps",
                self.sweeps.len(),
            ),
            area,
        );
    }

    fn draw_workers(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self
            .workers
            .iter()
            .skip(self.first(self.workers.len(), area))
            .map(|worker| {
                let words = match (worker.draining, worker.problem.as_str()) {
                    (true, "") => "draining".to_owned(),
                    (true, problem) => format!("draining; {problem}"),
                    (false, problem) => problem.to_owned(),
                };
                Row::new([
                    Cell::from(worker.name.clone()),
                    Cell::from(worker.host.clone()),
                    right(worker.threads.to_string()),
                    right(worker.leases.to_string()),
                    right(numbers::grouped(worker.trials)),
                    right(numbers::duration(worker.silent_ms as f64 / 1e3)),
                    Cell::from(words),
                ])
            });
        let widths = [
            Constraint::Fill(3),
            Constraint::Fill(2),
            Constraint::Length(7),
            Constraint::Length(6),
            Constraint::Length(9),
            Constraint::Length(10),
            Constraint::Fill(2),
        ];
        let header = [
            "WORKER", "HOST", "THREADS", "LEASES", "TRIALS", "SILENT", "",
        ];
        frame.render_widget(
            table(
                rows,
                widths,
                header,
                &[2, 3, 4, 5],
                "workers",
                self.workers.len(),
            ),
            area,
        );
    }

    /// The first of `rows` to show in an area: never past the last screenful.
    fn first(&self, rows: usize, area: Rect) -> usize {
        // A border and the header.
        let room = usize::from(area.height).saturating_sub(2);
        self.scrolled.min(rows.saturating_sub(room))
    }

    fn failures(&self) -> Vec<Line<'_>> {
        let mut failures: Vec<(u64, &str, &v1::RecentFailure)> = self
            .sweeps
            .iter()
            .flat_map(|sweep| {
                let of = sweep.recent_failures.iter();
                of.map(|failure| (failure.at_seconds, sweep.name.as_str(), failure))
            })
            .collect();
        failures.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let lines = failures
            .into_iter()
            .take(FAILURES)
            .map(|(_, sweep, failure)| {
                let error: String = failure
                    .error
                    .chars()
                    .map(|c| if c.is_control() { ' ' } else { c })
                    .collect();
                Line::from(vec![
                    Span::styled(
                        format!("{sweep} trial {}: ", failure.trial),
                        Style::new().fg(Color::Red),
                    ),
                    Span::raw(error),
                ])
            });
        lines.collect()
    }
}

/// A count with its noun.
fn counted(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{} {noun}{end}", numbers::grouped(count))
}

/// What needs eyes comes first.
fn rank(state: v1::SweepState) -> u8 {
    match state {
        v1::SweepState::Running => 0,
        v1::SweepState::Stopped | v1::SweepState::Unopened | v1::SweepState::Gone => 1,
        v1::SweepState::Paused | v1::SweepState::Opening => 2,
        v1::SweepState::Finished | v1::SweepState::Cancelled | v1::SweepState::Unspecified => 3,
    }
}

fn colour(state: v1::SweepState) -> Color {
    match state {
        v1::SweepState::Running => Color::Cyan,
        v1::SweepState::Stopped | v1::SweepState::Unopened | v1::SweepState::Gone => Color::Red,
        v1::SweepState::Paused | v1::SweepState::Opening => Color::Yellow,
        v1::SweepState::Finished | v1::SweepState::Cancelled | v1::SweepState::Unspecified => {
            Color::Reset
        }
    }
}

/// Time to the end; `?` where it is not known of one that runs.
fn left(sweep: &v1::SweepStatus) -> String {
    match (sweep.eta_seconds, sweep.state()) {
        (eta, _) if eta >= 0.0 => numbers::duration(eta),
        (_, v1::SweepState::Running) => "?".to_owned(),
        _ => "-".to_owned(),
    }
}

/// Why it waits, or what is wrong with it.
fn note(sweep: &v1::SweepStatus) -> String {
    match waiting::short(sweep) {
        short if short.is_empty() => sweep.problem.clone(),
        short => short,
    }
}

/// A count of at most eight characters.
fn short(count: u64) -> String {
    match count < 1_000_000 {
        true => numbers::grouped(count),
        false => numbers::scaled(count as f64),
    }
}

/// A bar of ten characters; full means all.
fn bar(done: u64, trials: u64) -> String {
    let tenths = match trials {
        0 => 0,
        _ if done >= trials => 10,
        _ => (done.saturating_mul(10) / trials).min(9),
    };
    let full = usize::try_from(tenths).unwrap_or(10);
    format!("{}{}", "#".repeat(full), "-".repeat(10 - full))
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).right_aligned())
}

fn titled<'a>(title: impl Into<Line<'a>>) -> Block<'a> {
    Block::new().borders(Borders::TOP).title(title)
}

fn table<'a, const N: usize>(
    rows: impl Iterator<Item = Row<'a>>,
    widths: [Constraint; N],
    header: [&'static str; N],
    numbers: &[usize],
    title: &str,
    count: usize,
) -> Table<'a> {
    let cells = header
        .iter()
        .enumerate()
        .map(|(at, &name)| match numbers.contains(&at) {
            true => right(name.to_owned()),
            false => Cell::from(name),
        });
    let bold = Style::new().add_modifier(Modifier::BOLD);
    Table::new(rows, widths)
        .header(Row::new(cells).style(bold))
        .block(titled(format!("{title} ({count})")))
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn sweep(name: &str, state: v1::SweepState, done: u64) -> v1::SweepStatus {
        v1::SweepStatus {
            name: name.to_owned(),
            state: state.into(),
            trials: 1000,
            completed: done,
            reported: done,
            eta_seconds: -1.0,
            ..v1::SweepStatus::default()
        }
    }

    fn worker(name: &str) -> v1::WorkerStatus {
        v1::WorkerStatus {
            name: name.to_owned(),
            host: "node".to_owned(),
            threads: 8,
            leases: 2,
            trials: 1234,
            silent_ms: 400,
            ..v1::WorkerStatus::default()
        }
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| -> String { (0..width).map(|x| buffer[(x, y)].symbol()).collect() };
        (0..height)
            .map(|y| format!("{}\n", line(y).trim_end()))
            .collect()
    }

    fn busy() -> Screen {
        let mut screen = Screen::new("http://head:7070");
        let begun = Instant::now();
        let mut running = sweep("depth-rank", v1::SweepState::Running, 400);
        screen.update(vec![running.clone()], Vec::new(), begun);
        (running.completed, running.reported, running.eta_seconds) = (550, 550, 90.0);
        running.failed = 1;
        running.recent_failures = vec![v1::RecentFailure {
            trial: 17,
            error: "a file of it\nis gone".to_owned(),
            at_seconds: 5,
        }];
        let mut paused = sweep("slow", v1::SweepState::Paused, 10);
        paused.waiting = Some(v1::Waiting {
            reason: Some(v1::waiting::Reason::Paused(v1::Paused {})),
        });
        let mut alone = sweep("alone", v1::SweepState::Running, 0);
        alone.waiting = Some(v1::Waiting {
            reason: Some(v1::waiting::Reason::NoWorker(v1::NoWorker {})),
        });
        let sweeps = vec![
            sweep("old", v1::SweepState::Finished, 1000),
            paused,
            running,
            alone,
        ];
        let workers = vec![worker("b"), worker("a")];
        screen.update(sweeps, workers, begun + Duration::from_secs(1));
        screen
    }

    #[test]
    fn a_busy_coordinator_fits_80_by_24() {
        let expected = "\
parsimony top  http://head:7070  q quits, arrows scroll
";
        let shown = drawn(&busy(), 80, 24);
        assert!(shown.starts_with(expected), "{shown}");
        for words in [
            "150 trials/s | 2 of 4 sweeps running | 2 workers, 16 threads",
            "#####-----",
            "1 min 30 s",
            "no worker",
            "depth-rank trial 17: a file of it is gone",
        ] {
            assert!(shown.contains(words), "no `{words}` in\n{shown}");
        }
        let at = |name: &str| shown.find(name).unwrap();
        assert!(
            at("alone") < at("slow") && at("slow") < at("old"),
            "{shown}"
        );
    }

    #[test]
    fn small_and_empty_screens_are_drawn() {
        let empty = Screen::new("http://head:7070");
        for (width, height) in [(80, 24), (40, 12), (20, 5), (1, 1), (200, 60)] {
            drawn(&empty, width, height);
            drawn(&busy(), width, height);
        }
        assert!(drawn(&empty, 80, 24).contains("no trial has failed lately"));
    }

    #[test]
    fn a_coordinator_that_is_away_is_called_so() {
        let mut screen = busy();
        screen.away("connection refused");
        let shown = drawn(&screen, 80, 24);
        assert!(
            shown.starts_with("NOT CONNECTED (connection refused)"),
            "{shown}"
        );
        assert!(shown.contains("depth-rank"), "{shown}");
    }

    #[test]
    fn scrolling_ends_at_the_last_row() {
        let mut screen = Screen::new("u");
        let names = (0..100).map(|k| sweep(&format!("s{k:02}"), v1::SweepState::Finished, 0));
        screen.update(names.collect(), Vec::new(), Instant::now());
        screen.scroll(-5);
        assert_eq!(screen.scrolled, 0);
        for _ in 0..30 {
            screen.scroll(10);
        }
        let shown = drawn(&screen, 80, 24);
        assert!(shown.contains("s99"), "{shown}");
    }

    #[test]
    fn a_bar_is_full_when_all_is_done() {
        assert_eq!(bar(999, 1000), "#########-");
        assert_eq!(bar(1000, 1000), "##########");
        assert_eq!(bar(0, 0), "----------");
    }
}
