import { parseUsername } from "../domain/iam-user.ts";
import { parseSchemaName } from "../domain/names.ts";
import type { Statement, StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { planTaking, readAuthority } from "../postgres/authority.ts";
import { readRoles } from "../postgres/role-catalog.ts";
import { readSchema } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { giveSchema } from "../postgres/statements/administrator.ts";
import { createSchemaStatement } from "../postgres/statements/schemas.ts";
import type { Decide, Decision } from "./apply.ts";
import { planOf, runChange } from "./change.ts";
import type { Call, Context } from "./context.ts";

export interface CreateSchemaInput {
  readonly schema: string;
  /** A user or a role; the admin when missing. */
  readonly owner?: string;
  readonly dryRun?: boolean;
}

export interface CreateSchemaResult {
  readonly owner: string;
  /** false when it was there already with that owner (or with any, when none was asked for). */
  readonly created: boolean;
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/**
 * Creates a schema. `conflict` when it exists with another owner than the one asked for, or when the admin may not
 * give a schema to that owner; `not_found` (user or role) when there is no such owner.
 */
export async function createSchema(
  context: Context,
  call: Call,
  target: Target,
  input: CreateSchemaInput,
): Promise<CreateSchemaResult> {
  const schema = parseSchemaName("schema_name", input.schema);
  const owner = input.owner === undefined ? undefined : parseOwner(context, input.owner);
  const decide: Decide<{ owner: string }> = (session) => decideSchema(session, schema, owner);
  const subject = { summary: `create schema ${schema}`, schema };
  const decision = await runChange(context, call, target, { dryRun: input.dryRun ?? false, subject, decide });
  return {
    owner: decision.result.owner,
    created: decision.statements.length > 0,
    ...planOf(input.dryRun, decision),
    warnings: decision.warnings,
  };
}

function parseOwner(context: Context, owner: string): string {
  return owner === context.settings.adminUser ? owner : parseUsername("owner", owner).normalized;
}

async function decideSchema(
  session: Session,
  schema: string,
  wantedOwner: string | undefined,
): Promise<Decision<{ owner: string }>> {
  const owner = wantedOwner ?? session.user;
  const present = await readSchema(session, schema);
  if (present !== undefined) {
    if (wantedOwner !== undefined && present.owner !== wantedOwner)
      throw otherOwner(schema, present.owner, wantedOwner);
    return { statements: [], warnings: [], result: { owner: present.owner } };
  }
  const row = (await readRoles(session, [owner])).get(owner);
  if (row === undefined) {
    const resource = owner.includes("@") ? "user" : "role";
    throw notFound(
      resource,
      `There is no role ${JSON.stringify(owner)} on this instance to own the schema.`,
      { owner },
    );
  }
  const { database } = session.target;
  const statements = await planAsOwners(session, [owner], createSchemaStatement(database, schema, owner));
  return { statements, warnings: [], result: { owner } };
}

/** A statement that takes CREATE on the database and the rights of owners. `conflict` when they are not to be had. */
export async function planAsOwners(
  session: Session,
  owners: readonly string[],
  statement: Statement,
): Promise<Statement[]> {
  const databaseOwner = await readDatabaseOwner(session);
  const actsFor = databaseOwner === undefined ? owners : [...owners, databaseOwner];
  const authority = await readAuthority(session, actsFor, { toOwn: true });
  const refused = actsFor.filter((role) => role !== session.user && authority.get(role) === "refused");
  if (refused.length > 0) throw cannotActFor(session.user, refused, statement);
  const others = actsFor.filter((role) => role !== session.user);
  const taken = await planTaking(session, others, authority);
  return [...taken.take, statement, ...taken.giveBack];
}

/** The database's owner when it takes its rights to create a schema; undefined when the admin may as it is. */
async function readDatabaseOwner(session: Session): Promise<string | undefined> {
  const { rows } = await session.query<{ owner: string; may: boolean }>(
    `SELECT pg_get_userbyid(d.datdba)::text AS owner, has_database_privilege(d.oid, 'CREATE') AS may
       FROM pg_database d WHERE d.datname = current_database()`,
    [],
    { keep: true },
  );
  return rows[0]?.may === false ? rows[0].owner : undefined;
}

function otherOwner(schema: string, owner: string, wanted: string): ServiceError {
  return new ServiceError(
    "conflict",
    `Schema ${JSON.stringify(schema)} exists already and belongs to ${owner}.`,
    {
      details: {
        because: `it belongs to ${owner}`,
        schema_name: schema,
        owner,
        administrator_sql: [giveSchema(schema, wanted)],
      },
    },
  );
}

function cannotActFor(admin: string, roles: readonly string[], statement: Statement): ServiceError {
  const because = `${admin} may not act for ${roles.join(", ")} on this instance`;
  return new ServiceError("conflict", `The schema cannot be created or given away: ${because}.`, {
    details: {
      because,
      roles,
      database_name: statement.database,
      administrator_sql: [statement.preview],
    },
  });
}
