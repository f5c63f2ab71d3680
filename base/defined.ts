/** The members that are given: a patch must not say `undefined` of what stays as it is. */
export function defined<T extends object>(
  members: T,
): { readonly [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const given = Object.entries(members).filter(([, value]) => value !== undefined)
  // Sound: only members were left out, and those that are left have their own values.
  return Object.fromEntries(given) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
