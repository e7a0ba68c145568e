//! Requests put together into one prediction: which go with which, and when a batch is full.
//!
//! A request that finds no batch to join opens one. Without a delay the batch is predicted after
//! the jobs that wait for a worker at that moment: on an idle host at once, on a busy one with
//! whatever came in the meantime. With a delay it waits so long for others, or until it is full.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgewit_core::Tensor;

use super::request::{Question, Request};
use super::{Deployment, Workers};
use crate::telemetry::{BatchMetrics, ModelMetrics, Stations};

/// The open batches of one deployment.
pub(super) struct Batcher {
    max_rows: u64,
    /// How long the first request of a batch waits for others.
    pub(super) max_delay: Duration,
    metrics: BatchMetrics,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// One for each kind of request; there are seldom two.
    batches: Vec<Batch>,
    opened: u64,
}

/// Requests whose inputs differ in nothing but their rows, and that ask for the same outputs.
pub(super) struct Batch {
    number: u64,
    rows: u64,
    requests: Vec<Request>,
}

/// What follows from a request's joining.
pub(super) struct Joined {
    /// A batch that has no room for another request: to be predicted now.
    pub(super) full: Option<Batch>,
    /// The number of a batch that was opened: to be [taken](Batcher::take) when its time has come.
    pub(super) opened: Option<u64>,
}

impl Question {
    /// The number of rows; `None` when the inputs do not have the same.
    fn rows(&self) -> Option<u64> {
        let rows = self.inputs.first()?.rows()?;
        self.inputs.iter().all(|input| input.rows() == Some(rows)).then_some(rows)
    }

    /// Whether the rows of both may go into one prediction.
    fn joins(&self, other: &Question) -> bool {
        self.outputs == other.outputs
            && self.inputs.len() == other.inputs.len()
            && self.inputs.iter().zip(other.inputs.iter()).all(|(one, other)| one.joins(other))
    }
}

impl Batcher {
    pub(super) fn new(max_rows: u32, max_delay: Duration, metrics: BatchMetrics) -> Batcher {
        Batcher { max_rows: max_rows.into(), max_delay, metrics, open: Mutex::default() }
    }

    /// Whether a request can share a batch at all.
    pub(super) fn takes(&self, question: &Question) -> bool {
        question.rows().is_some_and(|rows| (1..self.max_rows).contains(&rows))
    }

    /// Puts a request that this batcher [takes](Batcher::takes) into a batch.
    pub(super) fn add(&self, request: Request) -> Joined {
        let rows = request.question.rows().unwrap_or(0);
        let mut open = self.lock();
        let mut joined = Joined { full: None, opened: None };
        let found = open.batches.iter().position(|batch| batch.requests[0].question.joins(&request.question));
        if let Some(ix) = found {
            let batch = &mut open.batches[ix];
            if batch.rows + rows <= self.max_rows {
                batch.rows += rows;
                batch.requests.push(request);
                if batch.rows == self.max_rows {
                    joined.full = Some(open.batches.swap_remove(ix));
                }
                return joined;
            }
            joined.full = Some(open.batches.swap_remove(ix));
        }
        open.opened += 1;
        joined.opened = Some(open.opened);
        let batch = Batch { number: open.opened, rows, requests: vec![request] };
        open.batches.push(batch);
        joined
    }

    /// The batch of this number, unless it became full before.
    pub(super) fn take(&self, number: u64) -> Option<Batch> {
        let mut open = self.lock();
        let ix = open.batches.iter().position(|batch| batch.number == number)?;
        Some(open.batches.swap_remove(ix))
    }

    /// A poisoned lock only means that a push panicked elsewhere.
    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Predicts all requests whose callers still wait, in one sandbox. Where that fails, each is
    /// predicted alone: it is one of them that is at fault, and the others must not feel it.
    pub(super) fn predict(self, deployment: &Arc<Deployment>, workers: &Workers) {
        let Some(batcher) = deployment.batcher() else { return };
        let mut requests = self.begin(&deployment.metrics);
        let rows = requests.iter().filter_map(|request| request.question.rows()).collect::<Vec<_>>();
        if rows.is_empty() {
            return;
        }
        batcher.metrics.formed(rows.iter().sum());
        if rows.len() == 1 {
            return requests.into_iter().for_each(|request| request.alone(deployment));
        }
        match outputs(deployment, &mut requests, &rows) {
            Some(outputs) => {
                for (request, outputs) in requests.into_iter().zip(outputs) {
                    request.finish(deployment, Ok(outputs));
                }
            }
            None => {
                batcher.metrics.failed();
                for request in requests {
                    let deployment = deployment.clone();
                    workers.follow(move || request.alone(&deployment));
                }
            }
        }
    }

