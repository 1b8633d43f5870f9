-- Work that outlives a request, and the mails it queues.

CREATE TABLE jobs (
    id           bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT jobs_pkey PRIMARY KEY,
    kind         text NOT NULL,
    payload      jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    run_at       timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    -- Leased until then; a dead worker's job becomes free by itself.
    locked_until timestamptz,
    -- Given up: an operator has to look.
    failed_at    timestamptz,
    last_error   text
);
CREATE INDEX jobs_due_idx ON jobs (run_at) WHERE failed_at IS NULL;
-- The same work waits once. A running job does not count: what changed after it began needs another.
CREATE UNIQUE INDEX jobs_waiting_key ON jobs (kind, payload)
    WHERE locked_until IS NULL AND failed_at IS NULL;

CREATE TABLE mails (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT mails_pkey PRIMARY KEY,
    vendor_id  bigint NOT NULL CONSTRAINT mails_vendor_fkey REFERENCES vendors ON DELETE CASCADE,
    kernel_id  uuid NOT NULL CONSTRAINT mails_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    -- `Message-ID`, fixed when queued, so that a repeated delivery is recognisable.
    message_id text NOT NULL,
    recipient  text NOT NULL,
    subject    text NOT NULL,
    body_text  text NOT NULL,
    body_html  text NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at    timestamptz,
    -- A vendor hears of a kernel once.
    CONSTRAINT mails_once_key UNIQUE (vendor_id, kernel_id)
);
