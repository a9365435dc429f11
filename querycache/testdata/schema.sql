-- What eligibility.txt and effects.txt are about: a database that has everything.
CREATE EXTENSION citext;
CREATE EXTENSION file_fdw;
CREATE EXTENSION hstore;
CREATE EXTENSION moddatetime;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION tablefunc;
CREATE EXTENSION "uuid-ossp";

-- Tables, and what follows foreign keys: a chain of cascades, a cycle, and one that only refuses.
CREATE TABLE plain (id int PRIMARY KEY, body text, at timestamptz DEFAULT now());
INSERT INTO plain SELECT i, 'body ' || i, '2020-01-01' FROM generate_series(1, 5) i;
CREATE TABLE alone (id int);
INSERT INTO alone VALUES (1), (2);
CREATE UNLOGGED TABLE unlogged (id int);
INSERT INTO unlogged VALUES (1);
CREATE TABLE tenants (id int PRIMARY KEY, name citext UNIQUE);
CREATE TABLE users (id int PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE ON UPDATE CASCADE, email text);
CREATE TABLE orders (id int PRIMARY KEY, "user" int REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE, total numeric);
CREATE TABLE notes (id int PRIMARY KEY, "order" int REFERENCES orders ON DELETE SET NULL ON UPDATE SET DEFAULT, body text);
CREATE TABLE invoices (id int PRIMARY KEY, "order" int REFERENCES orders, paid bool);
INSERT INTO tenants VALUES (1, 'One'), (2, 'Two'), (3, 'Three');
INSERT INTO users SELECT i, 1 + i % 2, 'u' || i FROM generate_series(1, 4) i;
INSERT INTO orders SELECT i, 1 + i % 4, i * 10 FROM generate_series(1, 8) i;
INSERT INTO notes SELECT i, i, 'note' FROM generate_series(1, 8) i;
CREATE TABLE husbands (id int PRIMARY KEY, wife int);
CREATE TABLE wives (id int PRIMARY KEY, husband int REFERENCES husbands ON DELETE CASCADE);
ALTER TABLE husbands ADD FOREIGN KEY (wife) REFERENCES wives ON DELETE CASCADE;
INSERT INTO husbands VALUES (1, NULL), (2, NULL);
INSERT INTO wives VALUES (1, 1), (2, 2);
UPDATE husbands SET wife = id;
CREATE TABLE "Odd Name" (id int, "a b" text);
INSERT INTO "Odd Name" VALUES (1, 'x');
CREATE TABLE "größe" (id int);

