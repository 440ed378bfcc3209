-- The rows of penstock's ledger in ClickHouse (18.16 and later).
--
-- A row that is sent twice is the same row: ReplacingMergeTree keeps one of
-- each (instance, id), some time after it came. Until then, and to be exact,
-- ask `penstock_requests FINAL`.
CREATE TABLE penstock_requests
(
    time DateTime DEFAULT toDateTime(intDiv(time_us, 1000000)),
    instance String,
    id UInt64,
    time_us UInt64,
    sandbox Nullable(String),
    client Nullable(String),
    client_port UInt16,
    kind String,
    verdict String,
    outcome String,
    status Nullable(UInt16),
    method Nullable(String),
    scheme Nullable(String),
    host Nullable(String),
    port Nullable(UInt16),
    path Nullable(String),
    query Nullable(String),
    reason Nullable(String),
    rule Nullable(String),
    rule_where Nullable(String),
    generation UInt32,
    detail Nullable(String),
    duration_us UInt64,
    bytes_up UInt64,
    bytes_down UInt64,
    content_type Nullable(String),
    user_agent Nullable(String),
    protocol Nullable(String),
    tls Nullable(String),
    upstream Nullable(String),
    up_protocol Nullable(String),
    up_tls Nullable(String),
    cut UInt32
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (instance, id)
