-- What the views ask: which packages use a symbol, who acknowledged a kernel, and the decisions of
-- the release gate.

CREATE TABLE symbols (
    id   integer GENERATED ALWAYS AS IDENTITY CONSTRAINT symbols_pkey PRIMARY KEY,
    -- "C": names are bytes, and are found by their beginning.
    name text COLLATE "C" NOT NULL CONSTRAINT symbols_name_key UNIQUE
);

-- Symbols that a package's modules import; derived from `modules`, written together with it.
CREATE TABLE symbol_uses (
    symbol_id  integer NOT NULL CONSTRAINT symbol_uses_symbol_fkey REFERENCES symbols,
    package_id uuid NOT NULL CONSTRAINT symbol_uses_package_fkey REFERENCES packages ON DELETE CASCADE,
    -- Path of the module in the package.
    module     text NOT NULL,
    -- Version it was built against; NULL: none.
    crc        bigint,
    CONSTRAINT symbol_uses_pkey PRIMARY KEY (symbol_id, package_id, module)
);
CREATE INDEX symbol_uses_package_idx ON symbol_uses (package_id);

-- No kernel exports longer names (`KSYM_NAME_LEN` is 512), and an index takes no much longer ones.
INSERT INTO symbols (name)
SELECT DISTINCT i ->> 'symbol'
FROM modules m, jsonb_array_elements(m.module -> 'imports') AS i
WHERE octet_length(i ->> 'symbol') <= 1024;

-- Versions are kept as text there: `0x92997ed8`.
INSERT INTO symbol_uses (symbol_id, package_id, module, crc)
SELECT DISTINCT ON (s.id, m.package_id, m.path) s.id, m.package_id, m.path,
       ('x' || lpad(substr(i ->> 'crc', 3), 16, '0'))::bit(64)::bigint
FROM modules m, jsonb_array_elements(m.module -> 'imports') AS i
JOIN symbols s ON s.name = i ->> 'symbol';

-- Builds of one KMP, newest first.
CREATE INDEX packages_name_idx ON packages (name, arch, created_at DESC, id DESC)
    WHERE state IN ('accepted', 'published', 'withdrawn');
-- The matrix and its counts read no row of verdicts, whose reasons are long.
CREATE INDEX verdicts_matrix_idx ON verdicts (kernel_id, verdict) INCLUDE (package_id);
DROP INDEX verdicts_kernel_idx;

-- A vendor said that it knows what a kernel breaks.
CREATE TABLE kernel_acknowledgements (
    kernel_id       uuid NOT NULL CONSTRAINT kernel_acknowledgements_kernel_fkey
                    REFERENCES kernels ON DELETE CASCADE,
    vendor_id       bigint NOT NULL CONSTRAINT kernel_acknowledgements_vendor_fkey
                    REFERENCES vendors ON DELETE CASCADE,
    -- Label of the token or name of the user.
    account         text NOT NULL,
    note            text NOT NULL,
    -- When the vendor plans to have a build that loads.
    planned_date    date,
    acknowledged_at timestamptz NOT NULL,
    CONSTRAINT kernel_acknowledgements_pkey PRIMARY KEY (kernel_id, vendor_id)
);

-- What a kernel of a product has to fulfil before it goes out; without a row, the default.
CREATE TABLE gate_policies (
    product_id bigint CONSTRAINT gate_policies_pkey PRIMARY KEY
               CONSTRAINT gate_policies_product_fkey REFERENCES products,
    policy     jsonb NOT NULL,
    -- Label of the token or name of the user.
    set_by     text NOT NULL,
    set_at     timestamptz NOT NULL
);

-- Decisions as they were issued: the very bytes, and the signature over them.
CREATE TABLE gate_reports (
    kernel_id uuid NOT NULL CONSTRAINT gate_reports_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    -- From 1, without gaps, for each kernel.
    number    integer NOT NULL,
    decision  text NOT NULL CONSTRAINT gate_reports_decision_known CHECK (decision IN ('go', 'no-go')),
    document  bytea NOT NULL,
    -- Detached, armored.
    signature text NOT NULL,
    issued_by text NOT NULL,
    issued_at timestamptz NOT NULL,
    CONSTRAINT gate_reports_pkey PRIMARY KEY (kernel_id, number)
);
