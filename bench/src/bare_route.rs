//! A bare axum route that parses the JSON row of a customer and answers the JSON of a prediction,
//! without a model: what HTTP and JSON cost alone. Its only argument is the address to listen on.

use std::time::SystemTime;

use anyhow::{Context, Result};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Map, Value};

/// The answer of `edgewit serve`.
#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<Value>,
    prediction: i64,
    label: &'static str,
    probability: [f32; 2],
    confidence: f32,
    model: &'static str,
    model_version: &'static str,
    timestamp: String,
}

async fn predict(Json(mut row): Json<Map<String, Value>>) -> Json<Answer> {
    let probability = [0.2665735, 0.7334265];
    Json(Answer {
        customer_id: row.remove("customer_id"),
        prediction: 1,
        label: "Yes",
        probability,
        confidence: probability[1],
        model: "churn",
        model_version: "1",
        timestamp: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("the address to listen on is missing")?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, Router::new().route("/predict", post(predict))).await?;
    Ok(())
}
