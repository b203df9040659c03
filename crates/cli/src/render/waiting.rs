//! Why nothing of a sweep runs, in words: the one place where reasons become text.

use rpc::v1::waiting::Reason;
use rpc::v1::{NothingFits, SweepStatus};
use serde_json::{Value, json};

use super::numbers;

/// The reason of a sweep whose trials wait.
fn reason(status: &SweepStatus) -> Option<&Reason> {
    status.waiting.as_ref()?.reason.as_ref()
}

/// A name that stays, for programs.
fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::Paused(_) => "paused",
        Reason::NoWorker(_) => "no_worker",
        Reason::AllDraining(_) => "workers_drain",
        Reason::AllBusy(_) => "workers_busy",
        Reason::NothingFits(_) => "nothing_fits",
        Reason::PilotsQueued(_) => "pilots_queued",
        Reason::PilotsRefused(_) => "pilots_refused",
    }
}

/// A few words, for a column.
pub(crate) fn short(status: &SweepStatus) -> String {
    let Some(reason) = reason(status) else {
        return String::new();
    };
    match reason {
        // The column of states says so.
        Reason::Paused(_) => String::new(),
        Reason::NoWorker(_) => "no worker".to_owned(),
        Reason::AllDraining(_) => "workers drain".to_owned(),
        Reason::AllBusy(_) => "workers busy".to_owned(),
        Reason::NothingFits(fits) if fits.needed_bytes.is_some() => "memory".to_owned(),
        Reason::NothingFits(_) => "walltime".to_owned(),
        Reason::PilotsQueued(queued) if queued.reason.is_empty() => "jobs queued".to_owned(),
        Reason::PilotsQueued(queued) => format!("jobs queued: {}", queued.reason),
        Reason::PilotsRefused(_) => "jobs refused".to_owned(),
    }
}

/// A sentence for people; `None` where nothing waits without cause.
pub(crate) fn words(status: &SweepStatus) -> Option<String> {
    Some(match reason(status)? {
        Reason::Paused(_) => format!("paused; `parsimony resume {}` goes on", status.name),
        Reason::NoWorker(_) => "no worker is connected".to_owned(),
        Reason::AllDraining(all) => match all.workers {
            1 => "the only worker drains and takes no more trials".to_owned(),
            workers => format!("all {workers} workers drain and take no more trials"),
        },
        Reason::AllBusy(all) => match all.workers {
            1 => "the only worker is busy with another sweep".to_owned(),
            workers => format!("all {workers} workers are busy with other sweeps"),
        },
        Reason::NothingFits(fits) => nothing_fits(fits),
        Reason::PilotsQueued(queued) => {
            let (count, verb) = match (queued.waiting, queued.running) {
                (0, running) => (running, "started, and no worker of theirs has joined"),
                (waiting, _) => (waiting, "waiting in the batch system"),
            };
            let jobs = if count == 1 { "job is" } else { "jobs are" };
            let reason = match queued.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            format!("no worker is connected: {count} {jobs} {verb}{reason}")
        }
        Reason::PilotsRefused(refused) => format!(
            "no worker is connected, and the batch system starts none: {}",
            refused.why
        ),
    })
}

fn nothing_fits(fits: &NothingFits) -> String {
    let trials = match fits.trials {
        1 => "1 trial fits".to_owned(),
        trials => format!("{} trials fit", numbers::grouped(trials)),
    };
    let mut why = Vec::new();
    if let (Some(needs), Some(has)) = (fits.needed_seconds, fits.given_seconds) {
        why.push(format!(
            "needs about {}, and worker `{}` can give it {}",
            numbers::duration(needs),
            fits.worker,
            numbers::duration(has)
        ));
    }
    if let (Some(needs), Some(has)) = (fits.needed_bytes, fits.given_bytes) {
        why.push(format!(
            "needs {} of memory, and worker `{}` has {} for trials",
            worker::memory::words(needs),
            fits.worker,
            worker::memory::words(has)
        ));
    }
    format!(
        "{trials} no worker: trial {} {}",
        fits.trial,
        why.join("; it ")
    )
}

