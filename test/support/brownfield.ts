/** What many hands left behind, made by a superuser and by roles that the admin may not act for. */
export const brownfield = (major: number): string => `
  CREATE ROLE "Mixed Case" NOLOGIN; CREATE ROLE "select" NOLOGIN; CREATE ROLE "Ünï ""q"" ☃" NOLOGIN;
  CREATE ROLE builder NOLOGIN CREATEDB; CREATE ROLE quiet LOGIN NOINHERIT; CREATE ROLE "Mixed@Example.com" LOGIN;
  CREATE ROLE chief NOLOGIN; CREATE ROLE other_admin LOGIN CREATEROLE; CREATE ROLE long_${"x".repeat(58)} NOLOGIN;
  CREATE SCHEMA app AUTHORIZATION chief; CREATE SCHEMA "Odd Schema" AUTHORIZATION "Mixed Case";
  GRANT USAGE, CREATE ON SCHEMA app TO "Mixed Case"; GRANT USAGE ON SCHEMA app TO PUBLIC;
  GRANT CONNECT, CREATE ON DATABASE old TO "select"; REVOKE TEMPORARY ON DATABASE old FROM PUBLIC;
  SET ROLE chief;
  CREATE TABLE app."Order Lines" (id serial PRIMARY KEY, "The Note" text, price int);
  CREATE TABLE app.parts (id int, part int) PARTITION BY LIST (part);
  CREATE TABLE app.parts_1 PARTITION OF app.parts FOR VALUES IN (1);
  CREATE VIEW app.v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS x;
  CREATE TYPE app.mood AS ENUM ('fine'); CREATE DOMAIN app.pos AS int CHECK (VALUE > 0);
  CREATE FUNCTION app.f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION app.f(VARIADIC a int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION app.f(OUT z int) LANGUAGE sql AS 'SELECT 1';
  CREATE PROCEDURE app.p() LANGUAGE sql AS 'SELECT 1';
  GRANT SELECT, INSERT ON app."Order Lines" TO "Mixed Case" WITH GRANT OPTION;
  GRANT UPDATE ("The Note"), SELECT (id, price) ON app."Order Lines" TO "select";
  GRANT SELECT ON app.parts TO PUBLIC; GRANT SELECT ON app.parts_1, app.v, app.m TO "Ünï ""q"" ☃";
  GRANT ALL ON app."Order Lines_id_seq" TO quiet; GRANT SELECT ON app.v TO "Mixed@Example.com";
  GRANT SELECT (id) ON app."Order Lines" TO "Mixed Case" WITH GRANT OPTION;
  REVOKE EXECUTE ON FUNCTION app.f(int, text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.f(int, text) TO "select";
  REVOKE USAGE ON TYPE app.mood FROM PUBLIC;
  ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO "select";
  ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO quiet WITH GRANT OPTION;
  ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
  SET ROLE "Mixed Case";
  GRANT SELECT ON app."Order Lines" TO "select", builder; GRANT SELECT (id) ON app."Order Lines" TO builder;
  CREATE TABLE app.of_mixed (id int); CREATE TABLE "Odd Schema"."T""q" (id int);
  ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT INSERT, SELECT ON TABLES TO PUBLIC;
  RESET ROLE;
  GRANT "select" TO quiet; GRANT "select" TO other_admin WITH ADMIN OPTION; GRANT chief TO "Mixed Case";
  GRANT pg_read_all_data TO "Mixed Case"; GRANT builder TO quiet; GRANT pg_monitor TO "select";
  SET SESSION AUTHORIZATION other_admin; GRANT "select" TO quiet; RESET SESSION AUTHORIZATION;
  ${major >= 16 ? `GRANT "select" TO "Mixed Case" WITH INHERIT FALSE; GRANT chief TO quiet WITH INHERIT FALSE, SET FALSE;` : ""}
  CREATE TABLE public.of_superuser (id int); GRANT SELECT ON public.of_superuser TO "select";`;
