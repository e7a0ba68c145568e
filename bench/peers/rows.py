"""What the two FastAPI applications share: the row of a customer as pydantic checks it, and the answer."""

import datetime

from pydantic import BaseModel


class Row(BaseModel):
    """A customer, as in models/churn/1/model.toml."""

    customer_id: str | None = None
    gender: str
    SeniorCitizen: int
    Partner: str
    Dependents: str
    tenure: float
    PhoneService: str
    MultipleLines: str
    InternetService: str
    OnlineSecurity: str
    OnlineBackup: str
    DeviceProtection: str
    TechSupport: str
    StreamingTV: str
    StreamingMovies: str
    Contract: str
    PaperlessBilling: str
    PaymentMethod: str
    MonthlyCharges: float
    TotalCharges: float | None


def answer(row, label, probability):
    """Makes the answer that `edgewit serve` gives."""
    return {
        "customer_id": row.customer_id,
        "prediction": int(label == "Yes"),
        "label": label,
        "probability": probability,
        "confidence": max(probability),
        "model": "churn",
        "model_version": "1",
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
