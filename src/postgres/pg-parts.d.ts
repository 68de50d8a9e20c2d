/** What pg's types leave out. */
declare module "pg/lib/crypto/utils.js" {
  const utilities: {
    deriveKey(password: string, salt: Uint8Array, iterations: number): Promise<ArrayBuffer>;
  };
  export = utilities;
}

declare module "pg/lib/utils.js" {
  const utilities: { prepareValue(value: readonly unknown[]): string };
  export = utilities;
}
