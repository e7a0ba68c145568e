//! The integration tests: one binary, a file per feature.

mod architecture;
mod attacks;
mod auth;
mod backup;
mod bad_models;
mod bad_requests;
mod batching;
mod check;
mod clients;
mod command_line;
mod compression;
mod container;
mod cycles;
mod datatypes;
mod documentation;
mod drift;
mod edge;
mod github;
mod golden;
mod hand_over;
mod health;
mod health_command;
mod hostile_guests;
mod isolation;
mod jwt;
mod kill;
mod lifecycle;
mod limits;
mod load_balancers;
mod logs;
mod manifests;
mod metrics;
mod mutants;
mod observability;
mod oci;
mod oip;
mod openapi;
mod overload;
mod pack;
mod page;
mod page_firefox;
mod page_offline;
mod page_picture;
mod page_table;
mod postgres;
mod records;
mod reference;
mod registry;
mod releases;
mod report;
mod repository;
mod response_cache;
mod rows;
mod schemathesis;
mod service_manager;
mod simd;
mod size;
mod sockets;
mod statistics;
mod stop_and_reload;
mod systemd;
mod tls;
mod traces;
mod ui;
mod web;

use serde_json::{Value, json};

/// A customer of the churn model; every feature at a plausible value.
fn customer() -> Value {
    json!({
        "gender": "Female", "SeniorCitizen": 0, "Partner": "Yes", "Dependents": "No", "tenure": 1,
        "PhoneService": "No", "MultipleLines": "No phone service", "InternetService": "DSL",
        "OnlineSecurity": "No", "OnlineBackup": "Yes", "DeviceProtection": "No", "TechSupport": "No",
        "StreamingTV": "No", "StreamingMovies": "No", "Contract": "Month-to-month",
        "PaperlessBilling": "Yes", "PaymentMethod": "Electronic check", "MonthlyCharges": 29.85,
        "TotalCharges": 29.85,
    })
}

/// [`customer`] with one field changed; null removes nothing, it is a value.
fn customer_with(field: &str, value: Value) -> Value {
    let mut row = customer();
    row[field] = value;
    row
}
