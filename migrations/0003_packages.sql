-- Packages: what was uploaded, what was found in it, where it goes, on which kernels it loads.

CREATE TABLE packages (
    id             uuid CONSTRAINT packages_pkey PRIMARY KEY,
    vendor_id      bigint NOT NULL CONSTRAINT packages_vendor_fkey REFERENCES vendors,
    -- Of the whole file: the same bytes from the same vendor are the same package.
    sha256         bytea NOT NULL,
    size           bigint NOT NULL,
    -- As the uploader called it; the repository uses the name the header gives.
    file_name      text NOT NULL,
    state          text NOT NULL CONSTRAINT packages_state_known
                   CHECK (state IN ('received', 'inspecting', 'accepted', 'rejected', 'published', 'withdrawn')),
    -- Why it was rejected, by kind: the HTTP status of the answer follows from it.
    rejected_as    text CONSTRAINT packages_rejected_as_known
                   CHECK (rejected_as IN ('unprocessable', 'conflict', 'forbidden')),
    created_at     timestamptz NOT NULL,
    -- Channel the uploader asked for, until the product is known.
    wanted_channel text,
    -- From here on: known once inspected.
    name           text,
    epoch          bigint,
    version        text,
    release        text,
    arch           text,
    flavor         text,
    -- Kernel the modules were built for (`uname -r`).
    kernel_release text,
    -- `N-V-R.A.rpm`: its name in every repository.
    location       text,
    summary        text,
    license        text,
    rpm_vendor     text,
    signature      jsonb,
    -- Rendered repomd records.
    repomd_primary   text,
    repomd_filelists text,
    repomd_other     text,
    CONSTRAINT packages_content_key UNIQUE (sha256, vendor_id)
);
CREATE INDEX packages_vendor_idx ON packages (vendor_id, created_at DESC);
CREATE INDEX packages_created_idx ON packages (created_at DESC, id);
-- A name in a repository stands for one content for ever, also after withdrawal.
CREATE UNIQUE INDEX packages_location_key ON packages (location)
    WHERE state IN ('accepted', 'published', 'withdrawn');

-- Products and channels a package was uploaded to. The product is unknown until inspection when
-- the uploader did not name it.
CREATE TABLE placements (
    package_id uuid NOT NULL CONSTRAINT placements_package_fkey REFERENCES packages ON DELETE CASCADE,
    product_id bigint NOT NULL CONSTRAINT placements_product_fkey REFERENCES products,
    channel    text NOT NULL,
    CONSTRAINT placements_pkey PRIMARY KEY (package_id, product_id, channel)
);
CREATE INDEX placements_product_idx ON placements (product_id, channel);

CREATE TABLE package_events (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT package_events_pkey PRIMARY KEY,
    package_id uuid NOT NULL CONSTRAINT package_events_package_fkey REFERENCES packages ON DELETE CASCADE,
    state      text NOT NULL,
    reason     text NOT NULL,
    at         timestamptz NOT NULL
);
CREATE INDEX package_events_package_idx ON package_events (package_id, id);

CREATE TABLE findings (
    package_id uuid NOT NULL CONSTRAINT findings_package_fkey REFERENCES packages ON DELETE CASCADE,
    position   integer NOT NULL,
    finding    jsonb NOT NULL,
    CONSTRAINT findings_pkey PRIMARY KEY (package_id, position)
);

CREATE TABLE modules (
    package_id uuid NOT NULL CONSTRAINT modules_package_fkey REFERENCES packages ON DELETE CASCADE,
    path       text NOT NULL,
    -- Everything read from the file, so that no RPM is opened twice.
    module     jsonb NOT NULL,
    CONSTRAINT modules_pkey PRIMARY KEY (package_id, path)
);

-- Hardware patterns: aliases of the modules and decoded `modalias()` supplements.
CREATE TABLE aliases (
    package_id uuid NOT NULL CONSTRAINT aliases_package_fkey REFERENCES packages ON DELETE CASCADE,
    module     text NOT NULL,
    pattern    text NOT NULL,
    CONSTRAINT aliases_pkey PRIMARY KEY (package_id, module, pattern)
);

CREATE TABLE verdicts (
    package_id uuid NOT NULL CONSTRAINT verdicts_package_fkey REFERENCES packages ON DELETE CASCADE,
    kernel_id  uuid NOT NULL CONSTRAINT verdicts_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    verdict    text NOT NULL,
    -- Per module: verdict, reasons, counts.
    modules    jsonb NOT NULL,
    judged_at  timestamptz NOT NULL,
    CONSTRAINT verdicts_pkey PRIMARY KEY (package_id, kernel_id)
);
CREATE INDEX verdicts_kernel_idx ON verdicts (kernel_id, verdict);
