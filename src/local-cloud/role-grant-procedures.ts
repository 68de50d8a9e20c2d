export function roleGrantProcedures(_predefined: readonly string[]): string {
  return "";
}