/// For programs: the reason by name, its numbers, and the words.
pub(crate) fn as_json(status: &SweepStatus) -> Value {
    let (Some(reason), Some(words)) = (reason(status), words(status)) else {
        return Value::Null;
    };
    let mut value = match reason {
        Reason::Paused(_) | Reason::NoWorker(_) => json!({}),
        Reason::AllDraining(all) => json!({ "workers": all.workers }),
        Reason::AllBusy(all) => json!({ "workers": all.workers }),
        Reason::NothingFits(fits) => json!({
            "trials": fits.trials, "trial": fits.trial, "worker": fits.worker,
            "needed_seconds": fits.needed_seconds, "given_seconds": fits.given_seconds,
            "needed_bytes": fits.needed_bytes, "given_bytes": fits.given_bytes,
        }),
        Reason::PilotsQueued(queued) => json!({
            "waiting_jobs": queued.waiting, "running_jobs": queued.running, "batch_reason": queued.reason,
        }),
        Reason::PilotsRefused(refused) => json!({ "batch_reason": refused.why }),
    };
    value["reason"] = json!(name(reason));
    value["text"] = json!(words);
    value
}

#[cfg(test)]
mod tests {
    use rpc::v1;

    use super::*;

    fn status(reason: Reason) -> SweepStatus {
        SweepStatus {
            name: "s".to_owned(),
            waiting: Some(v1::Waiting {
                reason: Some(reason),
            }),
            ..SweepStatus::default()
        }
    }

    fn check(reason: Reason, expected_words: &str, expected_name: &str) {
        let status = status(reason);
        assert_eq!(words(&status).as_deref(), Some(expected_words));
        let json = as_json(&status);
        assert_eq!(
            (&json["reason"], &json["text"]),
            (&json!(expected_name), &json!(expected_words))
        );
    }

    #[test]
    fn every_reason_has_its_words() {
        check(
            Reason::NoWorker(v1::NoWorker {}),
            "no worker is connected",
            "no_worker",
        );
        check(
            Reason::Paused(v1::Paused {}),
            "paused; `parsimony resume s` goes on",
            "paused",
        );
        check(
            Reason::AllBusy(v1::AllBusy { workers: 3 }),
            "all 3 workers are busy with other sweeps",
            "workers_busy",
        );
        check(
            Reason::AllDraining(v1::AllDraining { workers: 1 }),
            "the only worker drains and takes no more trials",
            "workers_drain",
        );
        let mut fits = NothingFits {
            trials: 12,
            trial: 3,
            worker: "w".to_owned(),
            needed_seconds: Some(65.0),
            given_seconds: Some(34.4),
            ..NothingFits::default()
        };
        let time = "needs about 1 min 05 s, and worker `w` can give it 34.4 s";
        let expected = format!("12 trials fit no worker: trial 3 {time}");
        check(Reason::NothingFits(fits.clone()), &expected, "nothing_fits");
        (fits.needed_bytes, fits.given_bytes) = (Some(1.5e12), Some(8e9));
        let memory = "needs 1.5 TB of memory, and worker `w` has 8.0 GB for trials";
        let expected = format!("{expected}; it {memory}");
        check(Reason::NothingFits(fits), &expected, "nothing_fits");
        let mut queued = v1::PilotsQueued {
            waiting: 2,
            running: 1,
            reason: "Priority".to_owned(),
        };
        check(
            Reason::PilotsQueued(queued.clone()),
            "no worker is connected: 2 jobs are waiting in the batch system (Priority)",
            "pilots_queued",
        );
        (queued.waiting, queued.reason) = (0, String::new());
        check(
            Reason::PilotsQueued(queued),
            "no worker is connected: 1 job is started, and no worker of theirs has joined",
            "pilots_queued",
        );
        check(
            Reason::PilotsRefused(v1::PilotsRefused {
                why: "invalid partition".to_owned(),
            }),
            "no worker is connected, and the batch system starts none: invalid partition",
            "pilots_refused",
        );
        assert_eq!(as_json(&SweepStatus::default()), Value::Null);
    }
}
