-- The database of routes.txt.
CREATE ROLE reader LOGIN;

CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL, email text, city text DEFAULT 'Bern', doc jsonb DEFAULT '{}');
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int REFERENCES customers ON DELETE CASCADE,
	total numeric(10,2), tags text[] DEFAULT '{}', placed timestamptz DEFAULT now(), during tstzrange);
CREATE TABLE events (at date, kind text, body jsonb) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2100-01-01');
CREATE UNLOGGED TABLE scratch (a int);
CREATE TABLE tenants (id int, name text);
CREATE TABLE secrets (id int, name text);
CREATE SEQUENCE tickets;
CREATE TYPE address AS (street text, city text);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE people (id int, home address, feels mood, born positive);

INSERT INTO customers (name) SELECT 'customer ' || n FROM generate_series(1, 20) n;
INSERT INTO orders (customer_id, total, during) SELECT n, n * 10, tstzrange('2024-01-01', '2024-02-01') FROM generate_series(1, 20) n;
INSERT INTO events VALUES ('2010-05-05', 'old', '{"a": [1, 2]}'), ('2024-05-05', 'new', '{}');
INSERT INTO people VALUES (1, ROW('Main', 'Bern'), 'happy', 1990);

CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION order_count(customer int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM orders WHERE customer_id = customer';
CREATE FUNCTION best() RETURNS SETOF customers LANGUAGE plpgsql STABLE AS 'BEGIN RETURN QUERY SELECT * FROM customers LIMIT 3; END';
CREATE FUNCTION touch(customer int) RETURNS void LANGUAGE plpgsql AS 'BEGIN UPDATE customers SET city = city WHERE id = customer; END';
CREATE FUNCTION lazy() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION draw() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT nextval('tickets') $$;
CREATE FUNCTION draws_twice() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN draw() + draw(); END';
CREATE FUNCTION label(c customers) RETURNS text LANGUAGE sql STABLE AS $$ SELECT c.name || ' of ' || c.city $$;
CREATE FUNCTION badge(c customers) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM touch(c.id); RETURN c.name; END';
CREATE FUNCTION either(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE FUNCTION either(a text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT a';
CREATE FUNCTION abs(c mood) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE AGGREGATE sum_all (int) (sfunc = add, stype = int);
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS 'BEGIN DELETE FROM scratch; END';
CREATE OPERATOR @+ (leftarg = int, rightarg = int, function = add);

CREATE VIEW rich AS SELECT * FROM orders WHERE total > 100;
CREATE VIEW richer AS SELECT * FROM rich WHERE total > 150;
CREATE VIEW numbered AS SELECT nextval('tickets') AS n, name FROM customers;
CREATE VIEW over_numbered AS SELECT * FROM numbered;
CREATE VIEW shuffled AS SELECT * FROM customers ORDER BY random();
CREATE VIEW locked AS SELECT * FROM customers FOR UPDATE;
CREATE VIEW touched AS SELECT touch(id)::text FROM customers;
CREATE VIEW scratched AS SELECT * FROM scratch;
CREATE VIEW safe WITH (security_barrier) AS SELECT id, name FROM customers WHERE city = 'Bern';
CREATE VIEW sessions AS SELECT pid FROM pg_stat_activity;
CREATE MATERIALIZED VIEW summary AS SELECT customer_id, sum(total) AS total, random() AS luck FROM orders GROUP BY 1;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (name = current_user);
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY lucky ON secrets USING (random() > 2);
GRANT ALL ON ALL TABLES IN SCHEMA public TO reader;
