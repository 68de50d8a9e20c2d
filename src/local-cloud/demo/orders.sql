-- The owners of the schemas. The admin made the first two, as a team would; the third was there before.
SET ROLE postgres;
CREATE ROLE app_owner NOLOGIN;
CREATE ROLE sales_owner NOLOGIN;
RESET ROLE;
CREATE ROLE audit_owner NOLOGIN;

CREATE SCHEMA app AUTHORIZATION app_owner;
CREATE SCHEMA sales AUTHORIZATION sales_owner;
CREATE SCHEMA audit AUTHORIZATION audit_owner;
CREATE SCHEMA legacy AUTHORIZATION legacy_app;

-- app: customers, products and orders by quarter.
SET ROLE app_owner;

CREATE TYPE app.order_status AS ENUM ('new', 'paid', 'shipped', 'cancelled');
CREATE DOMAIN app.email_address AS text CHECK (VALUE LIKE '%_@_%');
CREATE TYPE app.postal_address AS (street text, city text, country char(2));
CREATE SEQUENCE app.invoice_number START 10001;

CREATE TABLE app.customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email app.email_address NOT NULL UNIQUE,
  address app.postal_address,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO app.customers (email, address)
SELECT 'customer' || n || '@example.net', ROW('Street ' || n, 'City ' || n % 40, 'NL')::app.postal_address
  FROM generate_series(1, 500) n;

CREATE TABLE app.products (
  sku text PRIMARY KEY,
  title text NOT NULL,
  price numeric(10, 2) NOT NULL CHECK (price >= 0)
);
INSERT INTO app.products SELECT 'SKU-' || n, 'Product ' || n, n % 90 + 0.99 FROM generate_series(1, 200) n;

CREATE TABLE app.orders (
  id bigint GENERATED ALWAYS AS IDENTITY,
  customer_id bigint NOT NULL REFERENCES app.customers,
  status app.order_status NOT NULL DEFAULT 'new',
  ordered_on date NOT NULL,
  amount numeric(12, 2) NOT NULL,
  PRIMARY KEY (id, ordered_on)
) PARTITION BY RANGE (ordered_on);
CREATE TABLE app.orders_2026_q1 PARTITION OF app.orders FOR VALUES FROM ('2026-01-01') TO ('2026-04-01');
CREATE TABLE app.orders_2026_q2 PARTITION OF app.orders FOR VALUES FROM ('2026-04-01') TO ('2026-07-01');
CREATE TABLE app.orders_2026_q3 PARTITION OF app.orders FOR VALUES FROM ('2026-07-01') TO ('2026-10-01');
CREATE TABLE app.orders_2026_q4 PARTITION OF app.orders FOR VALUES FROM ('2026-10-01') TO ('2027-01-01');
CREATE INDEX orders_customer ON app.orders (customer_id);
INSERT INTO app.orders (customer_id, status, ordered_on, amount)
SELECT n % 500 + 1, (enum_range(NULL::app.order_status))[n % 4 + 1], DATE '2026-01-01' + n % 320, n % 250 + 0.5
  FROM generate_series(1, 4000) n;

CREATE TABLE app.order_items (
  order_id bigint NOT NULL,
  line int NOT NULL,
  sku text NOT NULL REFERENCES app.products,
  quantity int NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (order_id, line)
);
INSERT INTO app.order_items
SELECT n, line, 'SKU-' || (n + line) % 200 + 1, line FROM generate_series(1, 2000) n, generate_series(1, 3) line;

-- Never analysed, and it stays so.
CREATE TABLE app.carts (id uuid PRIMARY KEY, customer_id bigint, content jsonb) WITH (autovacuum_enabled = false);
INSERT INTO app.carts SELECT gen_random_uuid(), n, '{"items": []}' FROM generate_series(1, 100) n;

CREATE VIEW app.open_orders AS
SELECT o.id, c.email, o.amount FROM app.orders o JOIN app.customers c ON c.id = o.customer_id
 WHERE o.status IN ('new', 'paid');
CREATE MATERIALIZED VIEW app.daily_revenue AS
SELECT ordered_on, sum(amount) AS revenue, count(*) AS orders FROM app.orders GROUP BY ordered_on;

CREATE FUNCTION app.order_total(wanted bigint) RETURNS numeric LANGUAGE sql STABLE
RETURN (SELECT sum(p.price * i.quantity) FROM app.order_items i JOIN app.products p USING (sku) WHERE i.order_id = wanted);
CREATE PROCEDURE app.cancel_order(wanted bigint) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE app.orders SET status = 'cancelled' WHERE id = wanted;
END $$;

-- Another owner within the same schema.
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA app TO legacy_app;
SET ROLE legacy_app;
CREATE TABLE app.import_batches (id serial PRIMARY KEY, source text NOT NULL, imported_at timestamptz DEFAULT now());
INSERT INTO app.import_batches (source) SELECT 'file-' || n || '.csv' FROM generate_series(1, 30) n;

-- legacy: all of it belongs to the built-in login.
CREATE TYPE legacy.unit AS ENUM ('piece', 'box', 'pallet');
CREATE SEQUENCE legacy.batch_number;
CREATE TABLE legacy.stock (article text PRIMARY KEY, amount int NOT NULL, unit legacy.unit NOT NULL);
INSERT INTO legacy.stock SELECT 'A-' || n, n, 'box' FROM generate_series(1, 300) n;
CREATE TABLE legacy.customers (id int PRIMARY KEY, name text);
INSERT INTO legacy.customers SELECT n, 'Old customer ' || n FROM generate_series(1, 60) n;
CREATE FUNCTION legacy.stock_of(wanted text) RETURNS int LANGUAGE sql STABLE
RETURN (SELECT amount FROM legacy.stock WHERE article = wanted);
ALTER DEFAULT PRIVILEGES IN SCHEMA legacy GRANT SELECT ON TABLES TO app_owner;
GRANT USAGE ON SCHEMA legacy TO app_owner;

SET ROLE sales_owner;
CREATE TABLE sales.customers (id int PRIMARY KEY, account_manager text NOT NULL, segment text);
INSERT INTO sales.customers SELECT n, 'manager' || n % 7, 'retail' FROM generate_series(1, 120) n;
CREATE TABLE sales.targets (quarter text, region text, amount numeric) WITH (autovacuum_enabled = false);
CREATE SEQUENCE sales.offer_number;
CREATE VIEW sales.managers AS SELECT DISTINCT account_manager FROM sales.customers;
CREATE FUNCTION sales.next_offer() RETURNS bigint LANGUAGE sql RETURN nextval('sales.offer_number');

SET ROLE audit_owner;
CREATE TABLE audit.events (at timestamptz NOT NULL DEFAULT now(), who text, what text) WITH (autovacuum_enabled = false);
INSERT INTO audit.events (who, what) SELECT 'user' || n % 9, 'login' FROM generate_series(1, 1000) n;
RESET ROLE;

ANALYZE app.customers, app.products, app.orders, app.order_items, app.daily_revenue, app.import_batches;
ANALYZE legacy.stock, legacy.customers, sales.customers;
