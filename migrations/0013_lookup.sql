-- Hardware look-ups: drivers that kernels bring themselves, and devices that were looked for in vain.

-- What the modules of a kernel's own tree say they drive.
CREATE TABLE kernel_aliases (
    kernel_id uuid CONSTRAINT kernel_aliases_pkey PRIMARY KEY
              CONSTRAINT kernel_aliases_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    -- Lines of module and pattern with a blank between them, sorted, zstd.
    aliases   bytea NOT NULL
);

-- Devices for which there was no driver, by day. Vendor and device alone: no address, no serial
-- number, nothing that tells one machine from the next.
CREATE TABLE hardware_demand (
    product_id bigint NOT NULL CONSTRAINT hardware_demand_product_fkey REFERENCES products ON DELETE CASCADE,
    arch       text NOT NULL,
    -- `pci:8086:1502`.
    device     text NOT NULL,
    day        date NOT NULL,
    times      bigint NOT NULL,
    CONSTRAINT hardware_demand_pkey PRIMARY KEY (device, product_id, arch, day)
);
CREATE INDEX hardware_demand_day_idx ON hardware_demand (day);
