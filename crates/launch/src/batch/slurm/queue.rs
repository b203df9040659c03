//! How Slurm's answers are read, as functions over strings.

use serde_json::Value;

use crate::batch::error::BatchError;
use crate::batch::jobs::{Job, Ours, State};

/// The queue as text, for `squeue --format`: id, state, user, name, reason, comment.
pub(super) const FORMAT: &str = "%i|%T|%U|%j|%r|%k";

/// The reason of a job that waits. `None` is Slurm's word for none.
fn reason_of(state: State, word: &str) -> String {
    match state {
        State::Waiting if word != "None" => word.trim_matches(['(', ')']).to_owned(),
        State::Waiting | State::Running => String::new(),
    }
}

/// Reads `sbatch --parsable`: the id, and the cluster behind a semicolon. A site's wrapper may print notes around it,
/// or answer as `sbatch` does without the option.
pub(super) fn job_id(answer: &str) -> Result<String, BatchError> {
    let id_of = |line: &str| -> Option<String> {
        let line = line.trim();
        let line = line.strip_prefix("Submitted batch job ").unwrap_or(line);
        let id = line.split([';', ' ']).next().unwrap_or_default();
        // A note that begins with a number has more words behind it.
        let alone = id.len() == line.len()
            || line[id.len()..].starts_with(';')
            || line.contains(" on cluster ");
        let is_id = !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit());
        (is_id && alone).then(|| id.to_owned())
    };
    let found = answer.lines().rev().find_map(id_of);
    found.ok_or_else(|| BatchError::NoJobId {
        program: "sbatch",
        answer: answer.trim().to_owned(),
        queue: "squeue --me",
    })
}

/// Reads `squeue --json`, which lists every user's jobs, ended ones too, whatever filters it is given. Numbers
/// came bare up to 22.05 and as objects with `number` later; states as a word and later as a list of words.
///
/// # Errors
/// [`BatchError::Controller`] where the answer carries errors, which it does, with an exit code of 0, while
/// the controller is down.
pub(super) fn from_json(answer: &str, ours: &Ours) -> Result<Vec<Job>, BatchError> {
    let answer: Value =
        serde_json::from_str(without_notices(answer)).map_err(|source| BatchError::NoJson {
            program: "squeue",
            source,
        })?;
    if let Some(error) = answer["errors"]
        .as_array()
        .and_then(|errors| errors.first())
    {
        let words = ["description", "error", "source"].map(|key| error[key].as_str());
        let words: Vec<_> = words
            .into_iter()
            .flatten()
            .filter(|word| !word.is_empty())
            .collect();
        return Err(down(words.join(", ")));
    }
    let jobs = answer["jobs"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is_ours = |job: &&Value| {
        let id = number(&job["array_job_id"]).filter(|&id| id > 0);
        let id = id.or_else(|| number(&job["job_id"])).unwrap_or_default();
        ours.contains(&id.to_string(), &word(&job["name"]), &word(&job["comment"]))
    };
    Ok(jobs.iter().filter(is_ours).filter_map(job_of).collect())
}

/// A controller that does not answer.
fn down(why: String) -> BatchError {
    BatchError::Controller {
        program: "squeue",
        why,
    }
}

/// Whether an answer is JSON: builds without the plugin for it, and releases before 21.08, answer something else.
pub(super) fn is_json(answer: &str) -> bool {
    let answer = without_notices(answer);
    let inside = answer
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    inside.is_some_and(|inside| inside.trim().is_empty() || inside.trim_start().starts_with('"'))
}

/// The JSON of an answer that a site's wrapper has put notices around.
fn without_notices(answer: &str) -> &str {
    let first = answer.find('{').unwrap_or(0);
    let end = answer.rfind('}').map_or(answer.len(), |last| last + 1);
    answer.get(first..end).unwrap_or(answer)
}

fn job_of(job: &Value) -> Option<Job> {
    let words: Vec<&str> = match &job["job_state"] {
        Value::Array(states) => states.iter().filter_map(Value::as_str).collect(),
        state => state.as_str().into_iter().collect(),
    };
    let array = number(&job["array_job_id"]).filter(|&id| id > 0);
    let (id, workers) = match (array, number(&job["array_task_id"])) {
        (Some(array), Some(task)) => (format!("{array}_{task}"), 1),
        (Some(array), None) => {
            let waiting = job["array_task_string"].as_str().unwrap_or_default();
            (array.to_string(), tasks(waiting))
        }
        _ => (number(&job["job_id"])?.to_string(), 1),
    };
    let state = state_of(&words)?;
    Some(Job {
        id,
        reason: reason_of(state, job["state_reason"].as_str().unwrap_or_default()),
        state,
        workers,
        user: number(&job["user_id"]),
    })
}

/// Reads the queue in [`FORMAT`].
/// Lines of another form are a site's notices, unless they speak of an error.
///
/// # Errors
/// [`BatchError::Controller`].
pub(super) fn from_text(answer: &str, ours: &Ours) -> Result<Vec<Job>, BatchError> {
    let mut jobs = Vec::new();
    for line in answer.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.trim().splitn(6, '|');
        let mut next = || fields.next();
        let (Some(id), Some(state), Some(user), Some(name), Some(reason), Some(comment)) =
            (next(), next(), next(), next(), next(), next())
        else {
            if line.contains("error") {
                return Err(down(line.trim().to_owned()));
            }
            continue;
        };
        if !ours.contains(array_of(id), name, comment) {
            continue;
        }
        if let Some(state) = state_of(&[state]) {
            jobs.push(Job {
                id: id.to_owned(),
                state,
                workers: 1,
                user: user.parse().ok(),
                reason: reason_of(state, reason),
            });
        }
    }
    Ok(jobs)
}

