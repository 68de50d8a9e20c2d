SET ROLE postgres;
CREATE ROLE billing_owner NOLOGIN;
RESET ROLE;

CREATE SCHEMA app AUTHORIZATION billing_owner;
CREATE SCHEMA archive AUTHORIZATION legacy_app;

SET ROLE billing_owner;
CREATE TYPE app.currency AS ENUM ('EUR', 'USD', 'GBP');
CREATE DOMAIN app.vat_rate AS numeric(4, 3) CHECK (VALUE BETWEEN 0 AND 1);
CREATE SEQUENCE app.reminder_number;
CREATE TABLE app.customers (id bigint PRIMARY KEY, name text NOT NULL, vat_number text);
INSERT INTO app.customers SELECT n, 'Company ' || n, 'NL' || 100000000 + n FROM generate_series(1, 250) n;
CREATE TABLE app.invoices (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES app.customers,
  currency app.currency NOT NULL,
  vat app.vat_rate NOT NULL,
  amount numeric(12, 2) NOT NULL,
  due_on date NOT NULL
);
INSERT INTO app.invoices (customer_id, currency, vat, amount, due_on)
SELECT n % 250 + 1, 'EUR', 0.21, n, DATE '2026-01-01' + n % 300 FROM generate_series(1, 1500) n;
CREATE TABLE app.payments (id bigint PRIMARY KEY, invoice bigint REFERENCES app.invoices, paid_at timestamptz)
  WITH (autovacuum_enabled = false);
CREATE VIEW app.overdue AS SELECT number, amount FROM app.invoices WHERE due_on < CURRENT_DATE;
CREATE FUNCTION app.with_vat(amount numeric, vat app.vat_rate) RETURNS numeric LANGUAGE sql IMMUTABLE
RETURN round(amount * (1 + vat), 2);

SET ROLE legacy_app;
CREATE TABLE archive.invoices (number int PRIMARY KEY, year int, amount numeric);
INSERT INTO archive.invoices SELECT n, 2010 + n % 10, n FROM generate_series(1, 800) n;
CREATE SEQUENCE archive.run_number;
CREATE TYPE archive.state AS ENUM ('kept', 'to_delete');
CREATE FUNCTION archive.total(wanted int) RETURNS numeric LANGUAGE sql STABLE
RETURN (SELECT sum(amount) FROM archive.invoices WHERE year = wanted);
ALTER DEFAULT PRIVILEGES IN SCHEMA archive GRANT SELECT ON TABLES TO billing_owner;
GRANT USAGE ON SCHEMA archive TO billing_owner;
RESET ROLE;

ANALYZE app.customers, app.invoices, archive.invoices;
