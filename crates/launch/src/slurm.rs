//! Slurm: the batch script of pilot workers, and how `sbatch`, `squeue` and `scancel` are spoken to.
//!
//! One `sbatch` call submits all pilots as a job array of workers (not of trials). `sacct` is never asked:
//! many labs run without its database.

use serde_json::Value;

use crate::command::{CommandError, run};
use crate::pilot::Pilot;

/// Name of every job of ours, by which they are found again.
pub const JOB_NAME: &str = "parsimony-worker";

/// Seconds before the walltime's end at which Slurm sends SIGTERM, so that a worker can drain.
const WARNING_SECONDS: u32 = 60;

#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("sbatch answered `{0}` instead of a job id")]
    NoJobId(String),
    #[error("squeue did not answer with JSON: {0}")]
    NoJson(#[from] serde_json::Error),
}

/// A pilot job as `squeue` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Job id, with the array index where there is one.
    pub id: String,
    /// PENDING, RUNNING, COMPLETING ...
    pub state: String,
}

/// The batch script: `exec` makes the worker the process that Slurm signals.
pub fn script(pilot: &Pilot, workers: u32, time: Option<&str>) -> String {
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        format!("#SBATCH --job-name={JOB_NAME}"),
        format!("#SBATCH --array=1-{workers}"),
        format!("#SBATCH --signal=B:TERM@{WARNING_SECONDS}"),
        "#SBATCH --requeue".to_owned(),
    ];
    let mut worker = pilot.command();
    if let Some(time) = time {
        lines.push(format!("#SBATCH --time={time}"));
        // The worker takes no lease that it cannot finish; a requeued job has its whole time again.
        worker += &format!(" --time {time}");
    }
    if pilot.threads.is_none() {
        worker += " --threads \"${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}\"";
    }
    worker += " --name \"slurm-${SLURM_JOB_ID:-0}\"";
    lines.push(format!("exec {worker}"));
    lines.join("\n") + "\n"
}

/// Submits pilots; `options` go to `sbatch` as they are. Returns the job's id.
///
/// # Errors
/// [`SlurmError`].
pub fn submit(script: &str, options: &[String]) -> Result<String, SlurmError> {
    let mut words = vec!["--parsable".to_owned()];
    words.extend_from_slice(options);
    job_id(&run("sbatch", &words, script)?)
}

/// Our jobs that wait or run.
///
/// # Errors
/// [`SlurmError`]; a `squeue` that is down is an error, not an empty list.
pub fn jobs() -> Result<Vec<Job>, SlurmError> {
    let words = ["--json", "--name", JOB_NAME, "--me"].map(str::to_owned);
    read_jobs(&run("squeue", &words, "")?)
}

/// Cancels jobs: SIGTERM at once, SIGKILL after the site's KillWait.
///
/// # Errors
/// [`SlurmError`].
pub fn cancel(ids: &[String]) -> Result<(), SlurmError> {
    run("scancel", ids, "")?;
    Ok(())
}

/// Reads `sbatch --parsable`: the id, and the cluster behind a semicolon.
fn job_id(answer: &str) -> Result<String, SlurmError> {
    let line = answer.lines().last().unwrap_or_default().trim();
    let id = line.split(';').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|c| c.is_ascii_digit()) {
        return Err(SlurmError::NoJobId(answer.trim().to_owned()));
    }
    Ok(id.to_owned())
}

/// Reads `squeue --json`. Numbers came bare up to 22.05 and as objects with `number` later; states as a word
/// and as a list of words.
fn read_jobs(answer: &str) -> Result<Vec<Job>, SlurmError> {
    let answer: Value = serde_json::from_str(answer)?;
    let jobs = answer["jobs"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ours = jobs.iter().filter(|job| job["name"] == JOB_NAME);
    let read = ours.filter_map(|job| {
        let array = number(&job["array_job_id"]).filter(|&id| id > 0);
        let id = match (array, number(&job["array_task_id"])) {
            (Some(array), Some(task)) => format!("{array}_{task}"),
            (Some(array), None) => array.to_string(),
            _ => number(&job["job_id"])?.to_string(),
        };
        let state = match &job["job_state"] {
            Value::Array(states) => states.first()?.as_str()?.to_owned(),
            state => state.as_str()?.to_owned(),
        };
        Some(Job { id, state })
    });
    let ended = ["CANCELLED", "COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL"];
    Ok(read
        .filter(|job| !ended.contains(&job.state.as_str()))
        .collect())
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

    fn pilot() -> Pilot {
        Pilot {
            program: "/opt/par simony".into(),
            coordinator: "https://head:7070".to_owned(),
            ca: None,
            token_file: Some("/home/lab/worker.token".into()),
            threads: None,
            idle_timeout_seconds: None,
        }
    }

    #[test]
    fn the_script_makes_the_worker_the_signalled_process() {
        let text = script(&pilot(), 4, Some("1:30:00"));
        assert!(text.starts_with("#!/bin/sh\n"));
        assert!(text.contains("#SBATCH --array=1-4\n"));
        assert!(text.contains("#SBATCH --time=1:30:00\n"));
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("exec '/opt/par simony' worker"), "{last}");
        assert!(last.contains("--time 1:30:00"), "{last}");
        assert!(!script(&pilot(), 1, None).contains("--time"));
    }

    #[test]
    fn job_ids_are_read_and_nothing_else() {
        let check = |answer, id: Option<&str>| assert_eq!(job_id(answer).ok().as_deref(), id);
        check("1234\n", Some("1234"));
        check("1234;cluster\n", Some("1234"));
        check("warning: x\n77\n", Some("77"));
        check("sbatch: error", None);
        check("", None);
    }

    #[test]
    fn queues_of_old_and_new_slurm_are_read() {
        let old = r#"{"jobs":[
            {"job_id":12,"array_job_id":10,"array_task_id":2,"name":"parsimony-worker","job_state":"RUNNING"},
            {"job_id":13,"array_job_id":0,"array_task_id":null,"name":"parsimony-worker","job_state":"PENDING"},
            {"job_id":15,"array_job_id":0,"array_task_id":null,"name":"parsimony-worker","job_state":"CANCELLED"},
            {"job_id":14,"name":"other","job_state":"RUNNING"}]}"#;
        let new = r#"{"jobs":[
            {"job_id":12,"array_job_id":{"set":true,"number":10},"array_task_id":{"set":true,"number":2},
             "name":"parsimony-worker","job_state":["RUNNING"]},
            {"job_id":13,"array_job_id":{"set":true,"number":0},"array_task_id":{"set":false,"number":0},
             "name":"parsimony-worker","job_state":["PENDING"]}]}"#;
        let job = |id: &str, state: &str| Job {
            id: id.to_owned(),
            state: state.to_owned(),
        };
        let expected = vec![job("10_2", "RUNNING"), job("13", "PENDING")];
        assert_eq!(read_jobs(old).unwrap(), expected);
        assert_eq!(read_jobs(new).unwrap(), expected);
        assert!(read_jobs("slurm_load_jobs error").is_err());
    }
}
