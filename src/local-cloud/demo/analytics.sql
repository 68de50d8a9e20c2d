SET ROLE postgres;
CREATE ROLE warehouse_owner NOLOGIN;
CREATE ROLE reporting_owner NOLOGIN;
RESET ROLE;

CREATE SCHEMA warehouse AUTHORIZATION warehouse_owner;
CREATE SCHEMA reporting AUTHORIZATION reporting_owner;
GRANT USAGE ON SCHEMA warehouse TO reporting_owner;

SET ROLE warehouse_owner;
CREATE TYPE warehouse.channel AS ENUM ('web', 'shop', 'phone');
CREATE TABLE warehouse.dim_date (day date PRIMARY KEY, week int, quarter text);
INSERT INTO warehouse.dim_date
SELECT day, extract(week FROM day), to_char(day, 'YYYY-"Q"Q')
  FROM generate_series(DATE '2026-01-01', DATE '2026-12-31', INTERVAL '1 day') day;
CREATE TABLE warehouse.fact_sales (
  day date NOT NULL, channel warehouse.channel NOT NULL, customer_id bigint, amount numeric(12, 2)
) PARTITION BY LIST (channel);
CREATE TABLE warehouse.fact_sales_web PARTITION OF warehouse.fact_sales FOR VALUES IN ('web');
CREATE TABLE warehouse.fact_sales_rest PARTITION OF warehouse.fact_sales DEFAULT;
INSERT INTO warehouse.fact_sales
SELECT DATE '2026-01-01' + n % 330, (enum_range(NULL::warehouse.channel))[n % 3 + 1], n % 400, n % 99
  FROM generate_series(1, 6000) n;
CREATE TABLE warehouse.staging (line text) WITH (autovacuum_enabled = false);
GRANT SELECT ON ALL TABLES IN SCHEMA warehouse TO reporting_owner;

SET ROLE reporting_owner;
CREATE VIEW reporting.sales_by_channel AS
SELECT channel, sum(amount) AS amount FROM warehouse.fact_sales GROUP BY channel;
CREATE MATERIALIZED VIEW reporting.sales_by_quarter AS
SELECT d.quarter, sum(f.amount) AS amount FROM warehouse.fact_sales f JOIN warehouse.dim_date d USING (day) GROUP BY 1;
CREATE TABLE reporting.saved_reports (id serial PRIMARY KEY, name text, definition jsonb);
INSERT INTO reporting.saved_reports (name) SELECT 'Report ' || n FROM generate_series(1, 25) n;
CREATE FUNCTION reporting.share(part numeric, whole numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
AS 'SELECT CASE WHEN whole = 0 THEN 0 ELSE part / whole END';
RESET ROLE;

ANALYZE warehouse.dim_date, warehouse.fact_sales, reporting.saved_reports, reporting.sales_by_quarter;
