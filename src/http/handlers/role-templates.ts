import { formatTemplate } from "../../domain/template-form.ts";
import type { TemplateAddition, TemplateEntry } from "../../operations/role-templates.ts";
import { counted, planFields } from "../plan-answer.ts";
import type { Answer, Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type TemplateHandlers = Pick<
  Handlers,
  | "listRoleTemplates"
  | "readRoleTemplate"
  | "createRoleTemplate"
  | "addRoleTemplateVersion"
  | "retireRoleTemplate"
>;

export function roleTemplateHandlers({ context, operations }: HandlerContext): TemplateHandlers {
  return {
    async listRoleTemplates(input, call) {
      const includeRetired = input.include_retired ?? false;
      const templates = await operations.listRoleTemplates(context, call, { includeRetired });
      return {
        message: `Found ${counted(templates.length, "template")}`,
        templates: templates.map(entryFields),
      };
    },

    async readRoleTemplate(input, call) {
      const reading = await operations.readRoleTemplate(context, call, selection(input));
      const { entry, template, retired, warnings } = reading;
      return {
        message: `Version ${template.version} of template ${template.name}`,
        ...entryFields(entry),
        retired,
        version: template.version,
        template: formatTemplate(template),
        warnings,
      };
    },

    async createRoleTemplate({ dry_run: dryRun = false, ...form }, call) {
      const added = await operations.addRoleTemplate(context, call, form, "new", { dryRun });
      return additionFields(added, dryRun);
    },

    async addRoleTemplateVersion({ dry_run: dryRun = false, ...form }, call) {
      const added = await operations.addRoleTemplate(context, call, form, "next", { dryRun });
      return additionFields(added, dryRun);
    },

    async retireRoleTemplate({ dry_run: dryRun = false, ...input }, call) {
      const which = { ...selection(input), dryRun };
      const { changed, entry } = await operations.retireRoleTemplate(context, call, which);
      const what = input.version === undefined ? "Template" : `Version ${input.version} of template`;
      return {
        message: `${what} ${entry.name} ${changed ? (dryRun ? "would be" : "is") : "was"} retired${changed ? "" : " already"}`,
        name: entry.name,
        version: input.version ?? null,
        changed,
        latest: entry.latest,
        ...noStatements(dryRun),
      };
    },
  };
}

/** Templates are no database's: a dry run says so by an empty plan. */
function noStatements(dryRun: boolean) {
  return planFields(dryRun ? [] : undefined);
}

function selection({ name, version }: { readonly name: string; readonly version?: string }) {
  return { name, ...(version === undefined ? {} : { version }) };
}

function entryFields({ name, builtin, retired, latest, versions }: TemplateEntry) {
  return {
    name,
    builtin,
    retired,
    latest,
    versions: versions.map((one) => ({
      version: one.version,
      checksum: one.checksum,
      retired: one.retired,
      created_at: one.createdAt?.toISOString() ?? null,
      created_by: one.createdBy,
    })),
  };
}

function additionFields(added: TemplateAddition, dryRun: boolean): Answer<"createRoleTemplate"> {
  const { created, checksum, template, retired, warnings } = added;
  const { name, version } = template;
  return {
    message: `Version ${version} of template ${name} ${created ? (dryRun ? "would be created" : "was created") : "was there already"}`,
    name,
    version,
    created,
    checksum,
    retired,
    warnings,
    ...noStatements(dryRun),
  };
}
