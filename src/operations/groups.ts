/** Says who belongs to groups. */
export interface Groups {
  /**
   * Whether an account is in a group, directly or through other groups. Both are e-mail addresses in lower case. Rejects
   * with `unavailable` when that cannot be said now.
   */
  isMember(group: string, account: string): Promise<boolean>;
}

/** No group is known: nobody is in any. */
export const noGroups: Groups = { isMember: async () => false };