    /// Ends the wait of all requests; those whose callers have gone are left out.
    fn begin(self, metrics: &ModelMetrics) -> Vec<Request> {
        let mut requests = self.requests;
        requests.iter_mut().for_each(|request| request.caller.begin(metrics));
        requests.retain(|request| !request.caller.is_gone());
        requests
    }
}

/// The outputs of each request; `None` when the batch failed, for whatever reason.
fn outputs(deployment: &Deployment, requests: &mut [Request], rows: &[u64]) -> Option<Vec<Vec<Tensor>>> {
    let first = &requests.first()?.question;
    let inputs = (0..first.inputs.len()).map(|ix| {
        let parts = requests.iter().map(|request| &request.question.inputs[ix]).collect::<Vec<_>>();
        Tensor::join(&parts)
    });
    let inputs = inputs.collect::<Option<Vec<_>>>()?;
    let mut stations = Stations::default();
    let outputs = deployment.predict(&inputs, first.outputs.as_deref(), &mut stations);
    requests.iter_mut().for_each(|request| request.computed(stations, true));
    let outputs = outputs.ok()?;
    let mut parts = vec![Vec::with_capacity(outputs.len()); requests.len()];
    for output in outputs {
        parts.iter_mut().zip(output.split(rows)?).for_each(|(part, output)| part.push(output));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use edgewit_core::oip::Body;
    use edgewit_core::{Data, Datatype};
    use tokio::sync::oneshot;

    use super::super::workers::Caller;
    use super::*;
    use crate::telemetry::{ModelLabels, Telemetry};

    type Answered = oneshot::Receiver<Result<Body, super::super::Error>>;

    fn batcher() -> Batcher {
        let metrics = Telemetry::new().batches(&ModelLabels::default());
        Batcher::new(4, Duration::ZERO, metrics)
    }

    fn question(rows: u64, width: u64) -> Question {
        let data = Data::Raw(vec![0; (rows * width) as usize]);
        let input = Tensor::new("x", Datatype::Uint8, vec![rows, width], data).unwrap();
        Question { inputs: vec![input].into(), outputs: None }
    }

    fn request(rows: u64, width: u64) -> (Request, Answered) {
        let (caller, answered) = Caller::waiting(&Telemetry::new().model(&ModelLabels::default()));
        let answer = Box::new(|_: &Deployment, _: &[Tensor]| Ok(vec![].into()));
        (Request { question: question(rows, width), answer, caller, key: None, seen: None }, answered)
    }

    /// Adds requests of so many rows and of some width; gives the rows of each batch that became
    /// full on the way, and of those that are open at the end.
    fn check(requests: &[(u64, u64)], full: &[u64], open: &[u64]) {
        let batcher = batcher();
        let added = requests.iter().map(|(rows, width)| batcher.add(request(*rows, *width).0));
        let added = added.collect::<Vec<_>>();
        let closed = added.iter().filter_map(|joined| Some(joined.full.as_ref()?.rows)).collect::<Vec<_>>();
        assert_eq!(closed, full, "{requests:?}");
        let numbers = added.iter().filter_map(|joined| joined.opened);
        let taken = numbers.filter_map(|number| batcher.take(number)).map(|batch| batch.rows);
        assert_eq!(taken.collect::<Vec<_>>(), open, "{requests:?}");
        assert!(batcher.lock().batches.is_empty());
    }

    #[test]
    fn a_batch_is_full_at_its_size_and_closed_by_what_has_no_room_in_it() {
        check(&[(1, 1)], &[], &[1]);
        check(&[(1, 1), (2, 1), (1, 1)], &[4], &[]);
        check(&[(3, 1), (3, 1), (1, 1), (1, 1)], &[3, 4], &[1]);
        check(&[(1, 1), (3, 2), (2, 1), (1, 2), (1, 1)], &[4, 4], &[]);
    }

    #[test]
    fn only_a_request_that_leaves_room_for_another_is_taken() {
        let batcher = batcher();
        assert_eq!(
            [0, 1, 3, 4, 5].map(|rows| batcher.takes(&question(rows, 1))),
            [false, true, true, false, false]
        );
        let mut uneven = question(1, 1);
        uneven.inputs =
            [question(1, 1), question(2, 1)].map(|question| question.inputs[0].clone()).to_vec().into();
        assert!(!batcher.takes(&uneven));
        assert!(!batcher.takes(&Question { inputs: vec![].into(), outputs: None }));
    }

    #[test]
    fn a_request_whose_caller_has_gone_is_left_out() {
        let batcher = batcher();
        let ((first, stays), (second, leaves)) = (request(1, 1), request(2, 1));
        let number = batcher.add(first).opened.unwrap();
        batcher.add(second);
        drop(leaves);
        let metrics = Telemetry::new().model(&ModelLabels::default());
        let requests = batcher.take(number).unwrap().begin(&metrics);
        assert_eq!(requests.iter().map(|request| request.question.rows()).collect::<Vec<_>>(), [Some(1)]);
        drop(stays);
    }
}