-- Partitions, two levels deep, with a key to them; and inheritance.
CREATE TABLE events (id int, region text, day date, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu') PARTITION BY RANGE (id);
CREATE TABLE events_eu_low PARTITION OF events_eu FOR VALUES FROM (0) TO (100);
CREATE TABLE events_eu_high PARTITION OF events_eu FOR VALUES FROM (100) TO (1000);
CREATE TABLE events_us PARTITION OF events FOR VALUES IN ('us');
CREATE TABLE attendance (id int, event int, region text, FOREIGN KEY (event, region) REFERENCES events ON DELETE CASCADE);
INSERT INTO events VALUES (1, 'eu', '2020-01-01'), (101, 'eu', '2020-01-02'), (2, 'us', '2020-01-03');
INSERT INTO attendance VALUES (1, 1, 'eu'), (2, 2, 'us'), (3, 101, 'eu');
CREATE TABLE animals (id int, name text);
CREATE TABLE dogs (barks bool) INHERITS (animals);
CREATE TABLE puppies (age int) INHERITS (dogs);
INSERT INTO animals VALUES (1, 'cat');
INSERT INTO dogs VALUES (2, 'rex', true);
INSERT INTO puppies VALUES (3, 'bit', true, 1);

-- Views on views, and what makes them no read.
CREATE VIEW totals AS SELECT u.id, u.email, sum(o.total) AS total FROM users u JOIN orders o ON o."user" = u.id GROUP BY u.id;
CREATE VIEW rich AS SELECT * FROM totals WHERE total > 50;
CREATE VIEW simple AS SELECT id, body FROM plain WHERE id < 100;
CREATE VIEW simpler AS SELECT id FROM simple;
CREATE VIEW nothing AS SELECT 1 AS one;
CREATE VIEW recent AS SELECT * FROM plain WHERE at > now() - interval '100 years';
CREATE VIEW dated AS SELECT id, current_date AS today FROM plain;
CREATE VIEW lottery AS SELECT id, random() AS r FROM plain;
CREATE VIEW locking AS SELECT id FROM plain FOR UPDATE;
CREATE VIEW sampled AS SELECT id FROM plain TABLESAMPLE bernoulli (50);
CREATE VIEW catalogs AS SELECT relname FROM pg_class;
CREATE VIEW whose AS SELECT id, current_user::text AS who FROM plain;
CREATE MATERIALIZED VIEW summary AS SELECT "user", count(*) AS n FROM orders GROUP BY 1;
CREATE MATERIALIZED VIEW drawn AS SELECT random() AS r;
CREATE VIEW over_summary AS SELECT * FROM summary;
CREATE SEQUENCE numbers;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE abroad (line text) SERVER files OPTIONS (filename 'PG_VERSION');
CREATE VIEW over_abroad AS SELECT line FROM abroad;

-- Functions: the old style, the new style, PL/pgSQL, nested, dynamic, of all volatilities.
CREATE FUNCTION double(v int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT v * 2';
CREATE FUNCTION lies() RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT count(*) FROM alone';
CREATE FUNCTION count_plain() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM plain';
CREATE FUNCTION count_deep() RETURNS bigint STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(total) FROM Rich) + count_plain(); END $$;
CREATE FUNCTION stable_now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT now()';
CREATE FUNCTION stable_today() RETURNS date STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN current_date; END $$;
CREATE FUNCTION stable_catalog() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM pg_class';
CREATE FUNCTION stable_dynamic() RETURNS bigint STABLE LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM alone' INTO n; RETURN n; END $$;
CREATE FUNCTION wraps_dynamic() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT stable_dynamic()';
CREATE FUNCTION defaulted(v timestamptz DEFAULT now()) RETURNS text STABLE LANGUAGE sql AS 'SELECT v::text';
CREATE FUNCTION odd() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM "Odd Name"';
CREATE FUNCTION big() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM "größe"';
CREATE FUNCTION new_style() RETURNS bigint STABLE LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM alone; END;
CREATE FUNCTION new_return(v int) RETURNS int IMMUTABLE LANGUAGE sql RETURN double(v) + 1;
CREATE FUNCTION new_now() RETURNS timestamptz STABLE LANGUAGE sql RETURN now();
CREATE FUNCTION new_writes() RETURNS int LANGUAGE sql BEGIN ATOMIC INSERT INTO alone VALUES (7) RETURNING id; END;
CREATE FUNCTION writes_alone() RETURNS int LANGUAGE sql AS 'INSERT INTO alone VALUES (8) RETURNING id';
CREATE FUNCTION writes_deep() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM writes_alone(); UPDATE animals SET name = name || '!'; RETURN 1; END $$;
CREATE FUNCTION stable_writes() RETURNS int STABLE LANGUAGE sql AS 'SELECT writes_alone()';
CREATE FUNCTION writes_dynamic(v text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE v; RETURN 1; END $$;
CREATE FUNCTION defines() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE defined (a int); DROP TABLE defined; RETURN 1; END $$;
CREATE FUNCTION temporary() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE scratch (a int) ON COMMIT DROP; UPDATE plain SET body = '' WHERE id = 1; RETURN 1; END $$;
CREATE FUNCTION empties() RETURNS int LANGUAGE plpgsql AS $$ BEGIN TRUNCATE tenants CASCADE; RETURN 1; END $$;
CREATE FUNCTION volatile_reads() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM unlogged';
CREATE FUNCTION harmless() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION attribute(t plain) RETURNS text STABLE LANGUAGE sql AS $$ SELECT t.body || (SELECT max(name) FROM tenants) $$;
CREATE FUNCTION volatile_attribute(t alone) RETURNS int LANGUAGE sql AS $$ UPDATE unlogged SET id = id + 1 RETURNING 1 $$;
CREATE FUNCTION sneaky() RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT count(*) FROM query_to_xml('select writes_alone()', true, false, '') $$;
CREATE AGGREGATE doubles (int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE FUNCTION add_count(v bigint, w int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT v + w + (SELECT count(*) FROM wives)';
CREATE AGGREGATE counting (int) (sfunc = add_count, stype = bigint, initcond = '0');
CREATE FUNCTION lower(v int) RETURNS int LANGUAGE sql AS 'SELECT v';
CREATE PROCEDURE proceed() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO alone VALUES (9); END $$;
CREATE VIEW calls AS SELECT id, count_deep() AS n FROM alone;
CREATE VIEW view_writes AS SELECT writes_alone() AS n;

-- What happens when something is written: triggers, rules, defaults, checks.
CREATE TABLE audit (id serial, what text);
CREATE FUNCTION audits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit (what) VALUES (TG_OP); RETURN NULL; END $$;
CREATE TABLE audited (id int);
CREATE TRIGGER audits AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON audited EXECUTE FUNCTION audits();
CREATE FUNCTION chains() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE audited SET id = id + 1; RETURN NEW; END $$;
CREATE TABLE chained (id int);
CREATE TRIGGER chains BEFORE INSERT ON chained FOR EACH ROW EXECUTE FUNCTION chains();
CREATE FUNCTION acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'UPDATE alone SET id = 5'; RETURN NULL; END $$;
CREATE TABLE acted (id int);
CREATE TRIGGER acts AFTER INSERT ON acted FOR EACH ROW EXECUTE FUNCTION acts();
CREATE TABLE timed (id int, at timestamp, words text, search tsvector);
CREATE TRIGGER moves BEFORE UPDATE ON timed FOR EACH ROW EXECUTE FUNCTION moddatetime(at);
CREATE TRIGGER searches BEFORE INSERT OR UPDATE ON timed FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(search, 'pg_catalog.english', words);
INSERT INTO timed VALUES (1, '2020-01-01', 'some words');
CREATE FUNCTION part_acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit (what) VALUES ('part'); RETURN NEW; END $$;
CREATE TRIGGER acts BEFORE INSERT ON events_us FOR EACH ROW EXECUTE FUNCTION part_acts();
CREATE TABLE ruled (id int);
INSERT INTO ruled VALUES (1);
CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO audit (what) VALUES ('rule');
CREATE RULE instead AS ON DELETE TO ruled DO INSTEAD UPDATE alone SET id = 0;
CREATE VIEW editable AS SELECT id FROM audited WHERE id > 0;
CREATE VIEW ruled_view AS SELECT id FROM alone;
CREATE RULE instead AS ON INSERT TO ruled_view DO INSTEAD INSERT INTO unlogged VALUES (new.id);
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO animals VALUES (new.id, 'instead'); RETURN NEW; END $$;
CREATE VIEW triggered_view AS SELECT 1 AS id;
CREATE TRIGGER instead INSTEAD OF INSERT ON triggered_view FOR EACH ROW EXECUTE FUNCTION instead();
CREATE TABLE defaulting (id int DEFAULT writes_alone(), other int);
CREATE TABLE checked (id int CHECK (writes_alone() > id));
CREATE TABLE identified (id uuid DEFAULT uuid_generate_v4(), token text DEFAULT gen_salt('md5'), serial serial);
INSERT INTO identified (serial) VALUES (1);
CREATE TABLE generated (id int, twice int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO generated VALUES (4);

-- Row security, as it is for others than the owner.
CREATE TABLE secrets (id int, owner text, tenant text);
INSERT INTO secrets VALUES (1, 'postgres', 'a'), (2, 'other', 'b');
CREATE POLICY own ON secrets USING (owner = current_user AND id IN (SELECT id FROM alone));
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE TABLE seasonal (id int, until timestamptz);
CREATE POLICY until ON seasonal USING (until > now());
ALTER TABLE seasonal ENABLE ROW LEVEL SECURITY;
CREATE TABLE tenanted (id int, tenant text);
INSERT INTO tenanted VALUES (1, 'a'), (2, 'b');
CREATE FUNCTION tenant() RETURNS text STABLE LANGUAGE sql AS $$ SELECT coalesce(current_setting('app.tenant', true), 'a') $$;
CREATE POLICY tenants ON tenanted USING (tenant = tenant() OR current_setting('app.admin', true) = 'on');
ALTER TABLE tenanted ENABLE ROW LEVEL SECURITY;
CREATE TABLE unsecured (id int);
CREATE POLICY unused ON unsecured USING (random() > 0.5);
INSERT INTO unsecured VALUES (1);

-- Types, operators and casts that run functions of users which read nothing.
CREATE DOMAIN positive AS int CHECK (double(VALUE) > 0);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION pair_plus(a pair, b pair) RETURNS pair IMMUTABLE LANGUAGE sql AS 'SELECT ROW(a.a + b.a, a.b + b.b)::pair';
CREATE OPERATOR + (leftarg = pair, rightarg = pair, function = pair_plus);
CREATE TABLE typed (id positive, mood mood, pair pair, tags hstore, name citext);
INSERT INTO typed VALUES (1, 'ok', (1, 2), 'a=>1', 'Name');

-- The same name in two schemas.
CREATE SCHEMA second;
CREATE TABLE second.twice (id int);
CREATE VIEW twice AS SELECT id FROM plain;
CREATE TABLE second.alone (id int);
ALTER TABLE second.alone ADD PRIMARY KEY (id);
CREATE TABLE refers (id int REFERENCES second.alone ON DELETE CASCADE);