/// The id of the whole job: `12` of `12_3`, and of `12+1`.
fn array_of(id: &str) -> &str {
    id.split(['_', '+']).next().unwrap_or_default()
}

/// None for a job that ends or has ended: whatever word is not of the two lists is an end.
fn state_of(words: &[&str]) -> Option<State> {
    let waiting = [
        "PENDING",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "RESV_DEL_HOLD",
        "SPECIAL_EXIT",
    ];
    let running = [
        "RUNNING",
        "CONFIGURING",
        "POWER_UP_NODE",
        "RESIZING",
        "SIGNALING",
        "STAGE_OUT",
        "STOPPED",
        "SUSPENDED",
    ];
    if words.is_empty()
        || words
            .iter()
            .any(|word| !waiting.contains(word) && !running.contains(word))
    {
        return None;
    }
    let runs = words.iter().all(|word| running.contains(word));
    Some(if runs { State::Running } else { State::Waiting })
}

/// Number of indices in `2-5,7,9-13:2%4`. Slurm cuts a long list and ends it with dots, which then counts for
/// what is shown.
fn tasks(text: &str) -> u32 {
    let indices = text.split('%').next().unwrap_or_default();
    let count = |piece: &str| -> Option<u32> {
        let (range, step) = piece.split_once(':').unwrap_or((piece, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let step: u32 = step.trim().parse().ok()?;
        Some(
            last.checked_sub(first)?
                .checked_div(step)?
                .saturating_add(1),
        )
    };
    let counted = indices.split(',').filter_map(count);
    counted.fold(0_u32, u32::saturating_add).max(1)
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let is_set = value["set"].as_bool().unwrap_or(true);
        value["number"].as_u64().filter(|_| is_set)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::jobs::{count, reason};

    const OURS: &str = "parsimony http://head:7070";

    fn ours(submitted: &[&str]) -> Ours {
        let submitted: Vec<String> = submitted.iter().map(|&id| id.to_owned()).collect();
        Ours::new("http://head:7070", &submitted)
    }

    fn job(id: &str, state: State, workers: u32) -> Job {
        Job {
            id: id.to_owned(),
            state,
            workers,
            user: Some(1000),
            reason: String::new(),
        }
    }

    #[test]
    fn job_ids_are_read_and_nothing_else() {
        let check = |answer, id: Option<&str>| assert_eq!(job_id(answer).ok().as_deref(), id);
        check("1234\n", Some("1234"));
        check("1234;cluster\n", Some("1234"));
        check("warning: x\n77\n", Some("77"));
        check("77\nYour fair share is 0.3\n", Some("77"));
        check("77;main\n\n  Have a good day.\n\n", Some("77"));
        check("Submitted batch job 4242\n", Some("4242"));
        check("Submitted batch job 4242 on cluster main\n", Some("4242"));
        check("100 of 200 hours are left\n", None);
        check("sbatch: error", None);
        check("", None);
    }

    /// As 22.05 writes it.
    fn old() -> String {
        let record = |job: u32,
                      array: u32,
                      task: &str,
                      string: &str,
                      state: &str,
                      comment: &str| {
            format!(
                r#"{{"job_id":{job},"array_job_id":{array},"array_task_id":{task},"array_task_string":"{string}",
                "name":"parsimony-worker","job_state":"{state}","comment":"{comment}","user_id":1000}}"#
            )
        };
        let jobs = [
            record(12, 10, "2", "", "RUNNING", OURS),
            record(10, 10, "null", "5-6", "PENDING", OURS),
            record(13, 0, "null", "", "PENDING", OURS),
            record(15, 0, "null", "", "CANCELLED", OURS),
            record(16, 0, "null", "", "COMPLETING", OURS),
            record(17, 0, "null", "", "RUNNING", "parsimony http://other:7070"),
        ];
        format!(
            r#"{{"errors":[],"jobs":[{},{{"job_id":14,"name":"other","job_state":"RUNNING"}}]}}"#,
            jobs.join(",")
        )
    }

    /// As later ones do.
    const NEW: &str = r#"{"errors":[],"jobs":[
        {"job_id":12,"array_job_id":{"set":true,"number":10},"array_task_id":{"set":true,"number":2},
         "array_task_string":"","comment":"parsimony http://head:7070","user_id":1000,
         "name":"parsimony-worker","job_state":["RUNNING"]},
        {"job_id":10,"array_job_id":{"set":true,"number":10},"array_task_id":{"set":false,"number":0},
         "array_task_string":"5-6","comment":"parsimony http://head:7070","user_id":1000,
         "name":"parsimony-worker","job_state":["PENDING"]},
        {"job_id":13,"array_job_id":{"set":true,"number":0},"array_task_id":{"set":false,"number":0},
         "array_task_string":"","comment":"parsimony http://head:7070","user_id":1000,
         "name":"parsimony-worker","job_state":["PENDING"]},
        {"job_id":15,"array_job_id":{"set":true,"number":0},"array_task_id":{"set":false,"number":0},
         "array_task_string":"","comment":"parsimony http://head:7070","user_id":1000,
         "name":"parsimony-worker","job_state":["RUNNING","COMPLETING"]}]}"#;

    #[test]
    fn queues_of_old_and_new_slurm_are_read() {
        let expected = vec![
            job("10_2", State::Running, 1),
            job("10", State::Waiting, 2),
            job("13", State::Waiting, 1),
        ];
        assert_eq!(from_json(&old(), &ours(&[])).unwrap(), expected);
        assert_eq!(from_json(NEW, &ours(&[])).unwrap(), expected);
        assert_eq!(count(&expected), (3, 1));
        let other = Ours::new("http://other:7070", &[]);
        assert!(from_json(NEW, &other).unwrap().is_empty());
        let noisy = format!("Notice: maintenance on Friday\n{NEW}\nHave a good day\n");
        assert_eq!(from_json(&noisy, &ours(&[])).unwrap(), expected);
    }

    /// A site whose plugin writes its own comments, and another that renames jobs.
    #[test]
    fn jobs_of_known_ids_are_ours_whatever_a_site_calls_them() {
        let rewritten = NEW
            .replace(OURS, "project=physics")
            .replace("parsimony-worker", "u1-job");
        assert!(from_json(&rewritten, &ours(&[])).unwrap().is_empty());
        assert_eq!(from_json(&rewritten, &ours(&["10"])).unwrap().len(), 2);
        assert_eq!(
            from_json(&rewritten, &ours(&["10", "13"])).unwrap().len(),
            3
        );
        let text = "10_2|RUNNING|1000|u1-job|None|\n100_1|RUNNING|1000|u1-job|None|\n";
        assert_eq!(
            from_text(text, &ours(&["10"])).unwrap(),
            [job("10_2", State::Running, 1)]
        );
    }

    #[test]
    fn a_controller_that_is_down_is_no_empty_queue() {
        let down = r#"{"meta":{},"errors":[{"description":"Failed while looking for jobs","error_number":-1,
            "error":"Unspecified error","source":"slurm_load_jobs"}],"jobs":[]}"#;
        let error = from_json(down, &ours(&[])).unwrap_err().to_string();
        assert!(error.contains("Failed while looking for jobs"), "{error}");
        assert!(from_json("slurm_load_jobs error", &ours(&[])).is_err());
        assert!(from_json(r#"{"jobs":[]}"#, &ours(&[])).unwrap().is_empty());
    }

    #[test]
    fn an_answer_in_json_is_known_from_text() {
        assert!(is_json(NEW) && is_json(&format!("Notice\n{NEW}\nbye\n")));
        assert!(!is_json("") && !is_json("10_2|RUNNING|1000|a{b}|None|"));
    }

    #[test]
    fn the_queue_as_text_is_read() {
        let text = format!(
            "10_2|RUNNING|1000|parsimony-worker|None|{OURS}\n10_5|PENDING|1000|parsimony-worker|(Priority)|{OURS}\n\
             10_1|COMPLETING|1000|parsimony-worker|None|{OURS}\n9|RUNNING|1000|other|None|a|b\n"
        );
        let expected = vec![
            job("10_2", State::Running, 1),
            Job {
                reason: "Priority".to_owned(),
                ..job("10_5", State::Waiting, 1)
            },
        ];
        assert_eq!(reason(&expected), "Priority");
        assert_eq!(from_text(&text, &ours(&[])).unwrap(), expected);
        let noisy = format!("Notice: maintenance\n{text}");
        assert_eq!(from_text(&noisy, &ours(&[])).unwrap(), expected);
        assert!(from_text("slurm_load_jobs error", &ours(&[])).is_err());
        assert!(from_text("\n", &ours(&[])).unwrap().is_empty());
    }

    #[test]
    fn waiting_tasks_of_an_array_are_counted() {
        let check = |text, count| assert_eq!(tasks(text), count, "{text}");
        check("7", 1);
        check("2-5", 4);
        check("2-5,7,9-13:2%4", 8);
        check("1-3,9,...", 4);
        check("", 1);
        check("5-2", 1);
        check("1-9:0", 1);
    }
}
