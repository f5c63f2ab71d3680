import type { z } from 'zod'

export type Shaped<T> =
  | { readonly ok: true; readonly data: T }
  | {
      readonly ok: false
      /** The first thing that is wrong, where zod can say. */
      readonly issue: z.core.$ZodIssue | undefined
      readonly cause: unknown
    }

/** Whether JSON has this shape. zod measures whatever has a `length`, of a wrong type too, and one that is an object ends it in a TypeError. */
export function parseShape<T>(schema: z.ZodType<T>, value: unknown): Shaped<T> {
  try {
    const { success, data, error } = schema.safeParse(value)
    return success ? { ok: true, data } : { ok: false, issue: error.issues[0], cause: error }
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    return { ok: false, issue: undefined, cause }
  }
}
