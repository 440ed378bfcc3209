-- The rows of penstock's ledger in PostgreSQL (13 and later).
--
-- (instance, id) is what makes sending a row twice do nothing; without a
-- unique constraint on it the shipper's statement is an error.
CREATE TABLE penstock_requests (
    time timestamptz NOT NULL,
    instance text NOT NULL,
    id bigint NOT NULL,
    time_us bigint NOT NULL,
    sandbox text,
    client text,
    client_port integer NOT NULL,
    kind text NOT NULL,
    verdict text NOT NULL,
    outcome text NOT NULL,
    status integer,
    method text,
    scheme text,
    host text,
    port integer,
    path text,
    query text,
    reason text,
    rule text,
    rule_where text,
    generation bigint NOT NULL,
    detail text,
    duration_us bigint NOT NULL,
    bytes_up bigint NOT NULL,
    bytes_down bigint NOT NULL,
    content_type text,
    user_agent text,
    protocol text,
    tls text,
    upstream text,
    up_protocol text,
    up_tls text,
    cut bigint NOT NULL,
    PRIMARY KEY (instance, id)
);
CREATE INDEX penstock_requests_time ON penstock_requests (time);
CREATE INDEX penstock_requests_host ON penstock_requests (host, time);
