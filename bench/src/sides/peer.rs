//! A runtime in a process of its own, which stays for all models: a line of JSON in, one out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Side, Task, Values};

/// The process; dropping it ends it.
pub(crate) struct Peer {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(command: &mut Command) -> Result<Peer> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = BufReader::new(process.stdout.take().context("standard output is piped")?);
        Ok(Peer { requests: process.stdin.take(), process, answers })
    }

    /// What it runs on.
    pub(crate) fn version(&mut self) -> Result<String> {
        self.ask(&json!({"do": "version"}))
    }

    /// Replaces the model.
    pub(crate) fn load(&mut self, task: &Task) -> Result<()> {
        self.ask::<Value>(&json!({"do": "load", "model": task.model, "inputs": task.inputs})).map(drop)
    }

    fn ask<T: DeserializeOwned>(&mut self, request: &Value) -> Result<T> {
        let requests = self.requests.as_mut().context("the process ended")?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the process ended");
        }
        let mut answer: Value = serde_json::from_str(&line).with_context(|| format!("it said {line}"))?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{error}");
        }
        Ok(serde_json::from_value(answer["done"].take())?)
    }
}

impl Side for Peer {
    fn time(&mut self, runs: usize) -> Result<f64> {
        self.ask(&json!({"do": "time", "runs": runs}))
    }

    fn outputs(&mut self) -> Result<Vec<Vec<Values>>> {
        self.ask(&json!({"do": "outputs"}))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its input.
        self.requests = None;
        let _ = self.process.wait();
    }
}
