interface OfSchemas {
  readonly schemas?: readonly string[];
}

/** A record with the schemas that an earlier one has besides. */
export function unitedSchemas<Of extends OfSchemas>(record: Of, earlier: OfSchemas | undefined): Of {
  if (record.schemas === undefined) return record;
  return { ...record, schemas: [...new Set([...(earlier?.schemas ?? []), ...record.schemas])].sort() };
}
