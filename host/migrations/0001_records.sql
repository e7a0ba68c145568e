-- The same for SQLite and PostgreSQL. Times are microseconds since 1970; what is of no fixed form is JSON.
CREATE TABLE predictions (
    request_id TEXT NOT NULL,
    row_index BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    task TEXT NOT NULL,
    business_key TEXT,
    features TEXT,
    passthrough TEXT,
    prediction TEXT,
    probability TEXT,
    latency_us BIGINT,
    -- A client may send one id twice.
    PRIMARY KEY (request_id, row_index, made_at)
);
CREATE INDEX predictions_by_time ON predictions (model, made_at);
CREATE INDEX predictions_by_key ON predictions (model, business_key, made_at);

CREATE TABLE labels (
    model TEXT NOT NULL,
    request_id TEXT NOT NULL,
    row_index BIGINT NOT NULL,
    label TEXT NOT NULL,
    labelled_at BIGINT NOT NULL,
    PRIMARY KEY (model, request_id, row_index)
);
CREATE INDEX labels_by_time ON labels (labelled_at);
